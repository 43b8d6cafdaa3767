"""How an event stores changes: exact enough to undo them, bounded in size, and without secrets.

`changes` maps each field that changed to `[old, new]`. Of two lists only the elements that differ are kept, by their
positions: `"tags": [{"0": "draft"}, {"2": "csv"}]` says that the element 0 of the old list is gone and that the element
2 of the new list is new; all others stay in their order. If an event would have more than MAX_BYTES, its texts are cut
to SHORT characters: `{"cut": "first characters", "characters": 5000}`; if it still is too large, its lists and objects
are left out: `{"cut": null, "elements": 900}`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

# Fields whose values are never written: the event says only that they changed, as `[null, null]`.
SECRET_FIELDS = frozenset(
    {
        "password",
        "admin_password",
        "kept_login",
        "email_key",
        "reset",
        "digest",
        "secret",
        "token",
        "hash",
        "login",
        "session",
    }
)
MAX_BYTES = 256 * 1024  # of an event's changes
SHORT = 200  # characters of a text that was cut
OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z

Change = Sequence[Any]  # [old, new]
Changes = Mapping[str, Change]


def encode_changes(changes: Changes) -> str:
    """Return the fields that changed as JSON with sorted keys, at most MAX_BYTES long."""
    stored = {
        field: [None, None] if field in SECRET_FIELDS else _difference(old, new)
        for field, (old, new) in changes.items()
        if _differ(old, new)
    }
    text = _dump(stored)
    if len(text) > MAX_BYTES:
        stored = _with_short_texts(stored)
        text = _dump(stored)
    if len(text) > MAX_BYTES:
        text = _dump({field: [_without_elements(value) for value in pair] for field, pair in stored.items()})
    return text.decode()


def undo_change(new: Any, change: Change) -> Any:
    """Return the old value of a field, given its new one."""
    old, come = change
    if not (isinstance(new, list) and isinstance(old, dict) and isinstance(come, dict)):
        return old
    if "cut" in old or "cut" in come:
        return old if "cut" in old else new
    kept = iter([element for place, element in enumerate(new) if str(place) not in come])
    length = len(new) - len(come) + len(old)
    return [old[str(place)] if str(place) in old else next(kept) for place in range(length)]


def is_cut(value: Any) -> bool:
    """Return whether a part of the value was cut."""
    if isinstance(value, dict):
        return "cut" in value or any(map(is_cut, value.values()))
    return isinstance(value, list) and any(map(is_cut, value))


def _differ(old: Any, new: Any) -> bool:
    """Return whether values differ as JSON, in which 1, 1.0 and true are three values."""
    if old is new:
        return False
    if isinstance(old, str) and isinstance(new, str):
        return old != new
    return old is None or new is None or _dump(old) != _dump(new)


def _dump(value: Any) -> bytes:
    return orjson.dumps(value, default=str, option=OPTIONS)


def _difference(old: Any, new: Any) -> list[Any]:
    """Return the values, or of two lists the elements that differ by position."""
    if not (isinstance(old, list) and isinstance(new, list)):
        return [old, new]
    before, after = [_dump(each) for each in old], [_dump(each) for each in new]
    gone, come = set(before) - set(after), set(after) - set(before)
    in_order = [key for key in before if key not in gone] == [key for key in after if key not in come]
    return [
        {
            str(place): each
            for place, (key, each) in enumerate(zip(before, old, strict=True))
            if key in gone or not in_order
        },
        {
            str(place): each
            for place, (key, each) in enumerate(zip(after, new, strict=True))
            if key in come or not in_order
        },
    ]


def _with_short_texts(value: Any) -> Any:
    match value:
        case str() if len(value) > SHORT:
            return {"cut": value[:SHORT], "characters": len(value)}
        case dict():
            return {key: _with_short_texts(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_with_short_texts(inner) for inner in value]
    return value


def _without_elements(value: Any) -> Any:
    is_container = isinstance(value, list | dict) and "cut" not in value
    return {"cut": None, "elements": len(value)} if is_container else value
