"""Writes: the files of folders, in several transactions each, because a folder can have too many for one.

The files belong to a `LooseFolder` until one transaction creates their version, and again after one deletes it. A crash
leaves it and its files to `collect_garbage`.
"""

import logging
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.db import DatabaseError
from django.db.models import F

from tenants.exceptions import Refused
from tenants.rows.batches import batches
from tenants.rows.fences import reference_guard
from tenants.rows.fields import new_id
from tenants.rows.transactions import Conflict, atomic, retried
from versions.models import Blob, LooseFolder, Version, VersionFile
from versions.removal import remove_unreferenced, undo_store
from versions.sent import NewFile
from versions.services import ATTEMPTS, BytesGone, Folder, claim, refuse_without_place
from versions.storage import BLOCK, Received, store

BATCH = 500  # files per transaction
FOLDER_TYPE = "inode/directory"  # the media type of folders, as the freedesktop specification names it
logger = logging.getLogger(__name__)


@contextmanager
def stored_folder(*, tenant_id: str, files: Sequence[NewFile]) -> Iterator[Folder]:
    """Store the files of a folder, for `add_version` in the body. If the body fails, the files are removed again."""
    folder = Folder(new_id(), len(files), sum(len(file.path.encode()) for file in files))
    _begin(folder.id, tenant_id)
    try:
        for batch in batches(files, BATCH):
            _store_files(folder.id, tenant_id, batch)
        yield folder
    except BaseException:
        _undo(folder.id)
        raise


@retried
def _begin(folder_id: str, tenant_id: str) -> None:
    with reference_guard(tenant_id, changes_items=False):
        LooseFolder(pk=folder_id, tenant_id=tenant_id, is_new=True).save(force_insert=True)


def _store_files(folder_id: str, tenant_id: str, files: Sequence[NewFile]) -> None:
    """Store the bytes of some files and add the files to the folder; on failure, undo what was stored."""
    by_key = {Blob.key(tenant_id, file.received.sha256): file.received for file in files}
    try:
        for _ in range(ATTEMPTS):
            marks = _store_bytes(tenant_id, by_key)
            try:
                return _add(folder_id, tenant_id, files, marks, _crc32s(tenant_id, files))
            except BytesGone:
                continue
        raise Conflict(f"bytes of {folder_id} were removed {ATTEMPTS} times meanwhile")
    except BaseException:
        for key in by_key:
            undo_store(key)
        raise


def _store_bytes(tenant_id: str, received: Mapping[str, Received]) -> dict[str, str]:
    """Store received bytes unless a version refers to them; return the mark of each key (see `with_bytes`)."""
    marks, unreferenced = _claim_all(tenant_id, received)
    unstored = {key: received[key] for key in unreferenced}
    for each in unstored.values():
        refuse_without_place(each)
    if unstored:
        store().keep_all(unstored)
    return marks


@retried
def _claim_all(tenant_id: str, keys: Iterable[str]) -> tuple[dict[str, str], Sequence[str]]:
    """Return the mark of each key, set if it was empty, and the keys that no version refers to."""
    found = {blob.pk: blob for blob in Blob.objects.filter(pk__in=list(keys))}
    new = [Blob(pk=key, tenant_id=tenant_id, mark=new_id()) for key in keys if key not in found]
    if new:
        with atomic():
            Blob.objects.bulk_create(new)
    marks = {blob.pk: blob.mark for blob in (*new, *found.values()) if blob.mark}
    unreferenced = [key for key in keys if key not in found or not found[key].references]
    for key in [key for key in found if key not in marks]:
        marks[key], referenced = claim(key, tenant_id)
        if not referenced and key not in unreferenced:
            unreferenced.append(key)
    return marks, unreferenced


