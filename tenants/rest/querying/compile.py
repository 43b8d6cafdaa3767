"""From the tree to a Django `Q` that means the same on every engine, and means true or false, never unknown."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import reduce
from operator import and_, or_
from typing import Any as Anything
from typing import TypeAlias

from django.apps import apps
from django.db.models import Q

from tenants.rest.querying.fields import Field
from tenants.rest.querying.lookups import having_row
from tenants.rest.querying.tree import All, Any, Compare, Node, Not, Size, Some, Whole

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
INT64 = (-(2**63), 2**63 - 1)


def nothing() -> Q:
    return Q(pk__in=[])


def everything() -> Q:
    return ~Q(pk__in=[])


def to_q(node: Node, tenant_id: str | None = None) -> Q:
    """Return the condition on rows that the tree spells; rows of other tables are sought in this tenant only."""
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
    """Return the greatest whole number that is not above the value, within 64 bits, and whether it is the value."""
    floor = min(max(math.floor(value), INT64[0]), INT64[1])
    return floor, floor == value


def _millisecond(value: datetime) -> tuple[datetime, bool]:
    """Return the same for the milliseconds that dates are kept in."""
    floor = value.replace(microsecond=value.microsecond // 1000 * 1000)
    return floor, floor == value


Grain: TypeAlias = Callable[[Anything], tuple[Anything, bool]]
GRAINS: dict[str, Grain] = {"number": _whole_number, "date": _millisecond}
BETWEEN = {"gte": "gt", "lt": "lte"}


def _to_grain(grain: Grain, operator: str, operand: Anything) -> tuple[str, Anything]:
    """Return the comparison with a value that the column can hold which is true of the same rows.

    A value between two that the column can hold equals none; below it is what is up to the lower of the two.
    """
    if operator == "in":
        return "in", [floor for floor, same in map(grain, operand) if same]
    floor, same = grain(operand)
    if same:
        return operator, floor
    return ("never", None) if operator == "eq" else (BETWEEN.get(operator, operator), floor)
