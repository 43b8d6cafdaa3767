"""Uploads to object stores that several requests send, at any number of processes and machines.

Bytes go to the store in parts. Those that do not fill a part at the end of a request become an object of their own, the
tail, which the next request reads and continues: nothing stays in memory or on a machine's disk.
"""

import zlib
from contextlib import suppress
from typing import IO, Any

from versions.incoming import Guard, Progress, Received, Resumed
from versions.objects import IncomingParts, ObjectStoreMixin, Part


class ResumedParts(IncomingParts):
    """An upload to an object that a request continues. The tail, too short for a part, is an object of its own."""

    def __init__(self, storage: "ResumableObjectStore", id: str, progress: Progress, guard: Guard, digest: Any) -> None:
        super().__init__(storage)
        self.guard, self.digest = guard, digest
        self.name, self.place, self.tags = f"{storage.incoming}{id}", progress.place, list(progress.tags)
        self.size, self.sent = progress.offset, progress.sent
        self.crc32, self.summed = progress.crc32, progress.offset  # the crc32 is that of the first `summed` bytes
        self.pending = bytearray(storage.tail(self.name, progress))

    def write(self, chunk: bytes) -> None:
        """Write a chunk. Raises what the guard raises, and TooLarge."""
        self.guard()
        super().write(chunk)

    def checkpoint(self, *, whole: bool) -> Progress:
        """Return the parts that the store has; if `whole`, store the tail too."""
        tail = bytes(self.pending) if whole else b""
        self._sum(tail)
        progress = Progress(self.sent + len(tail), self.sent, self.place, tuple(self.tags), self.crc32)
        if tail:
            self.storage.put(tail_name(self.name, progress), tail)
        return progress

    def _send(self, content: bytes, *, last: bool = False) -> None:
        self._sum(content)
        super()._send(content, last=last)

    def _sum(self, content: bytes) -> None:
        """Add to the crc32 what it lacks of the content, which follows the bytes in parts."""
        if self.crc32 is not None:
            self.crc32 = zlib.crc32(memoryview(content)[self.summed - self.sent :], self.crc32)
            self.summed = max(self.summed, self.sent + len(content))

    def close(self) -> None:
        """Do nothing; the store keeps what it has."""


def tail_name(name: str, progress: Progress) -> str:
    """Return the name of an upload's tail, another one at each offset: a crash leaves the last one as it was."""
    return f"{name}.{progress.offset}"


class ResumableObjectStore(ObjectStoreMixin):
    """An object store whose uploads several requests can send."""

    def resume(self, id: str, progress: Progress, guard: Guard, digest: Any) -> Resumed:
        """Continue an upload; any process can."""
        return ResumedParts(self, id, progress, guard, digest)

    def tail(self, name: str, progress: Progress) -> bytes:
        """Return the bytes of an upload that are in no part yet."""
        if progress.offset == progress.sent:
            return b""
        with self.read(self.key_under(tail_name(name, progress))) as file:
            return file.read()

    def settle(self, id: str, progress: Progress) -> None:
        """Delete the tail of an earlier progress."""
        if progress.offset > progress.sent:
            self._drop_all(tail_name(f"{self.incoming}{id}", progress))

    def join(self, id: str, progress: Progress) -> Received:
        """Complete the object. Raises OSError, unless an interrupted call has completed it already."""
        name = f"{self.incoming}{id}"
        if not progress.tags:  # the tail is all there is
            tail = tail_name(name, progress)
            if not progress.offset:
                self.put(tail, b"")
            return Received(tail, progress.offset, sha256="")
        try:
            self.refuse_another_part(len(progress.tags))
            last = Part(len(progress.tags) + 1, progress.sent, self.tail(name, progress), last=True)
            self.complete(progress.place, [*progress.tags, self.send(progress.place, last)])
        except OSError:
            if self.size_of(name) != progress.offset:
                raise
        return Received(name, progress.offset, sha256="")

    def size_of(self, name: str) -> int | None:
        """Return the size of an object, or None if there is none."""
        with suppress(OSError), self.errors:
            return int(self.size(self.key_under(name)))  # type: ignore[attr-defined]
        return None

    def reread(self, received: Received) -> IO[bytes]:
        """Open joined bytes for reading."""
        return self.read(self.key_under(received.place))

    def abandon(self, id: str, progress: Progress) -> None:
        """Delete all objects and parts of an upload. On failure garbage collection deletes them later."""
        name = f"{self.incoming}{id}"
        self._drop_all(tail_name(name, progress), *((progress.place, name) if progress.place else ()))

    def _drop_all(self, *places: str) -> None:
        for place in places:
            with suppress(OSError):  # most often it is gone already
                self.drop(place)
