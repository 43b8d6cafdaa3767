"""Shapes of request bodies."""

from typing import Any

from rest_framework import serializers

from folksonomy.models import DIRECTIONS, LONGEST_DESCRIPTION, USAGES
from folksonomy.synonyms import MOST
from tenants.identity.serializers import Choice, Name, Text
from tenants.rest.documentation import example


@example(_id="audio", usage="default")
class TermInput(serializers.Serializer[Any]):
    """Request body that creates a term."""

    _id = Name(max_length=255, help_text="The word itself")
    usage = Choice(choices=USAGES, required=False, help_text="`default` if left out")


@example(description="Pictures and videos", synonyms=["computer-vision"])
class TermChanges(serializers.Serializer[Any]):
    """Changes of a word."""

    description = Text(max_length=LONGEST_DESCRIPTION, required=False, allow_blank=True)
    synonyms = serializers.ListField(
        child=Name(max_length=255), required=False, max_length=MOST, help_text="All names that stand for the word"
    )


@example(better="higher")
class MetadataNameChanges(TermChanges):
    """Changes of a metadata name."""

    better = Choice(
        choices=DIRECTIONS, required=False, allow_null=True, help_text="Which values are better; null: unknown"
    )
