"""From the text of a filter to its tree; whatever is not understood is refused by name, nothing is skipped."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any as Anything

from registry_site.querying import patterns
from registry_site.querying.fields import Field, FieldTable
from registry_site.querying.tree import (
    ALWAYS,
    NEVER,
    All,
    Any,
    Compare,
    Node,
    Not,
    Size,
    Some,
    Whole,
)
from tenants.exceptions import Refused

CONDITIONS = 100
LEVELS = 10
CHOICES = 1000
INT64 = range(-(2**63), 2**63)
CONNECTIVES = ("$and", "$or", "$nor")
KINDS = {
    "text": (str, "a text"),
    "number": ((int, float), "a number"),
    "date": (str, "a date in ISO 8601"),
    "flag": (bool, "true or false"),
    "any": ((str, int, float, bool), "a text, a number or true or false"),
}


def refused(details: str) -> Refused:
    """Return the error of a list request that cannot be answered."""
    return Refused("get_request_error", details)


def read_json(text: str, parameter: str) -> Anything:
    """Return the parsed JSON; refuses a key given twice and numbers that not every engine can hold."""
    try:
        return json.loads(
            text,
            object_pairs_hook=_once,
            parse_int=_int,
            parse_float=_float,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError) as error:
        reason = "too deep" if isinstance(error, RecursionError) else error
        raise refused(f"{parameter} is not valid JSON: {reason}") from None


def parse(text: str, fields: FieldTable) -> Node:
    """Return the tree of the filter that `text` spells over these fields; an empty text is no filter."""
    if not text.strip():
        return ALWAYS
    value = read_json(text, "filter")
    reader = Reader()
    if isinstance(value, list):
        return reader.connective("$or", value, fields, 1)
    if not isinstance(value, dict):
        raise refused("filter is not a JSON object or list")
    return reader.document(value, fields, 1)


def _once(pairs: list[tuple[str, Anything]]) -> dict[str, Anything]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} is given twice")
    return document


def _int(digits: str) -> int:
    if len(digits) > 20 or int(digits) not in INT64:
        raise ValueError(f"the number {digits[:24]} has more than 64 bits")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:24]} is out of range")
    return number


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


@dataclass(frozen=True, slots=True)
class Target:
    """What a condition is about: a scalar field, or an element of a list.

    `within` is the list; `given` what must hold of the same element besides the condition. `whole` tells that the list
    itself was named, not a part of its elements.
    """

    field: Field
    within: Field | None = None
    given: tuple[Node, ...] = ()
    whole: bool = False

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def bare(self) -> bool:
        """Whether this is a text of a list, inside `$elemMatch`."""
        return not self.field.path and not self.within

    def some(self, *conditions: Node) -> Node:
        """Return that the conditions hold: of the scalar, or together of one element."""
        parts = (*self.given, *conditions)
        part = parts[0] if len(parts) == 1 else All(parts)
        return Some(self.within, part) if self.within else part

    def absent(self) -> Node:
        """Return that there is no such value."""
        if self.within:
            return NEVER if self.whole else Not(self.some())
        if not self.field.nullable:
            raise refused(f"{self.name} is never null")
        return Compare(self.field, "null")


class Reader:
    """Reads one filter, counting its conditions."""

    def __init__(self) -> None:
        self.conditions = 0

    def document(
        self,
        value: Mapping[str, Anything],
        fields: FieldTable,
        level: int,
        prefix: str = "",
    ) -> Node:
        """Return that every condition of a JSON object holds."""
        if level > LEVELS:
            raise refused(f"filter has more than {LEVELS} levels")
        parts: list[Node] = []
        for name, operand in value.items():
            if name in CONNECTIVES:
                parts.append(self.connective(name, operand, fields, level, prefix))
            elif name == "$not":
                parts.append(Not(self.document(_object(name, operand), fields, level + 1, prefix)))
            elif name.startswith("$"):
                raise refused(f"Unknown operator {name[:100]}")
            else:
                parts.append(self.condition(_target(prefix + name, fields), operand, level))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def connective(
        self,
        name: str,
        operand: Anything,
        fields: FieldTable,
        level: int,
        prefix: str = "",
    ) -> Node:
        """Return the and, or, nor of a list of JSON objects."""
        if not isinstance(operand, list) or not operand:
            raise refused(f"{name} takes a list of conditions")
        parts = tuple(self.document(_object(name, part), fields, level + 1, prefix) for part in operand)
        if name == "$and":
            return All(parts)
        return Any(parts) if name == "$or" else Not(Any(parts))

    def condition(self, target: Target, value: Anything, level: int) -> Node:
        """Return what a field is held to: a value, or a JSON object of operators."""
        if isinstance(value, dict) and any(name.startswith("$") for name in value):
            return self.operators(target, value, level)
        return self.equal(target, value, level)

    def operators(self, target: Target, value: Mapping[str, Anything], level: int) -> Node:
        """Return that every operator holds, each of a list's elements on its own."""
        if level > LEVELS:
            raise refused(f"filter has more than {LEVELS} levels")
        if "$options" in value and "$regex" not in value:
            raise refused(f"{target.name}: $options without $regex")
        if not value:
            raise refused(f"{target.name}: no operator")
        parts: list[Node] = []
        for name, operand in value.items():
            if name == "$regex":
                parts.append(self.regex(target, operand, value.get("$options", "")))
            elif name != "$options":
                parts.append(self.operator(name)(self, target, operand, level))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def operator(self, name: str) -> "Callable[[Reader, Target, Anything, int], Node]":
        if name not in OPERATORS:
            raise refused(f"Unknown operator {name[:100]}")
        return OPERATORS[name]

    def count(self) -> None:
        self.conditions += 1
        if self.conditions > CONDITIONS:
            raise refused(f"filter has more than {CONDITIONS} conditions")

    def equal(self, target: Target, operand: Anything, level: int) -> Node:
        self.count()
        if operand is None:
            return target.absent()
        if isinstance(operand, list) and target.whole and target.within and target.within.kind == "texts":
            elements = tuple(str(_operand(target.field, element)) for element in operand)
            return Whole(target.within, elements)
        if target.field.kind == "pairs":
            if not isinstance(operand, dict) or set(operand) != {"name", "value"}:
                raise refused(f"{target.name} is compared with {{name, value}}")
            return target.some(
                *(Compare(member, "eq", _operand(member, operand[member.path])) for member in target.field.members)
            )
        return target.some(Compare(target.field, "eq", _operand(target.field, operand)))

    def different(self, target: Target, operand: Anything, level: int) -> Node:
        return Not(self.equal(target, operand, level))

    def ordered(self, name: str, target: Target, operand: Anything) -> Node:
        self.count()
        return target.some(Compare(target.field, name, _operand(target.field, operand)))

    def among(self, target: Target, operand: Anything, level: int) -> Node:
        if not isinstance(operand, list):
            raise refused(f"{target.name}: $in and $nin take a list")
        if len(operand) > CHOICES:
            raise refused(f"{target.name}: $in and $nin take at most {CHOICES} values")
        if target.field.kind == "pairs":
            return Any(tuple(self.equal(target, choice, level) for choice in operand))
        self.count()
        choices = tuple(_operand(target.field, choice) for choice in operand if choice is not None)
        present = target.some(Compare(target.field, "in", choices))
        return Any((target.absent(), present)) if None in operand else present

    def not_among(self, target: Target, operand: Anything, level: int) -> Node:
        return Not(self.among(target, operand, level))

    def regex(self, target: Target, operand: Anything, options: Anything) -> Node:
        self.count()
        if target.field.kind not in ("text", "any"):
            raise refused(f"{target.name}: $regex is for texts")
        if not isinstance(operand, str) or not isinstance(options, str):
            raise refused(f"{target.name}: $regex and $options take a text")
        _text(target.field, operand)
        try:
            return target.some(Compare(target.field, "regex", patterns.checked(operand, options)))
        except patterns.BadPattern as error:
            raise refused(f"{target.name}: $regex {operand[: patterns.LONGEST]} is refused: {error}") from None

    def exists(self, target: Target, operand: Anything, level: int) -> Node:
        self.count()
        if operand not in (True, False) or target.bare:
            raise refused(f"{target.name}: $exists takes true or false, and not inside $elemMatch")
        if target.whole or not (target.within or target.field.nullable):
            present: Node = ALWAYS
        else:
            present = target.some() if target.within else Not(target.absent())
        return present if operand else Not(present)

    def every(self, target: Target, operand: Anything, level: int) -> Node:
        if not isinstance(operand, list) or target.bare:
            raise refused(f"{target.name}: $all takes a list, and not inside $elemMatch")
        parts = tuple(self.condition(target, element, level) for element in operand)
        return All(parts) if parts else NEVER

    def element(self, target: Target, operand: Anything, level: int) -> Node:
        conditions = _object("$elemMatch", operand)
        if not target.whole or not target.within:
            raise refused(f"{target.name}: $elemMatch is for lists")
        if target.within.kind == "texts":
            return Some(
                target.within,
                self.operators(Target(target.field), conditions, level + 1),
            )
        members = {member.name: member for member in target.within.members}
        return Some(
            target.within,
            self.document(conditions, members, level + 1, f"{target.name}."),
        )

    def size(self, target: Target, operand: Anything, level: int) -> Node:
        self.count()
        if not target.whole or not target.within or target.within.kind == "rows":
            raise refused(f"{target.name}: $size is for lists")
        if isinstance(operand, bool) or not isinstance(operand, int) or operand < 0:
            raise refused(f"{target.name}: $size takes a number from 0")
        return Size(target.within, operand)

    def negation(self, target: Target, operand: Anything, level: int) -> Node:
        return Not(self.operators(target, _object("$not", operand), level + 1))


