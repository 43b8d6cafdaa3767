"""Marks: placeholders for values in a query that is compiled once and executed with other values of the same shape.

A mark is a value of the same type that no query contains otherwise. It carries a number, so the compiled statement,
parameters or pipeline show where each value belongs: as a whole parameter, inside JSON text (JSON paths of PostgreSQL,
lists on SQLite), or after LIMIT and OFFSET. Compilation may depend on a value's type, on whether an integer is negative
or has more than 31 bits, and on whether a text starts with `$`; marks agree with their values in all of these. Booleans
and None are not replaced.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any, TypeAlias

from django.db import connections

Fill: TypeAlias = Callable[[Sequence[Any]], Any]  # the values of the marks -> what replaces the part

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


class Unprepared(Exception):
    """A query cannot be prepared: it has more than `MOST_MARKS` values, or one that no mark can stand for."""


class Marks:
    """Replaces values by marks, and keeps the values in the order of the marks' numbers."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def mark(self, value: Any) -> Any:
        """Return the shape of a value: a mark for a scalar, sequences and objects with marks inside, others as is.

        Raises Unprepared.
        """
        kind = type(value)
        if kind is tuple or kind is list:
            return tuple([self.mark(element) for element in value])
        if kind in MARKS_OF:
            number = len(self.values)
            if number >= MOST_MARKS:
                raise Unprepared
            mark, kept = MARKS_OF[kind](value, number)
            self.values.append(kept)
            return mark
        return value.marked(self.mark) if hasattr(kind, "marked") else value


def _text(value: str, number: int) -> tuple[str, str]:
    """A text that starts with `$` keeps it, because MongoDB's compiler treats such texts differently."""
    return (f"${TEXTS[number]}", value[1:]) if value.startswith("$") else (TEXTS[number], value)


def _integer(value: int, number: int) -> tuple[int, int]:
    return INTEGERS[value.bit_length() > 31, value < 0][number], value


MARKS_OF: Mapping[type, Callable[[Any, int], tuple[Any, Any]]] = {
    str: _text,
    int: _integer,
    float: lambda value, number: (FLOATS[number], value),
    datetime: lambda value, number: (DATES[number], value),
}


def is_mark(text: str) -> bool:
    """Tell whether a text is a mark rather than a value."""
    return WHOLE.fullmatch(text) is not None


def filler(part: Any, alias: str) -> Fill | None:
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


def _in_parts(part: Any, items: Iterable[tuple[Any, Any]], alias: str) -> Fill | None:
    """Fill a dict or list: the parts that have marks are replaced in a copy, the others are shared."""
    fills = [(key, fill) for key, inner in items if (fill := filler(inner, alias))]
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


def in_statement(statement: str) -> Fill | None:
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
