"""Writes: versions and the bytes that they refer to; for the files of folders see `versions.folders`.

Bytes are stored before a transaction refers to them, and deleted after the rows: a crash can leave bytes without a
version, never a version without bytes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import F

from tenants.exceptions import Refused
from tenants.rows.fields import new_id, now
from tenants.rows.hooks import hook
from tenants.rows.texts import refuse, unfit_file_name, unfit_ordinal
from tenants.rows.transactions import Conflict, atomic, retried
from versions.models import Blob, LooseFolder, SpentOrdinal, UploadSession, Version, VersionFile
from versions.ordinals import counted, next_number, refuse_taken
from versions.removal import undo_store
from versions.storage import Received, store

R = TypeVar("R")
ATTEMPTS = 20  # to refer to bytes that are deleted concurrently each time


class BytesGone(Exception):
    """The bytes were deleted, or will be, before a version referred to them."""


@dataclass(frozen=True)
class Folder:
    """Stored files that wait for their version; `id` will be the version's."""

    id: str
    files: int
    path_bytes: int


@dataclass(frozen=True)
class Upload:
    """A received file or folder: its bytes and what the client says about it; `timestamp` only if it is imported.

    `received` of a folder has its size and digest; without a place, other versions refer to its bytes. `path` is that
    of a file if it differs from `original`, `creator` the id of the user.
    """

    received: Received
    original: str
    mimetype: str
    encoding: str
    description: str = ""
    timestamp: datetime | None = None
    tags: Sequence[str] = ()
    metadata: Sequence[Mapping[str, Any]] = ()
    path: str = ""
    creator: str = ""
    folder: Folder | None = None


def with_bytes(*, tenant_id: str, received: Received, write: Callable[[str], R]) -> R:
    """Store received bytes outside any transaction, then call `write`, which refers to them in its own transaction.

    `write` gets the mark for `add_version`. If the bytes are deleted in between, both steps are repeated. If it fails,
    unreferenced bytes are deleted; after a crash `collect_garbage` does that.
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
        undo_store(key)
        raise


def _store_bytes(key: str, tenant_id: str, received: Received) -> str:
    """Store received bytes unless a version already refers to them; return their mark."""
    mark, referenced = claim(key, tenant_id)
    if not referenced:
        refuse_without_place(received)
        with hook("release_slot_while_waiting")():  # an object store can take minutes
            store().keep(received, key)
    return mark


def refuse_without_place(received: Received) -> None:
    """Raise Refused (`post_request_error`) if bytes that must be stored were only referred to."""
    if not received.place:
        raise Refused("post_request_error", f"The file with the sha256 {received.sha256} is no longer there")


@retried
def claim(key: str, tenant_id: str) -> tuple[str, bool]:
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


def add_version(*, tenant_id: str, subject: str, upload: Upload, mark: str, ordinal: str | None = None) -> Version:
    """Create a version of `subject` from an upload, with `ordinal` or else the next free number.

    Call it in a transaction that locks the subject. Raises BytesGone if `mark`, from `with_bytes`, is no longer set,
    and Refused (`post_request_error`) for a taken ordinal and an invalid ordinal or file name.
    """
    refuse([upload.original], unfit_file_name, "post_request_error")
    refuse([] if ordinal is None else [ordinal], unfit_ordinal, "post_request_error")
    if ordinal is not None:
        refuse_taken(tenant_id=tenant_id, subject=subject, ordinal=ordinal)
    number = next_number(tenant_id, subject) if ordinal is None else counted(ordinal)
    folder = upload.folder
    version = Version(
        id=folder.id if folder else new_id(),
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
        files=folder.files if folder else 1,
        path=upload.path,
        path_bytes=folder.path_bytes if folder else 0,
        creator=upload.creator,
    )
    _refer_to_bytes(version, mark)
    version.save(force_insert=True)
    return version


def _refer_to_bytes(version: Version, mark: str) -> None:
    """Count the reference to the bytes of a file, or take the files of a folder."""
    if not version.is_folder:
        if not Blob.objects.filter(pk=version.blob, mark=mark).update(references=F("references") + 1):
            raise BytesGone(version.blob)
    elif not LooseFolder.objects.filter(pk=version.pk, is_new=True).delete()[0]:
        raise Refused("post_request_error", "The files were removed as garbage before the version named them")


def delete_version(version: Version) -> Sequence[Version]:
    """Delete a version; its ordinal is not given again. Call `versions.folders.remove_bytes` after the transaction."""
    spent = {name: getattr(version, name) for name in ("tenant_id", "subject", "ordinal", "number")}
    SpentOrdinal(**spent).save(force_insert=True)
    return _delete([version])


def delete_versions_of(*, tenant_id: str, subject: str) -> Sequence[Version]:
    """Delete all versions of a subject; call `versions.folders.remove_bytes` after the transaction."""
    SpentOrdinal.objects.of(tenant_id).filter(subject=subject).delete()
    return _delete(list(Version.objects.of(tenant_id).filter(subject=subject)))


def _delete(versions: Sequence[Version]) -> Sequence[Version]:
    for version in versions:
        if version.is_folder:
            LooseFolder(pk=version.pk, tenant_id=version.tenant_id, is_new=False).save(force_insert=True)
        else:
            Blob.objects.filter(pk=version.blob).update(references=F("references") - 1)
    Version.objects.filter(pk__in=[version.pk for version in versions]).delete()
    return versions


def delete_tenant_versions(*, tenant_id: str) -> None:
    """Delete all versions of a tenant; call `remove_tenant_bytes` after the transaction."""
    for model in (Version, VersionFile, LooseFolder, SpentOrdinal, UploadSession):
        model._default_manager.filter(tenant_id=tenant_id).delete()
    Blob.objects.of(tenant_id).update(references=0)


def storage_is_healthy() -> bool:
    """Return whether the store is healthy."""
    return store().is_healthy()
