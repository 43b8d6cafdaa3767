"""The order of a list: by declared scalar fields, absent values first, ties broken by id."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import F
from django.db.models.expressions import OrderBy

from tenants.rest.querying.fields import SCALARS, FieldTable
from tenants.rest.querying.json_text import read_json, refused

NEWEST_FIRST = "-timestamp,-_id"
DIRECTIONS = {
    "asc": False,
    "ascending": False,
    "1": False,
    "desc": True,
    "descending": True,
    "-1": True,
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an order; `path` as the ORM names the column."""

    path: str
    descending: bool = False
    nullable: bool = False

    def expression(self) -> str | OrderBy:
        """Return the key for `order_by`, with absent values lowest on every engine."""
        if not self.nullable:
            return f"-{self.path}" if self.descending else self.path
        return F(self.path).desc(nulls_last=True) if self.descending else F(self.path).asc(nulls_first=True)


def sort_keys(text: str, fields: FieldTable, default: str = NEWEST_FIRST) -> tuple[Key, ...]:
    """Return the order that `text` spells over these fields, the default for an empty one."""
    chosen = _read(text) if text.strip() else []
    if not chosen:
        return _with_ties([_default_key(name, fields) for name in default.split(",")])
    return _with_ties([_key(name, descending, fields) for name, descending in chosen])


def _read(text: str) -> list[tuple[str, bool]]:
    value = read_json(text, "sort")
    if not isinstance(value, dict):
        raise refused("sort is not a JSON object")
    for name, direction in value.items():
        if isinstance(direction, bool) or str(direction) not in DIRECTIONS:
            raise refused(f"sort: {name[:100]} takes asc or desc")
    return [(name, DIRECTIONS[str(direction)]) for name, direction in value.items()]


def _default_key(name: str, fields: FieldTable) -> Key:
    """Return a key that the viewset chose: of a declared field, else of the column so named; `_id` is the key."""
    bare = name.removeprefix("-")
    if bare in fields and bare != "_id":
        return _key(bare, name.startswith("-"), fields)
    return Key("pk" if bare == "_id" else bare, name.startswith("-"))


def _key(name: str, descending: bool, fields: FieldTable) -> Key:
    field = fields.get(name)
    if not field:
        if name == "_id":
            return Key("pk", descending)
        raise refused(f"sort: Unknown field {name[:100]}")
    if field.kind not in SCALARS or name != field.name or "." in name:
        raise refused(f"sort: {name} is a list")
    return Key(field.path, descending, field.nullable)


def _with_ties(keys: Sequence[Key]) -> tuple[Key, ...]:
    if any(key.path == "pk" for key in keys):
        return tuple(keys)
    return *keys, Key("pk", keys[-1].descending)
