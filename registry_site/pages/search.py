"""What the page of a list shows of its query: terms, columns and counts, each with the URL that changes it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rest_framework.request import Request

from catalog.compare.fields import is_number
from registry_site.pages.tables import EXTRA, Collection, Column
from tenants.exceptions import Refused
from tenants.rest.querying.fields import SCALARS, FieldTable, field_table
from tenants.rest.querying.terms import condition_of, knows, term_text, terms_of
from tenants.rest.querying.words import columns_in_words

MOST_COLUMNS = 30
METADATA = "metadata."
OF_ONE_PAGE = ("page", "after", "facets", "format", "uses")  # parameters that links to other searches drop
OF_NEW_TERM = ("field", "operator", "value")
FIELDS = ("tag", "status", "visibility", "owner", "shared", "alias", "name", "has", "created", "changed")
OPERATORS = {":": "is", "!=": "is not", "~": "contains", ">=": "≥", "<=": "≤", ">": ">", "<": "<"}
TERMS = {"tags": "tag"}  # how the search box names a field


def address(request: Request, **changes: Any) -> str:
    """Return the query string of the same list with some parameters changed; empty ones are dropped."""
    query = request.query_params.copy()
    for name in (*OF_ONE_PAGE, *OF_NEW_TERM):
        query.pop(name, None)
    for name, value in changes.items():
        query.setlist(name, value if isinstance(value, list) else [str(value)])
    for name in list(query):
        query.setlist(name, [text for text in query.getlist(name) if text])
    return f"?{query.urlencode()}"


def with_term(request: Request, field: str, operator: str, value: str) -> str:
    """Return the query string of the same search with one term more."""
    return address(request, q=f"{request.query_params.get('q', '')} {term_text(field, operator, value)}".strip())


def new_term(request: Request) -> str:
    """Return the query string of the search with the term that the form adds, or nothing if it adds none."""
    field, operator, value = (request.query_params.get(name, "").strip() for name in OF_NEW_TERM)
    if not (field and value and operator in OPERATORS):
        return ""
    return with_term(request, field, operator, value)


@dataclass(frozen=True)
class Chip:
    """A condition of the search, and the query string of the search without it."""

    label: str
    without: str


def search_context(request: Request, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return what the form of the search shows."""
    text, table = request.query_params.get("q", ""), field_table(fields)
    try:
        terms = terms_of(text, table, getattr(request.user, "pk", ""))
    except Refused:  # the list shows the error
        terms = ()
    others = [(term, f"{text[: term.start].rstrip()} {text[term.end :].lstrip()}".strip()) for term in terms]
    chips = [Chip(term.label, address(request, q=rest)) for term, rest in others]
    given = request.query_params.get("filter", "").strip()
    chips += [Chip(f"filter {given}", address(request, filter=""))] if given else []
    kept = [(name, text) for name, texts in request.query_params.lists() for text in texts if text]
    dropped = (*OF_ONE_PAGE, *OF_NEW_TERM)
    return {
        "q": text,
        "chips": chips,
        "as_filter": json.dumps(condition_of(terms), ensure_ascii=False) if terms else "",
        "kept": [pair for pair in kept if pair[0] not in dropped],
        "terms": _names(table),
        "operators": OPERATORS.items(),
        "fields": sorted(fields),
        "has_metadata": "metadata" in fields,
    }


def _names(table: FieldTable) -> Sequence[str]:
    """Return the names that the help of the search box lists."""
    if "metadata" in table:
        return [name for name in FIELDS if knows(table, name)]
    return [name for name, field in table.items() if field.kind in SCALARS and not name.startswith("_")]


# --- Columns --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Head:
    """The head of a column: its direction if the list is sorted by it, and what its links lead to."""

    label: str
    kind: str
    sort: str
    direction: str
    without: str


def columns_of(request: Request, collection: Collection, docs: Sequence[Mapping[str, Any]]) -> Sequence[Column]:
    """Return the columns that `columns` names, or else those of the collection that a document has."""
    names = [name for name in request.query_params.getlist("columns") if name][:MOST_COLUMNS]
    if not names:
        return [column for column in collection.columns if any(column.field in document for document in docs)]
    known = {column.field: column for column in (*EXTRA, *collection.columns)}
    named = [name if name in known else f"{METADATA}{name.removeprefix(METADATA)}" for name in names]
    words, _ = columns_in_words(named, getattr(request.user, "tenant_id", None))
    return [known.get(name) or _of_metadata(name.removeprefix(METADATA), docs) for name in words]


def _of_metadata(name: str, docs: Sequence[Mapping[str, Any]]) -> Column:
    """Return the column of a metadata name, of numbers if a document has one."""
    values = (pair["value"] for document in docs for pair in document.get("metadata", ()) if pair["name"] == name)
    return Column(f"{METADATA}{name}", name, "number" if any(map(is_number, values)) else "value")


def heads_of(request: Request, columns: Sequence[Column], fields: Mapping[str, str]) -> Sequence[Head]:
    """Return the heads of the columns; those that a list can be sorted by have a link that sorts or turns it round."""
    sorted_by, direction = _sorted(request)
    ((sorted_by,), _) = columns_in_words([sorted_by], getattr(request.user, "tenant_id", None))
    table, names = field_table(fields), [column.field for column in columns]
    heads = []
    for column in columns:
        scalar = column.field in table and table[column.field].kind in SCALARS and column.kind != "user"
        sorts = scalar or (column.field.startswith(METADATA) and "metadata" in table)
        now = direction if column.field == sorted_by else ""
        first = "asc" if column.kind in ("name", "text", "badge") else "desc"
        other = {"asc": "desc", "desc": "asc"}.get(now, first)
        sort = address(request, sort=json.dumps({column.field: other}, ensure_ascii=False)) if sorts else ""
        others = [name for name in names if name != column.field]
        heads.append(Head(column.head, column.kind, sort, now, address(request, columns=others) if others else ""))
    return heads


def _sorted(request: Request) -> tuple[str, str]:
    """Return the field that the list is sorted by first, and its direction; nothing for the default order."""
    try:
        field, way = next(iter(json.loads(request.query_params.get("sort", "")).items()))
    except (ValueError, AttributeError, StopIteration, RecursionError):
        return "", ""
    return str(field), "desc" if str(way) in ("desc", "descending", "-1") else "asc"


# --- Counts ---------------------------------------------------------------------------------------------------------
def facets_context(request: Request, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counted values, each with the query string of the search narrowed to it."""
    facets = data["facets"]
    groups = [
        (name, [_counted(request, name, each, facets["complete"]) for each in values])
        for name, values in facets["fields"].items()
        if values
    ]
    return {"groups": groups, "complete": facets["complete"]}


def _counted(request: Request, name: str, each: Mapping[str, Any], complete: bool) -> dict[str, Any]:
    label = each.get("name") or each["value"]
    link = with_term(request, TERMS.get(name, name), ":", label)
    return {"label": label, "count": f"{each['count']:,}" + ("" if complete else "+"), "link": link}
