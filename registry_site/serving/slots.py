"""Who waits for a client keeps nobody else waiting: a slow one holds a thread, which is cheap, and nothing more.

So many requests of a process work at once as `THREADS` says. A request has its turn while the application works on it,
but for the time that it waits for the next block of its body, and gives it up with the answer, however long a client
takes to fetch that. Pooled connections to the database go back with the turn.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connections

_free = threading.Semaphore(settings.THREADS)


@contextmanager
def slot() -> Iterator[None]:
    """Wait for a turn, and have it meanwhile."""
    with _free:
        try:
            yield
        finally:
            _return_connections()


@contextmanager
def release_slot_while_waiting() -> Iterator[None]:
    """Let others have the turn meanwhile."""
    _return_connections()
    _free.release()
    try:
        yield
    finally:
        _free.acquire()


def _return_connections() -> None:
    """Give the thread's connections back to their pools; those without one are the thread's own to keep."""
    for connection in connections.all(initialized_only=True):
        if "pool" in connection.settings_dict["OPTIONS"] and not connection.in_atomic_block:
            connection.close()
