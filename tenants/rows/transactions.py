"""All or nothing, on every engine, and again when another writer came first."""

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import DatabaseError, OperationalError, connection, transaction
from django_mongodb_backend import transaction as mongodb_transaction
from pymongo.errors import PyMongoError

from tenants.rows.locks import file_lock

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 50
ATTEMPTS_AT_A_KEY = 8  # at a unique key that is taken: the next try sees the other row, unless yet another writer wins
PAUSE = 0.005  # seconds; the first, doubled up to a hundred times as much
CONFLICTS = {"40001", "40P01"}  # PostgreSQL's SQLSTATE for serialization failure and deadlock
# What each engine's driver calls a unique key that is taken, as opposed to other constraints.
SQLITE_TAKEN = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}
POSTGRESQL_TAKEN = "23505"
MONGODB_TAKEN = 11000
# What each engine's driver calls a full disk; MongoDB's is OutOfDiskSpace.
SQLITE_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}
POSTGRESQL_FULL = "53100"
MONGODB_FULL = 14031

_writing = threading.Lock()


class Conflict(DatabaseError):
    """Another writer came first, and what was read is no longer true."""


def atomic() -> AbstractContextManager[Any]:
    """Return a context in which all writes are kept or none (Django's own does nothing on MongoDB)."""
    return {"sqlite": _sqlite_transaction, "postgresql": transaction.atomic, "mongodb": mongodb_transaction.atomic}[
        connection.vendor
    ]()


@contextmanager
def _sqlite_transaction() -> Iterator[None]:
    """Have writers queue up; by itself SQLite lets those who wait look again now and then, and some wait for long.

    With 32 writers the slowest of a hundred waits a third as long.
    """
    if connection.in_atomic_block:
        with transaction.atomic():
            yield
        return
    if not _writing.acquire(timeout=connection.settings_dict["OPTIONS"]["timeout"]):
        raise OperationalError("database is locked")
    try:
        with file_lock("writers"), transaction.atomic():
            yield
    finally:
        _writing.release()


@contextmanager
def snapshot() -> Iterator[None]:
    """Give a context whose reads all see the database as it is at the first of them, while others write on."""
    with {"sqlite": _sqlite_snapshot, "postgresql": _postgresql_snapshot, "mongodb": _mongodb_snapshot}[
        connection.vendor
    ]():
        yield


@contextmanager
def _sqlite_snapshot() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")  # `atomic` would take the lock of those who write
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


@contextmanager
def _postgresql_snapshot() -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


@contextmanager
def _mongodb_snapshot() -> Iterator[None]:
    connection.ensure_connection()
    mongodb: Any = connection  # a transaction would be ended after a minute, a snapshot lives for five
    with mongodb.connection.start_session(snapshot=True) as session:
        mongodb.session = session
        try:
            yield
        finally:
            mongodb.session = None


def is_disk_full(error: Exception) -> bool:
    """Tell whether `error` only says that the database has no room to write."""
    cause = error.__cause__ if isinstance(error, DatabaseError) else error
    if isinstance(cause, PyMongoError):
        return MONGODB_FULL in _codes(cause)
    full = getattr(cause, "sqlite_errorcode", None) in SQLITE_FULL
    return full or getattr(cause, "sqlstate", None) == POSTGRESQL_FULL


def is_key_taken(error: Exception) -> bool:
    """Tell whether `error` only says that a unique key has a row already; other constraints no retry can satisfy."""
    cause = error.__cause__
    if isinstance(cause, PyMongoError):
        return MONGODB_TAKEN in _codes(cause)
    taken = getattr(cause, "sqlite_errorcode", None) in SQLITE_TAKEN
    return taken or getattr(cause, "sqlstate", None) == POSTGRESQL_TAKEN


def _codes(error: PyMongoError) -> list[Any]:
    """Return the codes of an error of MongoDB's driver, and of each write of a bulk that it is about."""
    faults = (getattr(error, "details", None) or {}).get("writeErrors", ())
    return [getattr(error, "code", None), *(fault.get("code") for fault in faults)]


def is_conflict(error: DatabaseError) -> bool:
    """Tell whether `error` only says that another writer came first, so that a new try may succeed."""
    cause = error.__cause__
    transient = getattr(cause, "has_error_label", lambda label: False)("TransientTransactionError")
    lost = isinstance(error, Conflict) or transient or getattr(cause, "sqlstate", None) in CONFLICTS
    return lost or is_key_taken(error)


def retried(operation: Callable[P, R]) -> Callable[P, R]:
    """Run `operation` again while it fails on a conflict; it must check its own rules anew each time.

    A unique key that is taken is a conflict too, for a few tries: the next one sees the other row and says what is
    wrong. A row that breaks another constraint (foreign key, not null, check) breaks it each time and is not retried.
    """

    @wraps(operation)
    def attempt(*args: P.args, **kwargs: P.kwargs) -> R:
        for trial in range(1, ATTEMPTS + 1):
            try:
                return operation(*args, **kwargs)
            except DatabaseError as error:
                if not is_conflict(error) or trial >= (ATTEMPTS_AT_A_KEY if is_key_taken(error) else ATTEMPTS):
                    raise
            time.sleep(random.uniform(0, PAUSE * min(2 ** (trial - 1), 100)))
        raise AssertionError("unreachable")

    return attempt
