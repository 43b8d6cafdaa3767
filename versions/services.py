"""Writes: versions and the bytes that they name.

Bytes are whole and in their place before a transaction names them, and rows go before bytes: a crash can leave bytes
that no version names, never the other way round.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import TypeVar

from django.db import DatabaseError
from django.db.models import F, Max

from tenants.exceptions import Refused
from tenants.rows.batches import batches
from tenants.rows.fields import new_id, now
from tenants.rows.texts import refuse, unfit_file_name, unfit_ordinal
from tenants.rows.transactions import Conflict, atomic, retried
from versions.models import Blob, Hold, Version
from versions.storage import Received, store

R = TypeVar("R")

ATTEMPTS = 20  # at naming bytes that somebody else removes each time
BATCH = 500
COUNTED = 10**15  # ordinals that clients choose count for the next one below this; no engine's integers end near it
logger = logging.getLogger(__name__)


class BytesGone(Exception):
    """The bytes were removed, or are about to be, before a version named them."""


@dataclass(frozen=True)
class Upload:
    """A file that came in: its bytes, and what its sender says of it; a time, where it moves in from elsewhere."""

    received: Received
    original: str
    mimetype: str
    encoding: str
    description: str = ""
    timestamp: datetime | None = None


def with_bytes(*, tenant_id: str, received: Received, write: Callable[[str], R]) -> R:
    """Put received bytes in their place, outside any transaction, and have `write` name them in its own.

    `write` is given the mark for `add_version`. Where the bytes were removed in between, both are done again. Where
    `write` fails the bytes are removed, unless a version names them; after a crash `collect_garbage` does that.
    """
    key = Blob.key(tenant_id, received.sha256)
    try:
        for _ in range(ATTEMPTS):
            try:
                return write(_put_bytes(key, tenant_id, received))
            except BytesGone:
                continue
        raise Conflict(f"{key} was removed {ATTEMPTS} times meanwhile")
    except BaseException:
        _take_back(key)
        raise


def _put_bytes(key: str, tenant_id: str, received: Received) -> str:
    """Put received bytes in their place unless a version names them there; return the mark that they are under."""
    mark, named = _claim(key, tenant_id)
    if not named:
        store().keep(received, key)
    return mark


@retried
def _claim(key: str, tenant_id: str) -> tuple[str, bool]:
    """Return the mark of the bytes of a key, made where there is none, and whether a version names them."""
    blob = Blob.objects.filter(pk=key).first()
    named = blob is not None and blob.references > 0
    if blob and blob.mark:
        return blob.mark, named
    mark = new_id()
    with atomic():  # which waits for a removal that runs
        if blob is None:
            Blob(pk=key, tenant_id=tenant_id, mark=mark).save(force_insert=True)
        elif not Blob.objects.filter(pk=key, mark="", references__gte=int(named)).update(mark=mark):
            raise Conflict(f"{key} was changed meanwhile")
    return mark, named


def _take_back(key: str) -> None:
    """Remove bytes that no version came to name; where that fails they are garbage."""
    try:
        if retried(disown_bytes)(key):
            remove_unreferenced([key])
    except DatabaseError as error:
        logger.warning("left as garbage: %s (%s)", key, error)


def add_version(*, tenant_id: str, subject: str, upload: Upload, mark: str, ordinal: str | None = None) -> Version:
    """Keep an upload as a version of `subject`, under `ordinal` or else the next number that is free.

    Call it within a transaction that holds the subject, with the mark that `with_bytes` gave. Raises BytesGone where
    that is no longer there; Refused (`post_request_error`) for a taken ordinal, and for an ordinal or a file name
    that breaks the rules for names.
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
        timestamp=upload.timestamp or now(),
    )
    if not Blob.objects.filter(pk=version.blob, mark=mark).update(references=F("references") + 1):
        raise BytesGone(version.blob)
    version.save(force_insert=True)
    return version


