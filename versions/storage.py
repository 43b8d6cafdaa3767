"""The store of versions' bytes; the only module that reads `STORAGES`."""

import hashlib
import os
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Protocol, cast
from uuid import uuid4

from django.core.files.storage import FileSystemStorage, storages

from versions.incoming import (
    Guard,
    HashingWriter,
    Incoming,
    IncomingFile,
    Progress,
    Received,
    Resumed,
    ResumedFile,
    TooLarge,
)

__all__ = ["HashingWriter", "Incoming", "Received", "TooLarge"]

BLOCK = 1024 * 1024  # bytes that are read or written at once
# Cannot be a tenant's id, which consists of letters, digits, `.`, `_` and `-`.
INCOMING = "+incoming"
SHA256 = re.compile(r"[0-9a-f]{64}")
# Files that are synced at once: a file system writes them together, five times as fast as one by one.
SYNCED = 8


class Store(Protocol):
    """The interface of a store of bytes.

    `keep` stores received bytes durably under a key. The methods that end in `_all` do it for many, and are faster.

    `keys` yields the keys of all stored bytes. `leftovers` yields uploads that were neither kept nor discarded and to
    which nothing was added for `age`; their sha256 is empty. Both are unordered and take constant memory.

    `resume` continues an upload at its progress, and calls `guard` before each write, which raises if the upload is no
    longer the caller's. `settle` removes what an earlier progress needed. `join` makes one piece of all bytes, of which
    `reread` reads them; it can be repeated. `abandon` removes all that is left of an upload.
    """

    def receive(self) -> Incoming: ...
    def resume(self, id: str, progress: Progress, guard: Guard, digest: Any) -> Resumed: ...
    def settle(self, id: str, progress: Progress) -> None: ...
    def join(self, id: str, progress: Progress) -> Received: ...
    def reread(self, received: Received) -> IO[bytes]: ...
    def abandon(self, id: str, progress: Progress) -> None: ...
    def keep(self, received: Received, key: str) -> None: ...
    def keep_all(self, received: Mapping[str, Received]) -> None: ...
    def discard(self, received: Received) -> None: ...
    def discard_all(self, received: Iterable[Received]) -> None: ...
    def remove(self, key: str) -> None: ...
    def remove_all(self, keys: Iterable[str]) -> None: ...
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


def measured(file: IO[bytes]) -> tuple[int, str, int]:
    """Read a file, and return its size, sha256 and crc32. Raises OSError."""
    digest, size, crc32 = hashlib.sha256(), 0, 0
    while chunk := file.read(BLOCK):
        digest.update(chunk)
        size, crc32 = size + len(chunk), zlib.crc32(chunk, crc32)
    return size, digest.hexdigest(), crc32


class ContentStorage(FileSystemStorage):
    """Stores bytes in files, under keys that contain their hash. The bytes of a key never change."""

    def receive(self) -> Incoming:
        """Start an upload."""
        return IncomingFile(self._incoming(uuid4().hex))

    def _incoming(self, id: str) -> Path:
        folder = Path(self.location, INCOMING)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / id

    def resume(self, id: str, progress: Progress, guard: Guard, digest: Any) -> Resumed:
        """Continue an upload; its file is created with the first bytes."""
        place = self._incoming(id)
        resumed = ResumedFile(place, progress, guard, digest)
        if not progress.offset:
            _sync(place.parent)
        return resumed

    def settle(self, id: str, progress: Progress) -> None:
        """Do nothing: a file only grows."""

    def join(self, id: str, progress: Progress) -> Received:
        """Return the file, which is complete already."""
        place = self._incoming(id)
        place.touch()  # an empty upload has no file yet
        return Received(str(place), progress.offset, sha256="")

    def reread(self, received: Received) -> IO[bytes]:
        """Open joined bytes for reading."""
        return open(received.place, "rb")

    def abandon(self, id: str, progress: Progress) -> None:
        """Delete the file of an upload, if there is one."""
        self._incoming(id).unlink(missing_ok=True)

    def keep(self, received: Received, key: str) -> None:
        """Link received bytes to their key, durably. Can be repeated until `discard`."""
        for folder in self._link(received, key):
            _sync(folder)

    def keep_all(self, received: Mapping[str, Received]) -> None:
        """Link received bytes to their keys, durably."""
        with ThreadPoolExecutor(SYNCED) as pool:
            folders = set().union(*pool.map(self._link, received.values(), received))
            list(pool.map(_sync, folders))  # also raises what failed

    def _link(self, received: Received, key: str) -> Iterable[Path]:
        """Sync received bytes, link them to their key and return the folders to sync."""
        path, place = Path(self.path(key)), Path(received.place)
        _sync(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        link = place.with_suffix(f".{uuid4().hex}")
        os.link(place, link)
        os.replace(link, path)
        link.unlink(missing_ok=True)  # rename(2) does nothing if both names are the same file
        return path.parent, path.parent.parent, path.parent.parent.parent

    def discard(self, received: Received) -> None:
        """Delete the temporary file; the bytes under a key stay."""
        Path(received.place).unlink(missing_ok=True)

    def discard_all(self, received: Iterable[Received]) -> None:
        """Delete temporary files."""
        for each in received:
            self.discard(each)

    def remove(self, key: str) -> None:
        """Delete the bytes of a key, if they exist."""
        Path(self.path(key)).unlink(missing_ok=True)

    def remove_all(self, keys: Iterable[str]) -> None:
        """Delete the bytes of keys."""
        for key in keys:
            self.remove(key)

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


def _sync(path: Path) -> None:
    """Sync a file or a folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
