"""Serializers for request bodies, with strict types: a number is not a text."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed

from tenants.identity.emails import EmailField
from tenants.models import ROLES
from tenants.rest.collections import valid_body
from tenants.rest.documentation import example
from tenants.rest.scopes import LONGEST_SCOPE, MAX_SCOPES


class Text(serializers.CharField):
    """Text exactly as sent, including surrounding whitespace."""

    default_error_messages = {"invalid": "Not a text"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**({"trim_whitespace": False} | kwargs))

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        return text


class Name(Text):
    """Text that can end a URL, where a trailing slash would be removed."""


class Password(Text):
    """Text that is never shown."""


class TenantId(Text):
    """The id of a tenant, in URLs and in file paths."""


class ScopeText(Text):
    """A scope of a token for machines, checked by the service."""


class Expiry(Text):
    """A duration or an ISO date, checked by the service."""


class Whole(serializers.IntegerField):
    """A whole number, not a text that looks like one."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool | str):
            self.fail("invalid")
        number: int = super().to_internal_value(data)
        return number


class Flag(serializers.BooleanField):
    """True or false; clients of the original system also send them as texts."""

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
    tenant = Text(required=False, allow_blank=True, help_text="The default tenant if omitted")


@example(_id="initech", email="info@initech.example", admin_username="bill", admin_password="Gr33n-field")
class TenantInput(serializers.Serializer[Any]):
    """Body that creates a tenant."""

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
    """Body that changes a tenant's contact data."""

    organization = Text(max_length=255, required=False, allow_blank=True)
    address = Text(max_length=255, required=False, allow_blank=True)
    email = EmailField(max_length=255, required=False)
    phone = Text(max_length=64, required=False, allow_blank=True)


@example(username="alan", password="Bl3tchley", email="alan@acme.example", role="regular")
class UserInput(serializers.Serializer[Any]):
    """Body that creates a user."""

    username = Name(max_length=150)
    password = Password(max_length=1024, write_only=True)
    email = EmailField(max_length=255, required=False, allow_null=True)
    role = Choice(choices=ROLES, required=False)
    validityPasswordDays = Whole(required=False, min_value=0, max_value=36500)


@example(email="grace.hopper@acme.example")
class UserChanges(serializers.Serializer[Any]):
    """Body that changes a user."""

    password = Password(max_length=1024, required=False, write_only=True)
    email = EmailField(max_length=255, required=False)


@example(name="ci", scopes=["models:read", "models:write:churn-*", "aliases:staging"], expires="90d")
class TokenInput(serializers.Serializer[Any]):
    """Body that creates a token for a program."""

    name = Text(max_length=255)
    scopes = serializers.ListField(
        child=ScopeText(max_length=LONGEST_SCOPE),
        min_length=1,
        max_length=MAX_SCOPES,
        help_text="`kind:access` or `kind:access:pattern`; for aliases `aliases:pattern`",
    )
    expires = Expiry(
        max_length=64,
        required=False,
        allow_null=True,
        help_text="A duration (`90d`), an ISO date, or null for a token without an end, if allowed; default: `90d`",
    )


@example(email="grace@acme.example")
class ResetRequest(serializers.Serializer[Any]):
    email = EmailField(max_length=255)


@example(tenant="acme", reset="the-secret-of-the-link", password="C0b0l-60")
class ResetInput(serializers.Serializer[Any]):
    tenant = Text(required=False, allow_blank=True)
    reset = Text(max_length=255)
    password = Password(max_length=1024, write_only=True)


def credentials(body: Any) -> dict[str, Any]:
    """Return the validated fields of a login's body.

    Raises AuthenticationFailed without a username or password, and ValidationError.
    """
    sent = {} if body is None else body
    for field in ("username", "password") if isinstance(sent, Mapping) else ():
        if sent.get(field) in (None, ""):
            raise AuthenticationFailed(f"Path `{field}` is required")
    return valid_body(LoginInput, sent)


def tenant_of(body: dict[str, Any]) -> str:
    """Return the id of the tenant in a body, or that of the default tenant."""
    return str(body.get("tenant") or settings.DEFAULT_TENANT)