@retried
def _add(
    folder_id: str,
    tenant_id: str,
    files: Sequence[NewFile],
    marks: Mapping[str, str],
    crc32s: Mapping[str, int],
) -> None:
    """Add files to a folder and count their references. Raises BytesGone if a mark is no longer set.

    A mark belongs to one key, so a key that has any of the marks has its own.
    """
    counts = Counter(Blob.key(tenant_id, file.received.sha256) for file in files)
    with reference_guard(tenant_id, changes_items=False):
        if not LooseFolder.objects.filter(pk=folder_id, is_new=True).update(is_new=True):
            raise Refused("post_request_error", "The files were removed as garbage before the version named them")
        for times, keys in _by_count(counts).items():
            marked = Blob.objects.filter(pk__in=keys, mark__in=[marks[key] for key in keys])
            if marked.update(references=F("references") + times) != len(keys):
                raise BytesGone(folder_id)
        VersionFile.objects.bulk_create(
            VersionFile(
                pk=VersionFile.key(folder_id, file.path),
                tenant_id=tenant_id,
                path=file.path,
                size=file.received.size,
                sha256=file.received.sha256,
                crc32=crc32s[file.received.sha256],
                mimetype=file.mimetype,
            )
            for file in files
        )


def _crc32s(tenant_id: str, files: Iterable[NewFile]) -> dict[str, int]:
    """Return the crc32 of each file by its sha256; reads stored bytes whose crc32 is unknown, and remembers it."""
    crc32s = {file.received.sha256: file.crc32 for file in files}
    unknown = [Blob.key(tenant_id, sha256) for sha256, crc32 in crc32s.items() if crc32 is None]
    known = dict(Blob.objects.filter(pk__in=unknown).values_list("pk", "crc32")) if unknown else {}
    for key in unknown:
        crc32 = known.get(key)
        crc32s[key.rpartition("/")[2]] = _read_crc32(key) if crc32 is None else crc32
    return {sha256: crc32 for sha256, crc32 in crc32s.items() if crc32 is not None}


def _read_crc32(key: str) -> int:
    crc32 = 0
    try:
        with store().read(key) as stored:
            while chunk := stored.read(BLOCK):
                crc32 = zlib.crc32(chunk, crc32)
    except FileNotFoundError:
        raise BytesGone(key) from None
    Blob.objects.filter(pk=key).update(crc32=crc32)
    return crc32


def _by_count(counts: Mapping[str, int]) -> Mapping[int, list[str]]:
    grouped = defaultdict(list)
    for key, times in counts.items():
        grouped[times].append(key)
    return grouped


def _undo(folder_id: str) -> None:
    """Remove a folder that got no version; on failure it is left as garbage."""
    try:
        if retire(folder_id):
            remove_folder(folder_id)
    except DatabaseError as error:
        logger.warning("left as garbage: folder %s (%s)", folder_id, error)


@retried
def retire(folder_id: str) -> bool:
    """Ensure that a new folder gets no version; return False if it has got one or is being removed."""
    with atomic():
        return bool(LooseFolder.objects.filter(pk=folder_id, is_new=True).update(is_new=False))


def remove_bytes(versions: Sequence[Version]) -> None:
    """Remove the files of deleted versions, and the bytes that no other version refers to."""
    remove_unreferenced(sorted({version.blob for version in versions if not version.is_folder}))
    for version in versions:
        if version.is_folder:
            remove_folder(version.pk)


@retried
def remove_folder(folder_id: str) -> None:
    """Remove the files of a folder without a version, in several transactions, and bytes that only they refer to."""
    while keys := _remove_files(folder_id):
        remove_unreferenced(keys)
    with atomic():
        LooseFolder.objects.filter(pk=folder_id, is_new=False).delete()


@retried
def _remove_files(folder_id: str) -> list[str]:
    """Remove some files of a folder; return the keys of their bytes. Raises Conflict if another process does too."""
    with atomic():
        files = list(VersionFile.objects.in_version(folder_id)[:BATCH])
        if VersionFile.objects.filter(pk__in=[file.pk for file in files]).delete()[0] != len(files):
            raise Conflict(f"another process removes the folder {folder_id}")
        counts = Counter(file.blob for file in files)
        for times, keys in _by_count(counts).items():
            Blob.objects.filter(pk__in=keys).update(references=F("references") - times)
    return sorted(counts)
