"""Statements without the ORM's compiler, for rows that frequent requests write."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias

from django.db import connections, router
from django.db.models import Model
from django_mongodb_backend.query import wrap_database_errors
from pymongo import UpdateOne

from tenants.rows import mongodb, postgresql, sqlite
from tenants.rows.batches import batches

Values: TypeAlias = Mapping[str, Any]  # as the engine stores them
Update: TypeAlias = tuple[Values, Values]  # columns that the row is found by, columns to set
ROWS = 1000  # inserted by one statement on PostgreSQL


def insert_rows(model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, given as columns with values that every driver accepts, or datetimes.

    The ORM's `bulk_create` takes four times the CPU time.
    """
    connection: Any = connections[router.db_for_write(model)]
    insert = _insert_on_mongodb if connection.vendor == "mongodb" else _insert_on_sql
    insert(connection, model._meta.db_table, rows)


def _insert_on_sql(connection: Any, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    adapted = connection.ops.adapt_datetimefield_value
    values = [[adapted(v) if isinstance(v, datetime) else v for v in row.values()] for row in rows]
    if connection.vendor == "postgresql":  # where `executemany` sends each row on its own
        for some in batches(values, ROWS):
            statement = _insert_statement(table, tuple(rows[0]), len(some))
            postgresql.execute(connection, statement, [value for row in some for value in row])
        return
    sqlite.execute_many(connection, _insert_statement(table, tuple(rows[0])), values)


@lru_cache
def _insert_statement(table: str, columns: Sequence[str], count: int = 1) -> str:
    names, places = ", ".join(f'"{column}"' for column in columns), ", ".join(["%s"] * len(columns))
    rows = ", ".join([f"({places})"] * count)
    return f'INSERT INTO "{table}" ({names}) VALUES {rows}'  # noqa: S608 - names of our columns


def _insert_on_mongodb(connection: Any, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    adapted = connection.ops.adapt_datetimefield_value
    documents = [{name: adapted(v) if isinstance(v, datetime) else v for name, v in row.items()} for row in rows]
    mongodb.insert(connection, table, documents)


def update_rows(model: type[Model], updates: Sequence[Update]) -> int:
    """Update rows, each on its own, in one call; return how many were found. All updates name the same columns."""
    connection: Any = connections[router.db_for_write(model)]
    update = _update_on_mongodb if connection.vendor == "mongodb" else _update_on_sql
    return update(connection, model, updates) if updates else 0


def _update_on_sql(connection: Any, model: type[Model], updates: Sequence[Update]) -> int:
    found_by, changes = updates[0]
    values = [[*new.values(), *old.values()] for old, new in updates]
    if connection.vendor == "postgresql":  # where `executemany` sends, parses and plans each row on its own
        statement = _update_from_statement(connection.alias, model, tuple(found_by), tuple(changes))
        return postgresql.execute(connection, statement, [list(column) for column in zip(*values, strict=True)])
    columns = ", ".join(f'"{name}" = %s' for name in changes)
    where = " AND ".join(f'"{name}" = %s' for name in found_by)
    with connection.cursor() as cursor:
        cursor.executemany(f'UPDATE "{model._meta.db_table}" SET {columns} WHERE {where}', values)  # noqa: S608 - our columns
        found: int = cursor.rowcount
    return found


@lru_cache
def _update_from_statement(alias: str, model: type[Model], found_by: Sequence[str], changes: Sequence[str]) -> str:
    """Return a statement that updates rows; its parameters are lists: of each change, then of each `found_by`."""
    types = {field.column: field.db_type(connections[alias]) for field in model._meta.concrete_fields}
    lists = ", ".join(f"%s::{types[column]}[]" for column in (*changes, *found_by))
    names = ", ".join(f"new_{number}" for number in range(len(changes) + len(found_by)))
    columns = ", ".join(f'"{name}" = new_{number}' for number, name in enumerate(changes))
    where = " AND ".join(f'"{name}" = new_{number}' for number, name in enumerate(found_by, len(changes)))
    table = model._meta.db_table
    return f'UPDATE "{table}" SET {columns} FROM unnest({lists}) AS given ({names}) WHERE {where}'  # noqa: S608 - ours


@wrap_database_errors  # type: ignore[untyped-decorator]
def _update_on_mongodb(connection: Any, model: type[Model], updates: Sequence[Update]) -> int:
    requests = [UpdateOne(dict(found_by), {"$set": dict(changes)}) for found_by, changes in updates]
    result = connection.get_collection(model._meta.db_table).bulk_write(
        requests, ordered=False, session=connection.session
    )
    return int(result.matched_count)


def update_where(model: type[Model], found_by: Mapping[str, str | int | None], changes: Mapping[str, str | int]) -> int:
    """Set columns of the rows whose columns equal these values; return how many rows were found.

    For updates that frequent requests make: it skips the ORM's compiler. None compares with NULL.
    """
    connection: Any = connections[router.db_for_write(model)]
    update = _update_found_on_mongodb if connection.vendor == "mongodb" else _update_found_on_sql
    return update(connection, model._meta.db_table, found_by, changes)


def _update_found_on_sql(connection: Any, table: str, found_by: Mapping[str, Any], changes: Mapping[str, Any]) -> int:
    quoted = connection.ops.quote_name
    where = (f"{quoted(name)} IS NULL" if value is None else f"{quoted(name)} = %s" for name, value in found_by.items())
    columns = ", ".join(f"{quoted(name)} = %s" for name in changes)
    statement = f"UPDATE {quoted(table)} SET {columns} WHERE {' AND '.join(where)}"  # noqa: S608 - names of our columns
    parameters = [*changes.values(), *(value for value in found_by.values() if value is not None)]
    if connection.vendor == "postgresql":
        return postgresql.execute(connection, statement, parameters)
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: int = cursor.rowcount
    return found


@wrap_database_errors  # type: ignore[untyped-decorator]
def _update_found_on_mongodb(
    connection: Any, table: str, found_by: Mapping[str, Any], changes: Mapping[str, Any]
) -> int:
    collection = connection.get_collection(table)
    result = collection.update_many(dict(found_by), {"$set": dict(changes)}, session=connection.session)
    return int(result.matched_count)
