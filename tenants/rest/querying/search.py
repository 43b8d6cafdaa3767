"""Reads rows of a list by prepared queries: a page, its size, the number of all rows, and rows by id."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar, TypeAlias

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Func, IntegerField, Q, Subquery

from tenants.rest.querying.compile import comes_after, to_q
from tenants.rest.querying.fields import Key
from tenants.rest.querying.on_mongodb import page_stages, weight_stages
from tenants.rest.querying.tree import ALWAYS, Node
from tenants.rows.fences import edition_rows, edition_stage
from tenants.rows.fields import ListField, LongTextField
from tenants.rows.plans import Query
from tenants.rows.prepared import Prepared, Rows, record

Position: TypeAlias = Sequence[Any] | None  # the sort values of the row before a page
EDITION = "edition"
INDEXED = ["timestamp", "pk"]  # the order that has an index


@dataclass(frozen=True, slots=True)
class Search:
    """The rows of a list that satisfy a filter (see `compile.resolved`), and how to read them.

    `columns` are the ones to read, as named tuples with these fields; None means instances of the model. With
    `edition_in`, the rows of a page also have the edition of the items of this tenant, in one query less.
    """

    VALUES: ClassVar = ("rows", "tree", "edition_in")

    rows: Rows
    tree: Node = ALWAYS
    columns: tuple[str, ...] | None = None
    edition_in: str | None = None

    def queryset(self) -> Any:
        rows = self.rows.queryset()
        return rows if self.tree == ALWAYS else rows.filter(to_q(self.tree))

    @property
    def lists(self) -> Sequence[str]:
        """The columns to read that hold lists, which can be large."""
        return [name for name in lists_of(self.rows.model) if self.columns is None or name in self.columns]

    def page(self, keys: Sequence[Key], position: Position, offset: int, limit: int) -> Sequence[Any]:
        """Return `limit` rows from `offset` in the order of the keys, only those that follow a position if given."""
        page = _cut(keys, position, offset, limit)
        if self.columns is None or self.edition_in is None:
            return self._read(_pages, self, *page)
        found = list(map(record((*self.columns, EDITION))._make, _pages_with_edition.run(self, *page)))
        is_apart = bool(found) and getattr(found[-1], self.rows.model._meta.pk.attname) is None  # on MongoDB
        return [row._replace(edition=found[-1].edition) for row in found[:-1]] if is_apart else found

    def ids(self, keys: Sequence[Key], position: Position, offset: int, limit: int) -> Sequence[Any]:
        """Return the ids of the rows of a page."""
        return [key for (key,) in _ids.run(self, *_cut(keys, position, offset, limit))]

    def where(self, column: str, value: str) -> Sequence[Any]:
        """Return the rows with this value in a column."""
        return self._read(_where, self, Key(column), value)

    def by_id(self, ids: Sequence[Any]) -> Sequence[Any]:
        """Return the rows with these ids, in this order, without those that do not exist."""
        attname = self.rows.model._meta.pk.attname
        found = {getattr(row, attname): row for row in self._read(_by_id, self, tuple(ids))}
        return [found[key] for key in ids if key in found]

    def weight(self, keys: Sequence[Key], position: Position, offset: int, limit: int) -> int:
        """Return the size of the lists in the columns to read of a page: characters, or bytes on MongoDB."""
        return self._total(_weights, self, *_cut(keys, position, offset, limit))

    def count(self) -> int:
        """Return the number of rows."""
        return self._total(_counts, self)

    def position(self, column: str, value: str, keys: Sequence[Key]) -> tuple[Any, ...] | None:
        """Return the sort values of the row with this value, or None if there is none."""
        found = _positions.run(self.rows, Key(column), value, tuple(keys))
        return tuple(found[0]) if found else None

    def _read(self, prepared: Prepared[Any], *values: Any) -> Sequence[Any]:
        if self.columns is None:
            return prepared.instances(*values)
        return list(map(record(self.columns)._make, prepared.run(*values)))

    @staticmethod
    def _total(prepared: Prepared[Any], *values: Any) -> int:
        rows = prepared.run(*values)
        return int(rows[0][0] or 0) if rows else 0


@cache
def lists_of(model: Any) -> Sequence[str]:
    """Return the names of the fields of a model that hold lists or long texts, which can be large."""
    return [field.name for field in model._meta.concrete_fields if isinstance(field, ListField | LongTextField)]


def _cut(keys: Sequence[Key], position: Position, offset: int, limit: int) -> tuple[Any, ...]:
    """Return what a page adds to the shape of a search: a page at the start has another shape than those after it."""
    return tuple(keys), position, offset or None, limit


def _following(search: Search, position: Position, keys: Sequence[Key]) -> Any:
    after = Q() if position is None else comes_after(position, keys)
    return search.queryset().filter(after)


def _selected(rows: Any, columns: Sequence[str] | None) -> Any:
    return rows if columns is None else rows.values_list(*columns)


def _page(search: Search, keys: Sequence[Key], position: Position, offset: int | None, limit: int) -> Query:
    rows, columns = _following(search, position, keys), search.columns
    if connections[rows.db].vendor == "mongodb":
        return Query(_selected(rows.order_by(), columns), page_stages(rows.model, keys, offset, limit))
    order = [key.expression() for key in keys]
    ordered = rows.order_by(*order)[offset or 0 : (offset or 0) + limit]
    sorts = [key.path for key in keys] != INDEXED and search.lists
    if offset and sorts and connections[rows.db].vendor == "sqlite":  # sort ids: SQLite would sort whole rows in memory
        ordered = rows.model._default_manager.filter(pk__in=ordered.values("pk")).order_by(*order)
    return Query(_selected(ordered, columns))


def _page_with_edition(search: Search, *page: Any) -> Query:
    query, tenant_id = _page(search, *page), search.edition_in or ""
    if connections[query.queryset.db].vendor == "mongodb":
        return replace(query, beside=EDITION, last=[edition_stage(tenant_id)])
    return replace(query, queryset=query.queryset.annotate(**{EDITION: Subquery(edition_rows(tenant_id))}))


def _page_of_ids(search: Search, *page: Any) -> Query:
    return _page(Search(search.rows, search.tree, (search.rows.model._meta.pk.attname,)), *page)


class Characters(Func):
    """The number of characters that the columns have together, as text."""

    output_field = IntegerField()

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper, *_: Any, **__: Any) -> tuple[str, tuple[Any, ...]]:
        columns = [compiler.compile(column)[0] for column in self.source_expressions]
        return " + ".join(f"LENGTH(CAST({column} AS text))" for column in columns), ()


def _weight(search: Search, keys: Sequence[Key], position: Position, offset: int | None, limit: int) -> Query:
    rows = _following(search, position, keys)
    if connections[rows.db].vendor == "mongodb":
        stages = [*page_stages(rows.model, keys, offset, limit), *weight_stages(rows.model, search.lists)]
        return Query(rows.order_by(), stages, total="bytes")
    ordered = rows.order_by(*(key.expression() for key in keys)).annotate(weight=Characters(*search.lists))
    return Query(ordered[offset or 0 : (offset or 0) + limit].values_list("weight"), total="SUM(weight)")


def _count(search: Search) -> Query:
    return Query(search.queryset().order_by().values_list("pk"), [{"$count": "total"}], total="COUNT(*)")


def _where_equal(search: Search, column: Key, value: str) -> Any:
    return _selected(search.queryset().filter(**{column.path: value}), search.columns)


def _position(rows: Rows, column: Key, value: str, keys: Sequence[Key]) -> Any:
    return rows.queryset().filter(**{column.path: value}).values_list(*(key.path for key in keys))[:1]


_pages: Prepared[Any] = Prepared(_page)
_pages_with_edition: Prepared[Any] = Prepared(_page_with_edition)
_ids: Prepared[Any] = Prepared(_page_of_ids)
_weights: Prepared[Any] = Prepared(_weight)
_counts: Prepared[Any] = Prepared(_count)
_positions: Prepared[Any] = Prepared(_position)
_where: Prepared[Any] = Prepared(_where_equal)
_by_id: Prepared[Any] = Prepared(lambda search, ids: _selected(search.queryset().filter(pk__in=ids), search.columns))
