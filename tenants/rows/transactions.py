"""Transactions, snapshots and locks that work alike on every engine, and retries after conflicts."""

import fcntl
import itertools
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import DatabaseError, OperationalError, connection, transaction
from pymongo.errors import AutoReconnect, PyMongoError, ServerSelectionTimeoutError

from tenants.rows import mongodb, postgresql
from tenants.rows.hooks import hook

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 50  # at least, and as many as fit into RETRY_SECONDS: on a busy machine a writer loses often
RETRY_SECONDS = 100.0  # MongoDB ends the transaction of a killed process after 60 to 90 s; till then, its rows conflict
DUPLICATE_KEY_ATTEMPTS = 8  # the next attempt sees the other row, unless yet another writer commits first
FIRST_PAUSE_SECONDS = 0.005  # before the second attempt; doubles up to MAX_BACKOFF times as much
MAX_BACKOFF = 100
# PostgreSQL's SQLSTATE for serialization failure and deadlock, and for prepared statements that a pooler lost.
CONFLICTS = {"40001", "40P01"} | postgresql.LOST_STATEMENT
# Each driver's error codes for a duplicate key, as opposed to other constraints.
SQLITE_DUPLICATE = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}
POSTGRESQL_DUPLICATE = "23505"
MONGODB_DUPLICATE = 11000
# Each driver's error codes for a full disk; MongoDB's is OutOfDiskSpace.
SQLITE_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}
POSTGRESQL_FULL = "53100"
MONGODB_FULL = 14031

_writer_lock = threading.Lock()
_thread = threading.local()  # `is_joined`: whether `one_transaction` is running


class Conflict(DatabaseError):
    """Another writer committed first, so the data that was read is stale."""


