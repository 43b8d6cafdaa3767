"""Exports: all documents of a list as CSV or NDJSON, streamed in batches, in constant memory."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import chain
from typing import Any

import orjson
from django.db import router
from django.http import HttpRequest, StreamingHttpResponse
from rest_framework.request import Request

from tenants.rest.querying.bounded import bounded_search
from tenants.rest.querying.by_value import ValueOrder
from tenants.rest.querying.fields import Key, query_error
from tenants.rest.querying.page import among, position_of, search_of, selected
from tenants.rest.querying.query import BATCH, LIMIT, SELECTED_NAMES, ListQuery
from tenants.rest.querying.search import Position, Search
from tenants.rest.querying.words import columns_in_words
from tenants.rows.hooks import hook
from tenants.rows.prepared import Rows

Documents = Sequence[dict[str, Any]]
HEAVY = 8 * 1024 * 1024  # characters in the lists of a batch; above this, batches have `LIMIT` documents
ACCEPTED = re.compile("csv|ndjson", re.IGNORECASE)
# A spreadsheet runs a text that begins like this as a formula, and drops a leading quote.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_head(fields: Sequence[str]) -> bytes:
    return _lines([fields])


def csv_lines(documents: Documents, fields: Sequence[str]) -> bytes:
    """Return one line for each document, with its cells in the order of the fields."""
    return _lines([[cell(_value(document, field)) for field in fields] for document in documents])


def _value(document: dict[str, Any], field: str) -> Any:
    """Return the value of a field, or of the pair that `field.name` names."""
    outer, dot, name = field.partition(".")
    if not dot:
        return document.get(field)
    return next((pair["value"] for pair in document.get(outer, ()) if pair["name"] == name), None)


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def cell(value: Any) -> str:
    """Return a value as text: nothing for null, JSON for lists, objects, numbers and booleans.

    Text that a spreadsheet would run as a formula has a `'` before it, and so has text that begins with `'`: a reader
    that removes one gets the text.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    return orjson.dumps(value).decode()


def ndjson_lines(documents: Documents, fields: Sequence[str]) -> bytes:
    """Return one line of JSON for each document."""
    return b"".join(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE) for document in documents)


@dataclass(frozen=True, slots=True)
class Form:
    """A form of exports: its name in `format`, its media type, and how it is written."""

    name: str
    media_type: str
    head: Callable[[Sequence[str]], bytes]
    lines: Callable[[Documents, Sequence[str]], bytes]


FORMS = {
    form.name: form
    for form in (
        Form("csv", "text/csv", csv_head, csv_lines),
        Form("ndjson", "application/x-ndjson", lambda fields: b"", ndjson_lines),
    )
}
TYPES = {form.media_type: form for form in FORMS.values()}


def export_form(request: Request) -> Form | None:
    """Return the form that `format` names, or that `Accept` prefers to JSON, or None for a page of the list."""
    named = FORMS.get(request.query_params.get("format", ""))
    return named or (_accepted(request._request) if ACCEPTED.search(request.META.get("HTTP_ACCEPT", "")) else None)


def _accepted(request: HttpRequest) -> Form | None:
    try:
        return TYPES.get(request.get_preferred_type(["application/json", *TYPES]) or "")
    except ValueError:  # a parameter names an unknown charset
        return None


def export_response(form: Form, query: ListQuery, view: Any) -> StreamingHttpResponse:
    """Return all documents of the view's list, or as many as `limit` names, in this form.

    The first batch is read now, so most errors are answered as such. The others are read while the client fetches them,
    each within `QUERY_TIMEOUT` seconds and with a slot of its own; an error then ends the connection.
    """
    request = view.request
    if request.query_params.get("page", "").strip():
        raise query_error("An export has no pages: use limit and after")
    fields = _columns(request, view) or [name for name in view.document_fields() if view.is_selected(name)]
    parts: Iterator[bytes] = iter(())
    if request.method != "HEAD":
        limit = query.limit if request.query_params.get("limit", "").strip() else None
        read = _batches(query, view, limit)
        parts = chain([form.head(fields) + form.lines(next(read), fields)], _rest(read, form, fields))
    response = StreamingHttpResponse(parts, content_type=f"{form.media_type}; charset=utf-8")
    name = request.path.rstrip("/").rpartition("/")[2]
    response["Content-Disposition"] = f'attachment; filename="{name}.{form.name}"'
    return response


