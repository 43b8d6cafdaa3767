"""Writes: versions and the bytes that they refer to.

Bytes are stored completely before a transaction refers to them, and rows are deleted before bytes. A crash can leave
bytes without a version, but never a version without bytes.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any, TypeVar

from django.db import DatabaseError
from django.db.models import F, Max

from tenants.exceptions import Refused
from tenants.rows.batches import batches
from tenants.rows.fields import new_id, now
from tenants.rows.texts import refuse, unfit_file_name, unfit_ordinal
from tenants.rows.transactions import Conflict, atomic, retried
from versions.models import Blob, Hold, UploadSession, Version
from versions.storage import Received, store

R = TypeVar("R")

ATTEMPTS = 20  # to refer to bytes that are deleted concurrently each time
BATCH = 500
COUNTED = 10**15  # client-chosen ordinals below this influence the next one; all engines' integers reach further
logger = logging.getLogger(__name__)


class BytesGone(Exception):
    """The bytes were deleted, or will be, before a version referred to them."""


@dataclass(frozen=True)
class Upload:
    """A received file: its bytes and what the client says about it; `timestamp` only for imported files."""

    received: Received
    original: str
    mimetype: str
    encoding: str
    description: str = ""
    timestamp: datetime | None = None
    tags: Sequence[str] = ()
    metadata: Sequence[Mapping[str, Any]] = ()


def with_bytes(*, tenant_id: str, received: Received, write: Callable[[str], R]) -> R:
    """Store received bytes outside any transaction, then call `write`, which refers to them in its own transaction.

    `write` gets the mark for `add_version`. If the bytes are deleted in between, both steps are repeated. If `write`
    fails, the bytes are deleted unless a version refers to them; after a crash `collect_garbage` does that.
    """
    key = Blob.key(tenant_id, received.sha256)
    try:
        for _ in range(ATTEMPTS):
            try:
                return write(_store_bytes(key, tenant_id, received))
            except BytesGone:
                continue
        raise Conflict(f"{key} was removed {ATTEMPTS} times meanwhile")
    except BaseException:
        _undo_store(key)
        raise


def _store_bytes(key: str, tenant_id: str, received: Received) -> str:
    """Store received bytes unless a version already refers to them; return their mark."""
    mark, referenced = _claim(key, tenant_id)
    if not referenced:
        store().keep(received, key)
    return mark


@retried
def _claim(key: str, tenant_id: str) -> tuple[str, bool]:
    """Return the mark of the bytes of a key, set if it was empty, and whether a version refers to them."""
    blob = Blob.objects.filter(pk=key).first()
    referenced = blob is not None and blob.references > 0
    if blob and blob.mark:
        return blob.mark, referenced
    mark = new_id()
    with atomic():  # waits for a concurrent deletion
        if blob is None:
            Blob(pk=key, tenant_id=tenant_id, mark=mark).save(force_insert=True)
        elif not Blob.objects.filter(pk=key, mark="", references__gte=int(referenced)).update(mark=mark):
            raise Conflict(f"{key} was changed meanwhile")
    return mark, referenced


def _undo_store(key: str) -> None:
    """Delete bytes that no version refers to; on failure they are left as garbage."""
    try:
        if retried(disown_bytes)(key):
            remove_unreferenced([key])
    except DatabaseError as error:
        logger.warning("left as garbage: %s (%s)", key, error)


def add_version(*, tenant_id: str, subject: str, upload: Upload, mark: str, ordinal: str | None = None) -> Version:
    """Create a version of `subject` from an upload, with `ordinal` or else the next free number.

    Call it in a transaction that locks the subject, with the mark from `with_bytes`. Raises BytesGone if the mark is
    no longer set, and Refused (`post_request_error`) for a taken ordinal and an invalid ordinal or file name.
    """
    refuse([upload.original], unfit_file_name, "post_request_error")
    refuse([] if ordinal is None else [ordinal], unfit_ordinal, "post_request_error")
    if ordinal is not None:
        refuse_taken(tenant_id=tenant_id, subject=subject, ordinal=ordinal)
    number = _next_number(tenant_id, subject) if ordinal is None else _counted(ordinal)
    version = Version(
        tenant_id=tenant_id,
        subject=subject,
        ordinal=str(number) if ordinal is None else ordinal,
        number=number,
        original=upload.original,
        mimetype=upload.mimetype,
        encoding=upload.encoding,
        size=upload.received.size,
        sha256=upload.received.sha256,
        description=upload.description,
        tags=list(upload.tags),
        metadata=[dict(pair) for pair in upload.metadata],
        timestamp=upload.timestamp or now(),
    )
    if not Blob.objects.filter(pk=version.blob, mark=mark).update(references=F("references") + 1):
        raise BytesGone(version.blob)
    version.save(force_insert=True)
    return version


def refuse_taken(*, tenant_id: str, subject: str, ordinal: str) -> None:
    """Raise Refused (`post_request_error`) if the subject has a version with that ordinal."""
    if Version.objects.of(tenant_id).filter(subject=subject, ordinal=ordinal).exists():
        raise Refused("post_request_error", duplicated(ordinal))


def _counted(ordinal: str) -> int | None:
    """Return the ordinal as a number if it influences the next one: only digits, and below COUNTED."""
    return int(ordinal) if ordinal.isascii() and ordinal.isdigit() and int(ordinal) < COUNTED else None


def _next_number(tenant_id: str, subject: str) -> int:
    """Return the highest counted number plus 1, or the first free number after it.

    Numbers that are assigned here always count, so each taken ordinal is skipped only once.
    """
    versions = Version.objects.of(tenant_id).filter(subject=subject)
    within = versions.filter(number__lt=2 * COUNTED)  # older data can contain larger numbers
    number = (within.aggregate(highest=Max("number"))["highest"] or 0) + 1
    if not versions.filter(ordinal=str(number)).exists():
        return number
    taken = set(versions.values_list("ordinal", flat=True))
    return next(each for each in count(number) if str(each) not in taken)


def duplicated(ordinal: str) -> str:
    """Return the original system's message for a taken ordinal."""
    return f"Ordinal value duplicated: {ordinal} , Please choose another value or let default incremental choice"


