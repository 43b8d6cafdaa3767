"""Removes what is kept of merges that can no longer be undone."""

from collections.abc import Iterator
from functools import partial

from catalog.merges.models import KEPT, Merge, Replacement
from tenants.rows.batches import delete_in_batches, keys_of
from tenants.rows.fields import now
from versions.garbage import Garbage


def find_old_merges() -> Iterator[Garbage]:
    """Yield the merges that are too old to be undone."""
    for key in keys_of(Merge.objects.filter(timestamp__lte=now() - KEPT)):
        yield Garbage("it can no longer be undone", f"merge {key}", partial(_remove, key))


def _remove(key: str) -> None:
    delete_in_batches(Replacement.objects.filter(merge=key))
    Merge.objects.filter(pk=key).delete()