def _columns(request: Request, view: Any) -> list[str]:
    """Return the columns that `columns` names, each once, and metadata under its words.

    The view remembers which synonyms were replaced. Raises Refused for unknown columns and for too many.
    """
    names = list(dict.fromkeys(name for name in request.query_params.getlist("columns") if name))
    known = view.document_fields()
    for name in names:
        if name not in known and not (name.startswith("metadata.") and "metadata" in known):
            raise query_error(f"columns: Unknown field {name[:100]}")
    if len(names) > SELECTED_NAMES:
        raise query_error(f"columns has at most {SELECTED_NAMES} names")
    names, view.replaced = columns_in_words(names, getattr(request.user, "tenant_id", None))
    return names


def _rest(read: Iterator[Documents], form: Form, fields: Sequence[str]) -> Iterator[bytes]:
    """Give the batches after the first. Each is read and encoded in a slot, which is free while it is sent."""
    slot = hook("slot")
    while True:
        with slot():
            documents = next(read, None)
            text = documents and form.lines(documents, fields)
        if not text:
            return
        yield text


def _batches(query: ListQuery, view: Any, limit: int | None) -> Iterator[Documents]:
    """Give the documents in batches, at least one. Each follows the position of the last document before it."""
    rows: Rows = view.rows
    attributes = [_attribute(rows, key) for key in query.keys if not key.pair]
    columns = view.columns() and tuple(dict.fromkeys([*view.columns(), *attributes]))
    values = view.get_values() if query.keys[0].pair else None
    order = None if values is None else ValueOrder(values, query.keys[0])
    search, left = None, limit
    position: Any = None
    while True:
        with bounded_search(router.db_for_read(rows.model)):
            if search is None:
                search, position = search_of(query, rows, columns), position_of(query, rows)
                position = order.position(query.after) if order and position else position
            most = BATCH if left is None else min(BATCH, left)
            if order:
                found, position = _by_value(search, order, position, most)
            else:
                found, position = _by_columns(search, query.keys, attributes, position, most)
            documents = selected(query, view.to_api_page(found))
        left = left and left - len(found)
        yield documents
        if position is None or left == 0:
            return


def _by_columns(
    search: Search, keys: Sequence[Key], attributes: Sequence[str], position: Position, most: int
) -> tuple[Sequence[Any], Position]:
    """Return the rows of a batch in the order of columns, and the position of the last row, or None at the end."""
    size = min(_size(search, keys, position), most)
    found = search.page(keys, position, 0, size)
    return found, tuple(getattr(found[-1], name) for name in attributes) if len(found) == size else None


def _by_value(search: Search, order: ValueOrder, position: Any, most: int) -> tuple[Sequence[Any], Position]:
    """Return the rows of a batch in the order of a value, and the position of the last row, or None at the end."""
    positions = order.positions(search.queryset(), position, 0, most)
    ids = [each[-1] for each in positions]
    size = min(_size(among(search, ids), (Key("pk"),), None), most)
    return search.by_id(ids[:size]), positions[size - 1] if len(positions) >= size else None


def _size(search: Search, keys: Sequence[Key], position: Position) -> int:
    """Return the number of documents of the next batch, which is small if documents are large."""
    return LIMIT if search.lists and search.weight(keys, position, 0, BATCH) > HEAVY else BATCH


def _attribute(rows: Rows, key: Key) -> str:
    """Return the attribute of a row that has the value of a sort key."""
    return str(rows.model._meta.pk.attname if key.path == "pk" else key.path)
