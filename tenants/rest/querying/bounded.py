"""Every list has a deadline: a query that is still running then is stopped, and the request gets an error."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import pymongo
from django.conf import settings
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tenants.exceptions import Refused
from tenants.rest.querying.fields import query_error

CANCELLED = ("57014", 9)  # PostgreSQL's state, SQLITE_INTERRUPT
BAD_PATTERN = ("2201B", 51091)  # PostgreSQL's state, MongoDB's code
TICK = 0.05  # seconds between two checks of the deadlines on SQLite

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def bounded_search(using: str, seconds: float | None = None) -> Iterator[None]:
    """Stop the queries in the block at a deadline. Raises Refused if one is stopped or has an invalid pattern.

    The default is `QUERY_TIMEOUT` seconds from now. In nested blocks the earlier deadline applies. Use it for reads
    only, because whatever runs at the deadline is stopped.
    """
    deadline = time.monotonic() + (settings.QUERY_TIMEOUT if seconds is None else seconds)
    outer = _deadline.get()
    if outer is not None and outer <= deadline:
        yield
        return
    connection = connections[using]
    token = _deadline.set(deadline)
    try:
        with BOUNDS[connection.vendor](connection, deadline):
            yield
    except (DatabaseError, pymongo.errors.PyMongoError, pymongo.errors.DocumentTooLarge) as error:
        raise _explained(error) from error
    finally:
        _deadline.reset(token)


def seconds_left() -> float | None:
    """Return the seconds until the deadline, or None outside of `bounded_search`. Raises Refused after the deadline."""
    deadline = _deadline.get()
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise too_long()
    return left


def too_long() -> Refused:
    """Return the error of a query that exceeded its deadline."""
    return query_error(f"The search takes too long (more than {settings.QUERY_TIMEOUT} seconds), please narrow it")


class Interrupts:
    """One thread that interrupts SQLite connections past their deadline, because SQLite has no statement timeout.

    A connection is interrupted again at each tick until its block ends. A progress handler would run in the statement's
    own thread, but it takes Python's interpreter lock on each call: under load, a count of 10,000 rows would wait for
    the lock a hundred times.
    """

    def __init__(self) -> None:
        self.deadlines: dict[sqlite3.Connection, float] = {}
        self.changed = threading.Condition()
        self.thread: threading.Thread | None = None

    @contextmanager
    def after(self, connection: sqlite3.Connection, deadline: float) -> Iterator[None]:
        """Interrupt what the connection runs in the block after the deadline, and nothing after the block."""
        with self.changed:
            self.deadlines[connection] = deadline
            self._ensure_thread()
            self.changed.notify()
        try:
            yield
        finally:
            with self.changed:
                del self.deadlines[connection]

    def _ensure_thread(self) -> None:
        """Start the thread if it is not running. A forked process does not inherit it."""
        if self.thread is None or not self.thread.is_alive():
            self.thread = threading.Thread(target=self._run, name="sqlite-interrupts", daemon=True)
            self.thread.start()

    def _run(self) -> None:
        while True:
            with self.changed:
                while not self.deadlines:
                    self.changed.wait()
                self._interrupt_late(time.monotonic())
            time.sleep(TICK)

    def _interrupt_late(self, now: float) -> None:
        for connection, deadline in self.deadlines.items():
            if deadline <= now:
                with suppress(sqlite3.ProgrammingError):  # the connection is closed
                    connection.interrupt()


interrupts = Interrupts()


def _on_sqlite(connection: BaseDatabaseWrapper, deadline: float) -> AbstractContextManager[None]:
    connection.ensure_connection()
    return interrupts.after(connection.connection, deadline)


def _on_postgresql(connection: BaseDatabaseWrapper, deadline: float) -> AbstractContextManager[None]:
    return connection.execute_wrapper(_with_timeout)


def _with_timeout(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Execute the statement with its own timeout, set in the same message to save a round trip.

    PostgreSQL runs the message as one transaction. Inside a longer transaction, the last statement resets the timeout.
    """
    milliseconds = max(1, int((seconds_left() or 0) * 1000))
    message = f"SET LOCAL statement_timeout = {milliseconds}; {sql}; SET LOCAL statement_timeout TO DEFAULT"
    result = execute(message, params, many, context)
    context["cursor"].nextset()
    return result


def _on_mongodb(connection: BaseDatabaseWrapper, deadline: float) -> AbstractContextManager[Any]:
    return pymongo.timeout(max(0.001, deadline - time.monotonic()))


BOUNDS: dict[str, Callable[[BaseDatabaseWrapper, float], AbstractContextManager[Any]]] = {
    "sqlite": _on_sqlite,
    "postgresql": _on_postgresql,
    "mongodb": _on_mongodb,
}


def _explained(error: Exception) -> Exception:
    cause = error if isinstance(error, pymongo.errors.PyMongoError) else error.__cause__ or error
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorcode", None) or getattr(cause, "code", None)
    if code in CANCELLED or getattr(cause, "timeout", False):
        return too_long()
    if isinstance(cause, pymongo.errors.DocumentTooLarge):
        return query_error("The search finds too much, please narrow it")
    if code in BAD_PATTERN:
        return query_error("$regex: the database refuses this regular expression")
    return error