@contextmanager
def file_lock(name: str) -> Iterator[None]:
    """Hold a lock between the processes that share one SQLite database, waiting for it first.

    The lock file is next to the database; the operating system releases the lock when its process ends.
    """
    with open(f"{connection.settings_dict['NAME']}.{name}", "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with _without_slot():
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _without_slot() -> AbstractContextManager[None]:
    """Return a context in which a request waits to write and holds no slot, so that waiting writers stop no reader.

    Afterwards it does not wait for a slot, because others wait for it: one request of a process exceeds `THREADS`.
    """
    waiting: AbstractContextManager[None] = hook("release_slot_while_waiting")(must_return=False)
    return waiting


def atomic() -> AbstractContextManager[Any]:
    """Return a transaction: all writes are kept or none (Django's `atomic` does nothing on MongoDB)."""
    of_engines: Mapping[str, Callable[[], AbstractContextManager[Any]]] = {
        "sqlite": _sqlite_transaction,
        "postgresql": transaction.atomic,
        "mongodb": _mongodb_transaction,
    }
    return of_engines[connection.vendor]()


@contextmanager
def one_transaction() -> Iterator[None]:
    """Give one transaction to several operations that otherwise have one each.

    A conflict of any operation ends it, and none of them is retried: on MongoDB a conflict ends the transaction anyway.
    """
    with atomic():
        _thread.is_joined = True
        try:
            yield
        finally:
            _thread.is_joined = False


def in_transaction() -> bool:
    """Return whether this thread is in a transaction."""
    return connection.in_atomic_block or getattr(connection, "in_atomic_block_mongo", False)


@contextmanager
def _sqlite_transaction() -> Iterator[None]:
    """Queue writers in order: SQLite itself polls for its lock, and an unlucky writer waits long.

    With 32 writers, the 99th percentile of the waiting time falls to a third.
    """
    if connection.in_atomic_block:
        with transaction.atomic():
            yield
        return
    if not _writer_lock.acquire(blocking=False):
        with _without_slot():
            has_lock = _writer_lock.acquire(timeout=connection.settings_dict["OPTIONS"]["timeout"])
        if not has_lock:
            raise OperationalError("database is locked")
    try:
        with file_lock("writers"), transaction.atomic():
            yield
    finally:
        _writer_lock.release()


def _mongodb_transaction() -> AbstractContextManager[None]:
    return mongodb.transaction(connection)


@contextmanager
def snapshot() -> Iterator[None]:
    """Give a context whose reads all see the database as of the first read, without blocking writers."""
    with {"sqlite": _sqlite_snapshot, "postgresql": _postgresql_snapshot, "mongodb": _mongodb_snapshot}[
        connection.vendor
    ]():
        yield


def snapshot_instead_of_join() -> AbstractContextManager[None]:
    """Return a snapshot on MongoDB, for what is one query with a join on the other engines."""
    return snapshot() if connection.vendor == "mongodb" else nullcontext()


@contextmanager
def _sqlite_snapshot() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")  # `atomic` would take the write lock
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
    wrapper: Any = connection  # MongoDB ends a transaction after one minute, a snapshot after five
    with wrapper.connection.start_session(snapshot=True) as session:
        wrapper.session = session
        try:
            yield
        finally:
            wrapper.session = None


def is_disk_full(error: Exception) -> bool:
    """Tell whether the cause of `error` is a full disk."""
    cause = error.__cause__ if isinstance(error, DatabaseError) else error
    if isinstance(cause, PyMongoError):
        return MONGODB_FULL in _codes(cause)
    full = getattr(cause, "sqlite_errorcode", None) in SQLITE_FULL
    return full or getattr(cause, "sqlstate", None) == POSTGRESQL_FULL


def is_key_taken(error: Exception) -> bool:
    """Tell whether the cause of `error` is a duplicate key; a retry cannot fix other constraints."""
    cause = error.__cause__
    if isinstance(cause, PyMongoError):
        return MONGODB_DUPLICATE in _codes(cause)
    taken = getattr(cause, "sqlite_errorcode", None) in SQLITE_DUPLICATE
    return taken or getattr(cause, "sqlstate", None) == POSTGRESQL_DUPLICATE


def _codes(error: PyMongoError) -> list[Any]:
    """Return the codes of a MongoDB error and of each failed write of its bulk."""
    faults = (getattr(error, "details", None) or {}).get("writeErrors", ())
    return [getattr(error, "code", None), *(fault.get("code") for fault in faults)]


def is_conflict(error: DatabaseError) -> bool:
    """Tell whether another writer or a lost connection caused `error`, so that a retry may succeed."""
    cause = error.__cause__
    lost = isinstance(error, Conflict) or getattr(cause, "sqlstate", None) in CONFLICTS
    return lost or isinstance(cause, PyMongoError) and _is_transient(cause) or is_key_taken(error)


def _is_transient(cause: PyMongoError) -> bool:
    """Tell whether MongoDB would do the same later: not after a commit that may have happened.

    If the driver finds no server, it has already waited for one, for `serverSelectionTimeoutMS`.
    """
    if isinstance(cause, ServerSelectionTimeoutError) or cause.has_error_label("UnknownTransactionCommitResult"):
        return False
    return isinstance(cause, AutoReconnect) or cause.has_error_label("TransientTransactionError")


def _is_part_of_another() -> bool:
    """Return whether this thread is in a transaction that a conflict ends: only what began it can be retried."""
    return getattr(_thread, "is_joined", False) or getattr(connection, "in_atomic_block_mongo", False)


def retried(operation: Callable[P, R]) -> Callable[P, R]:
    """Retry `operation` with backoff while it fails on a conflict; it must check its rules on every attempt.

    It gives up when both ATTEMPTS and RETRY_SECONDS are used up.

    A duplicate key counts as a conflict for a few attempts: the next attempt sees the other row and reports the error.
    Violations of other constraints (foreign key, not null, check) are not retried. Nothing in `one_transaction` is, nor
    on MongoDB in any transaction: there, what began it is retried.
    """

    @wraps(operation)
    def attempt(*args: P.args, **kwargs: P.kwargs) -> R:
        if _is_part_of_another():
            return operation(*args, **kwargs)
        duplicates, deadline = 0, time.monotonic() + RETRY_SECONDS
        for trial in itertools.count(1):
            try:
                return operation(*args, **kwargs)
            except DatabaseError as error:
                duplicates += is_key_taken(error)
                is_last = trial >= ATTEMPTS and time.monotonic() > deadline
                if not is_conflict(error) or duplicates == DUPLICATE_KEY_ATTEMPTS or is_last:
                    raise
            with hook("release_slot_while_waiting")():
                time.sleep(random.uniform(0, FIRST_PAUSE_SECONDS * min(2 ** min(trial - 1, 10), MAX_BACKOFF)))
        raise AssertionError("unreachable")

    return attempt
