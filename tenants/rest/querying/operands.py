"""The values that fields are compared with: each of the field's own type, or refused."""

import json
from datetime import UTC, datetime
from typing import Any

from tenants.rest.querying.fields import Field
from tenants.rest.querying.json_text import refused

KINDS = {
    "text": (str, "a text"),
    "number": ((int, float), "a number"),
    "date": (str, "a date in ISO 8601"),
    "user": (str, "the id or username of a user"),
    "flag": (bool, "true or false"),
    "any": ((str, int, float, bool), "a text, a number or true or false"),
}


def operand_of(field: Field, value: Any) -> Any:
    """Return the value that the field is compared with; refuses one of another type."""
    if field.kind not in KINDS:
        raise refused(f"{field.name} can only be asked with $elemMatch")
    types, description = KINDS[field.kind]
    if not isinstance(value, types) or (isinstance(value, bool) and field.kind == "number"):  # type: ignore[arg-type]
        raise refused(f"{field.name} is compared with {description}, not {json.dumps(value)[:100]}")
    if isinstance(value, str):
        text_of(field, value)
    return _date(field, value) if field.kind == "date" else value


def text_of(field: Field, value: str) -> str:
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise refused(f"{field.name}: a text without null characters and lone surrogates is needed")
    return value


def _date(field: Field, value: str) -> datetime:
    try:
        date = datetime.fromisoformat(value)
        return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise refused(f"{field.name} is compared with a date in ISO 8601, not {json.dumps(value)[:100]}") from None
