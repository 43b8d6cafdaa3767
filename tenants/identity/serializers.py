"""The shape of what comes in, strictly typed: a number is not a text."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from tenants.identity.emails import EmailField
from tenants.models import ROLES
from tenants.rest.documentation import example


class Text(serializers.CharField):
    """Text as it was sent; blanks round it are part of it."""

    default_error_messages = {"invalid": "Not a text"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**({"trim_whitespace": False} | kwargs))

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        return text


class Name(Text):
    """Text that stands at the end of a URL, where a last slash would be taken off."""


class Password(Text):
    """Text that is shown to nobody."""


class TenantId(Text):
    """What names a tenant, in URLs and in paths of files."""


class Whole(serializers.IntegerField):
    """A whole number, and no text that looks like one."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool | str):
            self.fail("invalid")
        number: int = super().to_internal_value(data)
        return number


class Flag(serializers.BooleanField):
    """True or false, which the original's clients send as texts too."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool) and data not in ("true", "false"):
            self.fail("invalid", input=data)
        return data in (True, "true")


class Choice(serializers.ChoiceField):
    """One of a few texts."""

    default_error_messages = {"invalid_choice": "`{input}` is not a valid enum value for path"}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)


@example(username="ada", password="An3ngine!", tenant="acme")
class LoginInput(serializers.Serializer[Any]):
    username = Text()
    password = Password(max_length=1024)
    tenant = Text(required=False, allow_blank=True, help_text="The default tenant if left out")


@example(_id="initech", email="info@initech.example", admin_username="bill", admin_password="Gr33n-field")
class TenantInput(serializers.Serializer[Any]):
    """Body of a tenant's creation."""

    _id = TenantId(max_length=64, help_text="Letters, digits, `.`, `_` and `-`")
    organization = Text(max_length=255, required=False, allow_blank=True)
    address = Text(max_length=255, required=False, allow_blank=True)
    email = EmailField(max_length=255)
    phone = Text(max_length=64, required=False, allow_blank=True)
    admin_username = Name(max_length=150, required=False, allow_blank=True)
    admin_password = Password(max_length=1024, required=False, allow_blank=True, write_only=True)
    passwordhash = Flag(required=False)
    database = Text(max_length=255, required=False, allow_blank=True)


@example(phone="+39 010 0000")
class TenantChanges(serializers.Serializer[Any]):
    """Body of a tenant's change: contact data."""

    organization = Text(max_length=255, required=False, allow_blank=True)
    address = Text(max_length=255, required=False, allow_blank=True)
    email = EmailField(max_length=255, required=False)
    phone = Text(max_length=64, required=False, allow_blank=True)


@example(username="alan", password="Bl3tchley", email="alan@acme.example", role="regular")
class UserInput(serializers.Serializer[Any]):
    """Body of a user's creation."""

    username = Name(max_length=150)
    password = Password(max_length=1024, write_only=True)
    email = EmailField(max_length=255, required=False, allow_null=True)
    role = Choice(choices=ROLES, required=False)
    validityPasswordDays = Whole(required=False, min_value=0, max_value=36500)


@example(email="grace.hopper@acme.example")
class UserChanges(serializers.Serializer[Any]):
    """Body of a user's change."""

    password = Password(max_length=1024, required=False, write_only=True)
    email = EmailField(max_length=255, required=False)


@example(email="grace@acme.example")
class ResetRequest(serializers.Serializer[Any]):
    email = EmailField(max_length=255)


@example(tenant="acme", reset="the-secret-of-the-link", password="C0b0l-60")
class ResetInput(serializers.Serializer[Any]):
    tenant = Text(required=False, allow_blank=True)
    reset = Text(max_length=255)
    password = Password(max_length=1024, write_only=True)


def tenant_of(body: dict[str, Any]) -> str:
    """Return the tenant that a body names, or the default one."""
    return str(body.get("tenant") or settings.DEFAULT_TENANT)
