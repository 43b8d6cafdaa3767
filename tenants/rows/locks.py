"""Locks between the processes that share one SQLite database."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def file_lock(name: str) -> Iterator[None]:
    """Wait for the lock of that name, and have it meanwhile: it lies beside the database, and ends with its process."""
    with open(f"{connection.settings_dict['NAME']}.{name}", "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