def refuse_taken(*, tenant_id: str, subject: str, ordinal: str) -> None:
    """Raise Refused (`post_request_error`) where the subject has a version of that ordinal."""
    if Version.objects.of(tenant_id).filter(subject=subject, ordinal=ordinal).exists():
        raise Refused("post_request_error", duplicated(ordinal))


def _counted(ordinal: str) -> int | None:
    """Return the number of an ordinal that counts for the next one: digits alone, below COUNTED."""
    return int(ordinal) if ordinal.isascii() and ordinal.isdigit() and int(ordinal) < COUNTED else None


def _next_number(tenant_id: str, subject: str) -> int:
    """Return the highest number that counts plus 1, or the first after it that no ordinal beyond COUNTED has taken.

    Numbers that grew from below are always counted, so each taken one is passed over only once.
    """
    versions = Version.objects.of(tenant_id).filter(subject=subject)
    within = versions.filter(number__lt=2 * COUNTED)  # more than that was written before there was a bound
    number = (within.aggregate(highest=Max("number"))["highest"] or 0) + 1
    if not versions.filter(ordinal=str(number)).exists():
        return number
    taken = set(versions.values_list("ordinal", flat=True))
    return next(each for each in count(number) if str(each) not in taken)


def duplicated(ordinal: str) -> str:
    """Return the original's words for an ordinal that is taken."""
    return f"Ordinal value duplicated: {ordinal} , Please choose another value or let default incremental choice"


def delete_versions(versions: list[Version]) -> list[str]:
    """Remove versions and return the keys of their bytes, for `remove_unreferenced` after the transaction."""
    for version in versions:
        Blob.objects.filter(pk=version.blob).update(references=F("references") - 1)
    Version.objects.filter(pk__in=[version.pk for version in versions]).delete()
    return sorted({version.blob for version in versions})


def bytes_are_held() -> bool:
    """Tell whether somebody needs the bytes as they are."""
    return Hold.objects.filter(until__gt=now()).exists()


def remove_unreferenced(keys: Iterable[str]) -> int:
    """Remove the bytes of those keys that no version names any more and return of how many they are gone.

    While bytes are held, and where the store does not let us, they are left as garbage.
    """
    removed = 0
    for batch in batches(keys, BATCH):
        _clear_marks(batch)
        # Only now: who holds bytes from here on reads no version of them, unless its upload has set a new mark.
        removed += 0 if bytes_are_held() else sum(_remove_bytes(key) for key in batch)
    return removed


def disown_bytes(key: str) -> bool:
    """Make sure that bytes of a key which no version names have a row, for `remove_unreferenced`; else return False."""
    with atomic():
        if Blob.objects.filter(pk=key, references__gt=0).exists():
            return False
        if not Blob.objects.filter(pk=key).exists():
            Blob(pk=key, tenant_id=key.partition("/")[0], references=0).save(force_insert=True)
    return True


def delete_tenant_versions(*, tenant_id: str) -> None:
    """Remove all versions of a tenant; `remove_tenant_bytes` follows after the transaction."""
    Version.objects.of(tenant_id).delete()
    Blob.objects.of(tenant_id).update(references=0)


def remove_tenant_bytes(*, tenant_id: str) -> None:
    """Remove the bytes of a tenant that is gone, and none of a new tenant of the same name."""
    remove_unreferenced(list(Blob.objects.of(tenant_id).filter(references=0).values_list("pk", flat=True)))


def storage_is_healthy() -> bool:
    """Tell whether bytes can be written."""
    return store().is_healthy()


@retried
def _clear_marks(keys: list[str]) -> None:
    with atomic():
        Blob.objects.filter(pk__in=keys, references=0).exclude(mark="").update(mark="")


@retried
def _remove_bytes(key: str) -> bool:
    try:
        with atomic():
            # Deleting the row keeps out whoever would put the bytes back, until they are gone.
            if not Blob.objects.filter(pk=key, references=0, mark="").delete()[0]:
                return False
            store().remove(key)
    except OSError as error:
        logger.warning("left as garbage: %s (%s)", key, error)
        return False
    return True
