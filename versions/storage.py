"""The store of versions' bytes; the only module that reads `STORAGES`."""

import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Protocol, Self, cast
from uuid import uuid4

from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages

BLOCK = 1024 * 1024  # bytes that are read or written at once
# Cannot be a tenant's id, which consists of letters, digits, `.`, `_` and `-`.
INCOMING = "+incoming"
SHA256 = re.compile(r"[0-9a-f]{64}")


class TooLarge(Exception):
    """The upload exceeds `MAX_UPLOAD_SIZE` or the store's limit."""


@dataclass(frozen=True)
class Received:
    """A complete, synced upload that no version refers to yet."""

    place: str
    size: int
    sha256: str


class Incoming(Protocol):
    """An upload in progress, hashed while it streams. Leaving the context without `finish` deletes it."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...
    def write(self, chunk: bytes) -> None: ...
    def finish(self) -> Received: ...


class Store(Protocol):
    """The interface of a store of bytes.

    `keys` yields the keys of all stored bytes. `leftovers` yields uploads that were neither kept nor discarded and to
    which nothing was added for `age`; their sha256 is empty. Both are unordered and take constant memory.
    """

    def receive(self) -> Incoming: ...
    def keep(self, received: Received, key: str) -> None: ...
    def discard(self, received: Received) -> None: ...
    def remove(self, key: str) -> None: ...
    def read(self, key: str, start: int = 0, stop: int | None = None) -> IO[bytes]: ...
    def keys(self) -> Iterator[str]: ...
    def leftovers(self, age: timedelta) -> Iterator[Received]: ...
    def is_healthy(self) -> bool: ...


class LinkingStore(Store, Protocol):
    """A store from which clients can download directly."""

    def link(self, key: str, *, mimetype: str, disposition: str) -> str: ...


def store() -> Store:
    """Return the store of versions' bytes."""
    return cast(Store, storages["versions"])


class HashingWriter:
    """Common base of uploads in progress: counts bytes and computes their sha256."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.size = 0

    def count(self, chunk: bytes) -> None:
        """Count and hash a chunk. Raises TooLarge if the total exceeds `MAX_UPLOAD_SIZE` bytes."""
        self.size += len(chunk)
        if settings.MAX_UPLOAD_SIZE and self.size > settings.MAX_UPLOAD_SIZE:
            raise TooLarge(f"A file has at most {settings.MAX_UPLOAD_SIZE} bytes")
        self.digest.update(chunk)


class IncomingFile(HashingWriter):
    """An upload to a file."""

    def __init__(self, place: Path) -> None:
        super().__init__()
        self.place = place
        self.file = place.open("xb", buffering=0)
        self.finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()
        if not self.finished:
            self.place.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Write a chunk. Raises TooLarge if the total exceeds `MAX_UPLOAD_SIZE` bytes."""
        self.count(chunk)
        view = memoryview(chunk)
        while view:
            view = view[self.file.write(view) :]

    def finish(self) -> Received:
        """Sync the file and return its place, size and hash."""
        os.fsync(self.file.fileno())
        self.finished = True
        return Received(str(self.place), self.size, self.digest.hexdigest())


class ContentStorage(FileSystemStorage):
    """Stores bytes in files, under keys that contain their hash. The bytes of a key never change."""

    def receive(self) -> Incoming:
        """Start an upload."""
        incoming = Path(self.location, INCOMING)
        incoming.mkdir(parents=True, exist_ok=True)
        return IncomingFile(incoming / uuid4().hex)

    def keep(self, received: Received, key: str) -> None:
        """Link received bytes to their key, durably. Can be repeated until `discard`."""
        path, place = Path(self.path(key)), Path(received.place)
        path.parent.mkdir(parents=True, exist_ok=True)
        link = place.with_suffix(f".{uuid4().hex}")
        os.link(place, link)
        os.replace(link, path)
        link.unlink(missing_ok=True)  # rename(2) does nothing if both names are the same file
        for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
            _sync_folder(folder)

    def discard(self, received: Received) -> None:
        """Delete the temporary file; the bytes under a key stay."""
        Path(received.place).unlink(missing_ok=True)

    def remove(self, key: str) -> None:
        """Delete the bytes of a key, if they exist."""
        Path(self.path(key)).unlink(missing_ok=True)

    def read(self, key: str, start: int = 0, stop: int | None = None) -> IO[bytes]:
        """Open the bytes of a key for reading from `start`. The caller stops at `stop`. Raises FileNotFoundError."""
        file = open(self.path(key), "rb")  # noqa: SIM115 - the caller closes it
        file.seek(start)
        return file

    def keys(self) -> Iterator[str]:
        """Yield the keys of all stored bytes; skip other files."""
        for tenant in _entries(Path(self.location)):
            for start in _entries(Path(tenant)) if tenant.name != INCOMING else ():
                for file in _entries(Path(start)):
                    if SHA256.fullmatch(file.name):
                        yield f"{tenant.name}/{start.name}/{file.name}"

    def leftovers(self, age: timedelta) -> Iterator[Received]:
        """Yield the incoming files not written to for `age`."""
        latest = time.time() - age.total_seconds()
        for file in _entries(Path(self.location, INCOMING)):
            with suppress(FileNotFoundError):  # its request has just ended
                status = file.stat()
                if status.st_mtime <= latest:
                    yield Received(file.path, status.st_size, sha256="")

    def is_healthy(self) -> bool:
        """Return whether the store is writable."""
        location = Path(self.location)
        location.mkdir(parents=True, exist_ok=True)
        return os.access(location, os.W_OK)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the entries of a folder in constant memory; nothing if it does not exist or is not a folder."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        yield from entries


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
