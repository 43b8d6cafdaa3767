"""Inserts and updates without the ORM's compiler, for rows that frequent requests write."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

from django.db import connections, router
from django.db.models import Model
from django_mongodb_backend.query import wrap_database_errors
from pymongo import UpdateOne

Values: TypeAlias = Mapping[str, str | int]
Update: TypeAlias = tuple[Values, Values]  # columns that the row is found by, columns to set


def insert_rows(rows: Sequence[Model]) -> None:
    """Insert rows of one model, in one statement or command; no query if there are none.

    It takes a third of the CPU time of `bulk_create`, which compiles the statement each time.
    """
    if not rows:
        return
    model = type(rows[0])
    connection: Any = connections[router.db_for_write(model)]
    fields = model._meta.concrete_fields
    values = [[field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields] for row in rows]
    insert = _insert_on_mongodb if connection.vendor == "mongodb" else _insert_on_sql
    insert(connection, model, values)


@cache
def _statement(model: type[Model]) -> str:
    quoted = connections[router.db_for_write(model)].ops.quote_name
    columns = [quoted(str(field.column)) for field in model._meta.concrete_fields]
    marks = ", ".join(["%s"] * len(columns))
    return f"INSERT INTO {quoted(model._meta.db_table)} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608


def _insert_on_sql(connection: Any, model: type[Model], values: list[list[Any]]) -> None:
    with connection.cursor() as cursor:
        if len(values) == 1:
            cursor.execute(_statement(model), values[0])
        else:
            cursor.executemany(_statement(model), values)


@wrap_database_errors  # type: ignore[untyped-decorator]
def _insert_on_mongodb(connection: Any, model: type[Model], values: list[list[Any]]) -> None:
    names = [str(field.column) for field in model._meta.concrete_fields]
    documents = [dict(zip(names, row, strict=True)) for row in values]
    connection.get_collection(model._meta.db_table).insert_many(documents, session=connection.session)


def update_rows(model: type[Model], updates: Sequence[Update]) -> int:
    """Update rows, each on its own, in one call; return how many were found. All updates name the same columns."""
    connection: Any = connections[router.db_for_write(model)]
    update = _update_on_mongodb if connection.vendor == "mongodb" else _update_on_sql
    return update(connection, model._meta.db_table, updates) if updates else 0


def _update_on_sql(connection: Any, table: str, updates: Sequence[Update]) -> int:
    quoted = connection.ops.quote_name
    found_by, changes = updates[0]
    columns = ", ".join(f"{quoted(name)} = %s" for name in changes)
    where = " AND ".join(f"{quoted(name)} = %s" for name in found_by)
    statement = f"UPDATE {quoted(table)} SET {columns} WHERE {where}"  # noqa: S608 - names of our columns
    with connection.cursor() as cursor:
        cursor.executemany(statement, [[*new.values(), *old.values()] for old, new in updates])
        found: int = cursor.rowcount
    return found


@wrap_database_errors  # type: ignore[untyped-decorator]
def _update_on_mongodb(connection: Any, table: str, updates: Sequence[Update]) -> int:
    requests = [UpdateOne(dict(found_by), {"$set": dict(changes)}) for found_by, changes in updates]
    result = connection.get_collection(table).bulk_write(requests, ordered=False, session=connection.session)
    return int(result.matched_count)
