"""Writes: the files of drafts, and the removal of drafts."""

from functools import partial
from typing import Any

from django.conf import settings
from django.db.models import F

from tenants.exceptions import Refused
from tenants.ledger import Subject, deleted, record
from tenants.models import User
from tenants.rows.batches import delete_in_batches
from tenants.rows.fields import now
from tenants.rows.texts import refuse, unfit_path
from tenants.rows.transactions import atomic, retried
from versions.draft_models import Draft, Point
from versions.drafts import CREATION, current_draft, write_draft
from versions.folders import remove_folder
from versions.models import Blob, LooseFolder, VersionFile
from versions.removal import remove_unreferenced
from versions.sent import NewFile
from versions.services import BytesGone, with_bytes

BATCH = 500  # files that are deleted in one transaction


def put_file(*, draft: Draft, file: NewFile) -> None:
    """Store a received file in the draft, in place of one with the same path. Raises Refused for an invalid path."""
    refuse([file.path], unfit_path, CREATION)
    write = partial(_put, draft, file)
    remove_unreferenced(with_bytes(tenant_id=draft.tenant_id, received=file.received, write=write))


@retried
def _put(draft: Draft, file: NewFile, mark: str) -> list[str]:
    """Insert the row of a file; return the keys of bytes that it no longer refers to."""
    with atomic():
        current = current_draft(draft)
        gone = _drop(current, VersionFile.objects.filter(pk=VersionFile.key(draft.pk, file.path)))
        current.files, current.size = current.files + 1, current.size + file.received.size
        if current.files > settings.MAX_FILES:
            raise Refused("payload_too_large", f"A draft has at most {settings.MAX_FILES} files")
        write_draft(current)
        row = VersionFile(pk=VersionFile.key(draft.pk, file.path), tenant_id=draft.tenant_id, path=file.path)
        row.size, row.sha256 = file.received.size, file.received.sha256
        row.crc32, row.mimetype = file.crc32 or 0, file.mimetype
        if not Blob.objects.filter(pk=row.blob, mark=mark).update(references=F("references") + 1):
            raise BytesGone(row.blob)
        row.save(force_insert=True)
    return gone


def _drop(draft: Draft, rows: Any) -> list[str]:
    """Delete these files in the caller's transaction, and return the keys of their bytes."""
    found = list(rows)
    for row in found:
        draft.files, draft.size = draft.files - 1, draft.size - row.size
        Blob.objects.filter(pk=row.blob).update(references=F("references") - 1)
    if found:
        VersionFile.objects.filter(pk__in=[row.pk for row in found]).delete()
    return [row.blob for row in found]


@retried
def remove_files(*, draft: Draft, path: str) -> int:
    """Delete the file with this path and the files below it, in batches; return how many files were deleted."""
    count, prefix = 0, f"{path}/" if path else ""
    while True:
        with atomic():
            current = current_draft(draft)
            rows = list(VersionFile.objects.in_version(draft.pk, prefix)[:BATCH])
            rows += list(VersionFile.objects.filter(pk=VersionFile.key(draft.pk, path))) if path else []
            gone = _drop(current, rows)
            write_draft(current)
        remove_unreferenced(sorted(set(gone)))
        count += len(gone)
        if not gone:
            return count


def remove(*, draft: Draft, by: User | None) -> bool:
    """Delete a draft with its files and series; return False if it is gone."""
    is_gone = _remove_row(Draft.objects.filter(pk=draft.pk), draft, by)
    remove_rest(draft.pk)
    return is_gone


@retried
def _remove_row(rows: Any, draft: Draft, by: User | None) -> bool:
    with atomic():
        if not rows.all().delete()[0]:
            return False
        LooseFolder(pk=draft.pk, tenant_id=draft.tenant_id, is_new=False).save(force_insert=True)
        about = deleted({"name": draft.name, "files": draft.files, "size": draft.size})
        subject = Subject(draft.pk, "draft", draft.name)
        record(tenant=draft.tenant_id, type="draft.deleted", actor=by, item=subject, changes=about)
    return True


def remove_rest(folder_id: str) -> None:
    """Delete what is left of a draft or version whose row is gone: points and files, in several transactions."""
    delete_in_batches(Point.objects.filter(pk__gte=f"{folder_id}/", pk__lt=f"{folder_id}0"))
    remove_folder(folder_id)


def remove_expired(id: str) -> bool:
    """Delete a draft that has expired; return False if it has not, or is gone."""
    expired = Draft.objects.filter(pk=id, expires__lte=now())
    draft = expired.first()
    if draft is None or not _remove_row(expired, draft, None):
        return False
    remove_rest(id)
    return True
