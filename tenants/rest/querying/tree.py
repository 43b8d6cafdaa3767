"""The tree of a filter: conditions on fields and their combinations, independent of JSON and of the database."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from tenants.rest.querying.fields import Field
from tenants.rest.querying.patterns import Pattern

Scalar: TypeAlias = str | int | float | bool | datetime
Operand: TypeAlias = Scalar | tuple[Scalar, ...] | Pattern | None
Node: TypeAlias = "All | Any | Not | Compare | Some | Size | Whole"


@dataclass(frozen=True, slots=True)
class All:
    """True if all parts are true, or if there are none."""

    parts: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Any:
    """True if at least one part is true."""

    parts: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """True if the part is false."""

    part: Node


@dataclass(frozen=True, slots=True)
class Compare:
    """Compares a scalar by `eq gt gte lt lte in regex`, or `null` (absent). Values of different types never match."""

    field: Field
    operator: str
    operand: Operand = None


@dataclass(frozen=True, slots=True)
class Some:
    """True if one element of the list satisfies the part."""

    field: Field
    part: Node


@dataclass(frozen=True, slots=True)
class Size:
    """True if the list has `count` elements."""

    field: Field
    count: int


@dataclass(frozen=True, slots=True)
class Whole:
    """True if the list consists of exactly these elements, in this order."""

    field: Field
    elements: tuple[str, ...]


NEVER = Any()
ALWAYS = All()


def uses_patterns(node: Node) -> bool:
    """Tell whether the conditions include a regular expression."""
    match node:
        case All(parts) | Any(parts):
            return any(uses_patterns(part) for part in parts)
        case Not(part) | Some(_, part):
            return uses_patterns(part)
    return isinstance(node, Compare) and isinstance(node.operand, Pattern)
