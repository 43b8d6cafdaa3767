"""Reads the query parameters of a list, and `select`, into immutable values."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rest_framework.request import Request

from tenants.rest.negotiation import PAGE, JSONRenderer
from tenants.rest.querying.fields import SCALARS, Field, FieldTable, Key, field_table, query_error
from tenants.rest.querying.operands import date_of, read_json, text_of
from tenants.rest.querying.parse import parse
from tenants.rest.querying.terms import condition_of, terms_of
from tenants.rest.querying.tree import All, Node
from tenants.rest.querying.words import current_words_of, keys_with_words, with_words
from tenants.rows.texts import shown

LIMIT = 10
LARGEST_LIMIT = 10_000
LARGEST_HTML_LIMIT = 1000
LARGEST_PAGE = 2**53 - 1  # the number of its first document fits 64 bits
BATCH = 100  # documents; a larger page is read and written in batches of this size
SELECTED_NAMES = 100
NEWEST_FIRST = "-timestamp,-_id"
DIRECTIONS = {
    "asc": False,
    "ascending": False,
    "1": False,
    "desc": True,
    "descending": True,
    "-1": True,
}


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list request asks for: filter, order, fields, and the page by its number or by the document before it.

    `filter` identifies the condition, for the cache of totals: it is the text of `filter`, `q` and synonyms' words.
    """

    tenant_id: str | None
    filter: str
    tree: Node
    keys: tuple[Key, ...]
    after: str
    id_path: str
    page: int
    offset: int
    limit: int
    in_batches: bool
    selection: "Selection | None"

    @classmethod
    def of(
        cls,
        request: Request,
        declared: Mapping[str, str],
        default_sort: str = NEWEST_FIRST,
        selection: "Selection | None" = None,
    ) -> "ListQuery":
        """Return the query in the request's parameters, over the declared fields (see `querying.fields`).

        Raises Refused for an invalid parameter. Sends no query to the database, except for synonyms of the words that
        it names.
        """
        fields = field_table(declared)
        filter, after = _single(request, "filter"), _single(request, "after")
        words = _words(request, fields)
        tree, keys = parse(filter, fields), sort_keys(_single(request, "sort"), fields, default_sort)
        tree = All((tree, parse(words, fields))) if words else tree
        tenant_id = getattr(request.user, "tenant_id", None)
        renderer = getattr(request, "accepted_renderer", None)
        is_html = getattr(renderer, "media_type", "") == PAGE
        page = number_in(request, "page", 1, LARGEST_PAGE)
        limit = number_in(request, "limit", LIMIT, LARGEST_HTML_LIMIT if is_html else LARGEST_LIMIT)
        if after and request.query_params.get("page", "").strip():
            raise query_error("page and after exclude each other")
        current = current_words_of(tree, keys, tenant_id)
        return cls(
            tenant_id=tenant_id,
            filter="\n".join(filter_text for filter_text in (filter, words, str(current or "")) if filter_text),
            tree=with_words(tree, current),
            keys=keys_with_words(keys, current),
            after=after and text_of(Field("after", "text"), after),
            id_path=fields["_id"].path if "_id" in fields else "pk",
            page=page,
            offset=(page - 1) * limit,
            limit=limit,
            in_batches=isinstance(renderer, JSONRenderer) and limit > BATCH,
            selection=selection,
        )


def _single(request: Request, name: str) -> str:
    texts = request.query_params.getlist(name)
    if len(texts) > 1:
        raise query_error(f"{name} is given more than once")
    return texts[0] if texts else ""


def _words(request: Request, fields: FieldTable) -> str:
    """Return the condition of the search box as a filter in JSON; empty without one."""
    text = _single(request, "q")
    return json.dumps(condition_of(terms_of(text, fields, getattr(request.user, "pk", "")))) if text.strip() else ""


def one_of(request: Request, name: str, known: Sequence[str]) -> str:
    """Return the text of a query parameter. Raises Refused unless it is one of these."""
    text = request.query_params.get(name, "")
    if text not in known:
        raise query_error(f"{name} is one of {', '.join(filter(None, known))}, not {shown(text)}")
    return text


def number_in(request: Request, name: str, default: int, largest: int) -> int:
    text = request.query_params.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and 0 < int(text) <= largest):
        raise query_error(f"{name} is a number from 1 to {largest}, not {text[:100]}")
    return int(text)


