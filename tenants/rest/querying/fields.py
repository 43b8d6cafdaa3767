"""The fields that a list can be filtered and sorted by, declared by viewsets as plain data.

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

- kind: `text`, `number` (whole numbers), `date`, `flag`, `user` (the id of a user, whom filters name by id or
  username); `texts` (a JSON array of texts); `pairs` (a JSON array of `{name, value}`: gives `metadata.name`,
  `metadata.value` and `metadata.<name>` too); `rows` (rows of another table).
- `?`: the column may be null, which clients see as an absent field.
- path: the column as the ORM names it, where it is not the name itself. For `rows` it is `app.Model.column`, the column
  that holds this row's id; fields named `<rows>.<x>` are columns of that other table, `x` unless a path says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

SCALARS = ("text", "number", "date", "flag", "user")
LISTS = ("texts", "pairs", "rows")
SPECIFICATION = re.compile(rf"({'|'.join(SCALARS + LISTS)})(\?)?(?::([\w.]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name in filters, the kind of its values and where it is stored.

    `members` are the fields of one element of a list; the element itself where it is a text.
    """

    name: str
    kind: str
    path: str = ""
    nullable: bool = False
    members: "tuple[Field, ...]" = ()

    def member(self, name: str) -> "Field | None":
        """Return the element's field of that name (without the list's)."""
        return next(
            (field for field in self.members if field.name == f"{self.name}.{name}"),
            None,
        )


FieldTable: TypeAlias = Mapping[str, Field]


def field_table(specifications: Mapping[str, str]) -> FieldTable:
    """Return the fields that a viewset declares, by name; ValueError for a declaration that is none."""
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
        raise ValueError(f"{name}: {specification} does not declare a field")
    kind, nullable, path = match.groups()
    return Field(name, kind, path or name, bool(nullable), _members(name, kind))


def _members(name: str, kind: str) -> tuple[Field, ...]:
    if kind == "texts":
        return (Field(name, "text"),)
    if kind == "pairs":
        return Field(f"{name}.name", "text", "name", True), Field(f"{name}.value", "any", "value", True)
    return ()


def _columns(name: str, fields: FieldTable) -> tuple[Field, ...]:
    columns = [field for field in fields.values() if field.name.startswith(f"{name}.")]
    return tuple(
        Field(field.name, field.kind, field.path.removeprefix(f"{name}."), field.nullable) for field in columns
    )
