"""What all object stores have in common: names under a prefix, bytes that come in by parts, bytes on their way back."""

import errno
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Self

from versions.storage import INCOMING, SHA256, Counted, Received, TooLarge

logger = logging.getLogger(__name__)

MIB = 1024 * 1024
PART_SIZE = 16 * MIB
TIMEOUT = 60  # seconds that a store may be silent
CONNECTIONS = 128
LINK_SECONDS = 300  # in which a download must begin
PROBE_SECONDS = 2
BROKEN_OFF = "the store broke off in the midst of it"  # its own words differ from time to time, as if each was new


class Body:
    """An object's bytes on their way here; whatever stops them is an OSError, as with files."""

    def __init__(self, stream: Any, fault: type[Exception], close: Callable[[], object] | None = None) -> None:
        self.stream, self.fault = stream, fault
        self._close = close

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def read(self, size: int = -1) -> bytes:
        try:
            data: bytes = self.stream.read() if size < 0 else self.stream.read(size)
        except self.fault as error:
            raise OSError(errno.EIO, BROKEN_OFF) from error
        return data

    def close(self) -> None:
        if self._close:
            self._close()


class IncomingParts(Counted, ABC):
    """Bytes on their way into an object: few at once, more in parts, of which one at a time is in memory."""

    most_parts: int

    def __init__(self, place: str, part_size: int) -> None:
        super().__init__()
        self.place, self.part_size = place, part_size
        self.pending = bytearray()
        self.parts = 0
        self.begun = self.finished = False

    @abstractmethod
    def put(self, content: bytes) -> None:
        """Have the store keep all at once. Raises OSError, as all of these do."""

    @abstractmethod
    def begin(self) -> None:
        """Tell the store that parts will come."""

    @abstractmethod
    def send(self, number: int, part: bytes) -> None:
        """Send a part, which are counted from 1."""

    @abstractmethod
    def complete(self) -> None:
        """Have the store make an object of all parts."""

    @abstractmethod
    def abort(self) -> None:
        """Have the store forget all parts."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.begun and not self.finished:
            with suppress(OSError):  # what is left is swept up
                self.abort()

    def write(self, chunk: bytes) -> None:
        """Take a chunk. Raises TooLarge beyond what is allowed or the store can hold."""
        self.count(chunk)
        self.pending += chunk
        while len(self.pending) > self.part_size:
            self._send(self.pending[: self.part_size])
            del self.pending[: self.part_size]

    def finish(self) -> Received:
        """Have the store keep all that came and return what it was."""
        if self.begun:
            self._send(self.pending)
            self.complete()
        else:
            self.put(bytes(self.pending))
        self.finished = True
        return Received(self.place, self.size, self.digest.hexdigest())

    def _send(self, part: bytearray) -> None:
        if self.parts == self.most_parts:
            raise TooLarge(f"A file has at most {self.most_parts * self.part_size} bytes in this storage")
        if not self.begun:
            self.begin()
            self.begun = True
        self.parts += 1
        self.send(self.parts, bytes(part))


class Objects(ABC):
    """Keeps bytes in objects; a key's bytes never change.

    Which key is known only once they are all there: they come in under another name, from which the store copies.
    """

    def __init__(self, prefix: str, part_size: int) -> None:
        self.prefix, self.part_size = prefix, part_size
        self.incoming = self.name(f"{INCOMING}/")

    @abstractmethod
    def drop(self, place: str) -> None:
        """Remove an incoming object, or what has come of it. Raises OSError."""

    @abstractmethod
    def names(self) -> Iterator[str]:
        """Give the names of all objects under the prefix. Raises OSError."""

    def name(self, key: str) -> str:
        """Return the name of a key's object."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def discard(self, received: Received) -> None:
        """Forget received bytes; what was kept of them stays. Where the store does not let us, they are swept up."""
        try:
            self.drop(received.place)
        except OSError as error:
            logger.warning("left in the storage: %s (%s)", received.place, error)

    def keys(self) -> Iterator[str]:
        """Give the keys of all bytes that are kept; objects that are none of the store's are passed over."""
        for name in self.names():
            key = name.removeprefix(self.name(""))
            if key.count("/") == 2 and SHA256.fullmatch(key.rpartition("/")[2]):
                yield key
