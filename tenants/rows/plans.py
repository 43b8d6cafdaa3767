"""Plans: what a query is compiled to, once for all queries of the same shape (see `tenants.rows.prepared`).

A query is compiled from marks, placeholders for its values. A mark is a value of the same type that no query contains
otherwise. It carries a number, so the compiled statement, parameters or pipeline show where each value belongs: as a
whole parameter, inside JSON text (JSON paths of PostgreSQL, lists on SQLite), or after LIMIT and OFFSET. Compilation
may depend on a value's type, on whether an integer is negative or has more than 31 bits, and on whether a text starts
with `$`; marks agree with their values in all of these. Booleans and None are not replaced.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from operator import itemgetter
from typing import Any, TypeAlias

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import Model

from tenants.rows import mongodb, postgresql, sqlite
from tenants.rows.fields import ListField, in_utc

Fill: TypeAlias = Callable[[Sequence[Any]], Any]  # the values of the marks -> what replaces the part
Row: TypeAlias = Sequence[Any]
FETCH = {"sqlite": sqlite.fetch, "postgresql": postgresql.fetch}

MOST_MARKS = 512
START, END = "\ue000", "\ue001"  # private-use characters around the number of a text's mark
FIRST_DATE = datetime(9000, 1, 1, tzinfo=UTC)
TEXTS = [f"{START}{number}{END}" for number in range(MOST_MARKS)]
FLOATS = [float(f"{number + 1}e-300") for number in range(MOST_MARKS)]
DATES = [FIRST_DATE + timedelta(milliseconds=number) for number in range(MOST_MARKS)]
INTEGERS = {  # by whether the value has more than 31 bits and whether it is negative
    (is_large, is_negative): [
        (-1 if is_negative else 1) * ((2**62 if is_large else 2_000_000_000) + number) for number in range(MOST_MARKS)
    ]
    for is_large in (False, True)
    for is_negative in (False, True)
}
NUMERIC: list[Sequence[float]] = [FLOATS, *INTEGERS.values()]
NUMBERS = {mark: number for marks in NUMERIC for number, mark in enumerate(marks)}
WHOLE = re.compile(rf"(\$?){START}(\d+){END}")
IN_JSON = re.compile(r"\\ue000(\d+)\\ue001|(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])")
LIMITS = re.compile(r"(?<=LIMIT )\d+|(?<=OFFSET )\d+")


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
    """A compiled query, whose rows `fetch` reads: a statement and its parameters, or a collection and its stages.

    `parts` are the parameters or stages. `fills` put values in place of the marks in them, by their place.
    """

    model: type[Model]
    alias: str
    fetch: Callable[[Any, str, Sequence[Any]], Sequence[Row]]
    source: str = ""
    fill_source: Fill | None = None
    parts: Sequence[Any] = ()
    fills: Sequence[tuple[int, Fill]] = ()
    names: Sequence[str] = ()  # the columns of the model that are read
    converters: Sequence[tuple[int, Any, Any]] = ()  # place, function, expression


def compiled(made: Any, has_marks: bool = True) -> Plan:
    """Return the plan of a QuerySet or Query, whose marks are replaced if it has marks."""
    query = made if isinstance(made, Query) else Query(made)
    alias = query.queryset.db
    compiler = query.queryset.query.get_compiler(using=alias)
    try:
        on_engine = _on_mongodb if compiler.connection.vendor == "mongodb" else _on_sql
        fetch, source, parts = on_engine(compiler, query)
    except EmptyResultSet:
        return Plan(query.queryset.model, alias, lambda *_: [])
    expressions = [] if query.total else [expression for expression, *_ in compiler.select]
    return Plan(
        query.queryset.model,
        alias,
        fetch,
        source,
        _in_statement(source) if has_marks else None,
        parts,
        _fills(enumerate(parts), alias) if has_marks else (),
        [expression.target.attname for expression in expressions if hasattr(expression, "target")],
        _converters(compiler, expressions),
    )


def _on_sql(compiler: Any, query: Query) -> tuple[Any, str, list[Any]]:
    statement, parameters = compiler.as_sql()
    if query.total:
        statement = f"SELECT {query.total} FROM ({statement}) AS selected"  # noqa: S608 - compiled by the ORM
    return FETCH[compiler.connection.vendor], statement, list(parameters)


def _on_mongodb(compiler: Any, query: Query) -> tuple[Any, str, list[Any]]:
    compiler.pre_sql_setup()
    columns, whole = compiler.columns, compiler.query.default_cols and not compiler.query.annotations
    names = [name for name, _ in columns]
    pipeline = compiler.build_query(None if whole or query.stages else columns).get_pipeline()
    if query.stages:  # sorts by stored columns, which may not be selected, before it selects
        pipeline = [*pipeline, *query.stages, *([] if query.total else [{"$project": dict.fromkeys(names, 1)}])]
        pipeline += query.last
    names = ["total"] if query.total else [*names, *([query.beside] if query.beside else [])]
    return partial(mongodb.fetch, names), compiler.collection_name, pipeline


def _converters(compiler: Any, expressions: Sequence[Any]) -> list[tuple[int, Any, Any]]:
    """Return the conversions of a row's columns: place, function, expression.

    MongoDB returns lists as they are stored. The backend would write each one as JSON for the field to parse, which
    takes a third of the CPU time of reading ten items (0.44 ms instead of 0.28).
    """
    is_native = compiler.connection.vendor == "mongodb"
    is_time = getattr(compiler.connection.ops, "convert_datetimefield_value", None)  # PostgreSQL needs none
    return [
        (place, in_utc if step == is_time else step, expression)
        for place, (steps, expression) in compiler.get_converters(expressions).items()
        if not (is_native and isinstance(expression.output_field, ListField))
        for step in steps
    ]


def is_mark(text: str) -> bool:
    """Tell whether a text is a mark rather than a value."""
    return WHOLE.fullmatch(text) is not None


def _filler(part: Any, alias: str) -> Fill | None:
    """Return the function that puts values in place of the marks in a part of a compiled query, or None without marks.

    Raises ValueError for a mark in a form that cannot be replaced.
    """
    match part:
        case dict():
            return _in_parts(part, part.items(), alias)
        case list() | tuple():
            return _in_parts(list(part), enumerate(part), alias)
        case str() | datetime() if part in _dates(alias):
            number, adapt = _dates(alias)[part], connections[alias].ops.adapt_datetimefield_value
            return lambda values: adapt(values[number])
        case str():
            return _in_text(part)
        case int() | float() if part in NUMBERS:
            return itemgetter(NUMBERS[part])
    return None


@cache
def _dates(alias: str) -> Mapping[Any, int]:
    """Return the numbers of the marks of dates, which each engine's adapter writes differently."""
    adapt = connections[alias].ops.adapt_datetimefield_value
    return {adapt(mark): number for number, mark in enumerate(DATES)}


