"""The shapes of responses, for the OpenAPI description only. Responses are built by the models' `to_api`."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

# Ids in the examples. Each denotes the same resource in all examples.
ADA, GRACE, ALAN = (f"66a1f0c2b7d94e3f8a5c1d{number}" for number in ("01", "02", "03"))
ITEM, DATASET = (f"66a1f0c2b7d94e3f8a5c1d{number}" for number in ("20", "30"))
REQUEST, VERSION, TOKEN, EVENT = (f"66a1f0c2b7d94e3f8a5c1d{number}" for number in ("40", "50", "60", "70"))
PROPOSAL, RULE, MOVE, VIEW = (f"66a1f0c2b7d94e3f8a5c1d{number}" for number in ("61", "62", "63", "64"))
FILE_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # of the bytes `test`
STATUSES = ("200", "201", "202")
TIME = "2026-01-31T09:30:00.000Z"


def example(media_type: str = "application/json", /, **value: Any) -> Any:
    """Return a decorator that adds an example to a serializer."""
    shown = OpenApiExample("Example", value=value, status_codes=STATUSES, media_type=media_type)
    return extend_schema_serializer(examples=[shown])


def reference(name: str) -> Any:
    """Return a serializer for a reference: `_id` and a name."""
    fields = {"_id": serializers.CharField(), name: serializers.CharField(required=False)}
    return type(f"{name.capitalize()}Reference", (serializers.Serializer,), fields)


UserReference = reference("username")
DatasetReference = reference("name")


@example(status=404, value=9, message="Resource Not found", details=f"No such resource: {ITEM}")
class ErrorAnswer(serializers.Serializer[Any]):
    """An error."""

    status = serializers.IntegerField()
    value = serializers.IntegerField()
    message = serializers.CharField()
    details = serializers.CharField()


@example(message="The password is changed")
class MessageAnswer(serializers.Serializer[Any]):
    """A confirmation."""

    message = serializers.CharField()


@example(
    _id="globex",
    id="globex",
    organization="Globex Research",
    address="1 Main Street",
    email="info@globex.example",
    phone="+39 010 0000",
    passwordhash=True,
    database="",
)
class TenantAnswer(serializers.Serializer[Any]):
    """A tenant. `admin_password` is present only on creation, if the registry generated it."""

    _id = serializers.CharField()
    id = serializers.CharField()
    organization = serializers.CharField(allow_blank=True)
    address = serializers.CharField(allow_blank=True)
    email = serializers.CharField(allow_blank=True)
    phone = serializers.CharField(allow_blank=True)
    passwordhash = serializers.BooleanField()
    database = serializers.CharField(allow_blank=True)
    admin_password = serializers.CharField(required=False)


@example(
    _id=ALAN,
    id=ALAN,
    username="alan",
    role="regular",
    email="alan@acme.example",
    createdPassword=TIME,
    validityPasswordDays=0,
    timestamp=TIME,
)
class UserAnswer(serializers.Serializer[Any]):
    """A user. Callers who are not administrators see only `_id`, `id` and `username`."""

    _id = serializers.CharField()
    id = serializers.CharField()
    username = serializers.CharField()
    role = serializers.CharField(required=False)
    email = serializers.CharField(required=False, allow_null=True)
    createdPassword = serializers.DateTimeField(required=False)
    validityPasswordDays = serializers.IntegerField(required=False)
    timestamp = serializers.DateTimeField(required=False)


class LoggedIn(UserAnswer):
    """The user who logged in, and their tenant."""

    tenant = serializers.CharField()


@example(
    user={
        "_id": ADA,
        "id": ADA,
        "username": "ada",
        "role": "admin",
        "email": "info@acme.example",
        "createdPassword": TIME,
        "validityPasswordDays": 0,
        "timestamp": TIME,
        "tenant": "acme",
    },
    token="JWT eyJhbGciOiJIUzI1NiJ9.e30.signature",
    token_expiration_time="30m",
)
class LoginAnswer(serializers.Serializer[Any]):
    """A token and its user."""

    user = LoggedIn()
    token = serializers.CharField()
    token_expiration_time = serializers.CharField()


class EventItem(serializers.Serializer[Any]):
    """What an event is about, as it was named then."""

    _id = serializers.CharField()
    kind = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    revision = serializers.IntegerField(allow_null=True, help_text="Orders the events of an item")


@example(
    _id=EVENT,
    id=EVENT,
    sequence=812,
    type="model.updated",
    actor={"_id": ADA, "username": "ada"},
    item={"_id": ITEM, "kind": "model", "name": "churn", "revision": 4},
    version=None,
    changes={"status": ["test", "production"], "tags": [{"0": "draft"}, {"1": "onnx"}]},
    reason="",
    timestamp=TIME,
    hash=FILE_SHA256,
)
class EventAnswer(serializers.Serializer[Any]):
    """An event of the ledger. `sequence` and `hash` are null until it is sealed, within a second or so."""

    _id = serializers.CharField()
    id = serializers.CharField()
    sequence = serializers.IntegerField(allow_null=True)
    type = serializers.CharField(help_text="Such as `model.created`, `version.deleted`, `user.role_changed`")
    actor = UserReference(allow_null=True, help_text="null: the operator, or the registry itself")
    item = EventItem(allow_null=True)
    version = serializers.CharField(allow_null=True)
    changes = serializers.DictField(
        child=serializers.ListField(), help_text="Field to `[old, new]`; of lists the elements that differ, by position"
    )
    reason = serializers.CharField(allow_blank=True)
    timestamp = serializers.DateTimeField()
    hash = serializers.CharField(allow_null=True)


TOKEN_FIELDS: dict[str, Any] = {
    "_id": TOKEN,
    "id": TOKEN,
    "name": "ci",
    "scopes": ["models:read", "models:write:churn-*", "aliases:staging"],
    "expires": TIME,
    "owner": ADA,
    "owner_username": "ada",
    "last_used": None,
    "last_address": "",
    "timestamp": TIME,
}


@example(**TOKEN_FIELDS)
class TokenAnswer(serializers.Serializer[Any]):
    """A token for a program."""

    _id = serializers.CharField()
    id = serializers.CharField()
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    expires = serializers.DateTimeField(allow_null=True)
    owner = serializers.CharField()
    owner_username = serializers.CharField(allow_null=True)
    last_used = serializers.DateField(allow_null=True)
    last_address = serializers.CharField(allow_blank=True)
    timestamp = serializers.DateTimeField()


@example(**TOKEN_FIELDS, token="mr_0Aa1Bb2Cc3Dd4Ee5Ff6Gg7Hh8Ii9Jj0K9kLm2N")
class NewTokenAnswer(TokenAnswer):
    """A new token for a program; `token` is never answered again."""

    token = serializers.CharField()


@example(
    _id=REQUEST,
    date=TIME,
    user={"_id": ADA, "username": "ada"},
    method="POST",
    url="/v1/models",
    status=200,
    duration_ms=3.2,
    contents='{"name": "churn"}',
)
class LogAnswer(serializers.Serializer[Any]):
    """A logged request."""

    _id = serializers.CharField()
    date = serializers.DateTimeField()
    user = UserReference(allow_null=True)
    method = serializers.CharField()
    url = serializers.CharField()
    status = serializers.IntegerField()
    duration_ms = serializers.FloatField()
    contents = serializers.CharField(allow_blank=True)
