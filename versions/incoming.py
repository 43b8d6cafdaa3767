"""Uploads in progress: what every store's have in common, and those to files."""

import errno
import fcntl
import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from django.conf import settings

Guard = Callable[[], None]


class TooLarge(Exception):
    """The upload exceeds `MAX_UPLOAD_SIZE` or the store's limit."""


@dataclass(frozen=True)
class Received:
    """A complete upload that no version refers to yet. It is durable once the store has kept it."""

    place: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Progress:
    """What is durable of an upload that several requests send: its first `offset` bytes.

    `sent` of them are in parts of an object; `place` and `tags` are what the object store needs to add parts. `crc32`
    is that of the first `offset` bytes, or None if it is unknown.
    """

    offset: int = 0
    sent: int = 0
    place: str = ""
    tags: tuple[str, ...] = ()
    crc32: int | None = 0


class Incoming(Protocol):
    """An upload in progress, hashed while it streams. Leaving the context without `finish` deletes it."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...
    def write(self, chunk: bytes) -> None: ...
    def finish(self) -> Received: ...


class Resumed(Protocol):
    """An upload that a request continues. `digest` is its running sha256, if the bytes before it are in it.

    `checkpoint` makes durable what was written: all of it if `whole`, or else what costs no extra copy.
    """

    size: int
    digest: Any

    def write(self, chunk: bytes) -> None: ...
    def checkpoint(self, *, whole: bool) -> Progress: ...
    def close(self) -> None: ...


class HashingWriter:
    """Common base of uploads in progress: counts bytes and computes their sha256, unless `digest` is None."""

    def __init__(self) -> None:
        self.digest: Any = hashlib.sha256()
        self.size = 0

    def count(self, chunk: bytes) -> None:
        """Count and hash a chunk. Raises TooLarge if the total exceeds `MAX_UPLOAD_SIZE` bytes."""
        self.size += len(chunk)
        if settings.MAX_UPLOAD_SIZE and self.size > settings.MAX_UPLOAD_SIZE:
            raise TooLarge(f"A file has at most {settings.MAX_UPLOAD_SIZE} bytes")
        if self.digest is not None:
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
        _write_all(self.file, chunk)

    def finish(self) -> Received:
        """Return the place, size and hash of the file; the store syncs it when it keeps it."""
        self.finished = True
        return Received(str(self.place), self.size, self.digest.hexdigest())


class ResumedFile(HashingWriter):
    """A file that a request continues.

    The lock of the file is held while bytes are written, after the guard has agreed: a process that was suspended, and
    whose upload another one continues meanwhile, writes nothing more.
    """

    def __init__(self, place: Path, progress: Progress, guard: Guard, digest: Any) -> None:
        super().__init__()
        offset = progress.offset
        self.guard, self.digest, self.size, self.crc32 = guard, digest, offset, progress.crc32
        self.file = place.open("r+b" if offset else "ab", buffering=0)
        with self._exclusive():
            if os.fstat(self.file.fileno()).st_size < offset:
                self.file.close()
                raise OSError(errno.EIO, f"bytes of an upload are lost: {place.name}")
            self.file.truncate(offset)  # what came after the last checkpoint of a killed process
            self.file.seek(offset)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        fcntl.flock(self.file, fcntl.LOCK_EX)
        try:
            self.guard()
            yield
        finally:
            if not self.file.closed:
                fcntl.flock(self.file, fcntl.LOCK_UN)

    def write(self, chunk: bytes) -> None:
        """Append a chunk. Raises what the guard raises, and TooLarge."""
        with self._exclusive():
            self.count(chunk)
            self.crc32 = None if self.crc32 is None else zlib.crc32(chunk, self.crc32)
            _write_all(self.file, chunk)

    def checkpoint(self, *, whole: bool) -> Progress:
        """Sync all that was written."""
        os.fsync(self.file.fileno())
        return Progress(self.size, crc32=self.crc32)

    def close(self) -> None:
        self.file.close()


def _write_all(file: Any, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[file.write(view) :]
