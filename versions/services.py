"""Writes: versions and the bytes that they name.

Bytes are whole and synced before a row names them, and rows go before bytes: a crash can leave bytes that no row
names, never the other way round.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Max

from tenants.exceptions import Refused
from tenants.fields import INT64, now
from tenants.texts import refuse, unfit_file_name, unfit_ordinal
from tenants.transactions import atomic, retried
from versions.holds import bytes_are_held
from versions.models import Blob, Version
from versions.storage import Received, store


@dataclass(frozen=True)
class Upload:
    """A file that came in: its bytes, and what its sender says of it; a time, where it moves in from elsewhere."""

    received: Received
    original: str
    mimetype: str
    encoding: str
    description: str = ""
    timestamp: datetime | None = None


def add_version(*, tenant_id: str, subject: str, upload: Upload, ordinal: str | None = None) -> Version:
    """Keep an upload as a version of `subject`, under `ordinal` or else the highest number so far plus 1.

    Call it within a transaction that holds the subject. Raises Refused (`post_request_error`) for a taken ordinal, and
    for an ordinal or a file name that breaks the rules for names.
    """
    refuse([upload.original], unfit_file_name, "post_request_error")
    refuse([] if ordinal is None else [ordinal], unfit_ordinal, "post_request_error")
    versions = Version.objects.of(tenant_id).filter(subject=subject)
    if ordinal is None:
        ordinal = str((versions.aggregate(highest=Max("number"))["highest"] or 0) + 1)
    elif versions.filter(ordinal=ordinal).exists():
        raise Refused("post_request_error", duplicated(ordinal))
    version = Version(
        tenant_id=tenant_id,
        subject=subject,
        ordinal=ordinal,
        number=int(ordinal) if ordinal.isascii() and ordinal.isdigit() and int(ordinal) in INT64 else None,
        original=upload.original,
        mimetype=upload.mimetype,
        encoding=upload.encoding,
        size=upload.received.size,
        sha256=upload.received.sha256,
        description=upload.description,
        timestamp=upload.timestamp or now(),
    )
    _hold_bytes(upload.received, tenant_id)
    version.save(force_insert=True)
    return version


def duplicated(ordinal: str) -> str:
    """Return the original's words for an ordinal that is taken."""
    return f"Ordinal value duplicated: {ordinal} , Please choose another value or let default incremental choice"


def _hold_bytes(received: Received, tenant_id: str) -> None:
    """Count one more reference to the bytes, and put them in their place unless they are there.

    From the first write on, the row of the bytes keeps out whoever would remove them.
    """
    blobs = Blob.objects.of(tenant_id).filter(pk=Blob.key(tenant_id, received.sha256))
    key = Blob.key(tenant_id, received.sha256)
    if blobs.filter(references__gt=0).update(references=F("references") + 1):
        return
    if not blobs.update(references=1):
        Blob(pk=key, tenant_id=tenant_id, references=1).save(force_insert=True)
    store().keep(received, key)


def delete_versions(versions: list[Version]) -> list[str]:
    """Remove versions and return the keys of their bytes, for `remove_unreferenced` after the transaction."""
    for version in versions:
        Blob.objects.filter(pk=version.blob).update(references=F("references") - 1)
    Version.objects.filter(pk__in=[version.pk for version in versions]).delete()
    return sorted({version.blob for version in versions})


def remove_unreferenced(keys: Iterable[str]) -> None:
    """Remove the bytes of those keys that no version names any more; while bytes are held they are left as garbage."""
    if not bytes_are_held():
        for key in keys:
            _remove_bytes(key)


def disown_bytes(key: str) -> bool:
    """Note that no version names the bytes of a key, for `remove_unreferenced`; return False where one does.

    An upload that has put them in their place but is not committed keeps us waiting or is a conflict, which is raised.
    """
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
def _remove_bytes(key: str) -> None:
    with atomic():
        # Removing the row keeps out whoever would use the bytes again, until they are gone and he writes them anew.
        if Blob.objects.filter(pk=key, references=0).delete()[0]:
            store().remove(key)
