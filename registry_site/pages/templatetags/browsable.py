"""How pages write ids, dates and links."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import template

from registry_site.pages.items import listing

register = template.Library()


@register.filter
def key(reference: Mapping[str, Any]) -> Any:
    """Return the `_id` of a reference, whose name templates may not read."""
    return reference["_id"]


@register.filter
def moment(date: str | None) -> str:
    """Return a date to read: day, hour and minute in UTC."""
    return datetime.fromisoformat(date).strftime("%Y-%m-%d %H:%M") if date else ""


@register.filter
def tagged(tag: str, route: str) -> str:
    """Return the address of the list of what bears the tag."""
    return listing(route, "tags", tag)


@register.filter
def is_list(value: Any) -> bool:
    """Tell whether a value of an answer is a list."""
    return isinstance(value, list)


@register.filter
def chips(values: Sequence[Any] | None) -> Sequence[dict[str, str]]:
    """Return what the form shows of a list of texts or references, and what it sends to remove them."""
    return [
        {"value": each["_id"], "label": each.get("username") or each.get("name") or each["_id"]}
        if isinstance(each, Mapping)
        else {"value": each, "label": each}
        for each in values or ()
    ]
