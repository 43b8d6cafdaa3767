"""Shapes of responses, used only by the OpenAPI description."""

from typing import Any

from rest_framework import serializers

from tenants.rest.documentation import ADA, TIME, example


@example(_id="vision", id="vision", usage="default", owner=ADA, owner_username="ada", timestamp=TIME)
class TermAnswer(serializers.Serializer[Any]):
    """A tag or a metadata name."""

    _id = serializers.CharField()
    id = serializers.CharField()
    usage = serializers.CharField()
    owner = serializers.CharField(allow_null=True, help_text="The `_id` of the user")
    owner_username = serializers.CharField(allow_null=True)
    timestamp = serializers.DateTimeField()