def _fills(items: Iterable[tuple[Any, Any]], alias: str) -> list[tuple[Any, Fill]]:
    return [(key, fill) for key, part in items if (fill := _filler(part, alias))]


def _in_parts(part: Any, items: Iterable[tuple[Any, Any]], alias: str) -> Fill | None:
    """Fill a dict or list: the parts that have marks are replaced in a copy, the others are shared."""
    fills = _fills(items, alias)
    if not fills:
        return None

    def filled(values: Sequence[Any]) -> Any:
        copy = part.copy()
        for key, fill in fills:
            copy[key] = fill(values)
        return copy

    return filled


def _in_text(text: str) -> Fill | None:
    if whole := WHOLE.fullmatch(text):
        dollar, number = whole[1], int(whole[2])
        return (lambda values: dollar + values[number]) if dollar else itemgetter(number)
    if START in text:
        raise ValueError(f"a value cannot be replaced in {text!r}")
    places = [(match, _number_of(match)) for match in IN_JSON.finditer(text)]
    return _joined(text, [(match, number) for match, number in places if number is not None], _in_json)


def _number_of(match: re.Match[str]) -> int | None:
    return int(match[1]) if match[1] else NUMBERS.get(json.loads(match[0]))


def _in_json(value: Any) -> str:
    text = json.dumps(value)
    return text[1:-1] if isinstance(value, str) else text


def _in_statement(statement: str) -> Fill | None:
    """Return the function that puts integers in place of the marks after LIMIT and OFFSET, or None without marks."""
    places = [(match, NUMBERS.get(int(match[0]))) for match in LIMITS.finditer(statement)]
    return _joined(statement, [(match, number) for match, number in places if number is not None], "{:d}".format)


def _joined(text: str, places: Sequence[tuple[re.Match[str], int]], write: Callable[[Any], str]) -> Fill | None:
    """Fill a text whose `places` are replaced by what `write` makes of the values with these numbers."""
    if not places:
        return None
    starts = [0, *(match.end() for match, _ in places)]
    ends = [*(match.start() for match, _ in places), len(text)]
    pieces = [text[start:end] for start, end in zip(starts, ends, strict=True)]

    def filled(values: Sequence[Any]) -> str:
        written = [piece + write(values[number]) for piece, (_, number) in zip(pieces, places, strict=False)]
        return "".join([*written, pieces[-1]])

    return filled
