"""Removes stored bytes that nothing refers to (see docs/decisions/0005)."""

import logging
from collections.abc import Iterable

from django.db import DatabaseError

from tenants.rows.batches import batches
from tenants.rows.fields import now
from tenants.rows.transactions import Conflict, atomic, retried
from versions.models import Blob, Hold
from versions.storage import store

BATCH = 250  # contents per transaction, during which uploads of any of them wait
logger = logging.getLogger(__name__)


def undo_store(key: str) -> None:
    """Delete bytes that no version refers to; on failure they are left as garbage."""
    try:
        if disown_bytes(key):
            remove_unreferenced([key])
    except DatabaseError as error:
        logger.warning("left as garbage: %s (%s)", key, error)


def bytes_are_held() -> bool:
    """Return whether a backup, check or restore currently prevents the deletion of bytes."""
    return Hold.objects.filter(until__gt=now()).exists()


def remove_unreferenced(keys: Iterable[str]) -> int:
    """Delete the bytes of those keys that no version refers to, and return the number of deleted keys.

    Bytes that are held or that the store fails to delete are left as garbage.
    """
    removed = 0
    for batch in batches(keys, BATCH):
        _clear_marks(batch)
        # Checked after clearing: a later holder sees no version of these bytes unless an upload has set a new mark.
        removed += 0 if bytes_are_held() else _remove_bytes(batch)
    return removed


@retried
def disown_bytes(key: str) -> bool:
    """Ensure that unreferenced bytes have a row, for `remove_unreferenced`; return False if they are referenced."""
    with atomic():
        if Blob.objects.filter(pk=key, references__gt=0).exists():
            return False
        if not Blob.objects.filter(pk=key).exists():
            Blob(pk=key, tenant_id=key.partition("/")[0], references=0).save(force_insert=True)
    return True


def remove_tenant_bytes(*, tenant_id: str) -> None:
    """Delete the bytes of a deleted tenant, but not those of a new tenant with the same id."""
    remove_unreferenced(list(Blob.objects.of(tenant_id).filter(references=0).values_list("pk", flat=True)))


@retried
def _clear_marks(keys: list[str]) -> None:
    with atomic():
        Blob.objects.filter(pk__in=keys, references=0).exclude(mark="").update(mark="")


@retried
def _remove_bytes(keys: list[str]) -> int:
    """Delete the bytes of those keys that no upload has marked since, and return their number."""
    unused = Blob.objects.filter(pk__in=keys, references=0, mark="")
    gone = list(unused.values_list("pk", flat=True))
    if not gone:
        return 0
    try:
        with atomic():
            # Deleting the rows blocks uploads of the same bytes until they are deleted.
            if unused.filter(pk__in=gone).delete()[0] != len(gone):
                raise Conflict("an upload uses bytes that were about to be removed")
            store().remove_all(gone)
    except OSError as error:
        logger.warning("left as garbage: %s (%s)", ", ".join(gone[:3]), error)
        return 0
    return len(gone)
