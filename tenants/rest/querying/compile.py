"""Compiles filters and positions to a Django `Q` that selects the same rows on every engine.

Each condition is true or false, never unknown (null).
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce
from operator import and_, or_
from typing import Any as Anything
from typing import TypeAlias

from django.apps import apps
from django.db import connections, router
from django.db.models import Model, Q

from tenants.models import User
from tenants.rest.querying import on_sqlite
from tenants.rest.querying.fields import Field, Key
from tenants.rest.querying.lookups import having_row, ids_having_row
from tenants.rest.querying.tree import NEVER, All, Any, Compare, Node, Not, Size, Some, Whole, mapped
from tenants.rows.fields import INT64

LOOKUPS = {
    "eq": "exact",
    "gt": "gt",
    "gte": "gte",
    "lt": "lt",
    "lte": "lte",
    "in": "in",
    "regex": "matches",
}
HOLDS = {"eq": "holds", "rare": "holds_rare"}
ID = Field("_id", "text", "pk")
USER_ID = re.compile(r"[0-9a-f]{24}")
BY_ID = ("eq", "in")  # the operators that compare ids of users


def nothing() -> Q:
    return Q(pk__in=[])


def everything() -> Q:
    return ~Q(pk__in=[])


def to_q(node: Node, tenant_id: str | None = None) -> Q:
    """Return the tree as a condition on rows. Rows of other tables count only if they belong to this tenant."""
    match node:
        case All(parts):
            return reduce(and_, (to_q(part, tenant_id) for part in parts)) if parts else everything()
        case Any(parts):
            return reduce(or_, (to_q(part, tenant_id) for part in parts)) if parts else nothing()
        case Not(part):
            return ~to_q(part, tenant_id)
        case Some(field, part):
            return _some(field, part, tenant_id)
    return _leaf(node)


def _leaf(node: Compare | Size | Whole) -> Q:
    match node:
        case Size(field, count):
            return Q(**{f"{field.path}__length": count})
        case Whole(field, elements):
            return Q(**{f"{field.path}__is_list": elements})
    return _compare(node)


def _some(field: Field, part: Node, tenant_id: str | None) -> Q:
    if field.kind == "rows":
        return having_row(*_related(field), to_q(part), tenant_id)
    if isinstance(part, Compare) and not part.field.path and part.operator in HOLDS:
        return Q(**{f"{field.path}__{HOLDS[part.operator]}": part.operand})
    return Q(**{f"{field.path}__any_element": part})


def _related(field: Field) -> tuple[type[Model], str]:
    """Return the model of the rows, and its column that refers to a row of the list."""
    label, _, column = field.path.rpartition(".")
    return apps.get_model(label), column


def _compare(node: Compare) -> Q:
    path, operator, operand = node.field.path, node.operator, node.operand
    if operator == "null":
        return Q(**{f"{path}__isnull": True})
    if node.field.kind in GRAINS:
        operator, operand = _to_grain(GRAINS[node.field.kind], operator, operand)
    if operator == "never":
        return nothing()
    condition = Q(**{f"{path}__{LOOKUPS[operator]}": operand})
    return condition & Q(**{f"{path}__isnull": False}) if node.field.nullable else condition


def _whole_number(value: Anything) -> tuple[int, bool]:
    """Return the value rounded down to a 64-bit integer, and whether they are equal."""
    floor = min(max(math.floor(value), INT64[0]), INT64[-1])
    return floor, floor == value


def _millisecond(value: datetime) -> tuple[datetime, bool]:
    """Return the date rounded down to a millisecond, the precision of stored dates, and whether they are equal."""
    floor = value.replace(microsecond=value.microsecond // 1000 * 1000)
    return floor, floor == value


Grain: TypeAlias = Callable[[Anything], tuple[Anything, bool]]
GRAINS: dict[str, Grain] = {"number": _whole_number, "date": _millisecond}
BETWEEN = {"gte": "gt", "lt": "lte"}


def _to_grain(grain: Grain, operator: str, operand: Anything) -> tuple[str, Anything]:
    """Return an equivalent comparison with a value that the column can store.

    A value between two storable ones equals none, and what is less than it is at most the lower of the two.
    """
    if operator == "in":
        return "in", [floor for floor, same in map(grain, operand) if same]
    floor, same = grain(operand)
    if same:
        return operator, floor
    return ("never", None) if operator == "eq" else (BETWEEN.get(operator, operator), floor)


def with_user_ids(node: Node, tenant_id: str | None) -> Node:
    """Return the tree with the usernames of this tenant replaced by ids: one query, or none if all are ids.

    An unknown username stays and equals no id.
    """
    names = {name for compare in _about_users(node) for name in _texts(compare.operand) if not USER_ID.fullmatch(name)}
    if not names:
        return node
    ids = dict(User.objects.of(tenant_id or "").filter(username__in=names).values_list("username", "pk"))

    def change(leaf: Compare | Some | Size | Whole) -> Node:
        if not (isinstance(leaf, Compare) and leaf.field.kind == "user" and leaf.operator in BY_ID):
            return leaf
        keys = tuple(ids.get(text, text) for text in _texts(leaf.operand))
        return replace(leaf, operand=keys if leaf.operator == "in" else keys[0])

    return mapped(node, change)


def _about_users(node: Node) -> Iterator[Compare]:
    match node:
        case All(parts) | Any(parts):
            for part in parts:
                yield from _about_users(part)
        case Not(part):
            yield from _about_users(part)
        case Compare() if node.field.kind == "user" and node.operator in BY_ID:
            yield node


def _texts(operand: Anything) -> tuple[str, ...]:
    return operand if isinstance(operand, tuple) else (operand,)


def resolved(node: Node, tenant_id: str | None, model: type[Model]) -> Node:
    """Return the tree in a form whose compilation depends only on its shape, not on its values or the database.

    Numbers and dates are those that columns can store. On MongoDB, conditions on rows of other tables become ids (one
    query each). On SQLite, words are marked that few rows have (one query each).
    """
    connection = connections[router.db_for_read(model)]

    def change(leaf: Compare | Some | Size | Whole) -> Node:
        match leaf:
            case Compare(field) if field.kind in GRAINS and leaf.operator != "null":
                operator, operand = _to_grain(GRAINS[field.kind], leaf.operator, leaf.operand)
                return NEVER if operator == "never" else Compare(field, operator, operand)
            case Some(field, part) if field.kind == "rows":
                if connection.vendor != "mongodb":
                    return Some(field, resolved(part, tenant_id, _related(field)[0]))
                return Compare(ID, "in", tuple(ids_having_row(*_related(field), to_q(part), tenant_id)))
            case Some(field, Compare(_, "eq", str(word)) as part) if connection.vendor == "sqlite" and _is_word(part):
                if on_sqlite.is_rare(connection, model._meta.get_field(field.path), word):
                    return Some(field, replace(part, operator="rare"))
        return leaf

    return mapped(node, change)


def _is_word(part: Compare) -> bool:
    return not part.field.path


def comes_after(position: Sequence[Any], keys: Sequence[Key]) -> Q:
    """Return the condition on the rows that follow the position in the order of the keys.

    The condition on the first key appears twice, because an index can seek to a range but not to alternatives.
    """
    (key, *more), (value, *values) = keys, position
    beyond = _beyond(key, value)
    if not more:
        return beyond
    equal = Q(**{f"{key.path}__isnull": True} if value is None else {key.path: value})
    return (beyond | equal) & (beyond | (equal & comes_after(values, more)))


def _beyond(key: Key, value: Any) -> Q:
    """Return the condition that a row's value comes later in the key's order. Nulls sort lowest."""
    present, absent = (Q(**{f"{key.path}__isnull": missing}) for missing in (False, True))
    if value is None:
        return nothing() if key.descending else present
    beyond = Q(**{f"{key.path}__{'lt' if key.descending else 'gt'}": value})
    if not key.nullable:
        return beyond
    return (beyond & present) | absent if key.descending else beyond & present
