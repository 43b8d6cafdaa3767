"""Template filters for ids, dates and links."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from django import template

from registry_site.pages.links import listing

register = template.Library()


@register.filter
def key(reference: Mapping[str, Any]) -> Any:
    """Return the `_id` of a reference; templates cannot read names that begin with an underscore."""
    return reference["_id"]


@register.filter
def moment(date: str | None) -> str:
    """Format a date for people: day, hour and minute in UTC."""
    return datetime.fromisoformat(date).strftime("%Y-%m-%d %H:%M") if date else ""


@register.filter
def tagged(tag: str, route: str) -> str:
    """Return the URL of the list of items that have the tag."""
    return listing(route, "tags", tag)


@register.filter
def tagged_version(tag: str, route: str) -> str:
    """Return the URL of the list of items of which a version has the tag."""
    return listing(route, "versions.tags", tag)


@register.filter
def text_or_json(value: Any) -> str:
    """Return a text as it is, and any other value as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@register.filter
def json(value: Any) -> str:
    """Return a value of a response as JSON."""
    return orjson.dumps(value).decode()


@register.filter
def is_list(value: Any) -> bool:
    """Return whether a value of a response is a list."""
    return isinstance(value, list)


@register.filter
def chips(values: Sequence[Any] | None) -> Sequence[dict[str, str]]:
    """Return label and value of each text or reference in a list; forms send the value to remove it."""
    return [
        {"value": each["_id"], "label": each.get("username") or each.get("name") or each["_id"]}
        if isinstance(each, Mapping)
        else {"value": each, "label": each}
        for each in values or ()
    ]
