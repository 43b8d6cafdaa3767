"""From a registry to a folder, while it serves: all rows as of one moment, then the bytes that they name."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import orjson
from django.conf import settings
from django.db.models import Model

from registry_site import __version__
from registry_site.config.file_modes import OWNER_ONLY, tighten
from registry_site.operations.backup_folder import (
    BLOCK,
    FORMAT,
    TABLES,
    BackupError,
    Manifest,
    Table,
    bytes_path,
    label,
    named_bytes,
    rows_path,
    write_manifest,
)
from registry_site.operations.progress import Progress
from tenants.rows.batches import keys_of
from tenants.rows.fields import iso, new_id, now
from tenants.rows.transactions import snapshot
from versions.garbage import bytes_held
from versions.models import Blob, Version
from versions.services import remove_unreferenced
from versions.storage import store

LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z


def back_up(folder: Path, progress: Progress) -> Manifest:
    """Write all that the registry holds into a new folder. Raises BackupError.

    What is deleted meanwhile keeps its bytes until they are copied.
    """
    _make(folder)
    with bytes_held(f"backup {new_id()}"):
        made = str(iso(now()))
        with snapshot():
            tables = {label(model): _write_rows(folder, model, progress) for model in TABLES}
        files, size = _copy_all(folder, progress)
    manifest = Manifest(FORMAT, __version__, settings.ENGINE_NAME, made, tables, files, size)
    write_manifest(folder, manifest)
    remove_unreferenced(keys_of(Blob.objects.filter(references=0)))
    return manifest


def _make(folder: Path) -> None:
    """Make the folder, or tighten the one that is there: nobody else may read it, there are password hashes in it."""
    try:
        folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
        tighten([folder], OWNER_ONLY)
        if any(folder.iterdir()):
            raise BackupError(f"{folder} is not empty")
        (folder / "rows").mkdir()
        (folder / "bytes").mkdir()
    except OSError as error:
        raise BackupError(f"{folder} cannot be written: {error.strerror}") from None


def _write_rows(folder: Path, model: type[Model], progress: Progress) -> Table:
    columns = [field.attname for field in model._meta.concrete_fields]
    digest, count = hashlib.sha256(), 0
    with rows_path(folder, model).open("wb") as file:
        for row in model._base_manager.values(*columns).iterator():
            line = orjson.dumps(row, option=LINE)
            digest.update(line)
            file.write(line)
            count += 1
            progress.step(f"{label(model)}: {count} rows")
    progress.say(f"{label(model)}: {count} rows")
    return Table(count, digest.hexdigest())


def _copy_all(folder: Path, progress: Progress) -> tuple[int, int]:
    """Copy the bytes of all versions; return how many files and bytes. Raises BackupError once all were tried."""
    files = size = 0
    faults: set[str] = set()
    for version in named_bytes(folder):
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


def _copy(version: Version, path: Path) -> str:
    """Copy a version's bytes; return what is wrong with them, if anything, and then leave none.

    Raises BackupError where the store fails.
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
    """Give the bytes of a key. Raises FileNotFoundError, and BackupError where they do not come to their end."""
    try:
        with store().read(key) as source:
            while chunk := source.read(BLOCK):
                yield chunk
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BackupError(f"{key} cannot be read: {error.strerror}") from None
