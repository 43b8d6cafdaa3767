"""The shape of what comes in."""

from typing import Any

from rest_framework import serializers

from folksonomy.models import USAGES
from tenants.documentation import example
from tenants.serializers import Choice, Name


@example(_id="audio")
class TermInput(serializers.Serializer[Any]):
    """Body of a term's creation."""

    _id = Name(max_length=255, help_text="The word itself")
    usage = Choice(choices=USAGES, required=False, help_text="Checked, but of no effect: a creation makes it `default`")
