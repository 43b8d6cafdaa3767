"""How the schemas of bodies tell what our own kinds of fields take."""

from typing import Any, ClassVar

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema

UNREADABLE = r"\u0000-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069"  # as `tenants.rows.texts` has it


class TextExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Text of a limited length; `rules` are what else it has to be, unless it is empty and may be so."""

    target_class = "tenants.identity.serializers.Text"
    rules: ClassVar[dict[str, str]] = {}

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        least = {"minLength": 1} if self.rules or not self.target.allow_blank else {}
        most = {"maxLength": self.target.max_length} if self.target.max_length else {}
        return {"type": "string"} | least | most | self.rules


class NameExtension(TextExtension):  # type: ignore[no-untyped-call]
    """A name that a URL can end with; a pattern cannot say that it is not blank and has no part `.` or `..`."""

    target_class = "tenants.identity.serializers.Name"
    rules = {"pattern": f"^[^{UNREADABLE}]*[^/{UNREADABLE}]$"}


class PasswordExtension(TextExtension):  # type: ignore[no-untyped-call]
    target_class = "tenants.identity.serializers.Password"
    rules = {"format": "password"}


class TenantIdExtension(TextExtension):  # type: ignore[no-untyped-call]
    target_class = "tenants.identity.serializers.TenantId"
    rules = {"pattern": "^[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*$"}


class FlagExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "tenants.identity.serializers.Flag"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        return {"oneOf": [{"type": "boolean"}, {"type": "string", "enum": ["true", "false"]}]}
