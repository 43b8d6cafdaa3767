"""The tree of a filter: conditions on fields and their combinations, independent of JSON and of the database.

`VALUES` are the attributes whose values are no part of the tree's shape, for prepared queries (see
`tenants.rows.prepared`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeAlias

from tenants.rest.querying.fields import Field
from tenants.rest.querying.patterns import Pattern

Scalar: TypeAlias = str | int | float | bool | datetime
Operand: TypeAlias = Scalar | tuple[Scalar, ...] | Pattern | None
Node: TypeAlias = "All | Any | Not | Compare | Some | Size | Whole"


@dataclass(frozen=True, slots=True)
class All:
    """True if all parts are true, or if there are none."""

    VALUES: ClassVar = ("parts",)

    parts: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Any:
    """True if at least one part is true."""

    VALUES: ClassVar = ("parts",)

    parts: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """True if the part is false."""

    VALUES: ClassVar = ("part",)

    part: Node


@dataclass(frozen=True, slots=True)
class Compare:
    """Compares a scalar by `eq gt gte lt lte in regex`, or `null` (absent). Values of different types never match.

    On SQLite, `rare` is `eq` with a word that few rows have.
    """

    VALUES: ClassVar = ("operand",)

    field: Field
    operator: str
    operand: Operand = None


@dataclass(frozen=True, slots=True)
class Some:
    """True if one element of the list satisfies the part."""

    VALUES: ClassVar = ("part",)

    field: Field
    part: Node


@dataclass(frozen=True, slots=True)
class Size:
    """True if the list has `count` elements."""

    VALUES: ClassVar = ("count",)

    field: Field
    count: int


@dataclass(frozen=True, slots=True)
class Whole:
    """True if the list consists of exactly these elements, in this order."""

    VALUES: ClassVar = ("elements",)

    field: Field
    elements: tuple[str, ...]


NEVER = Any()
ALWAYS = All()


def mapped(node: Node, change: Callable[[Compare | Some | Size | Whole], Node]) -> Node:
    """Return the tree with each condition on a field replaced by what `change` makes of it."""
    match node:
        case All(parts) | Any(parts):
            return type(node)(tuple(mapped(part, change) for part in parts))
        case Not(part):
            return Not(mapped(part, change))
    return change(node)


def uses_patterns(node: Node) -> bool:
    """Tell whether the conditions include a regular expression."""
    match node:
        case All(parts) | Any(parts):
            return any(uses_patterns(part) for part in parts)
        case Not(part) | Some(_, part):
            return uses_patterns(part)
    return isinstance(node, Compare) and isinstance(node.operand, Pattern)
