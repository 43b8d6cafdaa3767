"""The page of a list: a table of its documents, a search form, and links to the other pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.urls import reverse
from rest_framework.request import Request

from registry_site.pages.activity import sentence
from registry_site.pages.site import route_name
from registry_site.pages.tables import LIMITS, Collection, Column
from registry_site.pages.versions import address_of, shared_names
from versions.sent import FOLDER_TYPE

SHOWN = 6  # tags in a cell; an item can have a thousand


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    `link` is the URL of its text, if any; `name` is the name of the id in `value`; `more` is the number of hidden tags;
    `tick` is the id that a comparison of ticked rows gets.
    """

    head: str
    kind: str
    value: Any
    link: str = ""
    name: str = ""
    more: int = 0
    tick: str = ""


def list_context(view: Any, request: Request, data: Mapping[str, Any], collection: Collection) -> dict[str, Any]:
    """Return the template context of a list; without documents if the list was refused."""
    docs: Sequence[dict[str, Any]] = data.get("docs", ())
    columns = [column for column in collection.columns if any(column.field in document for document in docs)]
    route = route_name(request._request).removesuffix("-list")
    links = _links(route, view.kwargs, docs)
    fields = collection.fields or view.get_query_fields()
    return {
        "collection": collection,
        "heads": [column.head for column in columns],
        "rows": [
            _row(document, columns, link, document["_id"] if collection.compared else "")
            for document, link in zip(docs, links, strict=True)
        ],
        "searches": [search for search in collection.searches if search.field.partition(".")[0] in fields],
        "fields": sorted(fields),
        "page": data,
        "previous": _other_page(request, data.get("prevPage")),
        "next": _other_page(request, data.get("nextPage")),
        "as_csv": _as_csv(request),
        "last": (data.get("pagingCounter") or 1) + len(docs) - 1,
        "sorts": _choices(collection.sorts, request.query_params.get("sort", "")),
        "limits": _choices(LIMITS, request.query_params.get("limit", "")),
        "words": route,
        "title": view.kwargs.get("alias", "").capitalize() or collection.title,
        "parent": _parent(route, view.kwargs),
        "kind": "version" if route.endswith("-files") else getattr(view, "kind", ""),
        "ticks": collection.compared,
    }


def _links(route: str, arguments: Mapping[str, Any], docs: Sequence[dict[str, Any]]) -> Sequence[str]:
    """Return the URL of each document's page; for a version, of its file."""
    if route.endswith("-versions"):
        shared = shared_names(docs)
        kind = route.removesuffix("-versions")
        return [address_of(kind, arguments["pk"], document, shared) for document in docs]
    if route.endswith("-files"):
        route = route.removesuffix("s")
        return [reverse(route, kwargs={**arguments, "file": document.get("path", "")}) for document in docs]
    if route.endswith("-aliases"):
        return [reverse(f"{route}-detail", args=(arguments["pk"], document["_id"])) for document in docs]
    if route == "holders":
        return [
            reverse(f"{document['kind']}s-detail", args=(document["_id"],)) if "kind" in document else ""
            for document in docs
        ]
    if route == "log" or route.endswith("events"):
        return ["" for _ in docs]
    return [reverse(f"{route}-detail", kwargs={"pk": document["_id"]}) for document in docs]


def _parent(route: str, arguments: Mapping[str, Any]) -> str:
    """Return the URL of the item or version that a list belongs to; empty for other lists."""
    if route.endswith("-files"):
        return reverse(route.replace("-files", "-info"), kwargs=dict(arguments))
    kind = route.removesuffix("-events").removesuffix("-versions").removesuffix("-aliases")
    return reverse(f"{kind}-detail", kwargs={"pk": arguments["pk"]}) if kind != route else ""


def _row(document: Mapping[str, Any], columns: Sequence[Column], link: str, tick: str) -> Sequence[Cell]:
    cells = [_cell(column, document, link) for column in columns]
    return [replace(cell, tick=tick) if cell.kind == "name" else cell for cell in cells] if tick else cells


def _cell(column: Column, document: Mapping[str, Any], link: str) -> Cell:
    if column.kind == "sentence":
        return Cell(column.head, column.kind, sentence(document) if "changes" in document else document[column.field])
    value, name = document.get(column.field), document.get(column.name, "")
    if column.kind == "words" and value:
        return Cell(column.head, column.kind, value[:SHOWN], link, name, max(0, len(value) - SHOWN))
    kind = "name" if column.kind == "file" and document.get("mimetype", FOLDER_TYPE) == FOLDER_TYPE else column.kind
    return Cell(column.head, kind, value, link, name)


def _other_page(request: Request, number: int | None) -> str:
    """Return the query string of another page of the same list; empty if there is none."""
    if number is None:
        return ""
    query = request.query_params.copy()
    query["page"] = str(number)
    return f"?{query.urlencode()}"


def _as_csv(request: Request) -> str:
    """Return the query string of all documents of the same list as CSV."""
    query = request.query_params.copy()
    for name in ("page", "limit", "after"):
        query.pop(name, None)
    query["format"] = "csv"
    return f"?{query.urlencode()}"


def _choices(known: Mapping[str, str], chosen: str) -> Sequence[tuple[str, str, bool]]:
    """Return (label, value, is selected) of each choice; adds the selected one if it is unknown."""
    own = {} if chosen in known.values() else {chosen: chosen}
    return [(label, value, value == chosen) for label, value in {**known, **own}.items()]
