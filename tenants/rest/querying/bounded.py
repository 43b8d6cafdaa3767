"""Every list ends in time: its queries are stopped at a deadline, so that it costs its caller and nobody else."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

import pymongo
from django.conf import settings
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tenants.exceptions import Refused
from tenants.rest.querying.interrupts import interrupts
from tenants.rest.querying.json_text import refused

CANCELLED = ("57014", 9)  # PostgreSQL's state, SQLITE_INTERRUPT
BAD_PATTERN = ("2201B", 51091)  # PostgreSQL's state, MongoDB's code

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def bounded_list(request: Any, using: str) -> Iterator[None]:
    """Run queries of a list; all blocks of one request together take at most `QUERY_TIMEOUT` seconds."""
    if getattr(request, "list_deadline", None) is None:
        request.list_deadline = time.monotonic() + settings.QUERY_TIMEOUT
    with bounded_search(using, request.list_deadline - time.monotonic()):
        yield


@contextmanager
def bounded_search(using: str, seconds: float | None = None) -> Iterator[None]:
    """Run queries for at most so long; one that takes longer, or has a bad pattern, is a refused request.

    `QUERY_TIMEOUT` is the default; inside another such block the earlier deadline counts. Only reads belong here: what
    runs at the deadline is stopped.
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
    """Return how long the search around this may still take, None outside of one. Raises Refused after its deadline."""
    deadline = _deadline.get()
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise too_long()
    return left


def too_long() -> Refused:
    """Return the error of a search that was stopped."""
    return refused(f"The search takes too long (more than {settings.QUERY_TIMEOUT} seconds), please narrow it")


def _on_sqlite(connection: BaseDatabaseWrapper, deadline: float) -> AbstractContextManager[None]:
    connection.ensure_connection()
    return interrupts.after(connection.connection, deadline)


def _on_postgresql(connection: BaseDatabaseWrapper, deadline: float) -> AbstractContextManager[None]:
    return connection.execute_wrapper(_with_timeout)


def _with_timeout(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Execute the statement with a timeout of its own, in the same message and so without another round trip.

    PostgreSQL runs the message as one transaction; where it is part of a longer one, the last statement restores that.
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
        return refused("The search finds too much, please narrow it")
    if code in BAD_PATTERN:
        return refused("$regex: the database refuses this regular expression")
    return error
