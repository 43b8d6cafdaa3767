"""Where a document stands in a list's order, and what comes after it: deep pages that an index finds at once."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet

from tenants.rest.querying.compile import nothing
from tenants.rest.querying.fields import Field, FieldTable
from tenants.rest.querying.json_text import refused
from tenants.rest.querying.operands import text_of
from tenants.rest.querying.sort import Key


def position_of(id: str, visible: QuerySet[Any], keys: Sequence[Key], fields: FieldTable) -> tuple[Any, ...]:
    """Return the document's values of the keys. Refuses an id of nothing that the caller may read."""
    text = text_of(Field("after", "text"), id)
    path = fields["_id"].path if "_id" in fields else "pk"
    found = visible.filter(**{path: text}).values_list(*(key.path for key in keys)).first()
    if found is None:
        raise refused(f"after: No such document: {id[:100]}")
    return tuple(found)


def comes_after(position: Sequence[Any], keys: Sequence[Key]) -> Q:
    """Return the condition on what follows the position in the order of the keys.

    What it says of the first key it says twice: an index finds the start of a range, but not of alternatives.
    """
    (key, *more), (value, *values) = keys, position
    beyond = _beyond(key, value)
    if not more:
        return beyond
    equal = Q(**{f"{key.path}__isnull": True} if value is None else {key.path: value})
    return (beyond | equal) & (beyond | (equal & comes_after(values, more)))


def _beyond(key: Key, value: Any) -> Q:
    """Return that a row's value comes later in the key's order, in which absent ones are the lowest."""
    present, absent = (Q(**{f"{key.path}__isnull": missing}) for missing in (False, True))
    if value is None:
        return nothing() if key.descending else present
    beyond = Q(**{f"{key.path}__{'lt' if key.descending else 'gt'}": value})
    if not key.nullable:
        return beyond
    return (beyond & present) | absent if key.descending else beyond & present
