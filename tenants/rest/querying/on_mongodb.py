"""The lookups as conditions of a `$match`, which can use multikey indexes, and pages that an index sorts."""

from collections.abc import Sequence
from typing import Any as Anything
from typing import TypeAlias, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import Model, QuerySet
from django_mongodb_backend.queryset import RawQuerySet

from tenants.rest.querying.fields import Key
from tenants.rest.querying.patterns import Pattern
from tenants.rest.querying.tree import All, Any, Compare, Node, Not

M = TypeVar("M", bound=Model)
Mql: TypeAlias = dict[str, Anything]


def holds(column: str, element: Anything) -> Mql:
    return {column: {"$elemMatch" if isinstance(element, dict) else "$eq": element}}


def any_element(column: str, node: Node) -> Mql:
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


def page(queryset: QuerySet[M], keys: Sequence[Key], offset: int, limit: int) -> list[M]:
    """Return the rows of one page, sorted by an index if one fits."""
    try:
        pipeline = page_pipeline(queryset, keys, offset, limit)
    except EmptyResultSet:
        return []
    return list(RawQuerySet(pipeline, model=queryset.model, using=queryset.db))


def weight(queryset: QuerySet[M], keys: Sequence[Key], offset: int, limit: int) -> int:
    """Return the size of the rows of a page in bytes."""
    try:
        pipeline = page_pipeline(queryset, keys, offset, limit)
    except EmptyResultSet:
        return 0
    total = {"$group": {"_id": None, "bytes": {"$sum": {"$bsonSize": "$$ROOT"}}}}
    mongodb: Anything = connections[queryset.db]
    found = mongodb.get_collection(queryset.model._meta.db_table).aggregate([*pipeline, total], session=mongodb.session)
    return sum(each["bytes"] for each in found)


def page_pipeline(queryset: QuerySet[M], keys: Sequence[Key], offset: int, limit: int) -> list[Mql]:
    """Return the aggregation of one page. Raises EmptyResultSet if nothing can match.

    The ORM computes sort keys before it sorts, which prevents the use of an index. So this keeps the ORM's `$match` and
    sorts by the columns themselves.
    """
    compiler = queryset.order_by().query.get_compiler(using=queryset.db)
    compiler.pre_sql_setup()
    pipeline: list[Mql] = compiler.build_query(None).get_pipeline()
    order = {_column(queryset.model, key.path): -1 if key.descending else 1 for key in keys}
    cut: list[Mql] = [{"$sort": order}, *([{"$skip": offset}] if offset else []), {"$limit": limit}]
    names, all_but = queryset.query.deferred_loading
    wanted = {} if all_but else {_column(queryset.model, name): 1 for name in names}
    return [*pipeline, *cut, *([{"$project": wanted}] if wanted else [])]


def _column(model: type[Model], path: str) -> str:
    field = model._meta.pk if path == "pk" else model._meta.get_field(path)
    return str(field.column)  # type: ignore[union-attr]
