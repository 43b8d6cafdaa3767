"""The filter backend of every list: `?filter=`, `?sort=` and `?after=` over the fields that the view declares."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from tenants.rest.querying.bounded import bounded_list
from tenants.rest.querying.compile import to_q
from tenants.rest.querying.fields import FieldTable, field_table
from tenants.rest.querying.json_text import refused
from tenants.rest.querying.page import parameter
from tenants.rest.querying.parse import parse
from tenants.rest.querying.people import with_user_ids
from tenants.rest.querying.position import position_of
from tenants.rest.querying.sort import NEWEST_FIRST, sort_keys
from tenants.rest.querying.tree import ALWAYS


class FilterLanguage(BaseFilterBackend):
    """Narrows and orders a list as the client asks; what the view does not declare cannot be asked.

    A view declares `query_fields` (see `querying.fields`), or `get_query_fields()` where they depend on the user, and
    may declare `default_sort` (such as `-date,-_id`).
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        fields = _fields(view)
        tree = parse(_text_of(request, "filter"), fields)
        keys = sort_keys(_text_of(request, "sort"), fields, getattr(view, "default_sort", NEWEST_FIRST))
        request.list_order = keys  # type: ignore[attr-defined]
        after = _text_of(request, "after")
        with bounded_list(request, queryset.db):
            request.list_position = position_of(after, queryset, keys, fields) if after else None  # type: ignore[attr-defined]
            if tree != ALWAYS:
                tenant_id = getattr(request.user, "tenant_id", None)
                queryset = queryset.filter(to_q(with_user_ids(tree, tenant_id), tenant_id))
        return queryset.order_by(*(key.expression() for key in keys))

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        names = ", ".join(f"`{name}`" for name in getattr(view, "query_fields", {}))
        text = {"type": "string"}
        return [
            parameter(
                "filter",
                "Condition in MongoDB's query syntax, as JSON; a JSON list means `$or` of its elements. "
                f"Fields: {names}.",
                text,
                '{"_id": {"$regex": "^6"}}',
            ),
            parameter(
                "sort",
                "Order, as JSON: field to `asc` or `desc`; newest first by default.",
                text,
                '{"_id": "asc"}',
            ),
            parameter(
                "after",
                "Instead of `page`: the `_id` of a document, which the page follows in the list's order.",
                text,
                "66a1f0c2b7d94e3f8a5c1d20",
            ),
            parameter(
                "select",
                "Fields to answer, as a JSON list of names; `_id` always comes along.",
                text,
                '["_id"]',
            ),
        ]


def _text_of(request: Request, name: str) -> str:
    texts = request.query_params.getlist(name)
    if len(texts) > 1:
        raise refused(f"{name} is given more than once")
    return texts[0] if texts else ""


def _fields(view: Any) -> FieldTable:
    declared = view.get_query_fields() if hasattr(view, "get_query_fields") else getattr(view, "query_fields", {})
    return field_table(declared)
