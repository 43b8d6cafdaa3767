"""Queries on PostgreSQL by a shorter path through Django and the driver."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from select import POLLIN, poll
from typing import Any

from psycopg import Connection, Cursor, OperationalError
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.types.datetime import TimestamptzLoader

logger = logging.getLogger(__name__)

LOST_STATEMENT = {"26000", "42P05"}  # PostgreSQL's SQLSTATE for an unknown prepared statement and for a duplicate one
MOST_PARAMETERS = 50  # of a prepared statement: longer ones have a text for each number of rows
REUSED_ROWS = 100  # a cursor keeps its last rows in memory, so one that read more is not reused


class PooledConnection(Connection[Any]):
    """A connection of the pool, whose check before each use costs no round trip.

    The pool checks a connection by executing an empty statement. If the server closed the connection, its socket has
    something to read, so otherwise the statement is not sent: getting an item takes a tenth less CPU time.
    """

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        return self.cursor() if query == "" and self.is_quiet() else super().execute(query, *args, **kwargs)

    def is_quiet(self) -> bool:
        """Return whether the server has sent nothing that was not read, and has not closed the connection."""
        socket = poll()
        socket.register(self.fileno(), POLLIN)
        return not socket.poll(0)


def fetch(connection: Any, statement: str, parameters: Sequence[Any]) -> Sequence[Sequence[Any]]:
    """Return the rows that a statement finds, with the cursor of earlier statements of the connection.

    Django makes a cursor for each statement, which looks up the parsers of its columns again, and parses times in
    Python. Without that, getting an item takes a fifth less CPU time (1.09 ms instead of 1.36), a list a tenth.
    """
    with _executed(connection, statement, parameters, _cursor_of) as cursor:
        rows: Sequence[Sequence[Any]] = cursor.fetchall()
    if len(rows) > REUSED_ROWS:
        cursor.close()
    return rows


def execute(connection: Any, statement: str, parameters: Sequence[Any]) -> int:
    """Execute a statement that writes rows; return how many.

    The server gets the parameters apart from the statement, and in a transaction the statement is prepared. So an event
    is inserted in 0.13 ms of CPU time of client and server, instead of 0.18 without preparing it or 0.24 as by Django,
    with the parameters in the text.
    """
    if _may_prepare(connection, parameters):
        connection.validate_no_broken_transaction()
        with connection.wrap_database_errors:
            return _prepared_of(connection.connection).execute(statement, parameters)
    with _executed(connection, statement, parameters, _binding_cursor_of) as cursor:
        count: int = cursor.rowcount
    return count


class PreparedStatements:
    """The statements that a connection has prepared.

    Psycopg prepares statements, too, but numbers them: behind a pooler that gives each transaction any connection of
    its own, such as PgBouncer before 1.21, a number may be that of another statement. Here, the name is a hash of the
    statement. The server finds none by it then, or has it already: the transaction fails as after a conflict, and this
    process prepares no more statements.
    """

    are_lost = False

    def __init__(self, driver_connection: Any) -> None:
        self.server = driver_connection.pgconn
        self.transformer = Transformer(driver_connection)
        self.names: set[bytes] = set()

    def execute(self, statement: str, parameters: Sequence[Any]) -> int:
        """Execute a statement, which is prepared before its first use; return how many rows it wrote."""
        values = self.transformer.dump_sequence(parameters, (PyFormat.AUTO,) * len(parameters))
        types = self.transformer.types
        name, text = _named(statement, types)
        if name not in self.names:
            self._check(self.server.prepare(name, text, types))
            self.names.add(name)
        result = self.server.exec_prepared(name, values, self.transformer.formats)
        self._check(result)
        return result.command_tuples or 0

    def _check(self, result: Any) -> None:
        """Raise psycopg's error if the result is one."""
        if result.status == ExecStatus.COMMAND_OK:
            return
        error = error_from_result(result)
        if error.sqlstate is None:
            raise OperationalError(str(error))  # the connection is lost
        if error.sqlstate in LOST_STATEMENT and not PreparedStatements.are_lost:
            PreparedStatements.are_lost = True
            logger.warning("Statements are not prepared any more, because a pooler loses them: %s", error)
        raise error


@lru_cache(1024)
def _named(statement: str, types: Sequence[int] | None) -> tuple[bytes, bytes]:
    """Return the name of a statement whose parameters have these types, and its text with PostgreSQL's placeholders."""
    first, *others = statement.split("%s")
    text = first + "".join(f"${number}{part}" for number, part in enumerate(others, 1))
    return hashlib.sha256(f"{text}{types}".encode()).hexdigest()[:40].encode(), text.encode()


def _may_prepare(connection: Any, parameters: Sequence[Any]) -> bool:
    """Return whether a statement can be prepared: in a transaction that has begun, if nothing logs or wraps it."""
    if connection.connection is None or connection.queries_logged or connection.execute_wrappers:
        return False
    has_begun = connection.connection.pgconn.transaction_status == TransactionStatus.INTRANS
    return has_begun and len(parameters) <= MOST_PARAMETERS and not PreparedStatements.are_lost


def _prepared_of(driver_connection: Any) -> PreparedStatements:
    """Return the prepared statements of the driver's connection."""
    prepared: PreparedStatements | None = getattr(driver_connection, "prepared", None)
    if prepared is None:
        prepared = driver_connection.prepared = PreparedStatements(driver_connection)
    return prepared


@contextmanager
def _executed(
    connection: Any, statement: str, parameters: Sequence[Any], cursor_of: Callable[[Any], Any]
) -> Iterator[Any]:
    """Give the cursor of the connection, on which a statement was executed.

    Wrappers of statements are called as Django calls them, such as the one that bounds a list in time.
    """
    if connection.queries_logged:
        with connection.cursor() as logged:
            logged.execute(statement, parameters)
            yield logged
        return
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        cursor = cursor_of(connection)
        execute: Callable[..., Any] = partial(_execute, cursor)
        for wrapper in reversed(connection.execute_wrappers):
            execute = partial(wrapper, execute)
        execute(statement, parameters, False, {"connection": connection, "cursor": cursor})
        yield cursor


def _execute(cursor: Any, statement: str, parameters: Sequence[Any], many: bool, context: dict[str, Any]) -> None:
    cursor.execute(statement, parameters)


def _cursor_of(connection: Any) -> Any:
    """Return the open cursor of the driver's connection, which the pool lends to one thread at a time."""
    driver_connection = connection.connection
    cursor = getattr(driver_connection, "reused_cursor", None)
    if cursor is None or cursor.closed:
        cursor = driver_connection.reused_cursor = connection.create_cursor()
        cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
    return cursor


def _binding_cursor_of(connection: Any) -> Any:
    """Return the open cursor of the driver's connection whose parameters the server binds."""
    driver_connection = connection.connection
    cursor = getattr(driver_connection, "binding_cursor", None)
    if cursor is None or cursor.closed:
        cursor = driver_connection.binding_cursor = Cursor(driver_connection)
    return cursor
