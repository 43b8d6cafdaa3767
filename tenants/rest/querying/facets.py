"""Facets: how many documents of a list have each value of a field."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import router
from rest_framework.request import Request

from tenants.models import User
from tenants.rest.querying.bounded import bounded_search
from tenants.rest.querying.fields import Key, query_error
from tenants.rest.querying.page import search_of
from tenants.rest.querying.query import ListQuery
from tenants.rows.prepared import Rows

MOST = 10_000  # documents that are counted: of more, the newest
SHOWN = 20  # values of a field, the most frequent first
NEWEST = (Key("timestamp", True), Key("pk", True))


def facet_names(request: Request, known: Mapping[str, str]) -> Sequence[str]:
    """Return the fields that `facets` names, separated by commas. Raises Refused for one that is not counted."""
    names = [name for name in request.query_params.get("facets", "").split(",") if name]
    for name in names:
        if name not in known:
            raise query_error(f"facets: Unknown field {name[:100]}; known are {', '.join(known)}")
    return list(dict.fromkeys(names))


def facets_of(query: ListQuery, rows: Rows, columns: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of some fields with their numbers, among the documents that the query's filter selects.

    `columns` maps each field to its column. `complete` tells whether all documents were counted.
    """
    with bounded_search(router.db_for_read(rows.model)):
        search = search_of(query, rows, tuple(dict.fromkeys(columns.values())))
        found = search.page(NEWEST, None, 0, MOST + 1)
    counted = found[:MOST]
    fields = {name: _counted([getattr(row, column) for row in counted]) for name, column in columns.items()}
    if "owner" in fields:
        names = User.objects.usernames({each["value"] for each in fields["owner"]})
        fields["owner"] = [each | {"name": names.get(each["value"])} for each in fields["owner"]]
    return {"counted": len(counted), "complete": len(found) <= MOST, "fields": fields}


def _counted(values: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the most frequent values, or elements of the values that are lists."""
    numbers: Counter[Any] = Counter()
    for value in values:
        numbers.update(value if isinstance(value, list) else [value] if value is not None else ())
    ordered = sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0]))
    return [{"value": value, "count": count} for value, count in ordered[:SHOWN]]
