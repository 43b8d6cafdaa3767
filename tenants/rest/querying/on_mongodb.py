"""The lookups as conditions of a `$match`, which can use multikey indexes, and pages that an index sorts."""

from collections.abc import Sequence
from typing import Any as Anything
from typing import TypeAlias

from django.db.models import Model

from tenants.rest.querying.fields import Key
from tenants.rest.querying.patterns import Pattern
from tenants.rest.querying.tree import ALWAYS, All, Any, Compare, Node, Not

Mql: TypeAlias = dict[str, Anything]


def holds(column: str, element: Anything) -> Mql:
    return {column: {"$elemMatch" if isinstance(element, dict) else "$eq": element}}


def any_element(column: str, node: Node) -> Mql:
    if node == ALWAYS:
        return {f"{column}.0": {"$exists": True}}
    return {column: {"$elemMatch": _of_object(node) if _names_members(node) else _of_scalar(node)}}


def length(column: str, count: int) -> Mql:
    return {column: {"$size": count}}


def is_list(column: str, elements: Sequence[str]) -> Mql:
    return {column: {"$eq": list(elements)}}


def matches(column: str, pattern: Pattern) -> Mql:
    return {column: _regex(pattern)}


def _regex(pattern: Pattern) -> Mql:
    return {
        "$regex": pattern.for_mongodb(),
        "$options": "i" if pattern.insensitive else "",
    }


def _comparison(node: Compare) -> Mql:
    match node.operand:
        case Pattern() as pattern:
            return _regex(pattern)
        case tuple() as choices:
            return {"$in": list(choices)}
    return {"$eq" if node.operator == "null" else f"${node.operator}": node.operand}


def _names_members(node: Node) -> bool:
    """Tell whether the elements are objects: every comparison names a member."""
    match node:
        case All(parts) | Any(parts):
            return all(_names_members(part) for part in parts)
        case Not(part):
            return _names_members(part)
    return isinstance(node, Compare) and bool(node.field.path)


def _of_object(node: Node) -> Mql:
    match node:
        case All(parts):
            return {"$and": [_of_object(part) for part in parts]} if parts else {}
        case Any(parts):
            return {"$or": [_of_object(part) for part in parts]} if parts else {"$nor": [{}]}
        case Not(part):
            return {"$nor": [_of_object(part)]}
        case Compare():
            return {node.field.path: _comparison(node)}
    raise TypeError(node)


def _of_scalar(node: Node) -> Mql:
    """Return the operators on a scalar element. The filter language allows only `All` and `Not` there."""
    match node:
        case All(parts):
            operators: Mql = {}
            for part in parts:
                more = _of_scalar(part)
                if operators.keys() & more.keys():
                    more = {"$not": {"$not": more}}
                operators |= more
            return operators
        case Not(Compare() as part) if part.operator in ("eq", "in"):
            ((operator, operand),) = _comparison(part).items()
            return {{"$eq": "$ne", "$in": "$nin"}[operator]: operand}
        case Not(part):
            return {"$not": _of_scalar(part)}
        case Compare():
            return _comparison(node)
    raise TypeError(node)


def page_stages(model: type[Model], keys: Sequence[Key], offset: int | None, limit: int) -> list[Mql]:
    """Return the stages that follow the conditions of a page.

    The ORM computes sort keys before it sorts, which prevents the use of an index. These sort by stored columns.
    """
    order = {_column(model, key.path): -1 if key.descending else 1 for key in keys}
    return [{"$sort": order}, *([{"$skip": offset}] if offset else []), {"$limit": limit}]


def weight_stages(model: type[Model], names: Sequence[str]) -> list[Mql]:
    """Return the stages that compute the size of these columns of all rows in bytes, as `total`."""
    columns = dict.fromkeys((_column(model, name) for name in names), 1)
    return [{"$project": columns}, {"$group": {"_id": None, "total": {"$sum": {"$bsonSize": "$$ROOT"}}}}]


def _column(model: type[Model], path: str) -> str:
    field = model._meta.pk if path == "pk" else model._meta.get_field(path)
    return str(field.column)  # type: ignore[union-attr]
