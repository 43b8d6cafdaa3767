"""Pages of a list, in the envelope that every list answers."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

import orjson
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Func, IntegerField, Model, QuerySet, Sum
from django.http import StreamingHttpResponse
from django.utils.module_loading import import_string
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.rest.negotiation import PAGE, JSONRenderer
from tenants.rest.querying.bounded import bounded_list
from tenants.rest.querying.json_text import refused
from tenants.rest.querying.position import comes_after
from tenants.rest.querying.select import selected, selection_of
from tenants.rest.querying.sort import Key
from tenants.rest.querying.totals import total_of
from tenants.rows.batches import batches
from tenants.rows.fields import ListField

M = TypeVar("M", bound=Model)
LIMIT = 10
LARGEST_LIMIT = 10_000
LARGEST_OF_BROWSERS = 1000  # documents on a page of HTML
PART = 100  # documents that are in memory at once as more than the text of the answer
LARGEST_ANSWER = 32 * 1024 * 1024  # bytes of the documents, where there are more than PART
HEAVIEST = 80 * 1024 * 1024  # characters in the lists of a page's rows: ten of the largest items
LARGEST_PAGE = 2**53 - 1  # its first document's number fits 64 bits
FARTHEST = 2**31
NULLABLE = ("page", "pagingCounter", "prevPage", "nextPage")
INDEXED = ["timestamp", "pk"]  # the order that an index has
OWN_PAGES = {"mongodb": f"{__package__}.on_mongodb.page"}
OWN_WEIGHTS = {"mongodb": f"{__package__}.on_mongodb.weight"}


class Characters(Func):
    """How many characters the columns have together, as texts."""

    output_field = IntegerField()

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper, *_: Any, **__: Any) -> tuple[str, tuple[Any, ...]]:
        columns = [compiler.compile(column)[0] for column in self.source_expressions]
        return " + ".join(f"LENGTH(CAST({column} AS text))" for column in columns), ()


def page_of(queryset: QuerySet[M], keys: Sequence[Key], offset: int, limit: int) -> list[M]:
    """Return `limit` rows from `offset` on in the order of the keys, with one query that an index can serve."""
    if offset >= FARTHEST:
        return []
    vendor = connections[queryset.db].vendor
    own = OWN_PAGES.get(vendor)
    if own and not queryset.query.select_related and not queryset.query.annotations:
        rows: list[M] = import_string(own)(queryset, keys, offset, limit)
        return rows
    order = [key.expression() for key in keys]
    ordered = queryset.order_by(*order)[offset : offset + limit]
    sorts = [key.path for key in keys] != INDEXED and _lists(queryset.model)
    whole = queryset.query.deferred_loading[1]  # not only the keys
    if offset and sorts and whole and vendor == "sqlite":  # it would sort whole rows in memory, and ids are short
        return list(queryset.model._default_manager.filter(pk__in=ordered.values("pk")).order_by(*order))
    return list(ordered)


def refuse_heavy_page(queryset: QuerySet[Any], keys: Sequence[Key], offset: int, limit: int) -> None:
    """Refuse a page of rows whose lists are longer than those of ten of the largest items, before memory holds them."""
    model: Any = queryset.model
    lists = _lists(model)
    if limit <= LIMIT or not lists or offset >= FARTHEST:
        return
    own = OWN_WEIGHTS.get(connections[queryset.db].vendor)
    if own:
        weight = import_string(own)(queryset, keys, offset, limit)
    else:
        rows = queryset.order_by(*(key.expression() for key in keys)).annotate(weight=Characters(*lists))
        weight = rows[offset : offset + limit].aggregate(total=Sum("weight"))["total"] or 0
    if weight > HEAVIEST:
        raise refused(f"The documents of this page are too large, please ask for fewer (limit={LIMIT} always works)")


@cache
def _lists(model: Any) -> Sequence[str]:
    """Return the fields that hold lists, which may be large."""
    return [field.name for field in model._meta.concrete_fields if isinstance(field, ListField)]


def ordered_page(queryset: QuerySet[M], offset: int, limit: int) -> list[M]:
    """Return `limit` rows from `offset` on in the order that the queryset has already."""
    keys = [Key(str(path).removeprefix("-"), str(path).startswith("-")) for path in queryset.query.order_by]
    return page_of(queryset, keys, offset, limit)


def page_and_total(
    queryset: QuerySet[M], keys: Sequence[Key], offset: int, limit: int, count: Callable[[QuerySet[M]], int]
) -> tuple[list[M], int]:
    """Return a page and the number of all rows, for which `count` is called only where the page does not tell it."""
    rows = page_of(queryset, keys, offset, limit)
    if len(rows) < limit and (rows or not offset):
        return rows, offset + len(rows)
    return rows, count(queryset)


def envelope(docs: Sequence[dict[str, Any]], total: int, page: int, limit: int) -> dict[str, Any]:
    """Return the page envelope around the documents."""
    pages = max(1, -(-total // limit))
    return {
        "docs": docs,
        "totalDocs": total,
        "limit": limit,
        "totalPages": pages,
        "page": page,
        "pagingCounter": (page - 1) * limit + 1,
        "hasPrevPage": page > 1,
        "hasNextPage": page < pages,
        "prevPage": page - 1 if page > 1 else None,
        "nextPage": page + 1 if page < pages else None,
    }


def envelope_after(docs: Sequence[dict[str, Any]], total: int, limit: int, has_next: bool) -> dict[str, Any]:
    """Return the envelope around documents that follow another one, of which nobody counts how many come before."""
    return envelope(docs, total, 1, limit) | dict.fromkeys(NULLABLE) | {"hasPrevPage": True, "hasNextPage": has_next}


def _positive(request: Request, name: str, default: int, largest: int) -> int:
    text = request.query_params.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and 0 < int(text) <= largest):
        raise refused(f"{name} is a number from 1 to {largest}, not {text[:100]}")
    return int(text)


class PagePagination(BasePagination):
    """Cuts a list into pages; the filter backend left the order and the deadline on the request.

    Of a large page only the keys are read at once. Its documents are read and written in parts, so that it takes
    hardly more memory than the text of the answer, which is bounded.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request, self.view, self.queryset = request, view, queryset
        self.selection = selection_of(request)
        renderer = getattr(request, "accepted_renderer", None)
        largest = LARGEST_OF_BROWSERS if getattr(renderer, "media_type", "") == PAGE else LARGEST_LIMIT
        self.page = _positive(request, "page", 1, LARGEST_PAGE)
        self.limit = _positive(request, "limit", LIMIT, largest)
        self.in_parts = isinstance(renderer, JSONRenderer) and self.limit > PART
        if self.in_parts:
            queryset = queryset.only("pk")
        keys: Sequence[Key] = getattr(request, "list_order", (Key("pk"),))
        with bounded_list(request, queryset.db):
            return self.rows(queryset, keys)

    def rows(self, queryset: QuerySet[Any], keys: Sequence[Key]) -> list[Any]:
        """Return the rows that the client asked for, and remember how many there are in all."""
        position = getattr(self.request, "list_position", None)
        self.has_next: bool | None = None
        if position is None:
            offset = (self.page - 1) * self.limit
            refuse_heavy_page(queryset, keys, offset, self.limit)
            rows, self.total = page_and_total(queryset, keys, offset, self.limit, self.count)
            return rows
        if self.request.query_params.get("page", "").strip():
            raise refused("page and after exclude each other")
        after = queryset.filter(comes_after(position, keys))
        refuse_heavy_page(after, keys, 0, self.limit)
        following = page_of(after, keys, 0, self.limit + 1)
        self.has_next, self.total = len(following) > self.limit, self.count(queryset)
        return following[: self.limit]

    def count(self, queryset: QuerySet[Any]) -> int:
        """Return the number of rows; a view that has a `totals_key` need not have them counted each time."""
        key = getattr(self.view, "totals_key", lambda: None)
        return total_of(queryset, self.request.query_params.get("filter", ""), key)

    def get_paginated_response(self, data: Sequence[Any]) -> Response | StreamingHttpResponse:  # type: ignore[override]
        """Answer the page of these rows, each as the view's `to_api_page` tells it and as `select` cuts it."""
        with bounded_list(self.request, self.queryset.db):
            if self.in_parts:
                return _in_parts(self.envelope([]), self.texts_of([row.pk for row in data]))
            return Response(self.envelope(self.documents(data)))

    def envelope(self, docs: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return the envelope of this page around the documents."""
        if self.has_next is not None:
            return envelope_after(docs, self.total, self.limit, self.has_next)
        return envelope(docs, self.total, self.page, self.limit)

    def documents(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        """Return the documents of some rows, cut to what the client selected."""
        documents = self.view.to_api_page(rows)
        return [self.selection.pick(document) for document in documents] if self.selection else list(documents)

    def texts_of(self, keys: Sequence[Any]) -> list[bytes]:
        """Return the JSON of the documents of these keys, some at a time, without what has gone meanwhile.

        Refuses a page that is too large.
        """
        texts: list[bytes] = []
        for some in batches(keys, PART):
            rows = self.queryset.order_by().in_bulk(some)
            documents = self.documents([rows[key] for key in some if key in rows])
            texts += [orjson.dumps(documents)[1:-1]] if documents else []
            if sum(map(len, texts)) > LARGEST_ANSWER:
                size = f"more than {LARGEST_ANSWER // 1024**2} MiB"
                raise refused(f"The page has {size}: ask for fewer documents (limit) or fewer fields (select)")
        return texts

    @staticmethod
    def selects(field: str, request: Request) -> bool:
        """Tell whether the client selected the field, or a part of it."""
        selection = selection_of(request)
        return selection is None or field in selection.whole or field in selection.within

    @staticmethod
    def select(document: dict[str, Any], request: Request) -> dict[str, Any]:
        """Return the parts of a single resource that the client selected."""
        return selected(document, request)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        example = envelope([], 31, 2, LIMIT)
        properties = {name: _property(name, value) for name, value in example.items()} | {"docs": schema}
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            parameter(
                "page",
                "Number of the page, from 1.",
                {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": 1},
                1,
            ),
            parameter(
                "limit",
                f"Documents of a page. Those of a page of more than {PART} have at most 32 MiB.",
                {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": LARGEST_LIMIT,
                    "default": LIMIT,
                },
                LIMIT,
            ),
        ]


def _in_parts(envelope: dict[str, Any], texts: Sequence[bytes]) -> StreamingHttpResponse:
    """Answer an envelope whose documents are written already; they are sent as they are, in no text of their own."""
    before, _, after = orjson.dumps(envelope).partition(b"[]")
    parts = [before, b"[", *(part for text in texts for part in (text, b","))]
    parts[-1:] = [b"]", after] if texts else [b"[]", after]
    answer = StreamingHttpResponse(parts, content_type=JSONRenderer.media_type)
    answer["Content-Length"] = str(sum(map(len, parts)))
    return answer


def _property(name: str, example: Any) -> dict[str, Any]:
    kind = "boolean" if isinstance(example, bool) else "integer"
    return {"type": [kind, "null"] if name in NULLABLE else kind, "example": example}


def parameter(name: str, description: str, schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
        "example": example,
    }
