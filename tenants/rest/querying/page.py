"""Reads the page that a `ListQuery` asks for, and answers it in the envelope that all lists share."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from threading import Event, Lock
from typing import Any, TypeAlias, TypeVar

import orjson
from django.db import router
from django.db.models import Model, QuerySet
from django.http import StreamingHttpResponse
from rest_framework.response import Response

from tenants.rest.negotiation import JSONRenderer
from tenants.rest.querying.bounded import bounded_search, seconds_left, too_long
from tenants.rest.querying.by_value import ValueOrder
from tenants.rest.querying.compile import ID, resolved, with_user_ids
from tenants.rest.querying.fields import Key, query_error
from tenants.rest.querying.query import BATCH, LIMIT, ListQuery
from tenants.rest.querying.search import EDITION, Search
from tenants.rest.querying.tree import All, Compare
from tenants.rows.batches import batches
from tenants.rows.prepared import Rows

M = TypeVar("M", bound=Model)
ToApiPage: TypeAlias = Callable[[Sequence[Any]], Sequence[dict[str, Any]]]
TotalsKey: TypeAlias = Callable[[int | None], Hashable]
LARGEST_ANSWER = 32 * 1024 * 1024  # bytes of the documents of a page that is read in batches
HEAVIEST = 80 * 1024 * 1024  # characters in the lists of a page's rows: ten of the largest items
FARTHEST = 2**31
NULLABLE = ("page", "pagingCounter", "prevPage", "nextPage")
CACHED_TOTALS = 4096
LONGEST_CACHED_FILTER = 1000  # characters


def list_response(
    query: ListQuery,
    rows: Rows | QuerySet[Any],
    to_api_page: ToApiPage,
    totals_key: TotalsKey,
    columns: tuple[str, ...] | None = None,
    *,
    edition_in: str | None = None,
    values: Callable[[], QuerySet[Any] | None] = lambda: None,
) -> Response | StreamingHttpResponse:
    """Return the page of the rows. All its queries together take at most `QUERY_TIMEOUT` seconds.

    `to_api_page` returns the documents of some rows: named tuples of the columns, which include the key, or instances.
    `values` returns those that the rows can be sorted by (see `querying.by_value`). If `totals_key` returns equal keys
    for two requests with the same filter, the total is equal too. It gets the edition of the items of the tenant
    `edition_in` if the page showed it, or else None.

    A large page is read in two steps, to save memory: first the ids, then the documents in batches. They are encoded
    at once, so that memory holds little more than the text of the answer, whose size is limited.
    """
    rows = rows if isinstance(rows, Rows) else Rows.of(rows)
    with bounded_search(router.db_for_read(rows.model)):
        position = position_of(query, rows)
        search = replace(search_of(query, rows, columns), edition_in=edition_in)
        by_value = values() if query.keys[0].pair else None
        if by_value is not None:
            page = _read_by_value(query, search, ValueOrder(by_value, query.keys[0]), totals_key)
        else:
            page = _read(query, search, position, totals_key)
        if query.in_batches:
            texts = _texts_of(query, search, page.rows, to_api_page)
            return _written(page.envelope(query, []), texts)
        return Response(page.envelope(query, selected(query, to_api_page(page.rows))))


def search_of(query: ListQuery, rows: Rows, columns: tuple[str, ...] | None) -> Search:
    """Return the search for the rows that the query's filter selects."""
    tree = resolved(with_user_ids(query.tree, query.tenant_id), query.tenant_id, rows.model)
    return Search(rows, tree, columns)


