"""The shape of what goes out, for the OpenAPI only."""

from typing import Any

from rest_framework import serializers

from tenants.documentation import ADA, UserReference, example


@example(_id="vision", id="vision", usage="default", owner={"_id": ADA, "username": "ada"})
class TermAnswer(serializers.Serializer[Any]):
    """A tag or a metadata name."""

    _id = serializers.CharField()
    id = serializers.CharField()
    usage = serializers.CharField()
    owner = UserReference(allow_null=True)