OPERATORS: Mapping[str, "Callable[[Reader, Target, Anything, int], Node]"] = {
    "$eq": Reader.equal,
    "$ne": Reader.different,
    "$gt": lambda reader, target, operand, level: reader.ordered("gt", target, operand),
    "$gte": lambda reader, target, operand, level: reader.ordered("gte", target, operand),
    "$lt": lambda reader, target, operand, level: reader.ordered("lt", target, operand),
    "$lte": lambda reader, target, operand, level: reader.ordered("lte", target, operand),
    "$in": Reader.among,
    "$nin": Reader.not_among,
    "$exists": Reader.exists,
    "$all": Reader.every,
    "$elemMatch": Reader.element,
    "$size": Reader.size,
    "$not": Reader.negation,
}


def _object(name: str, value: Anything) -> dict[str, Anything]:
    if not isinstance(value, dict):
        raise refused(f"{name} takes a JSON object")
    return value


def _target(name: str, fields: FieldTable) -> Target:
    """Return what a name in a filter stands for; refuses unknown names."""
    field, (first, _, rest) = fields.get(name), name.partition(".")
    parent = fields.get(first)
    if field and field.kind == "texts":
        return Target(field.members[0], field, whole=True)
    if field and field.kind in ("pairs", "rows"):
        return Target(field, field, whole=True)
    if parent and parent.kind == "rows" and field:
        return Target(next(member for member in parent.members if member.name == name), parent)
    if field:
        return Target(field)
    if parent and parent.kind == "pairs" and rest:
        return _part(parent, rest)
    raise refused(f"Unknown field {name[:100]}")


