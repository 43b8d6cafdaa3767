"""The shape of comparisons, used only by the OpenAPI description."""

from typing import Any

from rest_framework import serializers

from tenants.rest.documentation import ITEM, example


class ComparedColumn(serializers.Serializer[Any]):
    """An item, or one of its versions."""

    _id = serializers.CharField()
    kind = serializers.CharField()
    name = serializers.CharField()
    version = serializers.CharField(allow_null=True, help_text="The ordinal; null: the item")


class ComparedRow(serializers.Serializer[Any]):
    """The values of one field."""

    field = serializers.CharField()
    values = serializers.ListField(help_text="One for each column; null if it has none")
    differs = serializers.BooleanField()
    better = serializers.CharField(allow_null=True, help_text="`higher` or `lower`, if that is known")
    best = serializers.ListField(child=serializers.IntegerField(), help_text="The columns with the best value")


class Truncated(serializers.Serializer[Any]):
    """Whether columns or rows were left out."""

    columns = serializers.BooleanField()
    rows = serializers.BooleanField()


@example(
    columns=[{"_id": ITEM, "kind": "model", "name": "churn", "version": "1"}],
    rows=[{"field": "metadata.accuracy", "values": [0.94], "differs": False, "better": "higher", "best": []}],
    same=1,
    differs=0,
    truncated={"columns": False, "rows": False},
)
class CompareAnswer(serializers.Serializer[Any]):
    """A comparison."""

    columns = ComparedColumn(many=True)
    rows = ComparedRow(many=True)
    same = serializers.IntegerField(help_text="Rows in which all columns have the same value")
    differs = serializers.IntegerField(help_text="Rows in which they differ, or are missing in some")
    truncated = Truncated()