def selected(query: ListQuery, documents: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    return [query.selection.pick(document) for document in documents] if query.selection else documents


def position_of(query: ListQuery, visible: Rows) -> tuple[Any, ...] | None:
    """Return the sort values of the document `after`. Rejects an id that the caller may not read."""
    if not query.after:
        return None
    keys = (Key("pk"),) if query.keys[0].pair else query.keys
    found = Search(visible).position(query.id_path, query.after, keys)
    if found is None:
        raise query_error(f"after: No such document: {query.after[:100]}")
    return found


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


def _read(query: ListQuery, search: Search, position: tuple[Any, ...] | None, totals_key: TotalsKey) -> Page:
    """Return the page, with ids as rows if it is read in batches.

    The rows are counted only if the page does not show how many there are.
    """
    extra = 0 if position is None else 1  # shows whether there is a next page
    found: Sequence[Any] = []
    if query.offset < FARTHEST:
        _refuse_heavy_page(search, query.keys, position, query.offset, query.limit)
        read = search.ids if query.in_batches else search.page
        found = read(query.keys, position, query.offset, query.limit + extra)
    return _page(query, search, found, totals_key)


def _read_by_value(query: ListQuery, search: Search, order: ValueOrder, totals_key: TotalsKey) -> Page:
    """Return the page in the order of a value of metadata, with ids as rows if it is read in batches."""
    position, extra = (order.position(query.after), 1) if query.after else (None, 0)
    found: Sequence[Any] = []
    if query.offset < FARTHEST:
        found = order.ids(search.queryset(), position, query.offset, query.limit + extra)
        _refuse_heavy_page(among(search, found), (Key("pk"),), None, 0, query.limit)
    return _page(query, search, found if query.in_batches else search.by_id(found), totals_key)


def among(search: Search, ids: Sequence[Any]) -> Search:
    """Return the search among the rows with these ids."""
    return replace(search, tree=All((search.tree, Compare(ID, "in", tuple(ids)))))


def _page(query: ListQuery, search: Search, found: Sequence[Any], totals_key: TotalsKey) -> Page:
    """Return the page of the rows that were found. After a document, one row more shows that another page follows."""
    edition = getattr(found[-1], EDITION, None) if found else None
    if query.after:
        total = total_of(search.count, query.filter, totals_key, edition)
        return Page(found[: query.limit], total, len(found) > query.limit)
    if len(found) < query.limit and (found or not query.offset):
        return Page(found, query.offset + len(found))
    return Page(found, total_of(search.count, query.filter, totals_key, edition))


def ordered_page(queryset: QuerySet[M], offset: int, limit: int) -> Sequence[M]:
    """Return `limit` instances from `offset` in the order that the queryset already has."""
    keys = [Key(str(path).removeprefix("-"), str(path).startswith("-")) for path in queryset.query.order_by]
    return page_of(queryset, keys, offset, limit)


def page_of(queryset: QuerySet[M], keys: Sequence[Key], offset: int, limit: int) -> Sequence[M]:
    """Return `limit` instances from `offset` in the order of the keys, with one query that can use an index."""
    if offset >= FARTHEST:
        return []
    if queryset.query.select_related or queryset.query.annotations:
        return list(queryset.order_by(*(key.expression() for key in keys))[offset : offset + limit])
    return Search(Rows.of(queryset)).page(keys, None, offset, limit)


def _refuse_heavy_page(
    search: Search, keys: Sequence[Key], position: tuple[Any, ...] | None, offset: int, limit: int
) -> None:
    """Reject a page whose lists exceed `HEAVIEST`, before its rows are loaded."""
    if limit > LIMIT and search.lists and search.weight(keys, position, offset, limit) > HEAVIEST:
        reason = f"please ask for fewer (limit={LIMIT} always works)"
        raise query_error(f"The documents of this page are too large, {reason}")


def total_of(count: Callable[[], int], filter: str, totals_key: TotalsKey, edition: int | None = None) -> int:
    """Return the number of rows, from a cache of this process if it knows the key and filter.

    The key is read before the rows are counted, so a concurrent change makes a total newer than its key, never older.
    """
    key = totals_key(edition) if len(filter) <= LONGEST_CACHED_FILTER else None
    return count() if key is None else _total((key, filter)).counted_by(count)


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


def _texts_of(query: ListQuery, search: Search, ids: Sequence[Any], to_api_page: ToApiPage) -> list[bytes]:
    """Return the documents of these ids as JSON, batch by batch, without rows that have been deleted meanwhile.

    Rejects a page that exceeds `LARGEST_ANSWER`.
    """
    texts: list[bytes] = []
    for batch in batches(ids, BATCH):
        documents = to_api_page(search.by_id(batch))
        texts += [orjson.dumps(selected(query, documents))[1:-1]] if documents else []
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
