"""Indexes that `Meta.indexes` cannot say, because one engine only needs or has them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunPython

Keys = Sequence[tuple[str, int]]


def engine_indexes(
    table: str, *, mongodb: Mapping[str, Keys], postgresql: Mapping[str, str] | None = None
) -> RunPython:
    """Return the operation that makes an engine's own indexes of a table, by name.

    `mongodb` maps a name to pairs of path and direction, `postgresql` to what follows `CREATE INDEX … ON table`.
    """

    def make(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        connection: Any = editor.connection
        if connection.vendor == "mongodb":
            for name, keys in mongodb.items():
                connection.get_collection(table).create_index(list(keys), name=name)
        if connection.vendor == "postgresql":
            for name, definition in (postgresql or {}).items():
                editor.execute(f"CREATE INDEX {name} ON {table} {definition}")

    return RunPython(make, RunPython.noop)  # dropping the table drops them
