"""The parts of an answer that the client asked for."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rest_framework.request import Request

from tenants.rest.querying.json_text import refused

LONGEST = 100  # names


@dataclass(frozen=True, slots=True)
class Selection:
    """Names of parts: of the whole ones, and of those within others, by the other's name."""

    whole: frozenset[str]
    within: dict[str, frozenset[str]]

    @classmethod
    def of(cls, names: Iterable[str]) -> "Selection":
        """Return the selection; a dotted name picks from within objects and lists."""
        whole = {"_id", *names}
        within: dict[str, set[str]] = {}
        for name in whole:
            first, dot, rest = name.partition(".")
            if dot:
                within.setdefault(first, set()).add(rest)
        return cls(frozenset(whole), {first: frozenset(rests) for first, rests in within.items()})

    def pick(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the selected parts of a document, at a cost that does not grow with the number of names."""
        parts = {}
        for key, value in document.items():
            if key in self.whole:
                parts[key] = value
            elif key in self.within and isinstance(value, dict | list):
                parts[key] = _inside(value, self.within[key])
        return parts


def selection_of(request: Request) -> Selection | None:
    """Return what `?select=` asks for, or None where it is absent or is not a JSON list.

    Raises Refused for a list of too many names, before anything is read.
    """
    try:
        names = json.loads(request.query_params.get("select", ""))
    except (ValueError, RecursionError):
        return None
    if not isinstance(names, list):
        return None
    if len(names) > LONGEST and request.method in ("GET", "HEAD"):  # elsewhere the change is made already
        raise refused(f"select has at most {LONGEST} names")
    return Selection.of(name for name in names if isinstance(name, str))


def selected(document: dict[str, Any], request: Request) -> dict[str, Any]:
    """Return the selected parts of a document; `_id` always comes along, unknown names are ignored."""
    selection = selection_of(request)
    return selection.pick(document) if selection else document


def _inside(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [_inside(element, names) for element in value]
    return {key: part for key, part in value.items() if key in names} if isinstance(value, dict) else value
