"""Compiles filters and positions to a Django `Q` that selects the same rows on every engine.

Each condition is true or false, never unknown (null).
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from operator import and_, or_
from typing import Any as Anything
from typing import TypeAlias

from django.apps import apps
from django.db.models import Q

from tenants.models import User
from tenants.rest.querying.fields import Field, Key
from tenants.rest.querying.lookups import having_row
from tenants.rest.querying.tree import All, Any, Compare, Node, Not, Size, Some, Whole
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
MILLISECOND = timedelta(milliseconds=1)
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
        label, _, column = field.path.rpartition(".")
        return having_row(apps.get_model(label), column, to_q(part), tenant_id)
    if isinstance(part, Compare) and not part.field.path and part.operator == "eq":
        return Q(**{f"{field.path}__holds": part.operand})
    return Q(**{f"{field.path}__any_element": part})


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
    found = User.objects.of(tenant_id or "").filter(username__in=names).values_list("username", "pk")
    return _replaced(node, dict(found))


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


def _replaced(node: Node, ids: Mapping[str, str]) -> Node:
    match node:
        case All(parts) | Any(parts):
            return type(node)(tuple(_replaced(part, ids) for part in parts))
        case Not(part):
            return Not(_replaced(part, ids))
        case Compare() if node.field.kind == "user" and node.operator in BY_ID:
            keys = tuple(ids.get(text, text) for text in _texts(node.operand))
            return replace(node, operand=keys if node.operator == "in" else keys[0])
    return node


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
