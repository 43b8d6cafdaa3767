"""Shapes of request bodies."""

import math
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.changes import ListChange, Replacement
from catalog.models import STATUSES, VISIBILITIES
from tenants.identity.serializers import Choice, Name, Text
from tenants.rest.documentation import example
from tenants.rows.fields import INT64

LONGEST_DESCRIPTION = 100_000  # characters of the description of an item
VALUE_SCHEMA = {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}


@extend_schema_field(VALUE_SCHEMA)
class Value(serializers.Field[Any, Any, Any, Any]):
    """A text, number or boolean, kept unchanged."""

    default_error_messages = {
        "invalid": "A value is a text, a number or a boolean",
        "range": "A whole number has at most 64 bits, and any number is finite",
        "characters": "A text has no NUL character",
        "length": "A text has at most {limit} characters",
    }
    limit = 100_000

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str | int | float | bool):
            self.fail("invalid")
        if isinstance(data, int) and data not in INT64 or isinstance(data, float) and not math.isfinite(data):
            self.fail("range")
        if isinstance(data, str) and "\x00" in data:
            self.fail("characters")
        if isinstance(data, str) and len(data) > self.limit:
            self.fail("length", limit=self.limit)
        return data

    def to_representation(self, value: Any) -> Any:
        return value


def _refuse_long(data: Any) -> None:
    """Raise ValidationError for a list above `MAX_LIST_LENGTH`, before its elements are checked."""
    if isinstance(data, list) and len(data) > settings.MAX_LIST_LENGTH:
        raise serializers.ValidationError(f"A list has at most {settings.MAX_LIST_LENGTH} elements")


class Texts(serializers.ListField):
    """A list of texts."""

    def to_internal_value(self, data: Any) -> list[Any]:
        _refuse_long(data)
        return super().to_internal_value(data)


class Pairs(serializers.ListSerializer[Any]):
    """A list of names with values."""

    def to_internal_value(self, data: Any) -> list[Any]:
        _refuse_long(data)
        return super().to_internal_value(data)


class Metadatum(serializers.Serializer[Any]):
    """A named value."""

    name = Name(max_length=255)
    value = Value()

    class Meta:
        list_serializer_class = Pairs


class MetadataName(serializers.Serializer[Any]):
    """A metadata name to remove, whatever its value."""

    name = Text(max_length=255)
    value = Value(required=False)

    class Meta:
        list_serializer_class = Pairs


def _texts() -> serializers.ListField:
    return Texts(child=Text(max_length=255), required=False)


def names() -> serializers.ListField:
    return Texts(child=Name(max_length=255), required=False)


def _description() -> Text:
    return Text(max_length=LONGEST_DESCRIPTION, required=False, allow_blank=True, help_text="Markdown")


@example(name="customers", visibility="public", tags=["csv"], metadata=[{"name": "rows", "value": 150}])
class DatasetInput(serializers.Serializer[Any]):
    """Request body that creates a dataset."""

    name = Text(max_length=255)
    description = _description()
    visibility = Choice(choices=VISIBILITIES, required=False)
    users = _texts()
    tags = names()
    metadata = Metadatum(many=True, required=False)


@example(name="churn", datasets=["churn-2025"], users=["grace"], metadata=[{"name": "accuracy", "value": 0.95}])
class ItemInput(DatasetInput):
    """Request body that creates a model or an algorithm."""

    status = Choice(choices=STATUSES, required=False)
    datasets = _texts()


class Update(serializers.Serializer[Any]):
    """Replaces a list element. One of the optional fields names the old element; `new` is its replacement."""

    def to_internal_value(self, data: Any) -> Replacement:
        fields = super().to_internal_value(data)
        fields.pop("value", None)
        new = fields.pop("new")
        if len(fields) != 1:
            raise serializers.ValidationError("An update names the old element once, and the `new` one")
        return Replacement(next(iter(fields.values())), new)

    class Meta:
        list_serializer_class = Pairs


class TagUpdate(Update):
    """Replaces a tag."""

    old = Text(max_length=255, required=False)
    name = Text(max_length=255, required=False)
    _id = Text(max_length=255, required=False)
    new = Name(max_length=255)


class TextUpdate(Update):
    """Replaces a text."""

    old = Text(max_length=255, required=False)
    name = Text(max_length=255, required=False)
    username = Text(max_length=255, required=False)
    _id = Text(max_length=255, required=False)
    new = Text(max_length=255)


class MetadataUpdate(Update):
    """Replaces the metadatum of this name, whatever its value."""

    name = Text(max_length=255)
    value = Value(required=False)
    new = Metadatum()


class ChangeInput(serializers.Serializer[Any]):
    """Elements to remove from a list, then to replace in it, then to append."""

    def to_internal_value(self, data: Any) -> ListChange:
        for field in data if isinstance(data, dict) else ():
            if field not in self.fields:
                raise serializers.ValidationError(f"Only `remove`, `update` and `add` are known, not `{field}`")
        return ListChange(**super().to_internal_value(data))


class TagsChange(ChangeInput):
    """Tags to remove, replace and add."""

    remove = _texts()
    update = TagUpdate(many=True, required=False)  # type: ignore[assignment]
    add = names()


class TextsChange(ChangeInput):
    """Texts to remove, replace and add."""

    remove = _texts()
    update = TextUpdate(many=True, required=False)  # type: ignore[assignment]
    add = _texts()


class MetadataChange(ChangeInput):
    """Metadata to remove and replace by name, and to add."""

    remove = MetadataName(many=True, required=False)
    update = MetadataUpdate(many=True, required=False)  # type: ignore[assignment]
    add = Metadatum(many=True, required=False)


@example(tags={"remove": ["draft"], "add": ["csv"]}, visibility="private")
class DatasetChanges(serializers.Serializer[Any]):
    """Request body that changes a dataset."""

    name = Text(max_length=255, required=False)
    description = _description()
    visibility = Choice(choices=VISIBILITIES, required=False)
    users = TextsChange(required=False)
    tags = TagsChange(required=False)
    metadata = MetadataChange(required=False)


@example(status="production", metadata={"add": [{"name": "accuracy", "value": 0.97}]})
class ItemChanges(DatasetChanges):
    """Request body that changes a model or an algorithm."""

    status = Choice(choices=STATUSES, required=False)
    datasets = TextsChange(required=False)
