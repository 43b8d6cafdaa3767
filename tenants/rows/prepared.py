"""Prepared queries: compiled once per shape, because the ORM takes longer to compile a query than an engine to run it.

The shape of a query is its arguments with a mark, a placeholder of the same type, in place of each scalar (see
`tenants.rows.marks`). Queries of the same shape share a plan: the statement, or on MongoDB the pipeline, that the ORM
compiled from the marks. A list with a filter takes a third of the CPU time that it takes if its queries are compiled
each time. docs/decisions/0010 has the numbers.
"""

from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import Model, QuerySet
from django_mongodb_backend.query import wrap_database_errors

from tenants.rows import postgresql, sqlite
from tenants.rows.fields import ListField
from tenants.rows.marks import Marks, Unprepared, filler, in_statement
from tenants.rows.mongodb import aggregate

M = TypeVar("M", bound=Model)
Row: TypeAlias = Sequence[Any]
Run: TypeAlias = Callable[[Any, Sequence[Any]], Sequence[Row]]  # (connection, values) -> rows
CACHED_PLANS = 256  # of a prepared query
FETCH = {"sqlite": sqlite.fetch, "postgresql": postgresql.fetch}


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a model that `build` selects by texts, such as `Rows(Item, items_of, (tenant_id,))`.

    `build` gets marks in place of the texts, and is called once for all texts. So it must do nothing with them but
    compare columns with them.
    """

    model: Any
    build: Callable[..., Any]
    texts: tuple[str, ...] = ()
    is_prepared: bool = True

    @classmethod
    def of(cls, queryset: QuerySet[Any]) -> "Rows":
        """Return the rows of a queryset, whose queries are compiled each time."""
        return cls(queryset.model, lambda: queryset, is_prepared=False)

    def queryset(self) -> Any:
        return self.build(*self.texts)

    def marked(self, mark: Callable[[Any], Any]) -> "Rows":
        if not self.is_prepared:
            raise Unprepared
        return Rows(self.model, self.build, mark(self.texts))


@dataclass(frozen=True, slots=True)
class Query:
    """A queryset to compile. On MongoDB, `stages` follow its conditions.

    `total` is an aggregate over the selected columns, such as `COUNT(*)`, which is selected instead of the rows. On
    MongoDB, the stages must compute it as `total`. `beside` is a column that is no field of the model, the last one; on
    MongoDB, `last` is the stage that adds a document with it alone.
    """

    queryset: Any
    stages: Sequence[dict[str, Any]] = ()
    total: str = ""
    beside: str = ""
    last: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled query: `run` returns its rows, with columns `names` of the model."""

    run: Callable[[Sequence[Any]], Sequence[Row]]
    model: Any
    alias: str
    names: Sequence[str]


class Prepared(Generic[M]):
    """A query that is compiled once for each shape of its arguments; `build` makes it, as a QuerySet or Query.

    `users = Prepared(lambda ids: User.objects.filter(pk__in=ids))`, then `users(["a", "b"])`. Arguments are scalars,
    sequences of them, and objects with a method `marked`; anything else that is hashable belongs to the shape.
    """

    def __init__(self, build: "Callable[..., QuerySet[M, Any] | Query]") -> None:
        self.build = build
        self.plan = lru_cache(CACHED_PLANS)(self._plan)

    def __call__(self, *values: Any) -> list[M]:
        """Return the instances that match; none, without a query, if a text or list is empty."""
        if not all(values):
            return []
        plan, filled = self.planned(*values)
        return [plan.model.from_db(plan.alias, plan.names, row) for row in plan.run(filled)]

    def first(self, *values: Any) -> M | None:
        """Return the first instance that matches, or None."""
        return next(iter(self(*values)), None)

    def rows(self, *values: Any) -> Sequence[Row]:
        """Return the selected columns of the rows that match; none, without a query, if a text or list is empty."""
        return self.run(*values) if all(values) else []

    def records(self, *values: Any) -> list[Any]:
        """Return the rows that match as named tuples of their columns; none, without a query, if a value is empty."""
        if not all(values):
            return []
        plan, filled = self.planned(*values)
        return list(map(record(tuple(plan.names))._make, plan.run(filled)))

    def run(self, *values: Any) -> Sequence[Row]:
        """Return the selected columns of the rows that match."""
        plan, filled = self.planned(*values)
        return plan.run(filled)

    def planned(self, *values: Any) -> tuple[Plan, Sequence[Any]]:
        """Return the plan for these values, which is kept if it can be prepared, and the values that it takes."""
        marks = Marks()
        try:
            shape = tuple([marks.mark(value) for value in values])
        except Unprepared:
            return self._plan(values, has_marks=False), ()
        return self.plan(shape), marks.values

    def _plan(self, shape: tuple[Any, ...], has_marks: bool = True) -> Plan:
        """Compile the query that has marks, or else values, in these places."""
        made = self.build(*shape)
        query = made if isinstance(made, Query) else Query(made)
        alias = query.queryset.db
        compiler = query.queryset.query.get_compiler(using=alias)
        try:
            execute = (_on_mongodb if compiler.connection.vendor == "mongodb" else _on_sql)(compiler, query, has_marks)
        except EmptyResultSet:
            return Plan(lambda values: [], query.queryset.model, alias, ())
        expressions = [] if query.total else [expression for expression, *_ in compiler.select]
        names = [expression.target.attname for expression in expressions if hasattr(expression, "target")]
        steps = _converters(compiler, expressions)

        def run(values: Sequence[Any]) -> Sequence[Row]:
            connection = connections[alias]
            rows = execute(connection, values)
            return [_converted(row, steps, connection) for row in rows] if steps else rows

        return Plan(run, query.queryset.model, alias, names)


