"""Bytes that must not vanish: while a backup copies them, a check reads them, or a restore has no rows for them yet.

A deletion that is committed before the hold is not seen by whoever reads rows under the hold; one that comes later
leaves its bytes, for `collect_garbage` or for the end of the hold.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import DatabaseError, connection

from tenants.rows.fields import now
from tenants.rows.transactions import retried
from versions.models import Hold

logger = logging.getLogger(__name__)

LIFETIME = timedelta(minutes=2)  # after which the hold of a process that was killed counts no more
RENEWAL = 20.0  # seconds


def bytes_are_held() -> bool:
    """Tell whether somebody needs the bytes as they are."""
    return Hold.objects.filter(until__gt=now()).exists()


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
