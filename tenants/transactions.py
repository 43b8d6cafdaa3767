"""All or nothing, on every engine, and again when another writer came first."""

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import DatabaseError, IntegrityError, connection, transaction
from django_mongodb_backend import transaction as mongodb_transaction

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 50
PAUSE = 0.005  # seconds; the first, doubled up to a hundred times as much
CONFLICTS = {"40001", "40P01"}  # PostgreSQL's SQLSTATE for serialization failure and deadlock


class Conflict(DatabaseError):
    """Another writer came first, and what was read is no longer true."""


def atomic() -> AbstractContextManager[Any]:
    """Return a context in which all writes are kept or none (Django's own does nothing on MongoDB)."""
    if connection.vendor == "mongodb":
        return mongodb_transaction.atomic()
    return transaction.atomic()


def is_conflict(error: DatabaseError) -> bool:
    """Tell whether `error` only says that another writer came first, so that a new try may succeed."""
    cause = error.__cause__
    transient = getattr(cause, "has_error_label", lambda label: False)("TransientTransactionError")
    return isinstance(error, IntegrityError | Conflict) or transient or getattr(cause, "sqlstate", None) in CONFLICTS


def retried(operation: Callable[P, R]) -> Callable[P, R]:
    """Run `operation` again while it fails on a conflict; it must check its own rules anew each time.

    A unique constraint that refuses a row is a conflict too: the next try sees the other row and says what is wrong.
    """

    @wraps(operation)
    def attempt(*args: P.args, **kwargs: P.kwargs) -> R:
        for trial in range(ATTEMPTS):
            try:
                return operation(*args, **kwargs)
            except DatabaseError as error:
                if not is_conflict(error) or trial == ATTEMPTS - 1:
                    raise
            time.sleep(random.uniform(0, PAUSE * min(2**trial, 100)))
        raise AssertionError("unreachable")

    return attempt
