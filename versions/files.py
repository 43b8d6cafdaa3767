"""Reads: the files of versions. A version of one file has one, although no row describes it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, TypeAlias

from django.db.models import QuerySet
from django.http import FileResponse

from versions.models import Blob, Version, VersionFile
from versions.storage import BLOCK, store

Slot: TypeAlias = Callable[[], AbstractContextManager[object]]
BATCH = 500  # files that are read at once
COLUMNS = ("path", "size", "sha256", "mimetype", "crc32")
QUERY_FIELDS = {
    "_id": "text:pk",
    "path": "text",
    "size": "number",
    "sha256": "text",
    "mimetype": "text",
}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a version: its path, and the key of its bytes in the store. It can be downloaded."""

    path: str
    size: int
    sha256: str
    mimetype: str
    key: str
    timestamp: datetime
    crc32: int = 0  # only of files of folders

    @property
    def etag(self) -> str:
        return f'"{self.sha256}"'

    @property
    def name(self) -> str:
        return self.path

    def body(self, start: int, stop: int) -> FileResponse:
        """Return a response with the bytes from `start` to `stop`."""
        file = store().read(self.key, start, stop)
        if (start, stop) != (0, self.size):
            response = FileResponse(limited(file, stop - start))
            response._resource_closers.append(file.close)  # type: ignore[attr-defined]
            return response
        response = FileResponse(file)
        response.block_size = BLOCK  # Django's default of 4 KiB is several times slower
        return response


def limited(file: IO[bytes], missing: int) -> Iterator[bytes]:
    """Yield at most `missing` bytes of an open file."""
    while missing and (chunk := file.read(min(BLOCK, missing))):
        missing -= len(chunk)
        yield chunk


def path_of(version: Version) -> str:
    """Return the path of the file of a version of one file."""
    return version.path or version.original


def the_file(version: Version) -> StoredFile:
    """Return the file of a version of one file."""
    about = (path_of(version), version.size, version.sha256, version.mimetype)
    return StoredFile(*about, key=version.blob, timestamp=version.timestamp)


def find_file(version: Version, path: str) -> StoredFile | None:
    """Return the file with this path."""
    if not version.is_folder:
        return the_file(version) if path == path_of(version) else None
    row = VersionFile.objects.filter(pk=VersionFile.key(version.pk, path)).values_list(*COLUMNS).first()
    return _stored(row, version) if row else None


def files_of(version: Version, slot: Slot = nullcontext) -> Iterator[StoredFile]:
    """Yield the files in the order of their paths, in constant memory.

    While a response is sent, queries need a `slot`. Raises FileNotFoundError if the version is deleted meanwhile.
    """
    if not version.is_folder:
        yield the_file(version)
        return
    last, count = "", 0
    while count < version.files:
        rest = VersionFile.objects.in_version(version.pk, after=last).order_by("pk").values_list(*COLUMNS)
        with slot():
            batch = list(rest[:BATCH])
        if not batch:
            raise FileNotFoundError(f"version {version.pk} was deleted meanwhile")
        for row in batch:
            yield _stored(row, version)
        last, count = VersionFile.key(version.pk, batch[-1][0]), count + len(batch)


def _stored(row: tuple[str, int, str, str, int], version: Version) -> StoredFile:
    path, size, sha256, mimetype, crc32 = row
    key = Blob.key(version.tenant_id, sha256)
    return StoredFile(path, size, sha256, mimetype, key, timestamp=version.timestamp, crc32=crc32)


def rows_of(version: Version, prefix: str) -> tuple[QuerySet[Any], dict[str, str]]:
    """Return the rows that describe the files whose path starts with `prefix`, and their query fields.

    The row of a version of one file is the version itself.
    """
    if version.is_folder:
        return VersionFile.objects.in_version(version.pk, prefix), QUERY_FIELDS
    rows = Version.objects.of(version.tenant_id).filter(pk=version.pk)
    column = "path" if version.path else "original"
    return rows if path_of(version).startswith(prefix) else rows.none(), QUERY_FIELDS | {"path": f"text:{column}"}


def file_document(row: Version | VersionFile) -> dict[str, Any]:
    """Return the JSON document of a file, from its row or its version's."""
    path = path_of(row) if isinstance(row, Version) else row.path
    return {"_id": row.pk, "path": path, "size": row.size, "sha256": row.sha256, "mimetype": row.mimetype}
