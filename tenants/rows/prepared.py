"""Prepared queries: compiled once per shape, because the ORM takes longer to compile a query than an engine to run it.

The shape of a query is its arguments with a mark, a placeholder of the same type, in place of each scalar. Queries of
the same shape share a plan: the statement, or on MongoDB the pipeline, that the ORM compiled from the marks (see
`tenants.rows.plans`). A list with a filter takes a third of the CPU time that it takes if its queries are compiled each
time. docs/decisions/0010 has the numbers.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, ClassVar, Generic, TypeVar

from django.db import connections
from django.db.models import Model, QuerySet

from tenants.rows.fields import converted
from tenants.rows.plans import DATES, FLOATS, INTEGERS, MOST_MARKS, TEXTS, Plan, Query, Row, compiled

M = TypeVar("M", bound=Model)
CACHED_PLANS = 256  # of a prepared query


class Unprepared(Exception):
    """A query cannot be prepared: it has more than `MOST_MARKS` values, or one that no mark can stand for."""


def shape_of(value: Any, values: list[Any]) -> Any:
    """Return a value with a mark in place of each scalar; append the scalars to `values`, in the order of their marks.

    Of an object, only the attributes that its class names as `VALUES` get marks. Raises Unprepared for an object whose
    `VALUES` are None, and for too many scalars.
    """
    kind: Any = type(value)
    if kind is tuple or kind is list:
        return tuple([shape_of(element, values) for element in value])
    if kind in MARKS:
        number = len(values)
        if number >= MOST_MARKS:
            raise Unprepared
        mark, kept = MARKS[kind](value, number)
        values.append(kept)
        return mark
    places = _places_of_values(kind)
    if not places:
        return value
    parts = [getattr(value, name) for name in kind.__match_args__]
    for place in places:
        parts[place] = shape_of(parts[place], values)
    return kind(*parts)


@cache
def _places_of_values(kind: Any) -> Sequence[int]:
    """Return the places of a dataclass's `VALUES` among its attributes; none for other classes. Raises Unprepared."""
    if not hasattr(kind, "VALUES"):
        return ()
    if kind.VALUES is None:
        raise Unprepared
    return [kind.__match_args__.index(name) for name in kind.VALUES]


def _text(value: str, number: int) -> tuple[str, str]:
    """A text that starts with `$` keeps it, because MongoDB's compiler treats such texts differently."""
    return (f"${TEXTS[number]}", value[1:]) if value.startswith("$") else (TEXTS[number], value)


# The mark of a value of each type and number, and what replaces the mark.
MARKS: Mapping[type, Callable[[Any, int], tuple[Any, Any]]] = {
    str: _text,
    int: lambda value, number: (INTEGERS[value.bit_length() > 31, value < 0][number], value),
    float: lambda value, number: (FLOATS[number], value),
    datetime: lambda value, number: (DATES[number], value),
}


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a model that `build` selects by texts, such as `Rows(Item, items_of, (tenant_id,))`.

    `build` gets marks in place of the texts, and is called once for all texts. So it must do nothing with them but
    compare columns with them.
    """

    VALUES: ClassVar[tuple[str, ...] | None] = ("texts",)

    model: Any
    build: Callable[..., Any]
    texts: tuple[str, ...] = ()

    @staticmethod
    def of(queryset: QuerySet[Any]) -> "Rows":
        """Return the rows of a queryset, whose queries are compiled each time."""
        return UnpreparedRows(queryset.model, lambda: queryset)

    def queryset(self) -> Any:
        return self.build(*self.texts)


class UnpreparedRows(Rows):
    """Rows whose queries are compiled each time."""

    VALUES = None


class Prepared(Generic[M]):
    """A query that is compiled once for each shape of its arguments; `build` makes it, as a QuerySet or Query.

    `users = Prepared(lambda ids: User.objects.filter(pk__in=ids))`, then `users(["a", "b"])`. Arguments are scalars,
    sequences of them, and dataclasses that name their `VALUES`; anything else that is hashable belongs to the shape.
    """

    def __init__(self, build: "Callable[..., QuerySet[M, Any] | Query]") -> None:
        self.build = build
        self.plan = lru_cache(CACHED_PLANS)(lambda shape: compiled(build(*shape)))

    def __call__(self, *values: Any) -> list[M]:
        """Return the instances that match; none, without a query, if a text or list is empty."""
        return self.instances(*values) if all(values) else []

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
        plan, found = self._found(values)
        return list(map(record(tuple(plan.names))._make, found))

    def run(self, *values: Any) -> Sequence[Row]:
        """Return the selected columns of the rows that match."""
        return self._found(values)[1]

    def instances(self, *values: Any) -> list[M]:
        """Return the instances that match."""
        plan, found = self._found(values)
        model: Any = plan.model
        return [model.from_db(plan.alias, plan.names, row) for row in found]

    def _found(self, values: Sequence[Any]) -> tuple[Plan, Sequence[Row]]:
        """Return the plan for these values, which is kept if it can be prepared, and the rows that it finds."""
        kept: list[Any] = []
        try:
            shape = shape_of(values, kept)
        except Unprepared:
            plan = compiled(self.build(*values), has_marks=False)
        else:
            plan = self.plan(shape)
        connection = connections[plan.alias]
        source = plan.fill_source(kept) if plan.fill_source else plan.source
        parts = plan.parts
        if plan.fills:
            parts = list(parts)
            for place, fill in plan.fills:
                parts[place] = fill(kept)
        rows = plan.fetch(connection, source, parts)
        return plan, converted(rows, plan.converters, connection) if plan.converters else rows


@lru_cache(maxsize=256)
def record(names: tuple[str, ...]) -> Any:
    """Return a class of named tuples with these fields: rows that take a tenth of the time of model instances."""
    return namedtuple("Record", names)
