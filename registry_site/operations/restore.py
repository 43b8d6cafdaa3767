"""Restores a backup into an empty registry completely or not at all: first the bytes, then the rows."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from re import Pattern
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.management import call_command
from django.db.models import Model

from catalog.models import Item, Value
from catalog.renaming import mend_items
from catalog.values import build_values
from folksonomy.models import MetadataName, Tag
from registry_site.config.databases import startup_lock
from registry_site.operations import CHUNK_SIZE
from registry_site.operations.backup_folder import (
    TABLES,
    BackupError,
    Manifest,
    bytes_path,
    check_bytes,
    check_rows,
    keys_in,
    label,
    read_manifest,
    rows_of,
    tables_of,
)
from registry_site.operations.progress import Progress
from tenants.identity.emails import fill_email_keys
from tenants.identity.renaming import mend_tenants
from tenants.identity.services import TENANT_ID
from tenants.models import Chain, Tenant, User
from tenants.rows.batches import batches
from tenants.rows.fences import build_fences
from tenants.rows.fields import now
from versions.garbage import bytes_held, release
from versions.models import Blob, Hold, Version, VersionFile
from versions.renaming import mend_versions
from versions.storage import SHA256, Received, TooLarge, store

BATCH = 500
COPIED = 100  # files that are synced together
HOLD = "restore"
# Columns that paths of stored bytes are built from, with their formats.
PATH = re.compile(r"(?:(?!\.{1,2}(?:/|$))[^/\\\x00-\x1f\x7f]+(?:/(?=[^/])|$))+")  # archives contain it
FILE_ID = re.compile(rf"[0-9a-f]{{24}}/{PATH.pattern}")
FORMATS: dict[type[Model], dict[str, Pattern[str]]] = {
    Tenant: {"id": TENANT_ID},
    Blob: {"id": re.compile(r"(?!\.+/)[A-Za-z0-9._-]{1,64}/[0-9a-f]{2}/[0-9a-f]{64}"), "tenant_id": TENANT_ID},
    Version: {"tenant_id": TENANT_ID, "sha256": SHA256},
    VersionFile: {"tenant_id": TENANT_ID, "sha256": SHA256, "path": PATH, "id": FILE_ID},
}


def restore(folder: Path, progress: Progress) -> Manifest:
    """Restore a backup into an empty registry. Raises BackupError, after which the registry is still empty.

    If the process is killed, the registry refuses to serve until the restore is run again, which starts over.
    """
    manifest = read_manifest(folder)
    check_rows(folder, manifest)
    check_bytes(folder, manifest)
    with ExitStack() as held:
        with startup_lock():  # a starting server takes this lock too
            call_command("migrate", verbosity=0, interactive=False)
            _clear_interrupted()
            _refuse_unless_empty()
            held.enter_context(bytes_held(HOLD))
        try:
            _copy_content(folder, manifest, progress)
        except BaseException:
            _remove_rows()
            for key in keys_in(folder):
                store().remove(key)
            release(HOLD)
            raise
    return manifest


def is_unfinished() -> bool:
    """Return whether a restore is running or was interrupted."""
    return Hold.objects.filter(pk=HOLD).exists()


def _clear_interrupted() -> None:
    """Remove the rows of an interrupted restore; its bytes are copied again. Raises BackupError if one is running."""
    hold = Hold.objects.filter(pk=HOLD).first()
    if hold is None:
        return
    if hold.until > now():
        raise BackupError("A restore is running, or was killed less than two minutes ago")
    _remove_rows()
    release(HOLD)


def _refuse_unless_empty() -> None:
    for model in TABLES:
        if model._base_manager.exists():
            raise BackupError(f"This registry is not empty, it has rows of {label(model)}: use a new database")


def _copy_content(folder: Path, manifest: Manifest, progress: Progress) -> None:
    copied = 0
    for keys in batches(keys_in(folder), COPIED):
        _copy_files(folder, keys)
        copied += len(keys)
        progress.step(f"bytes: {copied} of {manifest.files} files")
    progress.say(f"bytes: {manifest.files} files")
    for model in tables_of(manifest):
        count = 0
        for batch in batches(rows_of(folder, model), BATCH):
            model._base_manager.bulk_create([_row(model, columns) for columns in batch])
            count += len(batch)
            progress.step(f"{label(model)}: {count} rows")
        if model._base_manager.count() != _rows_in(manifest, model):
            raise BackupError(
                f"{label(model)}: the number of rows is wrong; does another process write to this database?"
            )
        progress.say(f"{label(model)}: {count} rows")
    fill_email_keys(User.objects.all())  # missing in older backups
    for tenant in Tenant.objects.all():
        build_fences(tenant)
        if label(Chain) not in manifest.tables:
            Chain(tenant_id=tenant.pk).save(force_insert=True)  # its history begins now
    # An old backup may contain names from before the rules for names.
    mend_tenants(Tenant, User)
    mend_items(Item, Tag, MetadataName)
    mend_versions(Version)
    build_values(Item, Version, Value)


def _rows_in(manifest: Manifest, model: type[Model]) -> int:
    table = manifest.tables.get(label(model))
    return table.rows if table else 0  # `check_rows` has refused a backup without a table that it must have


def _copy_files(folder: Path, keys: Sequence[str]) -> None:
    """Copy files of the backup into the store. Raises BackupError if the content of one has changed."""
    received: dict[str, Received] = {}
    try:
        for key in keys:
            received[key] = _receive(folder, key)
            if received[key].sha256 != key.rpartition("/")[2]:
                raise BackupError(f"{bytes_path(folder, key)} is damaged: its sha256 is {received[key].sha256}")
        store().keep_all(received)
    finally:
        store().discard_all(received.values())


def _receive(folder: Path, key: str) -> Received:
    with bytes_path(folder, key).open("rb") as file, store().receive() as incoming:
        try:
            while chunk := file.read(CHUNK_SIZE):
                incoming.write(chunk)
        except TooLarge as error:
            raise BackupError(f"{bytes_path(folder, key)}: {error}; raise MAX_UPLOAD_SIZE to restore") from None
        return incoming.finish()


def _row(model: type[Model], columns: dict[str, Any]) -> Model:
    """Return a row of a backup. Raises BackupError if it is malformed or its paths would lead out of the store."""
    for column, form in FORMATS.get(model, {}).items():
        if not form.fullmatch(str(columns.get(column))):
            raise BackupError(f"{label(model)}: {column} is malformed: {str(columns.get(column))[:80]!r}")
    try:
        values = {name: model._meta.get_field(name).to_python(value) for name, value in columns.items()}  # type: ignore[union-attr]
        return model(**values)
    except (FieldDoesNotExist, ValidationError) as error:
        raise BackupError(f"{label(model)}: {error}; was the backup made by a newer registry?") from None


def _remove_rows() -> None:
    tables: tuple[type[Model], ...] = (Value, *reversed(TABLES))
    for model in tables:
        rows = model._base_manager
        while keys := list(rows.values_list("pk", flat=True)[:BATCH]):
            rows.filter(pk__in=keys).delete()
