"""The folder of a backup: rows as JSON lines, bytes under their keys, and the manifest, which is written last."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
from django.db.models import Model

from catalog.models import Item
from folksonomy.models import MetadataName, Tag
from tenants.models import RequestLog, Tenant, User
from versions.models import Blob, Version

FORMAT = 1
MANIFEST = "manifest.json"
# In an order in which what a row names comes before it.
TABLES: tuple[type[Model], ...] = (Tenant, User, Tag, MetadataName, Item, Blob, Version, RequestLog)
BLOCK = 1024 * 1024


class BackupError(Exception):
    """A backup cannot be made or restored; the message is for the operator."""


@dataclass(frozen=True)
class Table:
    """How many rows a file has, and the file's sha256."""

    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a whole backup holds. Without it, or with other contents, it is none."""

    format: int
    registry: str
    engine: str
    made: str
    tables: dict[str, Table]
    files: int
    bytes: int


def label(model: type[Model]) -> str:
    """Return the name of a table in a backup: `tenants.user`."""
    return model._meta.label_lower


def rows_path(folder: Path, model: type[Model]) -> Path:
    return folder / "rows" / f"{label(model)}.jsonl"


def bytes_path(folder: Path, key: str) -> Path:
    return folder / "bytes" / key


def rows_of(folder: Path, model: type[Model]) -> Iterator[dict[str, Any]]:
    """Give the rows of a table, column by column as they were kept."""
    with rows_path(folder, model).open("rb") as lines:
        for line in lines:
            yield orjson.loads(line)


def named_bytes(folder: Path) -> Iterator[Version]:
    """Give the versions of a backup: what bytes there must be. Several may name the same."""
    for row in rows_of(folder, Version):
        yield Version(tenant_id=row["tenant_id"], sha256=row["sha256"], size=row["size"])


def keys_in(folder: Path) -> Iterator[str]:
    """Give the keys of the bytes in a backup, each once."""
    for path in (folder / "bytes").glob("*/*/*"):
        yield str(path.relative_to(folder / "bytes"))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Make the folder a backup: all that is in it is on disk before its manifest is."""
    os.sync()
    draft = folder / f"{MANIFEST}.draft"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(asdict(manifest), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / MANIFEST)
    os.sync()


def read_manifest(folder: Path) -> Manifest:
    """Return what a backup says of itself. Raises BackupError where it is none, or not a whole one."""
    try:
        document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise BackupError(f"{folder} has the format {document['format']}, which is not known here")
        tables = {name: Table(**table) for name, table in document["tables"].items()}
        return Manifest(**document | {"tables": tables})
    except FileNotFoundError:
        raise BackupError(f"{folder} is not a whole backup: it has no {MANIFEST}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupError(f"{folder / MANIFEST} cannot be read: {error}") from None


def check_rows(folder: Path, manifest: Manifest) -> None:
    """Raise BackupError unless the rows are those that the manifest speaks of."""
    for model in TABLES:
        expected = manifest.tables.get(label(model))
        if expected is None:
            raise BackupError(f"{folder} has no {label(model)}")
        try:
            with rows_path(folder, model).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BackupError(f"{rows_path(folder, model)} cannot be read: {error.strerror}") from None
        if found != expected.sha256:
            raise BackupError(f"{rows_path(folder, model)} is damaged: its sha256 is {found}")


def check_bytes(folder: Path, manifest: Manifest) -> None:
    """Raise BackupError unless there are all the files that the rows name, of their sizes; contents are not read."""
    files = sum(1 for _ in keys_in(folder))
    if files != manifest.files:
        raise BackupError(f"{folder / 'bytes'} has {files} files, not {manifest.files}")
    for version in named_bytes(folder):
        path = bytes_path(folder, version.blob)
        try:
            size = path.stat().st_size
        except OSError as error:
            raise BackupError(f"{path} cannot be read: {error.strerror}") from None
        if size != version.size:
            raise BackupError(f"{path} has {size} bytes, not {version.size}")
