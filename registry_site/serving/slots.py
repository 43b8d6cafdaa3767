"""Limits concurrent requests to `THREADS` per worker, without counting those that wait for a slow client.

A request holds a slot while the application processes it. It releases the slot while it waits for the next chunk of its
body, for its turn to write on SQLite, or for the store of bytes, and when its response is ready to be sent. Releasing a
slot also returns database connections to their pool. So a slow client only holds a thread, which is cheap.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.cache import close_caches
from django.core.handlers.base import reset_urlconf
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connections, reset_queries
from django.db.backends.base.base import BaseDatabaseWrapper

_free_slots = threading.Semaphore(settings.THREADS)
_thread = threading.local()  # `holds_slot`: whether this thread holds a slot


class Slot:
    """A context that waits for a free slot and holds it; at its end, unusable connections are closed."""

    def __enter__(self) -> None:
        _thread.holds_slot = _free_slots.acquire()

    def __exit__(self, *error: object) -> None:
        try:
            for connection in connections.all(initialized_only=True):
                if not connection.in_atomic_block:  # a test's transaction; a request has none any more
                    connection.close_if_unusable_or_obsolete()  # and check its health before its next use
                _return_to_pool(connection)
        finally:
            _release()


@contextmanager
def release_slot_while_waiting(*, must_return: bool = True) -> Iterator[None]:
    """Release the slot, if this thread holds one, and wait for a free one at the end.

    Without `must_return`, the request goes on without a slot if none is free; the caller limits how many do.
    """
    held = getattr(_thread, "holds_slot", False)
    if held:
        _return_connections()
        _release()
    try:
        yield
    finally:
        if held:
            _thread.holds_slot = _free_slots.acquire(blocking=must_return)


def _release() -> None:
    if _thread.holds_slot:
        _thread.holds_slot = False
        _free_slots.release()


def _return_connections() -> None:
    """Return this thread's connections to their pools; it keeps connections that have no pool."""
    for connection in connections.all(initialized_only=True):
        _return_to_pool(connection)


def _return_to_pool(connection: BaseDatabaseWrapper) -> None:
    if "pool" in connection.settings_dict["OPTIONS"] and not connection.in_atomic_block:
        connection.close()


def disconnect_signals() -> None:
    """Take from Django's signals what slots do, and what nothing here needs: caches, logged queries, URLs of a request.

    They would take a fifth of the CPU time of `GET /v1/version`.
    """
    for signal, receiver in (
        (request_started, close_old_connections),
        (request_finished, close_old_connections),
        (request_started, reset_queries),
        (request_finished, close_caches),
        (request_finished, reset_urlconf),
    ):
        signal.disconnect(receiver)
