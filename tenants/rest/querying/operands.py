"""The names and values in a filter: JSON is read strictly, names are resolved, values are checked for their type."""

import json
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from tenants.rest.querying.fields import Field, FieldTable, query_error
from tenants.rest.querying.tree import NEVER, All, Compare, Node, Not, Some
from tenants.rows.fields import INT64

KINDS = {
    "text": (str, "a text"),
    "number": ((int, float), "a number"),
    "date": (str, "a date in ISO 8601"),
    "user": (str, "the id or username of a user"),
    "flag": (bool, "true or false"),
    "any": ((str, int, float, bool), "a text, a number or true or false"),
}


def read_json(text: str, parameter: str) -> Any:
    """Return the parsed JSON. Rejects duplicate keys, and numbers that some engine cannot store."""
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_int=_int, parse_float=_float, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        reason = "too deep" if isinstance(error, RecursionError) else error
        raise query_error(f"{parameter} is not valid JSON: {reason}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} is given twice")
    return document


def _int(digits: str) -> int:
    if len(digits) > 20 or int(digits) not in INT64:
        raise ValueError(f"the number {digits[:24]} has more than 64 bits")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:24]} is out of range")
    return number


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def operand_of(field: Field, value: Any) -> Any:
    """Return the value to compare the field with. Rejects a value of another type."""
    if field.kind not in KINDS:
        raise query_error(f"{field.name} can only be used with $elemMatch")
    types, description = KINDS[field.kind]
    if not isinstance(value, types) or (isinstance(value, bool) and field.kind == "number"):  # type: ignore[arg-type]
        raise query_error(f"{field.name} is compared with {description}, not {json.dumps(value)[:100]}")
    if isinstance(value, str):
        text_of(field, value)
    return date_of(field, value) if field.kind == "date" else value


def text_of(field: Field, value: str) -> str:
    """Return the text unchanged. Rejects null characters and lone surrogates, which databases cannot store."""
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise query_error(f"{field.name}: a text without null characters and lone surrogates is needed")
    return value


def date_of(field: Field, value: str) -> datetime:
    """Return the date in UTC that an ISO 8601 text names. Rejects other texts."""
    try:
        date = datetime.fromisoformat(value)
        return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise query_error(f"{field.name} is compared with a date in ISO 8601, not {json.dumps(value)[:100]}") from None


@dataclass(frozen=True, slots=True)
class Target:
    """What a condition applies to: a scalar field, or an element of the list `within`, or of the list `inner` in one.

    The same element must also satisfy `given`. `whole` is true if the filter names the list itself rather than a
    member of its elements.
    """

    field: Field
    within: Field | None = None
    given: tuple[Node, ...] = ()
    whole: bool = False
    inner: Field | None = None

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def bare(self) -> bool:
        """Whether this is an element of a list of strings, inside `$elemMatch`."""
        return not self.field.path and not self.within

    def some(self, *conditions: Node) -> Node:
        """Return the node that is true if the scalar, or one element of the list, satisfies all the conditions."""
        parts = (*self.given, *conditions)
        part = parts[0] if len(parts) == 1 else All(parts)
        part = Some(self.inner, part) if self.inner else part
        return Some(self.within, part) if self.within else part

    def absent(self) -> Node:
        """Return the node that is true if the value is absent."""
        if self.within:
            return NEVER if self.whole else Not(self.some())
        if not self.field.nullable:
            raise query_error(f"{self.name} is never null")
        return Compare(self.field, "null")


def target_of(name: str, fields: FieldTable) -> Target:
    """Return the target that a name in a filter denotes. Rejects unknown names."""
    field, (first, _, rest) = fields.get(name), name.partition(".")
    parent = fields.get(first)
    if parent and parent.kind == "rows" and rest:
        return _in_rows(parent, name)
    if field and field.kind == "texts":
        return Target(field.members[0], field, whole=True)
    if field and field.kind in ("pairs", "rows"):
        return Target(field, field, whole=True)
    if field:
        return Target(field)
    for pairs in fields.values():
        rest = name.removeprefix(f"{pairs.name}.")
        if pairs.kind == "pairs" and rest and rest != name:
            return _part(pairs, rest)
    raise query_error(f"Unknown field {name[:100]}")


def _in_rows(rows: Field, name: str) -> Target:
    """Return the target in rows of another table: a column, or an element of a list in a column."""
    target = target_of(name, {member.name: member for member in rows.members})
    if target.within:
        return replace(target, within=rows, inner=target.within, whole=False)
    return replace(target, within=rows)


def _part(pairs: Field, name: str) -> Target:
    """Return the member of the pairs, or the value of the pair with this name."""
    for member in pairs.members:
        if member.name == f"{pairs.name}.{name}":
            return Target(member, pairs)
    key, value = pairs.members
    given = Compare(key, "eq", text_of(pairs, name))
    return Target(replace(value, name=f"{pairs.name}.{name}"), pairs, (given,))
