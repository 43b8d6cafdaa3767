"""Pages in the order of a value of metadata, which an index of a table of values gives (`catalog.models.Value`).

Numbers come before texts, texts before booleans, and ties are ordered by id. Rows without the value come last in both
directions, ordered by id. So a page has up to two parts: rows that the index finds, then rows without the value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import Exists, OuterRef, Q, QuerySet

from tenants.rest.querying.compile import comes_after
from tenants.rest.querying.fields import Key, query_error
from tenants.rest.querying.lookups import MOST_IDS
from tenants.rows.mongodb import aggregate

ORDER = ("type", "number", "text", "holder")
WALKED = 1000  # values that MongoDB looks up rows for, one by one, before it fetches the ids of all rows
Position: TypeAlias = tuple[Any, ...]  # the columns in ORDER of the row before a page; only its id if it has no value


@dataclass(frozen=True, slots=True)
class ValueOrder:
    """The order of rows by the value that `key` names; `values` are those of the list, of all names."""

    values: QuerySet[Any]
    key: Key

    def position(self, id: str) -> Position:
        """Return the position of the row with this id."""
        return self._named().filter(holder=id).values_list(*ORDER).first() or (id,)

    def positions(self, rows: QuerySet[Any], position: Position | None, offset: int, limit: int) -> list[Position]:
        """Return the positions, which end in ids, of `limit` rows from `offset`, of those after a position if given."""
        found: list[Position] = []
        if position is None or len(position) > 1:
            found = self._with_value(rows, position, offset, limit)
            if len(found) < limit and offset:
                offset = 0 if found else max(0, offset - rows.filter(self._has_value()).count())
        if len(found) < limit:
            without = rows.exclude(self._has_value()).filter(self._beyond(position))
            order = "-pk" if self.key.descending else "pk"
            stop = offset + limit - len(found)
            found += without.order_by(order).values_list("pk")[offset:stop]
        return found

    def _named(self) -> QuerySet[Any]:
        return self.values.filter(name=self.key.pair)

    def _has_value(self) -> Q:
        return Q(**{f"{self.key.path}__holds": {"name": self.key.pair}})

    def _beyond(self, position: Position | None) -> Q:
        """Return the condition on rows without the value that they follow the position."""
        if position is None or len(position) > 1:
            return Q()
        return Q(**{"pk__lt" if self.key.descending else "pk__gt": position[0]})

    def _with_value(self, rows: QuerySet[Any], position: Position | None, offset: int, limit: int) -> list[Position]:
        keys = [Key(column, self.key.descending) for column in ORDER]
        named = self._named()
        if position is not None:
            named = named.filter(comes_after(position, keys))
        if connections[rows.db].vendor == "mongodb":
            return _on_mongodb(named, rows, keys, offset, limit)
        of_rows = named.filter(Exists(rows.order_by().filter(pk=OuterRef("holder"))))
        ordered = of_rows.order_by(*(key.expression() for key in keys))
        return list(ordered.values_list(*ORDER)[offset : offset + limit])


def _on_mongodb(
    values: QuerySet[Any], rows: QuerySet[Any], keys: Sequence[Key], offset: int, limit: int
) -> list[Position]:
    """Return the positions of a page of rows with a value.

    The first values in order are looked up among the rows. If too few of them are rows of the list, the ids of all rows
    are fetched, and the index of values finds the page among them without reading documents.
    """
    try:
        walked = _walk(values, rows, keys, offset, limit) if offset + limit <= WALKED else []
        if len(walked) == limit:
            return walked
        known = list(rows.order_by().values_list("pk", flat=True)[: MOST_IDS + 1])
        if len(known) > MOST_IDS:
            raise query_error("The search finds too much, please narrow it")
        stages = [{"$match": {"holder": {"$in": known}}}, *_page(keys, offset, limit)]
        return _aggregated(values, stages)
    except EmptyResultSet:
        return []


def _walk(values: QuerySet[Any], rows: QuerySet[Any], keys: Sequence[Key], offset: int, limit: int) -> list[Position]:
    lookup = {
        "from": rows.model._meta.db_table,
        "localField": "holder",
        "foreignField": "_id",
        "pipeline": [*_pipeline(rows), {"$project": {"_id": 1}}],
        "as": "row",
    }
    first = [*_page(keys, 0, WALKED), {"$lookup": lookup}, {"$match": {"row": {"$ne": []}}}]
    return _aggregated(values, [*first, *_cut(offset, limit)])


def _page(keys: Sequence[Key], offset: int, limit: int) -> list[dict[str, Any]]:
    return [{"$sort": {key.path: -1 if key.descending else 1 for key in keys}}, *_cut(offset, limit)]


def _cut(offset: int, limit: int) -> list[dict[str, Any]]:
    return [*([{"$skip": offset}] if offset else []), {"$limit": limit}]


def _pipeline(queryset: QuerySet[Any]) -> list[dict[str, Any]]:
    """Return the conditions of a query set as stages. Raises EmptyResultSet if nothing can match."""
    compiler: Any = queryset.order_by().query.get_compiler(using=queryset.db)
    compiler.pre_sql_setup()
    stages: list[dict[str, Any]] = compiler.build_query(None).get_pipeline()
    return stages


def _aggregated(values: QuerySet[Any], stages: list[dict[str, Any]]) -> list[Position]:
    """Return the positions of the values that the stages leave."""
    connection: Any = connections[values.db]
    pipeline = [*_pipeline(values), *stages, {"$project": dict.fromkeys(ORDER, 1)}]
    documents = aggregate(connection, values.model._meta.db_table, pipeline)
    return [tuple([document[name] for name in ORDER]) for document in documents]