@lru_cache(maxsize=256)
def record(names: tuple[str, ...]) -> Any:
    """Return a class of named tuples with these fields: rows that take a tenth of the time of model instances."""
    return namedtuple("Record", names)


def _converters(compiler: Any, expressions: Sequence[Any]) -> list[tuple[int, Any, Any]]:
    """Return the conversions of a row's columns: place, function, expression.

    MongoDB returns lists as they are stored. The backend would write each one as JSON for the field to parse, which
    takes a third of the CPU time of reading ten items (0.44 ms instead of 0.28).
    """
    is_native = compiler.connection.vendor == "mongodb"
    is_time = getattr(compiler.connection.ops, "convert_datetimefield_value", None)  # PostgreSQL needs none
    return [
        (place, _in_utc if step == is_time else step, expression)
        for place, (steps, expression) in compiler.get_converters(expressions).items()
        if not (is_native and isinstance(expression.output_field, ListField))
        for step in steps
    ]


def _in_utc(value: Any, expression: Any, connection: Any) -> Any:
    """Return a stored time in UTC as Django does, in a third of the time."""
    if type(value) is datetime:
        return value.replace(tzinfo=UTC)
    return connection.ops.convert_datetimefield_value(value, expression, connection)


def _converted(row: Row, steps: Sequence[tuple[int, Any, Any]], connection: Any) -> Row:
    values = list(row)
    for place, step, expression in steps:
        values[place] = step(values[place], expression, connection)
    return values


def _on_sql(compiler: Any, query: Query, has_marks: bool) -> Run:
    statement, parameters = compiler.as_sql()
    if query.total:
        statement = f"SELECT {query.total} FROM ({statement}) AS selected"  # noqa: S608 - compiled by the ORM
    parameters = list(parameters)
    fill = filler(parameters, compiler.using) if has_marks else None
    fill_statement = in_statement(statement) if has_marks else None
    fetch = FETCH[compiler.connection.vendor]

    def execute(connection: Any, values: Sequence[Any]) -> Sequence[Row]:
        filled = fill_statement(values) if fill_statement else statement
        return fetch(connection, filled, fill(values) if fill else parameters)

    return execute


def _on_mongodb(compiler: Any, query: Query, has_marks: bool) -> Run:
    compiler.pre_sql_setup()
    columns, whole = compiler.columns, compiler.query.default_cols and not compiler.query.annotations
    name, names = compiler.collection_name, [name for name, _ in columns]
    pipeline = compiler.build_query(None if whole or query.stages else columns).get_pipeline()
    if query.stages:  # sorts by stored columns, which may not be selected, before it selects
        pipeline = [*pipeline, *query.stages, *([] if query.total else [{"$project": dict.fromkeys(names, 1)}])]
        pipeline += query.last
    names = ["total"] if query.total else [*names, *([query.beside] if query.beside else [])]
    fill = filler(pipeline, compiler.using) if has_marks else None

    @wrap_database_errors  # type: ignore[untyped-decorator]
    def execute(connection: Any, values: Sequence[Any]) -> Sequence[Row]:
        filled = fill(values) if fill else pipeline
        documents = aggregate(connection, name, filled)
        return [[document.get(name) for name in names] for document in documents]

    return execute
