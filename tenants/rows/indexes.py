"""Indexes that `Meta.indexes` cannot express, because only one engine needs or supports them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunPython
from django.db.models import Index

from tenants.rows.fields import words_of

Keys = Sequence[tuple[str, int]]


class PositiveIndex(Index):
    """An index on numbers, of the rows whose last column is not null, which MongoDB can express only as more than 0."""

    def _get_condition_mql(self, model: Any, editor: Any) -> dict[str, Any]:
        column: str = model._meta.get_field(self.fields[-1]).column
        return {column: {"$gt": 0}}


def engine_indexes(
    table: str, *, mongodb: Mapping[str, Keys], postgresql: Mapping[str, str] | None = None
) -> RunPython:
    """Return the migration operation that creates a table's engine-specific indexes.

    `mongodb` maps a name to pairs of path and direction, `postgresql` to the SQL after `CREATE INDEX … ON table`.
    """

    def create(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        connection: Any = editor.connection
        if connection.vendor == "mongodb":
            for name, keys in mongodb.items():
                connection.get_collection(table).create_index(list(keys), name=name)
        if connection.vendor == "postgresql":
            for name, definition in (postgresql or {}).items():
                editor.execute(f"CREATE INDEX {name} ON {table} {definition}")

    return RunPython(create, RunPython.noop)  # dropping the table drops them


def word_index(table: str, key: str, columns: Sequence[str]) -> RunPython:
    """Return the migration operation that indexes the texts in a table's list columns on SQLite, in a table `…_words`.

    Triggers keep it up to date for every writer. A migration that makes SQLite rebuild the table (as altering a column
    does) drops the triggers, and must end with this operation again.
    """

    def create(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "sqlite":
            for statement in _word_index(table, key, columns):
                editor.execute(statement)

    return RunPython(create, RunPython.noop)


def _word_index(table: str, key: str, columns: Sequence[str]) -> Iterator[str]:
    words = words_of(table)
    yield f"DROP TABLE IF EXISTS {words}"
    word_columns = "list TEXT NOT NULL, word TEXT NOT NULL, holder TEXT NOT NULL"
    yield f"CREATE TABLE {words} ({word_columns}, PRIMARY KEY (list, word, holder)) WITHOUT ROWID"
    for column in columns:
        add = f"INSERT OR IGNORE INTO {words} SELECT '{column}', each.value, {{row}}.{key} FROM "
        texts = f"json_each({{row}}.{column}) AS each WHERE each.type = 'text'"
        yield (add + f"{table} AS stored, " + texts).format(row="stored")
        insert = (add + texts).format(row="NEW")
        own_rows = f"list = '{column}' AND holder = OLD.{key}"
        delete = f"DELETE FROM {words} WHERE {own_rows} AND word IN (SELECT value FROM json_each(OLD.{column}))"
        changed = f"WHEN OLD.{column} IS NOT NEW.{column}"
        for event, action in (
            ("INSERT", f"BEGIN {insert}; END"),
            ("UPDATE", f"{changed} BEGIN {delete}; {insert}; END"),
            ("DELETE", f"BEGIN {delete}; END"),
        ):
            trigger = f"{words}_{column}_{event.lower()}"
            yield f"DROP TRIGGER IF EXISTS {trigger}"
            yield f"CREATE TRIGGER {trigger} AFTER {event} ON {table} {action}"
