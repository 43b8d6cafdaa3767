"""Where bytes go: the only module that knows `STORAGES`."""

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
# Not a tenant's id, whose characters are letters, digits, `.`, `_` and `-`.
INCOMING = "+incoming"
SHA256 = re.compile(r"[0-9a-f]{64}")


class TooLarge(Exception):
    """More bytes came than `MAX_UPLOAD_SIZE` allows."""


@dataclass(frozen=True)
class Received:
    """Bytes that came in whole and are synced, but that no version names yet."""

    place: str
    size: int
    sha256: str


class Incoming(Protocol):
    """Bytes on their way in, hashed as they come; leave the context without `finish` and nothing is left of them."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...
    def write(self, chunk: bytes) -> None: ...
    def finish(self) -> Received: ...


class Store(Protocol):
    """What versions need of a store of bytes.

    `keys` gives the keys of all bytes that are kept. `leftovers` gives what came in and was neither kept nor discarded,
    once nothing has been added to it for `age`; its sha256 is not known. Both in no order, and in constant memory.
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
    """A store that clients can fetch bytes from themselves."""

    def link(self, key: str, *, mimetype: str, disposition: str) -> str: ...


def store() -> Store:
    """Return the store of versions' bytes."""
    return cast(Store, storages["versions"])


class Counted:
    """What any store knows of bytes on their way in: how many have come, and their sha256."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.size = 0

    def count(self, chunk: bytes) -> None:
        """Take note of a chunk. Raises TooLarge beyond `MAX_UPLOAD_SIZE` bytes in all."""
        self.size += len(chunk)
        if settings.MAX_UPLOAD_SIZE and self.size > settings.MAX_UPLOAD_SIZE:
            raise TooLarge(f"A file has at most {settings.MAX_UPLOAD_SIZE} bytes")
        self.digest.update(chunk)


class IncomingFile(Counted):
    """Bytes on their way into a file of the store."""

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
        """Take a chunk. Raises TooLarge beyond `MAX_UPLOAD_SIZE` bytes in all."""
        self.count(chunk)
        view = memoryview(chunk)
        while view:
            view = view[self.file.write(view) :]

    def finish(self) -> Received:
        """Sync all that came and return what it was."""
        os.fsync(self.file.fileno())
        self.finished = True
        return Received(str(self.place), self.size, self.digest.hexdigest())


class ContentStorage(FileSystemStorage):
    """Keeps bytes in files under keys that name their content; a key's bytes never change."""

    def receive(self) -> Incoming:
        """Open a place for bytes to come."""
        incoming = Path(self.location, INCOMING)
        incoming.mkdir(parents=True, exist_ok=True)
        return IncomingFile(incoming / uuid4().hex)

    def keep(self, received: Received, key: str) -> None:
        """Put received bytes under their key, where they survive a crash; they can be kept again until discarded."""
        path, place = Path(self.path(key)), Path(received.place)
        path.parent.mkdir(parents=True, exist_ok=True)
        link = place.with_suffix(f".{uuid4().hex}")
        os.link(place, link)
        os.replace(link, path)
        link.unlink(missing_ok=True)  # still there where both were the same file already
        for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
            _sync_folder(folder)

    def discard(self, received: Received) -> None:
        """Forget received bytes; what was kept of them stays."""
        Path(received.place).unlink(missing_ok=True)

    def remove(self, key: str) -> None:
        """Remove the bytes of a key, if they are there."""
        Path(self.path(key)).unlink(missing_ok=True)

    def read(self, key: str, start: int = 0, stop: int | None = None) -> IO[bytes]:
        """Open the bytes of a key for reading, from `start` on, at least to `stop`. Raises FileNotFoundError."""
        file = open(self.path(key), "rb")  # noqa: SIM115 - the caller closes it
        file.seek(start)
        return file

    def keys(self) -> Iterator[str]:
        """Give the keys of all bytes that are kept; files that are none of the store's are passed over."""
        for tenant in _entries(Path(self.location)):
            for start in _entries(Path(tenant)) if tenant.name != INCOMING else ():
                for file in _entries(Path(start)):
                    if SHA256.fullmatch(file.name):
                        yield f"{tenant.name}/{start.name}/{file.name}"

    def leftovers(self, age: timedelta) -> Iterator[Received]:
        """Give the incoming files that nobody has written to for `age`."""
        latest = time.time() - age.total_seconds()
        for file in _entries(Path(self.location, INCOMING)):
            with suppress(FileNotFoundError):  # its request has just ended
                status = file.stat()
                if status.st_mtime <= latest:
                    yield Received(file.path, status.st_size, sha256="")

    def is_healthy(self) -> bool:
        """Tell whether the store can be written to."""
        location = Path(self.location)
        location.mkdir(parents=True, exist_ok=True)
        return os.access(location, os.W_OK)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Give what is in a folder, in constant memory; nothing where it is no folder."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        yield from entries


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
