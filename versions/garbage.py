"""Garbage and holds: finds stored bytes that nothing needs, and keeps all bytes from removal for a while.

A backup, a check and a restore hold the bytes. A deletion that commits before the hold is already visible to those who
read rows under the hold. A deletion that commits later leaves its bytes for `collect_garbage`.
"""

import logging
import re
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
from versions import draft_files
from versions.draft_files import remove_rest
from versions.draft_models import Draft
from versions.folders import remove_folder, retire
from versions.models import Blob, Hold, LooseFolder, UploadSession
from versions.removal import disown_bytes, remove_unreferenced
from versions.storage import INCOMING, Received, store
from versions.uploads import remove_expired, unfinished

BATCH = 500
OF_SESSION = re.compile(rf"{re.escape(INCOMING)}/([0-9a-f]{{24}})(?![0-9a-f])")  # others have longer names
LIFETIME = timedelta(minutes=2)  # after which the hold of a killed process expires
RENEWAL = 20.0  # seconds
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Garbage:
    """What nothing needs any more, such as stored bytes. `reason` and `name` are for reports."""

    reason: str
    name: str
    take: Callable[[], object]

    def remove(self) -> bool:
        """Check again and delete the bytes, unless an upload uses them; return whether they were deleted."""
        try:
            return self.take() is not False
        except DatabaseError as error:
            if not is_conflict(error):
                raise
            return False


def find_garbage(age: timedelta) -> Iterator[Garbage]:
    """Yield all garbage; unfinished uploads only if nothing was written to them for `age`."""
    # Marks are ids, which start with their time in seconds, as those of new folders do.
    marked_since = f"{int(time.time() - age.total_seconds()) + 1:08x}"
    for key in keys_of(LooseFolder.objects.filter(is_new=True, pk__lt=marked_since)):
        yield Garbage("its version was never created", f"folder {key}", partial(_remove_new, key))
    for key in keys_of(LooseFolder.objects.filter(is_new=False)):
        yield Garbage("its version was deleted", f"folder {key}", partial(remove_rest, key))
    for key in keys_of(Blob.objects.filter(references=0, mark__lt=marked_since)):
        yield Garbage("no version names it", key, partial(_remove_unnamed, key))
    for batch in batches(store().keys(), BATCH):
        known = set(Blob.objects.filter(pk__in=batch).values_list("pk", flat=True))
        for key in (key for key in batch if key not in known):
            yield Garbage("no row names it", key, partial(_remove_unknown, key))
    for id in keys_of(UploadSession.objects.filter(expires__lte=now())):
        yield Garbage("its upload has expired", id, partial(remove_expired, id))
    for id in keys_of(Draft.objects.filter(expires__lte=now())):
        yield Garbage("its draft has expired", id, partial(draft_files.remove_expired, id))
    for received in _leftovers(age):
        yield Garbage("its upload never ended", received.place, partial(store().discard, received))


def _leftovers(age: timedelta) -> Iterator[Received]:
    """Yield incoming bytes to which nothing was added for `age`, except those of uploads that can be resumed."""
    for batch in batches(store().leftovers(age), BATCH):
        ids = {received.place: match[1] for received in batch if (match := OF_SESSION.search(received.place))}
        known = unfinished(list(ids.values()))
        yield from (received for received in batch if ids.get(received.place) not in known)


def _remove_unnamed(key: str) -> bool:
    return remove_unreferenced([key]) > 0


def _remove_new(folder_id: str) -> bool:
    is_retired = retire(folder_id)
    if is_retired:
        remove_folder(folder_id)
    return is_retired


def _remove_unknown(key: str) -> bool:
    return disown_bytes(key) and _remove_unnamed(key)


@contextmanager
def bytes_held(id: str) -> Iterator[None]:
    """Prevent the deletion of all bytes while the body runs. If the body fails, the hold expires after LIFETIME.

    Raises IntegrityError if the hold already exists.
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
    """Delete the hold, so that bytes can be deleted again."""
    Hold.objects.filter(pk=id).delete()


def _renew(id: str, ended: threading.Event) -> None:
    while not ended.wait(RENEWAL):
        try:
            Hold.objects.filter(pk=id).update(until=now() + LIFETIME)
        except DatabaseError as error:
            logger.warning("the hold of bytes could not be renewed: %s", error)
    connection.close()
