"""Shapes of request bodies."""

from typing import Any

from rest_framework import serializers

from folksonomy.models import DIRECTIONS, USAGES
from tenants.identity.serializers import Choice, Name
from tenants.rest.documentation import example


@example(_id="audio", usage="default")
class TermInput(serializers.Serializer[Any]):
    """Request body that creates a term."""

    _id = Name(max_length=255, help_text="The word itself")
    usage = Choice(choices=USAGES, required=False, help_text="`default` if left out")


@example(better="higher")
class MetadataNameChanges(serializers.Serializer[Any]):
    """Changes of a metadata name."""

    better = Choice(choices=DIRECTIONS, allow_null=True, help_text="Which values are better; null: unknown")
