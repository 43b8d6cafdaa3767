"""Shapes of responses, used only by the OpenAPI description."""

from typing import Any

from rest_framework import serializers

from tenants.rest.documentation import ADA, TIME, example

TERM: dict[str, Any] = {"usage": "default", "owner": ADA, "owner_username": "ada", "timestamp": TIME}


@example(_id="vision", id="vision", **TERM)
class TermAnswer(serializers.Serializer[Any]):
    """A tag."""

    _id = serializers.CharField()
    id = serializers.CharField()
    usage = serializers.CharField()
    owner = serializers.CharField(allow_null=True, help_text="The `_id` of the user")
    owner_username = serializers.CharField(allow_null=True)
    timestamp = serializers.DateTimeField()


@example(_id="accuracy", id="accuracy", **TERM, better="higher")
class MetadataNameAnswer(TermAnswer):
    """A metadata name."""

    better = serializers.CharField(allow_null=True, help_text="Whether `higher` or `lower` values are better")
