"""Queries on SQLite by a shorter path through Django."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

CACHED_STATEMENTS = 1024


def fetch(connection: Any, statement: str, parameters: Sequence[Any]) -> Sequence[Sequence[Any]]:
    """Return the rows that a statement finds, without a cursor of Django.

    Django rewrites the placeholders of each statement and wraps each cursor twice.
    """
    if connection.queries_logged or connection.execute_wrappers:
        with connection.cursor() as wrapper:
            wrapper.execute(statement, parameters)
            logged: Sequence[Sequence[Any]] = wrapper.fetchall()
        return logged
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        cursor = connection.connection.execute(_with_question_marks(statement), parameters)
        rows: Sequence[Sequence[Any]] = cursor.fetchall()
    return rows


@lru_cache(CACHED_STATEMENTS)
def _with_question_marks(statement: str) -> str:
    """Return a statement with SQLite's placeholders instead of Django's."""
    return statement.replace("%%", "\0").replace("%s", "?").replace("\0", "%")
