"""Garbage and holds: finds stored bytes that nothing needs, and keeps all bytes from removal for a while.

A backup, a check and a restore hold the bytes. A deletion that commits before the hold is already visible to those who
read rows under the hold. A deletion that commits later leaves its bytes for `collect_garbage`.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.db import DatabaseError, connection

from tenants.rows.batches import batches, keys_of
from tenants.rows.fields import now
from tenants.rows.transactions import is_conflict, retried
from versions.models import Blob, Hold
from versions.services import disown_bytes, remove_unreferenced
from versions.storage import store

BATCH = 500
LIFETIME = timedelta(minutes=2)  # after which the hold of a process that was killed counts no more
RENEWAL = 20.0  # seconds
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Garbage:
    """Bytes that nothing needs."""

    reason: str
    name: str
    take: Callable[[], object]

    def remove(self) -> bool:
        """Look again and remove them, unless somebody uploads them just now: tell whether they went."""
        try:
            return self.take() is not False
        except DatabaseError as error:
            if not is_conflict(error):
                raise
            return False


def find_garbage(age: timedelta) -> Iterator[Garbage]:
    """Give all garbage, of uploads only what nobody has written to for `age`."""
    marked_since = f"{int(time.time() - age.total_seconds()) + 1:08x}"  # ids, as marks are, begin with their second
    for key in keys_of(Blob.objects.filter(references=0, mark__lt=marked_since)):
        yield Garbage("no version names it", key, partial(_remove_unnamed, key))
    for batch in batches(store().keys(), BATCH):
        known = set(Blob.objects.filter(pk__in=batch).values_list("pk", flat=True))
        for key in (key for key in batch if key not in known):
            yield Garbage("no row names it", key, partial(_remove_unknown, key))
    for received in store().leftovers(age):
        yield Garbage("its upload never ended", received.place, partial(store().discard, received))


def _remove_unnamed(key: str) -> bool:
    return remove_unreferenced([key]) > 0


def _remove_unknown(key: str) -> bool:
    return disown_bytes(key) and _remove_unnamed(key)


@contextmanager
def bytes_held(id: str) -> Iterator[None]:
    """Keep all bytes from being removed, however long it takes; where the body fails the hold runs out by itself.

    Raises IntegrityError where the hold is there already.
    """
    Hold(pk=id, until=now() + LIFETIME).save(force_insert=True)
    ended = threading.Event()
    renewal = threading.Thread(target=_renew, args=(id, ended), name="hold", daemon=True)
    renewal.start()
    try:
        yield
    finally:
        ended.set()
        renewal.join()
    release(id)


@retried
def release(id: str) -> None:
    """Let bytes go again."""
    Hold.objects.filter(pk=id).delete()


def _renew(id: str, ended: threading.Event) -> None:
    while not ended.wait(RENEWAL):
        try:
            Hold.objects.filter(pk=id).update(until=now() + LIFETIME)
        except DatabaseError as error:
            logger.warning("the hold of bytes could not be renewed: %s", error)
    connection.close()
