"""Reads the page that a `ListQuery` asks for, and answers it in the envelope that all lists share."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from threading import Event, Lock
from typing import Any, TypeAlias, TypeVar

import orjson
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Func, IntegerField, Model, QuerySet, Sum
from django.http import StreamingHttpResponse
from django.utils.module_loading import import_string
from rest_framework.response import Response

from tenants.rest.negotiation import JSONRenderer
from tenants.rest.querying.bounded import bounded_search, seconds_left, too_long
from tenants.rest.querying.by_value import ValueOrder
from tenants.rest.querying.compile import comes_after, to_q, with_user_ids
from tenants.rest.querying.fields import Key, query_error
from tenants.rest.querying.query import BATCH, LIMIT, ListQuery
from tenants.rest.querying.tree import ALWAYS
from tenants.rows.batches import batches
from tenants.rows.fields import ListField, LongTextField

M = TypeVar("M", bound=Model)
ToApiPage: TypeAlias = Callable[[Sequence[Any]], Sequence[dict[str, Any]]]
LARGEST_ANSWER = 32 * 1024 * 1024  # bytes of the documents of a page that is read in batches
HEAVIEST = 80 * 1024 * 1024  # characters in the lists of a page's rows: ten of the largest items
FARTHEST = 2**31
NULLABLE = ("page", "pagingCounter", "prevPage", "nextPage")
INDEXED = ["timestamp", "pk"]  # the order that has an index
OWN_PAGES = {"mongodb": f"{__package__}.on_mongodb.page"}
OWN_WEIGHTS = {"mongodb": f"{__package__}.on_mongodb.weight"}
CACHED_TOTALS = 4096
LONGEST_CACHED_FILTER = 1000  # characters


def list_response(
    query: ListQuery,
    queryset: QuerySet[Any],
    to_api_page: ToApiPage,
    totals_key: Callable[[], Hashable],
    values: QuerySet[Any] | None = None,
) -> Response | StreamingHttpResponse:
    """Return the page of the rows. All its queries together take at most `QUERY_TIMEOUT` seconds.

    `to_api_page` returns the documents of some rows. If `totals_key` returns equal keys for two requests with the same
    filter, the total is equal too.

    A large page is read in two steps, to save memory: first the ids, then the documents in batches. They are encoded
    at once, so that memory holds little more than the text of the answer, whose size is limited.
    """
    with bounded_search(queryset.db):
        position = _position_of(query, queryset)
        rows = queryset
        if query.tree != ALWAYS:
            rows = queryset.filter(to_q(with_user_ids(query.tree, query.tenant_id), query.tenant_id))
        whole = rows.only("pk") if query.in_batches else rows
        if query.keys[0].pair and values is not None:
            page = _read_by_value(query, whole, ValueOrder(values, query.keys[0]), totals_key)
        else:
            page = _read(query, whole, position, totals_key)
        if query.in_batches:
            texts = _texts_of(query, [row.pk for row in page.rows], rows, to_api_page)
            return _written(page.envelope(query, []), texts)
        return Response(page.envelope(query, _selected(query, to_api_page(page.rows))))


def _selected(query: ListQuery, documents: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    return [query.selection.pick(document) for document in documents] if query.selection else documents


def _position_of(query: ListQuery, visible: QuerySet[Any]) -> tuple[Any, ...] | None:
    """Return the sort values of the document `after`. Rejects an id that the caller may not read."""
    if not query.after:
        return None
    columns = ["pk"] if query.keys[0].pair else [key.path for key in query.keys]
    found = visible.filter(**{query.id_path: query.after}).values_list(*columns).first()
    if found is None:
        raise query_error(f"after: No such document: {query.after[:100]}")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of a page, and the number of rows on all pages. Only a page after a document has `has_next`."""

    rows: Sequence[Any]
    total: int
    has_next: bool | None = None

    def envelope(self, query: ListQuery, docs: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return the envelope around the documents. After a document, the page's number is unknown and so null."""
        if self.has_next is None:
            return envelope(docs, self.total, query.page, query.limit)
        unknown = dict.fromkeys(NULLABLE) | {"hasPrevPage": True, "hasNextPage": self.has_next}
        return envelope(docs, self.total, 1, query.limit) | unknown


def envelope(docs: Sequence[dict[str, Any]], total: int, page: int, limit: int) -> dict[str, Any]:
    """Return the envelope around the documents of a numbered page."""
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


def _read(
    query: ListQuery, rows: QuerySet[Any], position: tuple[Any, ...] | None, totals_key: Callable[[], Hashable]
) -> Page:
    """Return the page. The rows are counted only if the page does not show how many there are."""
    if position is not None:
        following = rows.filter(comes_after(position, query.keys))
        _refuse_heavy_page(following, query.keys, 0, query.limit)
        found = page_of(following, query.keys, 0, query.limit + 1)
        return Page(found[: query.limit], total_of(rows, query.filter, totals_key), len(found) > query.limit)
    _refuse_heavy_page(rows, query.keys, query.offset, query.limit)
    found = page_of(rows, query.keys, query.offset, query.limit)
    if len(found) < query.limit and (found or not query.offset):
        return Page(found, query.offset + len(found))
    return Page(found, total_of(rows, query.filter, totals_key))


def _read_by_value(
    query: ListQuery, rows: QuerySet[Any], order: ValueOrder, totals_key: Callable[[], Hashable]
) -> Page:
    """Return the page in the order of a value of metadata."""
    limit = query.limit + bool(query.after)
    position = order.position(query.after) if query.after else None
    ids = order.ids(rows, position, query.offset, limit) if query.offset < FARTHEST else []
    _refuse_heavy_page(rows.filter(pk__in=ids), [Key("pk")], 0, limit)
    by_id = rows.order_by().in_bulk(ids[: query.limit])
    found = [by_id[key] for key in ids[: query.limit] if key in by_id]
    if query.after:
        return Page(found, total_of(rows, query.filter, totals_key), len(ids) > query.limit)
    if len(ids) < query.limit and (ids or not query.offset):
        return Page(found, query.offset + len(found))
    return Page(found, total_of(rows, query.filter, totals_key))


def page_of(queryset: QuerySet[M], keys: Sequence[Key], offset: int, limit: int) -> list[M]:
    """Return `limit` rows from `offset` in the order of the keys, with one query that can use an index."""
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
    whole = queryset.query.deferred_loading[1]  # not only the ids
    if offset and sorts and whole and vendor == "sqlite":  # sort ids, because SQLite would sort whole rows in memory
        return list(queryset.model._default_manager.filter(pk__in=ordered.values("pk")).order_by(*order))
    return list(ordered)


def ordered_page(queryset: QuerySet[M], offset: int, limit: int) -> list[M]:
    """Return `limit` rows from `offset` in the order that the queryset already has."""
    keys = [Key(str(path).removeprefix("-"), str(path).startswith("-")) for path in queryset.query.order_by]
    return page_of(queryset, keys, offset, limit)


class Characters(Func):
    """The number of characters that the columns have together, as text."""

    output_field = IntegerField()

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper, *_: Any, **__: Any) -> tuple[str, tuple[Any, ...]]:
        columns = [compiler.compile(column)[0] for column in self.source_expressions]
        return " + ".join(f"LENGTH(CAST({column} AS text))" for column in columns), ()


