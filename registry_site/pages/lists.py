"""The page of a list: a table of its documents, a search form, and links to the other pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.urls import reverse
from rest_framework.request import Request

from catalog.compare.fields import is_number
from catalog.saved.models import LISTS, SavedView
from registry_site.pages.activity import sentence
from registry_site.pages.search import METADATA, address, columns_of, facets_context, heads_of, search_context
from registry_site.pages.site import route_name
from registry_site.pages.tables import LIMITS, Collection, Column
from registry_site.pages.versions import address_of, shared_names
from registry_site.pages.words import orders_of, undoable_merges
from tenants.models import User
from versions.files import QUERY_FIELDS
from versions.sent import FOLDER_TYPE

MOST_VIEWS = 50  # that a list shows
SHOWN = 6  # tags in a cell; an item can have a thousand


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    `link` is the URL of its text, if any; `name` is the name of the id in `value`; `more` is the number of hidden tags;
    `tick` is the id that a comparison of ticked rows gets; `undo` is the event of a merge that the reader can undo.
    """

    head: str
    kind: str
    value: Any
    link: str = ""
    name: str = ""
    more: int = 0
    tick: str = ""
    undo: str = ""


def saved_views(route: str, caller: User) -> Sequence[dict[str, Any]]:
    """Return the saved views of a list, each with its URL; those of others with their owners."""
    if route not in LISTS:
        return ()
    views = SavedView.objects.visible_to(caller).filter(list=route).select_related("owner").order_by("name", "pk")
    base = reverse(f"{route}-list")
    return [
        {"name": view.name, "link": f"{base}?{view.query}", "owner": "" if view.owner_id == caller.pk else view.owner}
        for view in views[:MOST_VIEWS]
    ]


def list_context(view: Any, request: Request, data: Mapping[str, Any], collection: Collection) -> dict[str, Any]:
    """Return the template context of a list; without documents if the list was refused."""
    docs: Sequence[dict[str, Any]] = data.get("docs", ())
    columns = columns_of(request, collection, docs)
    route = route_name(request._request).removesuffix("-list")
    marks = _marks(request, route, docs, collection.compared)
    fields = QUERY_FIELDS if route.endswith("-files") else view.get_query_fields()
    shown = {
        "collection": collection,
        "heads": heads_of(request, columns, fields),
        "rows": _rows(columns, docs, _links(route, view.kwargs, docs), marks),
        "columns": [column.field for column in columns],
        "has_own_columns": any(request.query_params.getlist("columns")),
        "names": sorted({pair["name"] for document in docs for pair in document.get("metadata", ())}),
        "facets": _facets_link(view, request),
        "as_csv": _as_csv(request, columns),
        "sorts": _choices(collection.sorts, request.query_params.get("sort", "")),
        "limits": _choices(LIMITS, request.query_params.get("limit", "")),
        "words": route,
        "title": view.kwargs.get("alias", "").capitalize() or collection.title,
        "parent": _parent(route, view.kwargs),
        "kind": "version" if route.endswith("-files") else getattr(view, "kind", ""),
        "ticks": collection.compared,
        "views": saved_views(route, request.user) if isinstance(request.user, User) else (),
        "savable": route in LISTS,
        "orders": orders_of(route, request.user),
        "as_view": address(request).removeprefix("?"),
    }
    counts = facets_context(request, data) if "facets" in data else {}
    return shown | _pages(request, data) | search_context(request, fields) | counts


def _pages(request: Request, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the links to the other pages show."""
    return {
        "page": data,
        "previous": _other_page(request, data.get("prevPage")),
        "next": _other_page(request, data.get("nextPage")),
        "beyond": _other_page(request, data["totalPages"]) if _is_beyond(data) else "",
        "last": (data.get("pagingCounter") or 1) + len(data.get("docs", ())) - 1,
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


def _marks(
    request: Request, route: str, docs: Sequence[Mapping[str, Any]], compared: bool
) -> Sequence[Mapping[str, Mapping[str, Any]]]:
    """Return what the reader can do with each document, by the kind of the cell that shows it: tick it, or undo it."""
    if compared:
        return [{"name": {"tick": document["_id"]}} for document in docs]
    undone = undoable_merges(request.user, docs) if route == "events" else frozenset()
    return [{"sentence": {"undo": document["_id"]}} if document.get("_id") in undone else {} for document in docs]


def _rows(
    columns: Sequence[Column],
    docs: Sequence[Mapping[str, Any]],
    links: Sequence[str],
    marks: Sequence[Mapping[str, Mapping[str, Any]]],
) -> Sequence[Sequence[Cell]]:
    """Return the cells of each document."""
    rows = []
    for document, link, marked in zip(docs, links, marks, strict=True):
        cells = [_cell(column, document, link) for column in columns]
        rows.append([replace(cell, **marked[cell.kind]) if cell.kind in marked else cell for cell in cells])
    return rows


def _cell(column: Column, document: Mapping[str, Any], link: str) -> Cell:
    if column.kind == "sentence":
        return Cell(column.head, column.kind, sentence(document) if "changes" in document else document[column.field])
    if column.field.startswith(METADATA):
        return _of_metadata(column, document)
    value, name = document.get(column.field), document.get(column.name, "")
    if column.kind == "name" and not value:  # a run can be without one
        value = document["_id"]
    if column.kind in ("words", "values") and value:
        return Cell(column.head, column.kind, value[:SHOWN], link, name, max(0, len(value) - SHOWN))
    kind = "name" if column.kind == "file" and document.get("mimetype", FOLDER_TYPE) == FOLDER_TYPE else column.kind
    return Cell(column.head, kind, value, link, name)


def _of_metadata(column: Column, document: Mapping[str, Any]) -> Cell:
    name = column.field.removeprefix(METADATA)
    value = next((pair["value"] for pair in document.get("metadata", ()) if pair["name"] == name), None)
    return Cell(column.head, "number" if is_number(value) else "value", value)


def _other_page(request: Request, number: int | None) -> str:
    """Return the query string of another page of the same list; empty if there is none."""
    if number is None:
        return ""
    query = request.query_params.copy()
    query["page"] = str(number)
    return f"?{query.urlencode()}"


def _is_beyond(data: Mapping[str, Any]) -> bool:
    """Tell whether the page is after the last one."""
    number = data.get("page")
    return number is not None and number > data["totalPages"]


def _facets_link(view: Any, request: Request) -> str:
    """Return the query string that counts values among all documents of the same search; empty if none are counted."""
    return f"{address(request, limit='1')}&facets={','.join(view.facets)}" if view.facets else ""


def _as_csv(request: Request, columns: Sequence[Column]) -> str:
    """Return the query string of all documents of the same list as CSV, with the columns if some were chosen."""
    chosen = [column.field for column in columns] if any(request.query_params.getlist("columns")) else []
    return f"{address(request, limit='', columns=chosen)}&format=csv"


def _choices(known: Mapping[str, str], chosen: str) -> Sequence[tuple[str, str, bool]]:
    """Return (label, value, is selected) of each choice; adds the selected one if it is unknown."""
    own = {} if chosen in known.values() else {chosen: chosen}
    return [(label, value, value == chosen) for label, value in {**known, **own}.items()]
