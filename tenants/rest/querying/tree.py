"""The tree of a filter: conditions on fields and their combinations, independent of JSON and of the database.

`marked` returns the tree's shape, for prepared queries (see `tenants.rows.prepared`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any as Anything
from typing import TypeAlias

from tenants.rest.querying.fields import Field
from tenants.rest.querying.patterns import Pattern
from tenants.rows.marks import Unprepared

Scalar: TypeAlias = str | int | float | bool | datetime
Operand: TypeAlias = Scalar | tuple[Scalar, ...] | Pattern | None
Mark: TypeAlias = Callable[[Anything], Anything]
Node: TypeAlias = "All | Any | Not | Compare | Some | Size | Whole"


@dataclass(frozen=True, slots=True)
class All:
    """True if all parts are true, or if there are none."""

    parts: tuple[Node, ...] = ()

    def marked(self, mark: Mark) -> "All":
        return All(mark(self.parts))


@dataclass(frozen=True, slots=True)
class Any:
    """True if at least one part is true."""

    parts: tuple[Node, ...] = ()

    def marked(self, mark: Mark) -> "Any":
        return Any(mark(self.parts))


@dataclass(frozen=True, slots=True)
class Not:
    """True if the part is false."""

    part: Node

    def marked(self, mark: Mark) -> "Not":
        return Not(mark(self.part))


@dataclass(frozen=True, slots=True)
class Compare:
    """Compares a scalar by `eq gt gte lt lte in regex`, or `null` (absent). Values of different types never match.

    On SQLite, `rare` is `eq` with a word that few rows have.
    """

    field: Field
    operator: str
    operand: Operand = None

    def marked(self, mark: Mark) -> "Compare":
        """Return the comparison's shape. Raises Unprepared for a regular expression, which each engine rewrites."""
        if isinstance(self.operand, Pattern):
            raise Unprepared
        return Compare(self.field, self.operator, mark(self.operand))


@dataclass(frozen=True, slots=True)
class Some:
    """True if one element of the list satisfies the part."""

    field: Field
    part: Node

    def marked(self, mark: Mark) -> "Some":
        return Some(self.field, mark(self.part))


@dataclass(frozen=True, slots=True)
class Size:
    """True if the list has `count` elements."""

    field: Field
    count: int

    def marked(self, mark: Mark) -> "Size":
        return Size(self.field, mark(self.count))


@dataclass(frozen=True, slots=True)
class Whole:
    """True if the list consists of exactly these elements, in this order."""

    field: Field
    elements: tuple[str, ...]

    def marked(self, mark: Mark) -> "Whole":
        return Whole(self.field, mark(self.elements))


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
