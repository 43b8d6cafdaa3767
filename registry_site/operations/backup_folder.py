"""The format of a backup folder: rows as JSON lines, bytes under their keys, and a manifest, which is written last."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
from django.db.models import Model

from catalog.aliases.models import AliasMove, Proposal, ProtectionRule
from catalog.merges.models import Merge, Replacement
from catalog.models import FormerName, Item
from catalog.saved.models import SavedView
from folksonomy.models import Dismissal, MetadataName, Synonym, Tag
from tenants.models import Chain, Event, MachineToken, RequestLog, Tenant, User
from versions.draft_models import Draft, Experiment, Point
from versions.models import Blob, LooseFolder, SpentOrdinal, Version, VersionFile

FORMAT, READABLE = 2, (1, 2)
MANIFEST = "manifest.json"
# Rows only refer to rows of earlier tables.
OF_FOLDERS = (VersionFile, LooseFolder, SpentOrdinal)
OF_ALIASES = (AliasMove, ProtectionRule, Proposal)
OF_PAGES = (SavedView, FormerName)
OF_DRAFTS = (Experiment, Draft, Point)
OF_WORDS = (Synonym, Dismissal, Merge, Replacement)
OF_OTHERS: tuple[type[Model], ...] = (*OF_ALIASES, *OF_PAGES, *OF_DRAFTS, *OF_WORDS)
LATER: tuple[type[Model], ...] = (MachineToken, Event, Chain, *OF_FOLDERS, *OF_OTHERS)  # not in format 1
TABLES: tuple[type[Model], ...] = (Tenant, User, Tag, MetadataName, Item, Blob, Version, RequestLog, *LATER)


class BackupError(Exception):
    """A backup cannot be made or restored; the message is for the operator."""


@dataclass(frozen=True)
class Table:
    """The number of rows in a file, and the file's sha256."""

    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The content of a complete backup. A folder without a matching manifest is not a backup."""

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


def tables_of(manifest: Manifest) -> Sequence[type[Model]]:
    """Return the tables of a backup, which older registries made with fewer of them."""
    return [model for model in TABLES if model not in LATER or label(model) in manifest.tables]


def rows_path(folder: Path, model: type[Model]) -> Path:
    return folder / "rows" / f"{label(model)}.jsonl"


def bytes_path(folder: Path, key: str) -> Path:
    return folder / "bytes" / key


def rows_of(folder: Path, model: type[Model]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table as dictionaries of columns; none if the backup is older than the table."""
    if model in LATER and not rows_path(folder, model).exists():
        return
    with rows_path(folder, model).open("rb") as lines:
        for line in lines:
            yield orjson.loads(line)


def files_in(folder: Path) -> Iterator[Version | VersionFile]:
    """Yield the files of the versions in a backup, which refer to its bytes. Several may share the same bytes."""
    for row in rows_of(folder, Version):
        if row.get("files", 1) == 1:
            yield Version(tenant_id=row["tenant_id"], sha256=row["sha256"], size=row["size"])
    for row in rows_of(folder, VersionFile):
        yield VersionFile(tenant_id=row["tenant_id"], sha256=row["sha256"], size=row["size"])


def keys_in(folder: Path) -> Iterator[str]:
    """Yield the keys of the bytes in a backup, each once."""
    for path in (folder / "bytes").glob("*/*/*"):
        yield str(path.relative_to(folder / "bytes"))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Complete the backup: everything else is synced to disk before the manifest is."""
    os.sync()
    draft = folder / f"{MANIFEST}.draft"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(asdict(manifest), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / MANIFEST)
    os.sync()


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest. Raises BackupError if the folder is not a complete backup."""
    try:
        document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if document["format"] not in READABLE:
            raise BackupError(f"{folder} has the format {document['format']}, which this version does not support")
        tables = {name: Table(**table) for name, table in document["tables"].items()}
        return Manifest(**document | {"tables": tables})
    except FileNotFoundError:
        raise BackupError(f"{folder} is not a whole backup: it has no {MANIFEST}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupError(f"{folder / MANIFEST} cannot be read: {error}") from None


def check_rows(folder: Path, manifest: Manifest) -> None:
    """Raise BackupError unless the rows match the manifest."""
    for model in tables_of(manifest):
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
    """Raise BackupError unless all files that the rows refer to exist with their sizes. Contents are not read."""
    files = sum(1 for _ in keys_in(folder))
    if files != manifest.files:
        raise BackupError(f"{folder / 'bytes'} has {files} files, not {manifest.files}")
    for version in files_in(folder):
        path = bytes_path(folder, version.blob)
        try:
            size = path.stat().st_size
        except OSError as error:
            raise BackupError(f"{path} cannot be read: {error.strerror}") from None
        if size != version.size:
            raise BackupError(f"{path} has {size} bytes, not {version.size}")