def time_in(request: Request) -> datetime | None:
    """Return the time that `at` names, or None if it is absent. Raises Refused if it is no date."""
    text = _single(request, "at").strip()
    return date_of(Field("at", "date"), text) if text else None


def sort_keys(text: str, fields: FieldTable, default: str = NEWEST_FIRST) -> tuple[Key, ...]:
    """Return the keys of `sort`, or of the default if it is empty. The id always breaks ties."""
    chosen = _directions(text) if text.strip() else []
    if not chosen:
        return _with_ties([_default_key(name, fields) for name in default.split(",")])
    keys = [_key(name, descending, fields) for name, descending in chosen]
    if any(key.pair for key in keys):
        if len(keys) > 1:
            raise query_error("sort: a value of metadata is the only key of a sort")
        return tuple(keys)
    return _with_ties(keys)


def _directions(text: str) -> list[tuple[str, bool]]:
    value = read_json(text, "sort")
    if not isinstance(value, dict):
        raise query_error("sort is not a JSON object")
    for name, direction in value.items():
        if isinstance(direction, bool) or str(direction) not in DIRECTIONS:
            raise query_error(f"sort: {name[:100]} takes asc or desc")
    return [(name, DIRECTIONS[str(direction)]) for name, direction in value.items()]


def _default_key(name: str, fields: FieldTable) -> Key:
    """Return a key of a view's default order: a declared field, or else a column. `_id` is the primary key."""
    bare = name.removeprefix("-")
    if bare in fields and bare != "_id":
        return _key(bare, name.startswith("-"), fields)
    return Key("pk" if bare == "_id" else bare, name.startswith("-"))


def _key(name: str, descending: bool, fields: FieldTable) -> Key:
    field = fields.get(name)
    if not field:
        if name == "_id":
            return Key("pk", descending)
        first, _, rest = name.partition(".")
        if rest and first in fields and fields[first].kind == "pairs":
            return Key(fields[first].path, descending, pair=text_of(fields[first], rest), words=fields[first].words)
        raise query_error(f"sort: Unknown field {name[:100]}")
    if field.kind not in SCALARS or name != field.name or "." in name:
        raise query_error(f"sort: {name} is a list")
    return Key(field.path, descending, field.nullable)


def _with_ties(keys: Sequence[Key]) -> tuple[Key, ...]:
    if any(key.path == "pk" for key in keys):
        return tuple(keys)
    return *keys, Key("pk", keys[-1].descending)


@dataclass(frozen=True, slots=True)
class Selection:
    """The fields that `select` names: whole fields, and by field the parts inside it."""

    whole: frozenset[str]
    within: dict[str, frozenset[str]]

    @classmethod
    def of(cls, names: Iterable[str]) -> "Selection":
        """Return the selection of these names and `_id`. A dotted name selects inside objects and lists."""
        whole = {"_id", *names}
        within: dict[str, set[str]] = {}
        for name in whole:
            first, dot, rest = name.partition(".")
            if dot:
                within.setdefault(first, set()).add(rest)
        return cls(frozenset(whole), {first: frozenset(rests) for first, rests in within.items()})

    def includes(self, field: str) -> bool:
        """Tell whether the field, or a part of it, is selected."""
        return field in self.whole or field in self.within

    def pick(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the selected parts of a document. The cost does not depend on the number of names."""
        parts = {}
        for key, value in document.items():
            if key in self.whole:
                parts[key] = value
            elif key in self.within and isinstance(value, dict | list):
                parts[key] = _inside(value, self.within[key])
        return parts


def selection_of(request: Request) -> Selection | None:
    """Return what `select` names, or None if it is absent or is not a JSON list.

    Raises Refused for too many names, except where the request has already changed something.
    """
    text = request.query_params.get("select")
    if not text:
        return None
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(names, list):
        return None
    if len(names) > SELECTED_NAMES and request.method in ("GET", "HEAD"):
        raise query_error(f"select has at most {SELECTED_NAMES} names")
    return Selection.of(name for name in names if isinstance(name, str))


def _inside(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [_inside(element, names) for element in value]
    return {key: part for key, part in value.items() if key in names} if isinstance(value, dict) else value
