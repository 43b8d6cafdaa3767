"""What crashes, holds and vanished clients leave behind: bytes that nothing needs."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.db import DatabaseError

from tenants.rows.batches import batches, keys_of
from tenants.rows.transactions import is_conflict
from versions.models import Blob
from versions.services import disown_bytes, remove_unreferenced
from versions.storage import store

BATCH = 500


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
