"""Operations on list columns in each engine's own language: count uses of words, remove an element. One query each."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection
from django.db.models import Expression, F, Value

from catalog.models import EVERYBODY, Item
from folksonomy.models import MetadataName, Tag
from tenants.models import User
from versions.models import Version

Counts = dict[tuple[str, str], int]  # by tenant and word
ITEM_OF = {Item._meta.db_table: "_id", Version._meta.db_table: "subject"}  # tables of holders, and their item's column


class RemoveElement(Expression):
    """A list column without one text, for `update()`: the database changes the rows and none is read.

    Removing a user from 10,000 items takes a tenth of the time of reading and writing each item.
    """

    def __init__(self, column: str, text: str) -> None:
        field: Any = Item._meta.get_field(column)
        super().__init__(output_field=field)
        self.parts: list[Any] = [F(column), Value(text)]

    def get_source_expressions(self) -> list[Any]:
        return self.parts

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        self.parts = list(exprs)

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        (column, before), (text, after) = (compiler.compile(part) for part in self.parts)
        kept = f"SELECT json_group_array(each.value) FROM json_each({column}) AS each WHERE each.value <> {text}"
        return f"({kept})", [*before, *after]

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        (column, before), (text, after) = (compiler.compile(part) for part in self.parts)
        return f"({column} - {text}::text)", [*before, *after]

    def as_mql(self, compiler: Any, connection: Any, as_expr: bool = False) -> dict[str, Any]:
        column, text = (part.as_mql(compiler, connection, as_expr=True) for part in self.parts)
        return {"$filter": {"input": column, "cond": {"$ne": ["$$this", text]}}}


def count_uses(terms: Sequence[Tag | MetadataName], reader: User | None = None) -> dict[str, int]:
    """Return by each term's key the number of items that have the term, or a version with it. One query.

    `terms` are all tags or all metadata names. With `reader`, who is of their tenant, only items that the user may
    read are counted.
    """
    if not terms:
        return {}
    tenants = sorted({term.tenant_id for term in terms})
    names = sorted({term.name for term in terms})
    readers = None if reader is None or reader.is_admin else [EVERYBODY, reader.pk]
    found = COUNTS[connection.vendor](isinstance(terms[0], Tag), tenants, names, readers)
    return {term.pk: found.get((term.tenant_id, term.name), 0) for term in terms}


def _on_sqlite(tags: bool, tenants: list[str], names: list[str], readers: list[str] | None) -> Counts:
    source = "json_each(holder.tags) AS word" if tags else "json_each(holder.metadata) AS pair"
    word = "word.value" if tags else "json_extract(pair.value, '$.name')"
    marks = [", ".join(["%s"] * len(values)) for values in (tenants, names, readers or ())]
    readable = f"EXISTS (SELECT 1 FROM json_each(item.readers) AS reader WHERE reader.value IN ({marks[2]}))"
    condition = f"holder.tenant_id IN ({marks[0]}) AND {word} IN ({marks[1]})"
    return _counted(source, word, condition, readable if readers else "", [*tenants, *names, *(readers or ())])


def _on_postgresql(tags: bool, tenants: list[str], names: list[str], readers: list[str] | None) -> Counts:
    source = (
        "jsonb_array_elements_text(holder.tags) AS word" if tags else "jsonb_array_elements(holder.metadata) AS pair"
    )
    word = "word" if tags else "pair ->> 'name'"
    condition = f"holder.tenant_id = ANY(%s) AND {word} = ANY(%s)"
    return _counted(
        source,
        word,
        condition,
        "item.readers ?| %s" if readers else "",
        [tenants, names, *([readers] if readers else ())],
    )


def _counted(source: str, word: str, condition: str, readable: str, parameters: list[Any]) -> Counts:
    """Return the counts; the union has each item once for each word."""
    items = Item._meta.db_table
    uses = [
        f"SELECT holder.tenant_id AS tenant, {word} AS word, holder.{item} FROM {table} AS holder "
        f"{f'JOIN {items} AS item ON item._id = holder.{item}' if readable else ''}, {source} "
        f"WHERE {condition}{f' AND {readable}' if readable else ''}"
        for table, item in ITEM_OF.items()
    ]
    with connection.cursor() as cursor:
        sql = f"SELECT tenant, word, count(*) FROM ({' UNION '.join(uses)}) AS uses GROUP BY 1, 2"
        cursor.execute(sql, parameters * len(uses))
        return {(tenant, word): count for tenant, word, count in cursor.fetchall()}


def _on_mongodb(tags: bool, tenants: list[str], names: list[str], readers: list[str] | None) -> Counts:
    column, word = ("tags", "tags") if tags else ("metadata", "metadata.name")
    wanted = {word: {"$in": names}}
    (table, item), (other, its_item) = ITEM_OF.items()

    def uses(item: str, readable: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {"$match": {"tenant_id": {"$in": tenants}} | wanted},
            *readable,
            {"$project": {"tenant_id": 1, word: 1, "item": f"${item}"}},
            {"$unwind": f"${column}"},
            {"$match": wanted},
            {"$group": {"_id": {"tenant": "$tenant_id", "word": f"${word}", "item": "$item"}}},
        ]

    of_item, of_its_item = _readable_on_mongodb(readers, table, its_item) if readers else ([], [])
    pipeline = [
        *uses(item, of_item),
        {"$unionWith": {"coll": other, "pipeline": uses(its_item, of_its_item)}},
        {"$group": {"_id": "$_id"}},
        {"$group": {"_id": {"tenant": "$_id.tenant", "word": "$_id.word"}, "count": {"$sum": 1}}},
    ]
    groups = connection.get_collection(table).aggregate(pipeline)  # type: ignore[attr-defined]
    return {(group["_id"]["tenant"], group["_id"]["word"]): group["count"] for group in groups}


def _readable_on_mongodb(
    readers: list[str], items: str, item: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the stages that keep items, and versions of items, that one of these may read."""
    match = {"$match": {"readers": {"$in": readers}}}
    joined = {"from": items, "localField": item, "foreignField": "_id", "as": "its"}
    lookup = {"$lookup": joined | {"pipeline": [match, {"$project": {"_id": 1}}]}}
    return [match], [lookup, {"$match": {"its": {"$ne": []}}}]


COUNTS: dict[str, Callable[[bool, list[str], list[str], list[str] | None], Counts]] = {
    "sqlite": _on_sqlite,
    "postgresql": _on_postgresql,
    "mongodb": _on_mongodb,
}
