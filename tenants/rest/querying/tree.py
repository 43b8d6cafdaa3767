"""What a filter means, free of JSON and of data bases: conditions on fields, put together."""

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
    """True where every part is; without parts always."""

    parts: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Any:
    """True where a part is; without parts never."""

    parts: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """True where the part is not."""

    part: Node


@dataclass(frozen=True, slots=True)
class Compare:
    """A scalar under an operator: `eq gt gte lt lte in regex`, or `null` (absent). Never true across types."""

    field: Field
    operator: str
    operand: Operand = None


@dataclass(frozen=True, slots=True)
class Some:
    """True where one element of the list satisfies the whole part."""

    field: Field
    part: Node


@dataclass(frozen=True, slots=True)
class Size:
    """True where the list has that many elements."""

    field: Field
    count: int


@dataclass(frozen=True, slots=True)
class Whole:
    """True where the list holds these elements, in this order, and no others."""

    field: Field
    elements: tuple[str, ...]


NEVER = Any()
ALWAYS = All()


def uses_patterns(node: Node) -> bool:
    """Tell whether a regular expression is among the conditions."""
    match node:
        case All(parts) | Any(parts):
            return any(uses_patterns(part) for part in parts)
        case Not(part) | Some(_, part):
            return uses_patterns(part)
    return isinstance(node, Compare) and isinstance(node.operand, Pattern)
