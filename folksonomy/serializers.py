"""The shape of what comes in."""

from typing import Any

from rest_framework import serializers

from tenants.documentation import example
from tenants.serializers import Name


@example(_id="audio")
class TermInput(serializers.Serializer[Any]):
    """Body of a term's creation."""

    _id = Name(max_length=255, help_text="The word itself")
