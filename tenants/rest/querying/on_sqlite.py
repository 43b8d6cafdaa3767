"""The lookups in SQLite, with its JSON functions and the index of words."""

import json
from collections.abc import Sequence
from typing import Any as Anything
from typing import TypeAlias

from django.db.backends.base.base import BaseDatabaseWrapper

from tenants.rest.querying.fields import Field
from tenants.rest.querying.patterns import Pattern
from tenants.rest.querying.tree import All, Any, Compare, Node, Not
from tenants.rows.fields import words_of

Sql: TypeAlias = tuple[str, list[Anything]]

FEW, PAGE = 1000, 10  # rows
SOUGHT = "FROM {} WHERE list = %s AND word = %s"
ELEMENT = Field("element", "any")
NUMBER = "'integer', 'real'"
SIGNS = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
TYPES = {
    str: "'text'",
    bool: "'true', 'false'",
    int: NUMBER,
    float: NUMBER,
}


def holds(column: str, element: Anything) -> Sql:
    if isinstance(element, dict):
        members = (Compare(Field(name, "any", name), "eq", value) for name, value in element.items())
        return any_element(column, All(tuple(members)))
    return any_element(column, Compare(ELEMENT, "eq", element))


def is_rare(connection: BaseDatabaseWrapper, field: Anything, word: str) -> bool:
    """Tell whether the field has an index of words, and so few rows have this word that the index finds them sooner.

    If `count` of `rows` rows have it, the index finds `count` rows and sorts them, and a scan reads about
    `PAGE * rows / count` rows.
    """
    if not getattr(field, "words", False):
        return False
    with connection.cursor() as cursor:
        found = f"SELECT 1 {SOUGHT.format(_index_of(field))} LIMIT {FEW}"
        rows = f"SELECT max(rowid) FROM {field.model._meta.db_table}"
        cursor.execute(f"SELECT count(*), ({rows}) FROM ({found})", [field.column, word])
        count, rows = cursor.fetchone()
    return bool(count < FEW and count * count <= PAGE * (rows or 0))


def by_word(key: str, field: Anything, word: str) -> Sql:
    """Return the condition that the row with this key has the word, by the index of words."""
    return f"{key} IN (SELECT holder {SOUGHT.format(_index_of(field))})", [field.column, word]


def _index_of(field: Anything) -> str:
    return words_of(field.model._meta.db_table)


def any_element(column: str, node: Node) -> Sql:
    sql, parameters = _condition(node)
    elements = f"json_each({column}) AS element"
    return f"EXISTS (SELECT 1 FROM {elements} WHERE {sql})", parameters


def length(column: str, count: int) -> Sql:
    return f"json_array_length({column}) = %s", [count]


def is_list(column: str, elements: Sequence[str]) -> Sql:
    written = "(SELECT json_group_array(value) FROM json_each({}))"
    return f"{written.format(column)} = {written.format('%s')}", [json.dumps(elements)]


def matches(column: str, pattern: Pattern) -> Sql:
    return f"re2_search(%s, %s, {column})", [pattern.text, pattern.insensitive]


def _condition(node: Node) -> Sql:
    match node:
        case All(parts):
            return _joined(parts, " AND ", "1")
        case Any(parts):
            return _joined(parts, " OR ", "0")
        case Not(part):
            sql, parameters = _condition(part)
            return f"NOT {sql}", parameters
        case Compare():
            sql, parameters = _comparison(node)
            return f"COALESCE({sql}, 0)", parameters
    raise TypeError(node)


def _joined(parts: Sequence[Node], glue: str, empty: str) -> Sql:
    written = [_condition(part) for part in parts]
    parameters = [parameter for _, more in written for parameter in more]
    return f"({glue.join(sql for sql, _ in written) or empty})", parameters


def _comparison(node: Compare) -> Sql:
    path, operand = node.field.path, node.operand
    value = f"json_extract(element.value, '$.{path}')" if path else "element.value"
    kind = f"json_type(element.value, '$.{path}')" if path else "element.type"
    match operand:
        case None:
            return f"{value} IS NULL", []
        case Pattern(text, insensitive):
            return f"({kind} = 'text' AND re2_search(%s, %s, {value}))", [
                text,
                insensitive,
            ]
        case tuple():
            return _among(value, kind, operand)
    return (
        f"({kind} IN ({TYPES[type(operand)]}) AND {value} {SIGNS[node.operator]} %s)",
        [operand],
    )


def _among(value: str, kind: str, choices: Sequence[Anything]) -> Sql:
    """Return the condition that the value is one of the choices, with one parameter per type to limit the depth."""
    of_type: dict[str, list[Anything]] = {}
    for choice in choices:
        of_type.setdefault(TYPES[type(choice)], []).append(choice)
    written = [f"({kind} IN ({types}) AND {value} IN (SELECT value FROM json_each(%s)))" for types in of_type]
    return f"({' OR '.join(written) or '0'})", [json.dumps(each) for each in of_type.values()]
