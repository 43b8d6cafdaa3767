"""Searches that may take long are stopped, so that a pattern costs its caller and nobody else."""

from collections.abc import Iterator
from contextlib import contextmanager

import pymongo
from django.db import DatabaseError, connections, transaction

from registry_site.querying.json_text import refused

SECONDS = 5
CANCELLED = "57014"
BAD_PATTERN = ("2201B", 51091)  # PostgreSQL's state, MongoDB's code


@contextmanager
def bounded_search(using: str, seconds: float = SECONDS) -> Iterator[None]:
    """Run queries for at most so long; one that takes longer, or has a bad pattern, is a refused request.

    SQLite needs no bound: there RE2 itself matches, in linear time.
    """
    vendor = connections[using].vendor
    try:
        if vendor == "postgresql":
            with transaction.atomic(using), connections[using].cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = %s", [int(seconds * 1000)])
                yield
        elif vendor == "mongodb":
            with pymongo.timeout(seconds):
                yield
        else:
            yield
    except (DatabaseError, pymongo.errors.PyMongoError) as error:
        raise _explained(error) from error


def _explained(error: Exception) -> Exception:
    cause = error if isinstance(error, pymongo.errors.PyMongoError) else error.__cause__ or error
    code = getattr(cause, "sqlstate", None) or getattr(cause, "code", None)
    if code == CANCELLED or getattr(cause, "timeout", False):
        return refused("The search takes too long, please narrow it")
    if code in BAD_PATTERN:
        return refused("$regex: the database refuses this regular expression")
    return error
