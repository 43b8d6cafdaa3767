"""Describes operations and serializer fields for OpenAPI, from the viewsets' docstrings, serializers and tables.

A viewset's `answers` maps actions to their responses: a serializer or an `OpenApiTypes`. `bodies` maps actions to their
request bodies if these differ from `input_class` and `changes_class`. `group` is the heading in the documentation.
"""

from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from registry_site.api.openapi.creations import creation_answers, creation_body
from registry_site.api.openapi.errors import error_answers
from registry_site.api.openapi.names import group_of, operation_names
from registry_site.api.openapi.parameters import parameters, with_examples
from tenants.rest.documentation import ITEM, ErrorAnswer
from tenants.rest.exports import TYPES
from tenants.rest.permissions import ADMINISTRATORS, ANYONE, OPERATOR, USERS
from tenants.rest.scopes import grammar

UNREADABLE = r"\u0000-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069"  # as in `tenants.rows.texts`
CALLERS = {
    ANYONE: "No login required.",
    USERS: "For users of the tenant.",
    ADMINISTRATORS: "For administrators of the tenant.",
    OPERATOR: "For the operator.",
}
DESCRIPTIONS = {
    "200": "Success",
    "201": "Created",
    "204": "Success, without content",
    "206": "The part of the file that `Range` requests",
    "304": "The file has not changed",
    "503": "A part fails",
}
DOWNLOADED = {
    "ETag": "The file's sha256",
    "Content-Disposition": "Saves the file under its name",
    "Repr-Digest": "The file's sha256, base64-encoded",
    "Last-Modified": "When the version was stored",
    "Accept-Ranges": "`bytes`",
}


EXPORTED = {"text/csv": f"_id,id\r\n{ITEM},{ITEM}\r\n", "application/x-ndjson": f'{{"_id":"{ITEM}","id":"{ITEM}"}}\n'}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "tenants.identity.authentication.TokenAuthentication"
    name = "token"
    match_subclasses = False

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        description = (
            "The token that login returns, or one of `/v1/tokens`, with or without the prefix `JWT ` or `Bearer `. "
            "One of `/v1/tokens` may also be the password of HTTP Basic."
        )
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": description}


class ApiTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "tenants.identity.authentication.ApiTokenAuthentication"
    name = "apiToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        description = "The operator's `API_TOKEN`"
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": description}


class TextExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Text of a limited length. `rules` are further constraints; with them, the text is not empty."""

    target_class = "tenants.identity.serializers.Text"
    rules: ClassVar[dict[str, str]] = {}

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        least = {"minLength": 1} if self.rules or not self.target.allow_blank else {}
        most = {"maxLength": self.target.max_length} if self.target.max_length else {}
        return {"type": "string"} | least | most | self.rules


class NameExtension(TextExtension):  # type: ignore[no-untyped-call]
    """A name that a URL can end with. The pattern cannot express that it is not blank and has no part `.` or `..`."""

    target_class = "tenants.identity.serializers.Name"
    rules = {"pattern": f"^[^{UNREADABLE}]*[^/{UNREADABLE}]$"}


class PasswordExtension(TextExtension):  # type: ignore[no-untyped-call]
    target_class = "tenants.identity.serializers.Password"
    rules = {"format": "password"}


class TenantIdExtension(TextExtension):  # type: ignore[no-untyped-call]
    target_class = "tenants.identity.serializers.TenantId"
    rules = {"pattern": "^[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*$"}


class ScopeExtension(TextExtension):  # type: ignore[no-untyped-call]
    target_class = "tenants.identity.serializers.ScopeText"
    rules = {"pattern": grammar()}


class ExpiryExtension(TextExtension):  # type: ignore[no-untyped-call]
    target_class = "tenants.identity.serializers.Expiry"
    rules = {"format": "expiry"}


class FlagExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "tenants.identity.serializers.Flag"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        return {"oneOf": [{"type": "boolean"}, {"type": "string", "enum": ["true", "false"]}]}


class RegistrySchema(AutoSchema):
    """Describes operations from the declarations of their viewsets."""

    view: Any

    @property
    def names(self) -> tuple[str, str]:
        """Id and summary of the operation."""
        return operation_names(self.view, self.method, self.path.removeprefix(f"/{settings.VERSION}"))

    def get_tags(self) -> list[str]:
        return [group_of(self.view)]

    def get_operation_id(self) -> str:
        return f"{self.names[0]}{'Alias' if self.path == '/login' else ''}"

    def get_summary(self) -> str:
        return self.names[1]

    def get_description(self) -> str:  # type: ignore[override]
        docstring = getattr(self.view, self.view.action).__doc__ or type(self.view).__doc__ or ""
        return f"{' '.join(docstring.split())} {CALLERS[self.view.roles[self.view.action]]}"

    def get_auth(self) -> Any:
        return [{"token": []}] if self.names[0] == "renewToken" else super().get_auth()

    def get_override_parameters(self) -> list[Any]:
        return [*parameters(self.view, self.path)]

    def _get_parameters(self) -> Any:
        found: list[dict[str, Any]] = super()._get_parameters()
        return [with_examples(each, self.view, self.path) for each in found] if self.view.action == "list" else found

    def _get_serializer(self) -> Any:
        return None

    def get_request_serializer(self) -> Any:
        if self.method not in ("POST", "PUT", "PATCH"):
            return None
        bodies = getattr(self.view, "bodies", {})
        if self.view.action in bodies:
            return bodies[self.view.action]
        if self.view.action == "update":
            return self.view.changes_class
        body: Any = getattr(self.view, "input_class", None)
        if not self._accepts_lists():
            return body
        return creation_body(self.view.collection, body)

    def _get_request_body(self, direction: Any = "request") -> Any:
        body = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        return body and body | {"required": body.get("required", False) or "octet-stream" not in str(body)}

    def _accepts_lists(self) -> bool:
        collection = self.view.action == "create" and hasattr(self.view, "create_one")
        return collection and "create" not in getattr(self.view, "bodies", {})

    def get_response_serializers(self) -> Any:
        answers = getattr(self.view, "answers", {})
        answer = answers.get(self.view.action, getattr(self.view, "answer_class", None))
        if isinstance(answer, dict):
            return answer
        if answer is OpenApiTypes.BINARY:
            return {(status, "*/*"): OpenApiTypes.BINARY for status in (200, 206)} | {304: None}
        if self._accepts_lists():
            return creation_answers(self.view.collection, self.view.input_class, answer)
        if self.view.action == "list":
            return {(200, "application/json"): answer} | {(200, form): _export(form) for form in TYPES}
        return {200: answer}

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        self.resolve_serializer(ErrorAnswer, "response")
        found: dict[str, Any] = super()._get_response_bodies(direction)
        if {"200", "206"} <= set(found):
            for status in ("200", "206"):
                found[status]["headers"] = _headers(DOWNLOADED)
        if headers := getattr(self.view, "answer_headers", {}).get(self.view.action):
            next(iter(found.values()))["headers"] = _headers(headers)
        for status, described in found.items():
            described["description"] = described["description"] or DESCRIPTIONS[status]
        return found | error_answers(self.view, self.method, self.path, self.names[0])


def _export(media_type: str) -> OpenApiResponse:
    example = OpenApiExample("Example", EXPORTED[media_type], media_type=media_type)
    return OpenApiResponse(OpenApiTypes.STR, examples=[example])


def _headers(texts: dict[str, str]) -> dict[str, Any]:
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in texts.items()}
