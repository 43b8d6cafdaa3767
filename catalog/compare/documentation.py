"""The shape of comparisons, used only by the OpenAPI description."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
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


def _file(media_type: str, text: str) -> OpenApiResponse:
    return OpenApiResponse(OpenApiTypes.STR, examples=[OpenApiExample("Example", text, media_type=media_type)])


ANSWERS: dict[tuple[int, str], Any] = {
    (200, "application/json"): CompareAnswer,
    (200, "text/csv"): _file("text/csv", f"field,churn@1\r\n_id,{ITEM}\r\nmetadata.accuracy,0.94\r\n"),
    (200, "text/markdown"): _file("text/markdown", "| field | churn |\n| --- | ---: |\n| metadata.acc | 0.9 |\n"),
    (200, "application/x-latex"): _file(
        "application/x-latex",
        "\\begin{tabular}{lr}\n\\toprule\nfield & churn@1 \\\\\n\\midrule\n"
        "metadata.accuracy & 0.94 \\\\\n\\bottomrule\n\\end{tabular}\n",
    ),
}