def _refuse_heavy_page(queryset: QuerySet[Any], keys: Sequence[Key], offset: int, limit: int) -> None:
    """Reject a page whose lists exceed `HEAVIEST`, before its rows are loaded."""
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
        reason = f"please ask for fewer (limit={LIMIT} always works)"
        raise query_error(f"The documents of this page are too large, {reason}")


@cache
def _lists(model: Any) -> Sequence[str]:
    """Return the names of the fields that hold lists or long texts, which can be large."""
    return [field.name for field in model._meta.concrete_fields if isinstance(field, ListField | LongTextField)]


def total_of(queryset: QuerySet[Any], filter: str, totals_key: Callable[[], Hashable]) -> int:
    """Return the number of rows, from a cache of this process if it knows the key and filter.

    The key is read before the rows are counted, so a concurrent change makes a total newer than its key, never older.
    """
    key = totals_key() if len(filter) <= LONGEST_CACHED_FILTER else None
    if key is None:
        return queryset.order_by().count()
    return _total((key, filter)).counted_by(queryset.order_by().count)


@dataclass
class _Total:
    """A cached number. One thread counts it while the others wait, because concurrent counts would slow each other."""

    number: int | None = None
    claim: Lock = field(default_factory=Lock)
    tried: Event = field(default_factory=Event)

    def counted_by(self, count: Callable[[], int]) -> int:
        """Return the number. If the first thread fails to count, each counts. Raises Refused after the deadline."""
        if self.number is None and self.claim.acquire(blocking=False):
            try:
                self.number = count()
            finally:
                self.tried.set()
        if not self.tried.wait(seconds_left()):
            raise too_long()
        if self.number is None:
            self.number = count()
        return self.number


@lru_cache(maxsize=CACHED_TOTALS)
def _total(key: Hashable) -> _Total:
    """Return the cache entry of a total, which may not have been counted yet."""
    return _Total()


def _texts_of(query: ListQuery, keys: Sequence[Any], rows: QuerySet[Any], to_api_page: ToApiPage) -> list[bytes]:
    """Return the documents of these keys as JSON, batch by batch, without rows that have been deleted meanwhile.

    Rejects a page that exceeds `LARGEST_ANSWER`.
    """
    texts: list[bytes] = []
    for batch in batches(keys, BATCH):
        found = rows.order_by().in_bulk(batch)
        documents = to_api_page([found[key] for key in batch if key in found])
        texts += [orjson.dumps(_selected(query, documents))[1:-1]] if documents else []
        if sum(map(len, texts)) > LARGEST_ANSWER:
            size = f"more than {LARGEST_ANSWER // 1024**2} MiB"
            raise query_error(f"The page has {size}: ask for fewer documents (limit) or fewer fields (select)")
    return texts


def _written(envelope: dict[str, Any], texts: Sequence[bytes]) -> StreamingHttpResponse:
    """Return the response with these encoded documents, which are sent in parts and never copied into one text."""
    before, _, after = orjson.dumps(envelope).partition(b"[]")
    parts = [before, b"[", *(part for text in texts for part in (text, b","))]
    parts[-1:] = [b"]", after] if texts else [b"[]", after]
    answer = StreamingHttpResponse(parts, content_type=JSONRenderer.media_type)
    answer["Content-Length"] = str(sum(map(len, parts)))
    return answer