def _part(pairs: Field, name: str) -> Target:
    """Return a column of the pairs, or the value of the pair so named."""
    key, value = pairs.members
    if member := pairs.member(name):
        return Target(member, pairs)
    given = Compare(key, "eq", _text(pairs, name))
    return Target(replace(value, name=f"{pairs.name}.{name}"), pairs, (given,))


def _operand(field: Field, value: Anything) -> Anything:
    """Return the value that the field is compared with; refuses one of another type."""
    if field.kind not in KINDS:
        raise refused(f"{field.name} can only be asked with $elemMatch")
    types, description = KINDS[field.kind]
    if not isinstance(value, types) or (isinstance(value, bool) and field.kind == "number"):  # type: ignore[arg-type]
        raise refused(f"{field.name} is compared with {description}, not {json.dumps(value)[:100]}")
    if isinstance(value, str):
        _text(field, value)
    return _date(field, value) if field.kind == "date" else value


def _text(field: Field, value: str) -> str:
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise refused(f"{field.name}: a text without null characters and lone surrogates is needed")
    return value


def _date(field: Field, value: str) -> datetime:
    try:
        date = datetime.fromisoformat(value)
        return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise refused(f"{field.name} is compared with a date in ISO 8601, not {json.dumps(value)[:100]}") from None
