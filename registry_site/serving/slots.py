"""Limits concurrent requests to `THREADS` per worker, without counting those that wait for a slow client.

A request holds a slot while the application processes it. It releases the slot while it waits for the next chunk of its
body, and when its response is ready to be sent. Releasing a slot also returns database connections to their pool. So
a slow client only holds a thread, which is cheap.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connections

_free_slots = threading.Semaphore(settings.THREADS)


@contextmanager
def slot() -> Iterator[None]:
    """Wait for a free slot and hold it."""
    with _free_slots:
        try:
            yield
        finally:
            _return_connections()


@contextmanager
def release_slot_while_waiting() -> Iterator[None]:
    """Release the slot, and wait for a free one at the end."""
    _return_connections()
    _free_slots.release()
    try:
        yield
    finally:
        _free_slots.acquire()


def _return_connections() -> None:
    """Return this thread's connections to their pools; it keeps connections that have no pool."""
    for connection in connections.all(initialized_only=True):
        if "pool" in connection.settings_dict["OPTIONS"] and not connection.in_atomic_block:
            connection.close()
