"""Prepared queries: compiled once, because the ORM takes longer to compile a query than the engine takes to run it.

A response with an item takes less than half of the CPU time that it takes if each query is compiled on each request.
docs/decisions/0010 has the numbers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar

from django.db import connections, router
from django.db.models import Model, QuerySet
from django_mongodb_backend.query import wrap_database_errors

M = TypeVar("M", bound=Model)
Value: TypeAlias = str | Sequence[str]
Row: TypeAlias = Sequence[Any]
Run: TypeAlias = Callable[[Any, Sequence[str]], Sequence[Row]]  # (connection, texts) -> rows
CACHED_PLANS = 128  # of a query: one for each combination of list lengths
MARK = "\ue000"  # a private-use character; with a number it is a placeholder for a text during compilation


class Prepared(Generic[M]):
    """A compiled query whose parameters are texts and lists of texts, which `build` compares with text columns.

    `users = Prepared(lambda ids: User.objects.filter(pk__in=ids))`, then `users(["a", "b"])`.
    """

    def __init__(self, build: Callable[..., QuerySet[M, Any]]) -> None:
        self.build = build
        self.plan = lru_cache(CACHED_PLANS)(self._plan)

    def __call__(self, *values: Value) -> list[M]:
        """Return the instances that match; none, without a query, if a value is empty."""
        return [self.model.from_db(self.alias, self.names, row) for row in self.rows(*values)]

    def first(self, *values: Value) -> M | None:
        """Return the first instance that matches, or None."""
        return next(iter(self(*values)), None)

    def rows(self, *values: Value) -> list[Row]:
        """Return the selected columns of the rows that match; none, without a query, if a value is empty."""
        if not all(values):
            return []
        plan = self.plan(tuple(None if isinstance(value, str) else len(value) for value in values))
        return plan([text for value in values for text in ([value] if isinstance(value, str) else value)])

    def _plan(self, shape: tuple[int | None, ...]) -> Callable[[Sequence[str]], list[Row]]:
        """Compile the query for parameters of this shape: None for a text, the length for a list."""
        queryset = self.build(*_marks(shape))
        self.model, self.alias = queryset.model, queryset.db
        compiler = queryset.query.get_compiler(using=self.alias)
        execute = (_on_mongodb if compiler.connection.vendor == "mongodb" else _on_sql)(compiler)
        expressions = [expression for expression, *_ in compiler.select]
        self.names = [expression.target.attname for expression in expressions if hasattr(expression, "target")]
        converters = compiler.get_converters(expressions)
        steps = [(place, step, expression) for place, (steps, expression) in converters.items() for step in steps]

        def run(texts: Sequence[str]) -> list[Row]:
            connection = connections[self.alias]
            return [_converted(row, steps, connection) for row in execute(connection, texts)]

        return run


def update_where(model: type[Model], found_by: Mapping[str, str | int | None], changes: Mapping[str, str | int]) -> int:
    """Set columns of the rows whose columns equal these values; return how many rows were found.

    For updates that frequent requests make: it skips the ORM's compiler. None compares with NULL.
    """
    connection: Any = connections[router.db_for_write(model)]
    update = _update_on_mongodb if connection.vendor == "mongodb" else _update_on_sql
    return update(connection, model._meta.db_table, found_by, changes)


def insert_rows(model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, given as columns with values that every driver accepts, or datetimes.

    For rows that frequent requests write: the ORM's `bulk_create` takes four times the CPU time.
    """
    connection: Any = connections[router.db_for_write(model)]
    adapted = connection.ops.adapt_datetimefield_value
    insert = _insert_on_mongodb if connection.vendor == "mongodb" else _insert_on_sql
    insert(
        connection,
        model._meta.db_table,
        [{name: adapted(v) if isinstance(v, datetime) else v for name, v in row.items()} for row in rows],
    )


def _marks(shape: Sequence[int | None]) -> Iterator[str | list[str]]:
    """Give placeholders for texts and lists, numbered consecutively."""
    number = 0
    for length in shape:
        marks = [f"{MARK}{number + place}" for place in range(1 if length is None else length)]
        number += len(marks)
        yield marks[0] if length is None else marks


def _filled(part: Any, texts: Sequence[Any]) -> Any:
    """Return a part of a compiled query with the values in place of their placeholders."""
    match part:
        case str():
            return texts[int(part[1:])] if part.startswith(MARK) else part
        case dict():
            return {key: _filled(inner, texts) for key, inner in part.items()}
        case list() | tuple():
            return [_filled(inner, texts) for inner in part]
    return part


def _converted(row: Row, steps: Sequence[tuple[int, Any, Any]], connection: Any) -> Row:
    values = list(row)
    for place, step, expression in steps:
        values[place] = step(values[place], expression, connection)
    return values


def _on_sql(compiler: Any) -> Run:
    statement, parameters = compiler.as_sql()

    def execute(connection: Any, texts: Sequence[str]) -> Sequence[Row]:
        with connection.cursor() as cursor:
            cursor.execute(statement, _filled(parameters, texts))
            rows: Sequence[Row] = cursor.fetchall()
        return rows

    return execute


def _on_mongodb(compiler: Any) -> Run:
    compiler.pre_sql_setup()
    columns, whole = compiler.columns, compiler.query.default_cols and not compiler.query.annotations
    pipeline = compiler.build_query(None if whole else columns).get_pipeline()
    name, names = compiler.collection_name, [name for name, _ in columns]

    @wrap_database_errors  # type: ignore[untyped-decorator]
    def execute(connection: Any, texts: Sequence[str]) -> Sequence[Row]:
        documents = connection.get_collection(name).aggregate(_filled(pipeline, texts), session=connection.session)
        return [[document.get(name) for name in names] for document in documents]

    return execute


def _update_on_sql(connection: Any, table: str, found_by: Mapping[str, Any], changes: Mapping[str, Any]) -> int:
    quoted = connection.ops.quote_name
    where = (f"{quoted(name)} IS NULL" if value is None else f"{quoted(name)} = %s" for name, value in found_by.items())
    columns = ", ".join(f"{quoted(name)} = %s" for name in changes)
    statement = f"UPDATE {quoted(table)} SET {columns} WHERE {' AND '.join(where)}"  # noqa: S608 - names of our columns
    with connection.cursor() as cursor:
        cursor.execute(statement, [*changes.values(), *(value for value in found_by.values() if value is not None)])
        found: int = cursor.rowcount
    return found


@wrap_database_errors  # type: ignore[untyped-decorator]
def _update_on_mongodb(connection: Any, table: str, found_by: Mapping[str, Any], changes: Mapping[str, Any]) -> int:
    collection = connection.get_collection(table)
    result = collection.update_many(dict(found_by), {"$set": dict(changes)}, session=connection.session)
    return int(result.matched_count)


def _insert_on_sql(connection: Any, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    quoted = connection.ops.quote_name
    columns, places = ", ".join(map(quoted, rows[0])), ", ".join(["%s"] * len(rows[0]))
    statement = f"INSERT INTO {quoted(table)} ({columns}) VALUES ({places})"  # noqa: S608 - names of our columns
    with connection.cursor() as cursor:
        cursor.executemany(statement, [tuple(row.values()) for row in rows])


@wrap_database_errors  # type: ignore[untyped-decorator]
def _insert_on_mongodb(connection: Any, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    connection.get_collection(table).insert_many(rows, session=connection.session)
