"""The lookups in PostgreSQL: containment and JSON paths, which can use a GIN index."""

import json
from collections.abc import Sequence
from typing import Any as Anything
from typing import TypeAlias

from tenants.rest.querying.patterns import Pattern
from tenants.rest.querying.tree import All, Any, Compare, Node, Not, uses_patterns

Sql: TypeAlias = tuple[str, list[Anything]]

SIGNS = {"eq": "==", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def holds(column: str, element: Anything) -> Sql:
    return f"{column} @> %s::jsonb", [json.dumps([element])]


def any_element(column: str, node: Node) -> Sql:
    if not uses_patterns(node):
        return f"{column} @? %s::jsonpath", [f"$[*] ? ({_path(node)})"]
    sql, parameters = _condition(node)
    elements = f"jsonb_array_elements({column}) AS element (value)"
    return f"EXISTS (SELECT 1 FROM {elements} WHERE {sql})", parameters


def length(column: str, count: int) -> Sql:
    return f"jsonb_array_length({column}) = %s", [count]


def is_list(column: str, elements: Sequence[str]) -> Sql:
    return f"{column} = %s::jsonb", [json.dumps(elements)]


def matches(column: str, pattern: Pattern) -> Sql:
    """Only the database's default collation knows upper and lower case beyond ASCII."""
    if pattern.insensitive:
        return f'{column} COLLATE "default" ~* %s', [pattern.for_postgresql()]
    return f"{column} ~ %s", [pattern.for_postgresql()]


def _path(node: Node, negated: bool = False) -> str:
    """Return the JSON path predicate. Each comparison is negated by itself, because across types it is unknown."""
    match node:
        case All(parts) | Any(parts):
            conjunction = isinstance(node, All) != negated
            empty = "1 == 1" if conjunction else "1 == 0"
            return (
                "(" + ((" && " if conjunction else " || ").join(_path(part, negated) for part in parts) or empty) + ")"
            )
        case Not(part):
            return _path(part, not negated)
        case Compare():
            predicate = _comparison(node)
            return f"(!({predicate}) || ({predicate}) is unknown)" if negated else f"({predicate})"
    raise TypeError(node)


def _comparison(node: Compare) -> str:
    value = f"@.{node.field.path}" if node.field.path else "@"
    operand = node.operand
    if operand is None:
        return f"!exists({value}) || {value} == null"
    if isinstance(operand, tuple):
        return " || ".join(f"{value} == {json.dumps(choice)}" for choice in operand) or "1 == 0"
    return f"{value} {SIGNS[node.operator]} {json.dumps(operand)}"


def _condition(node: Node) -> Sql:
    """Return the SQL condition on one element, for regular expressions, which JSON paths match differently from RE2."""
    if not uses_patterns(node):
        return "element.value @? %s::jsonpath", [f"$ ? ({_path(node)})"]
    match node:
        case All(parts) | Any(parts):
            written = [_condition(part) for part in parts]
            glue = " AND " if isinstance(node, All) else " OR "
            return f"({glue.join(sql for sql, _ in written)})", [item for _, more in written for item in more]
        case Not(part):
            sql, parameters = _condition(part)
            return f"NOT {sql}", parameters
        case Compare(field, _, Pattern() as pattern):
            json_path = f"{{{field.path}}}"
            sql, parameters = matches("(element.value #>> %s)", pattern)
            kind = "jsonb_typeof(element.value #> %s) = 'string'"
            return f"COALESCE({kind} AND {sql}, FALSE)", [
                json_path,
                json_path,
                *parameters,
            ]
    raise TypeError(node)
