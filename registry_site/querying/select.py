"""The parts of an answer that the client asked for."""

import json
from typing import Any

from rest_framework.request import Request


def selected_names(request: Request) -> frozenset[str] | None:
    """Return the names of `?select=`, or None where it is absent or is not a JSON list."""
    try:
        names = json.loads(request.query_params.get("select", ""))
    except (ValueError, RecursionError):
        return None
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else None


def selected(document: dict[str, Any], request: Request) -> dict[str, Any]:
    """Return the selected parts of a document; `_id` always comes along, unknown names are ignored."""
    return pick(document, selected_names(request))


def pick(document: dict[str, Any], names: frozenset[str] | None) -> dict[str, Any]:
    """Return the named parts of a document and `_id`; a dotted name picks from within objects and lists."""
    if names is None:
        return document
    parts = {}
    for key, value in document.items():
        inner = frozenset(name.removeprefix(f"{key}.") for name in names if name.startswith(f"{key}."))
        if key == "_id" or key in names:
            parts[key] = value
        elif inner and isinstance(value, dict | list):
            parts[key] = _inside(value, inner)
    return parts


def _inside(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [_inside(element, names) for element in value]
    return {key: part for key, part in value.items() if key in names} if isinstance(value, dict) else value
