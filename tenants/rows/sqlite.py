"""Queries on SQLite by a shorter path through Django, which rewrites each statement and wraps each cursor twice."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

CACHED_STATEMENTS = 1024


def fetch(connection: Any, statement: str, parameters: Sequence[Any]) -> Sequence[Sequence[Any]]:
    """Return the rows that a statement finds."""
    with _cursor(connection) as (cursor, is_native):
        cursor.execute(_with_question_marks(statement) if is_native else statement, parameters)
        rows: Sequence[Sequence[Any]] = cursor.fetchall()
    return rows


def execute_many(connection: Any, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Execute a statement with the parameters of each row. Django's cursor takes two thirds as long again."""
    with _cursor(connection) as (cursor, is_native):
        cursor.executemany(_with_question_marks(statement) if is_native else statement, rows)


@contextmanager
def _cursor(connection: Any) -> Iterator[tuple[Any, bool]]:
    """Give a cursor and whether it is the driver's own, not Django's, which logs and calls wrappers of statements."""
    if connection.queries_logged or connection.execute_wrappers:
        with connection.cursor() as cursor:
            yield cursor, False
        return
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        yield connection.connection.cursor(), True


@lru_cache(CACHED_STATEMENTS)
def _with_question_marks(statement: str) -> str:
    """Return a statement with SQLite's placeholders instead of Django's."""
    return statement.replace("%%", "\0").replace("%s", "?").replace("\0", "%")