def delete_versions(versions: list[Version]) -> list[str]:
    """Delete versions and return the keys of their bytes, for `remove_unreferenced` after the transaction."""
    for version in versions:
        Blob.objects.filter(pk=version.blob).update(references=F("references") - 1)
    Version.objects.filter(pk__in=[version.pk for version in versions]).delete()
    return sorted({version.blob for version in versions})


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
        removed += 0 if bytes_are_held() else sum(_remove_bytes(key) for key in batch)
    return removed


def disown_bytes(key: str) -> bool:
    """Ensure that unreferenced bytes have a row, for `remove_unreferenced`; return False if they are referenced."""
    with atomic():
        if Blob.objects.filter(pk=key, references__gt=0).exists():
            return False
        if not Blob.objects.filter(pk=key).exists():
            Blob(pk=key, tenant_id=key.partition("/")[0], references=0).save(force_insert=True)
    return True


def delete_tenant_versions(*, tenant_id: str) -> None:
    """Delete all versions of a tenant; call `remove_tenant_bytes` after the transaction."""
    Version.objects.of(tenant_id).delete()
    UploadSession.objects.of(tenant_id).delete()
    Blob.objects.of(tenant_id).update(references=0)


def remove_tenant_bytes(*, tenant_id: str) -> None:
    """Delete the bytes of a deleted tenant, but not those of a new tenant with the same id."""
    remove_unreferenced(list(Blob.objects.of(tenant_id).filter(references=0).values_list("pk", flat=True)))


def storage_is_healthy() -> bool:
    """Return whether the store is healthy."""
    return store().is_healthy()


@retried
def _clear_marks(keys: list[str]) -> None:
    with atomic():
        Blob.objects.filter(pk__in=keys, references=0).exclude(mark="").update(mark="")


@retried
def _remove_bytes(key: str) -> bool:
    try:
        with atomic():
            # Deleting the row blocks uploads of the same bytes until they are deleted.
            if not Blob.objects.filter(pk=key, references=0, mark="").delete()[0]:
                return False
            store().remove(key)
    except OSError as error:
        logger.warning("left as garbage: %s (%s)", key, error)
        return False
    return True
