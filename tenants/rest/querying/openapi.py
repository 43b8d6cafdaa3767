"""How OpenAPI describes the parameters and the envelope of a list. Requests are answered by `querying.page`."""

from typing import Any

from rest_framework.filters import BaseFilterBackend
from rest_framework.pagination import BasePagination

from tenants.rest.querying.page import NULLABLE, envelope
from tenants.rest.querying.query import BATCH, LARGEST_LIMIT, LARGEST_PAGE, LIMIT

TEXT = {"type": "string"}


# Name, description and example of the parameters of every list.
LIST_PARAMETERS = (
    (
        "filter",
        "Condition in MongoDB's query syntax, as JSON; a JSON list means `$or` of its elements. Fields: {fields}.",
        '{"_id": {"$regex": "^6"}}',
    ),
    (
        "q",
        "Search terms, combined with `filter`: `field operator value`, or a word of a name or a tag. Operators: `:`, "
        "`=`, `!=`, `>`, `>=`, `<`, `<=`, `~`; `-` negates a term, commas separate alternatives. Names that are no "
        "fields are names of metadata.",
        "churn",
    ),
    ("sort", "Order, as JSON: field to `asc` or `desc`; newest first by default.", '{"_id": "asc"}'),
    (
        "after",
        "Instead of `page`: the `_id` of the document before the page, in the list's order.",
        "66a1f0c2b7d94e3f8a5c1d20",
    ),
    ("select", "Fields to return, as a JSON list of names; `_id` is always included.", '["_id"]'),
    (
        "format",
        "`csv` or `ndjson`: all documents in this form, streamed, without `page` and without a default for `limit`. "
        "The header `Accept` can name it too.",
        "csv",
    ),
)


class ListParameters(BaseFilterBackend):
    """Describes `filter`, `q`, `sort`, `after`, `select` and `format`."""

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        names = ", ".join(f"`{name}`" for name in getattr(view, "query_fields", {}))
        return [
            _parameter(name, description.replace("{fields}", names), TEXT, example)
            for name, description, example in LIST_PARAMETERS
        ]


class PageEnvelope(BasePagination):
    """Describes `page`, `limit` and the envelope around the documents."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        example = envelope([], 31, 2, LIMIT)
        properties = {name: _property(name, value) for name, value in example.items()} | {"docs": schema}
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        number = {"type": "integer", "minimum": 1}
        return [
            _parameter("page", "Number of the page, from 1.", number | {"maximum": LARGEST_PAGE, "default": 1}, 1),
            _parameter(
                "limit",
                f"Documents per page. A page of more than {BATCH} documents has at most 32 MiB.",
                number | {"maximum": LARGEST_LIMIT, "default": LIMIT},
                LIMIT,
            ),
        ]


def _property(name: str, example: Any) -> dict[str, Any]:
    kind = "boolean" if isinstance(example, bool) else "integer"
    return {"type": [kind, "null"] if name in NULLABLE else kind, "example": example}


def _parameter(name: str, description: str, schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
        "example": example,
    }
