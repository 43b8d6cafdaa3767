"""Shapes of bodies and responses about merges of words."""

from typing import Any

from rest_framework import serializers

from tenants.identity.serializers import Flag, Name, Text, Whole
from tenants.ledger.recording import REASON_LIMIT
from tenants.rest.documentation import EVENT, example


@example(word="machine-vision", into="vision", values_lost=0, reason="The same thing")
class MergeInput(serializers.Serializer[Any]):
    """The word to merge, and the one that remains."""

    word = Text(max_length=255)
    into = Name(max_length=255)
    values_lost = Whole(required=False, min_value=0, help_text="How many values are lost; 0 if left out")
    rename = Flag(required=False, help_text="`into` may be a new word")
    reason = Text(max_length=REASON_LIMIT, required=False, allow_blank=True)


@example(items=12, values_lost=1, examples=[])
class PreviewAnswer(serializers.Serializer[Any]):
    """What a merge would do: the items that it changes, the values that it loses, and ten of them."""

    items = serializers.IntegerField()
    values_lost = serializers.IntegerField()
    examples = serializers.ListField(
        child=serializers.DictField(), help_text="`{item: {_id, kind, name}, version, kept, lost}`"
    )


@example(word="machine-vision", into="vision", items=12, event=EVENT)
class MergeAnswer(serializers.Serializer[Any]):
    """A merge, which can be undone by its event."""

    word = serializers.CharField()
    into = serializers.CharField()
    items = serializers.IntegerField(help_text="Items that were changed")
    event = serializers.CharField()


@example(word="machine-vision", items=12, skipped=0, event=EVENT)
class UndoAnswer(serializers.Serializer[Any]):
    """The word that is back, and the event of the undo."""

    word = serializers.CharField()
    items = serializers.IntegerField(help_text="Items that have the word again")
    skipped = serializers.IntegerField(help_text="Items that were changed since, and stay as they are")
    event = serializers.CharField()
