"""Indexes that `Meta.indexes` cannot say, because one engine only needs or has them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunPython

from tenants.rows.fields import words_of

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


def word_index(table: str, key: str, columns: Sequence[str]) -> RunPython:
    """Return the operation that makes SQLite keep the texts of a table's lists in a table of their own, `…_words`.

    Triggers keep it, whoever writes. A migration that makes SQLite build the table anew (as altering a column does)
    loses them, and has to end with this operation again.
    """

    def make(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "sqlite":
            for statement in _word_index(table, key, columns):
                editor.execute(statement)

    return RunPython(make, RunPython.noop)


def _word_index(table: str, key: str, columns: Sequence[str]) -> Iterator[str]:
    words = words_of(table)
    yield f"DROP TABLE IF EXISTS {words}"
    columns_of_words = "list TEXT NOT NULL, word TEXT NOT NULL, holder TEXT NOT NULL"
    yield f"CREATE TABLE {words} ({columns_of_words}, PRIMARY KEY (list, word, holder)) WITHOUT ROWID"
    for column in columns:
        add = f"INSERT OR IGNORE INTO {words} SELECT '{column}', each.value, {{row}}.{key} FROM "
        texts = f"json_each({{row}}.{column}) AS each WHERE each.type = 'text'"
        yield (add + f"{table} AS stored, " + texts).format(row="stored")
        come = (add + texts).format(row="NEW")
        mine = f"list = '{column}' AND holder = OLD.{key}"
        gone = f"DELETE FROM {words} WHERE {mine} AND word IN (SELECT value FROM json_each(OLD.{column}))"
        changed = f"WHEN OLD.{column} IS NOT NEW.{column}"
        for event, what in (
            ("INSERT", f"BEGIN {come}; END"),
            ("UPDATE", f"{changed} BEGIN {gone}; {come}; END"),
            ("DELETE", f"BEGIN {gone}; END"),
        ):
            trigger = f"{words}_{column}_{event.lower()}"
            yield f"DROP TRIGGER IF EXISTS {trigger}"
            yield f"CREATE TRIGGER {trigger} AFTER {event} ON {table} {what}"
