"""The fields that clients can filter and sort a list by, which viewsets declare as plain data.

A viewset's `query_fields` maps the name that clients use to `kind`, `kind?`, `kind:path` or `kind?:path`:

    query_fields = {
        "_id": "text:pk",
        "owner": "user:owner_id",
        "status": "text?",
        "timestamp": "date",
        "tags": "texts",
        "metadata": "pairs",
        "versions": "rows:versions.Version.subject",
        "versions.size": "number",
    }

- kind: `text`, `number` (integers), `date`, `flag`, `user` (the id of a user; filters accept an id or a username);
  `texts` (a JSON array of strings); `pairs` (a JSON array of `{name, value}`, which also declares `metadata.name`,
  `metadata.value` and `metadata.<name>`); `rows` (rows of another table).
- `?`: the column is nullable. Clients see null as an absent field.
- `#kind`: texts, or names of pairs, are words of this kind (`tag` or `metadata`), which have synonyms.
- path: the column's name in the ORM, if it differs from the field's name. For `rows` it is `app.Model.column`, the
  foreign key of the other table. A field `<rows>.<x>` is a column of that table, named `x` unless it has a path; it may
  be a list too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from django.db.models import F
from django.db.models.expressions import OrderBy

from tenants.exceptions import Refused

SCALARS = ("text", "number", "date", "flag", "user")
LISTS = ("texts", "pairs", "rows")
SPECIFICATION = re.compile(rf"({'|'.join(SCALARS + LISTS)})(\?)?(?::([\w.]+))?(?:#(\w+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name in filters, the kind of its values and the column that stores it.

    `members` are the fields of an element of a list. A list of strings has one, which is the element itself.
    `words` is the kind of the words among its values, which may be named by synonyms.
    """

    name: str
    kind: str
    path: str = ""
    nullable: bool = False
    members: "tuple[Field, ...]" = ()
    words: str = ""


FieldTable: TypeAlias = Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Key:
    """One sort key; `path` is the column's name in the ORM.

    With `pair`, the column holds pairs, and rows are sorted by the value of the one of that name; `words` is the kind
    of word of their names.
    """

    path: str
    descending: bool = False
    nullable: bool = False
    pair: str = ""
    words: str = ""

    def expression(self) -> str | OrderBy:
        """Return the key for `order_by`. Nulls sort lowest on every engine."""
        if not self.nullable:
            return f"-{self.path}" if self.descending else self.path
        return F(self.path).desc(nulls_last=True) if self.descending else F(self.path).asc(nulls_first=True)


def query_error(details: str) -> Refused:
    """Return the error of an invalid list request."""
    return Refused("get_request_error", details)


def field_table(specifications: Mapping[str, str]) -> FieldTable:
    """Return the declared fields by name. Raises ValueError for an invalid declaration."""
    return _table(tuple(specifications.items()))


@lru_cache(maxsize=256)
def _table(specifications: tuple[tuple[str, str], ...]) -> FieldTable:
    fields = {name: _field(name, specification) for name, specification in specifications}
    for name, field in fields.items():
        if field.kind == "rows":
            fields[name] = Field(name, "rows", field.path, members=_columns(name, fields))
    return fields


def _field(name: str, specification: str) -> Field:
    match = SPECIFICATION.fullmatch(specification)
    if not match:
        raise ValueError(f"{name}: {specification} is not a valid declaration of a field")
    kind, nullable, path, words = match.groups()
    return Field(name, kind, path or name, bool(nullable), _members(name, kind, words or ""), words or "")


def _members(name: str, kind: str, words: str) -> tuple[Field, ...]:
    if kind == "texts":
        return (Field(name, "text", words=words),)
    if kind == "pairs":
        return Field(f"{name}.name", "text", "name", True, words=words), Field(f"{name}.value", "any", "value", True)
    return ()


def _columns(name: str, fields: FieldTable) -> tuple[Field, ...]:
    columns = [field for field in fields.values() if field.name.startswith(f"{name}.")]
    return tuple(
        Field(field.name, field.kind, field.path.removeprefix(f"{name}."), field.nullable, field.members, field.words)
        for field in columns
    )
