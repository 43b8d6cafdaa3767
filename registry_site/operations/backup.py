"""Backs up a registry to a folder while it serves: a snapshot of all rows, then the bytes that they refer to."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import orjson
from django.conf import settings
from django.db.models import Model

from registry_site import __version__
from registry_site.config.file_modes import OWNER_ONLY, restrict
from registry_site.operations import CHUNK_SIZE
from registry_site.operations.backup_folder import (
    FORMAT,
    TABLES,
    BackupError,
    Manifest,
    Table,
    bytes_path,
    files_in,
    label,
    rows_path,
    write_manifest,
)
from registry_site.operations.progress import Progress
from tenants.rows.batches import keys_of
from tenants.rows.fields import iso, new_id, now
from tenants.rows.transactions import snapshot
from versions.garbage import bytes_held
from versions.models import Blob, Version, VersionFile
from versions.removal import remove_unreferenced
from versions.storage import store
from versions.uploads import references_of_uploads

LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z


def back_up(folder: Path, progress: Progress) -> Manifest:
    """Write a backup of the whole registry into a new folder. Raises BackupError.

    Bytes of versions that are deleted meanwhile are kept until they are copied.
    """
    _prepare_folder(folder)
    with bytes_held(f"backup {new_id()}"):
        made = str(iso(now()))
        with snapshot():
            tables = {label(model): _write_rows(folder, model, progress) for model in TABLES}
        files, size = _copy_versions(folder, progress)
    manifest = Manifest(FORMAT, __version__, settings.ENGINE_NAME, made, tables, files, size)
    write_manifest(folder, manifest)
    remove_unreferenced(keys_of(Blob.objects.filter(references=0)))
    return manifest


def _prepare_folder(folder: Path) -> None:
    """Create the folder, or restrict an existing one to its owner, because a backup contains password hashes."""
    try:
        folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
        restrict([folder], OWNER_ONLY)
        if any(folder.iterdir()):
            raise BackupError(f"{folder} is not empty")
        (folder / "rows").mkdir()
        (folder / "bytes").mkdir()
    except OSError as error:
        raise BackupError(f"{folder} cannot be written: {error.strerror}") from None


def _write_rows(folder: Path, model: type[Model], progress: Progress) -> Table:
    columns = [field.attname for field in model._meta.concrete_fields]
    digest, count = hashlib.sha256(), 0
    of_uploads = references_of_uploads() if model is Blob else {}  # which are not in the backup
    with rows_path(folder, model).open("wb") as file:
        for row in model._base_manager.values(*columns).iterator():
            if of_uploads:
                row["references"] -= of_uploads.get(row["id"], 0)
            line = orjson.dumps(row, option=LINE)
            digest.update(line)
            file.write(line)
            count += 1
            progress.step(f"{label(model)}: {count} rows")
    progress.say(f"{label(model)}: {count} rows")
    return Table(count, digest.hexdigest())


def _copy_versions(folder: Path, progress: Progress) -> tuple[int, int]:
    """Copy the bytes of all versions; return the numbers of files and bytes. Raises BackupError after trying all."""
    files = size = 0
    faults: set[str] = set()
    for version in files_in(folder):
        path = bytes_path(folder, version.blob)
        if path.exists() or version.blob in faults:
            continue
        if fault := _copy(version, path):
            progress.say(f"{version.blob}: {fault}")
            faults.add(version.blob)
        files, size = files + 1, size + version.size
        progress.step(f"bytes: {files} files, {size} bytes")
    progress.say(f"bytes: {files} files, {size} bytes")
    if faults:
        raise BackupError(f"{len(faults)} files are missing or damaged; check_integrity names their versions")
    return files, size


def _copy(version: Version | VersionFile, path: Path) -> str:
    """Copy a version's bytes. If they are missing or damaged, return what is wrong and leave no copy.

    Raises BackupError if the store fails.
    """
    digest = hashlib.sha256()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as target:
            for chunk in _read(version.blob):
                digest.update(chunk)
                target.write(chunk)
        fault = "" if digest.hexdigest() == version.sha256 else "the content has changed"
    except FileNotFoundError:
        fault = "the bytes are missing"
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if fault:
        path.unlink(missing_ok=True)
    return fault


def _read(key: str) -> Iterator[bytes]:
    """Yield the bytes of a key. Raises FileNotFoundError, or BackupError if reading fails."""
    try:
        with store().read(key) as source:
            while chunk := source.read(CHUNK_SIZE):
                yield chunk
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BackupError(f"{key} cannot be read: {error.strerror}") from None
