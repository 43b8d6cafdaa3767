"""Shapes of responses, used only by the OpenAPI description."""

from typing import Any

from rest_framework import serializers

from tenants.rest.documentation import ADA, TIME, example

TERM: dict[str, Any] = {
    "usage": "default",
    "description": "",
    "owner": ADA,
    "owner_username": "ada",
    "timestamp": TIME,
    "synonyms": [],
}


@example(_id="vision", id="vision", **TERM)
class TermAnswer(serializers.Serializer[Any]):
    """A tag."""

    _id = serializers.CharField()
    id = serializers.CharField()
    usage = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    owner = serializers.CharField(allow_null=True, help_text="The `_id` of the user")
    owner_username = serializers.CharField(allow_null=True)
    timestamp = serializers.DateTimeField()
    synonyms = serializers.ListField(child=serializers.CharField(), help_text="Names that stand for it")
    count = serializers.IntegerField(
        required=False, help_text="With `counts=true`: items that the caller may read and that use it"
    )


@example(_id="accuracy", id="accuracy", **TERM, better="higher")
class MetadataNameAnswer(TermAnswer):
    """A metadata name."""

    better = serializers.CharField(allow_null=True, help_text="Whether `higher` or `lower` values are better")
