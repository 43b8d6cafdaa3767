"""Evaluates a filter's tree in plain Python: the reference for every engine."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any as Anything

import re2

from tenants.rest.querying.patterns import Pattern
from tenants.rest.querying.tree import All, Any, Compare, Node, Not, Size, Some, Whole

ORDERS = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}


def holds(node: Node, row: Anything) -> bool:
    """Tell whether the row (a mapping of paths to values, or a scalar element) satisfies the tree."""
    match node:
        case All(parts):
            return all(holds(part, row) for part in parts)
        case Any(parts):
            return any(holds(part, row) for part in parts)
        case Not(part):
            return not holds(part, row)
        case Compare(field, name, operand):
            return _compare(name, row.get(field.path) if isinstance(row, Mapping) else row, operand)
        case Some(field, part):
            return any(holds(part, element) for element in _elements(row, field))
    return _as_a_whole(node, row)


def _as_a_whole(node: Node, row: Mapping[str, Anything]) -> bool:
    if isinstance(node, Size):
        return len(row[node.field.path]) == node.count
    assert isinstance(node, Whole)
    return tuple(row[node.field.path]) == node.elements


def _elements(row: Mapping[str, Anything], field: Anything) -> Sequence[Anything]:
    elements: Sequence[Anything] = row[field.name if field.kind == "rows" else field.path]
    return elements


def _compare(name: str, value: Anything, operand: Anything) -> bool:
    if name == "null":
        return value is None
    if name == "in":
        return any(_compare("eq", value, choice) for choice in operand)
    if isinstance(operand, Pattern):
        options = re2.Options()
        options.case_sensitive = not operand.insensitive
        return isinstance(value, str) and re2.search(operand.text, value, options) is not None
    if _type(value) != _type(operand):
        return False
    return value == operand if name == "eq" else bool(ORDERS[name](value, operand))


def _type(value: Anything) -> type:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)
