"""What all object stores have in common beside django-storages: uploads hashed as they stream, which land under a key.

Of an upload under way a store needs two texts: a place, which `begin` gives, and a tag for each part. Whoever has both
can send the next part, also from another request or process.
"""

import errno
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Self
from uuid import uuid4

from versions.storage import INCOMING, SHA256, Counted, Incoming, Received, TooLarge

logger = logging.getLogger(__name__)

MIB = 1024 * 1024
PART_SIZE = 16 * MIB
TIMEOUT = 60  # seconds that a store may be silent
CONNECTIONS = 128
LINK_SECONDS = 300  # in which a download must begin
PROBE_SECONDS = 2
QUERY = re.compile(r"\?[^\s'\")]*")
BROKEN_OFF = "the store broke off"  # its own words differ from time to time, as if each was new


def without_queries(text: object) -> str:
    """Return an error's words without the queries of URLs in them, which may let in whoever reads the log."""
    return QUERY.sub("?…", str(text))


@dataclass(frozen=True)
class Part:
    """Some of the bytes of an object: they are counted from 1, and all but the last have one size."""

    number: int
    start: int
    content: bytes
    last: bool

    @property
    def stop(self) -> int:
        return self.start + len(self.content)


class Body:
    """An object's bytes on their way here; whatever stops them is an OSError, as with files."""

    def __init__(self, stream: Any, faults: Any, close: Callable[[], object] | None = None) -> None:
        self.stream, self.faults = stream, faults
        self._close = close

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def read(self, size: int = -1) -> bytes:
        try:
            data: bytes = self.stream.read() if size < 0 else self.stream.read(size)
        except self.faults as error:
            raise OSError(errno.EIO, BROKEN_OFF) from error
        return data

    def close(self) -> None:
        if self._close:
            self._close()


class IncomingParts(Counted):
    """Bytes on their way into an object: few at once, more in parts, of which one at a time is in memory."""

    def __init__(self, storage: "Objects") -> None:
        super().__init__()
        self.storage = storage
        self.name = f"{storage.incoming}{uuid4().hex}"
        self.place = ""  # once parts are sent
        self.pending = bytearray()
        self.tags: list[str] = []
        self.finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.place and not self.finished:
            with suppress(OSError):  # what is left is swept up
                self.storage.drop(self.place)

    def write(self, chunk: bytes) -> None:
        """Take a chunk. Raises TooLarge beyond what is allowed or the store can hold."""
        self.count(chunk)
        self.pending += chunk
        size = self.storage.part_size
        while len(self.pending) > size:
            self._send(bytes(self.pending[:size]))
            del self.pending[:size]

    def finish(self) -> Received:
        """Have the store keep all that came and return what it was."""
        if self.place:
            self._send(bytes(self.pending), last=True)
            self.storage.complete(self.place, self.tags)
        else:
            self.storage.put(self.name, bytes(self.pending))
        self.finished = True
        return Received(self.name, self.size, self.digest.hexdigest())

    def _send(self, content: bytes, *, last: bool = False) -> None:
        sent, size, most = len(self.tags), self.storage.part_size, self.storage.most_parts
        if sent == most:
            raise TooLarge(f"A file has at most {most * size} bytes in this storage")
        self.place = self.place or self.storage.begin(self.name)
        self.tags.append(self.storage.send(self.place, Part(sent + 1, sent * size, content, last)))


class Objects(ABC):
    """Mixed into a storage of django-storages: keeps bytes in objects; a key's bytes never change.

    Which key is known only once they are all there: they come in under another name, from which the store copies.
    `delete` and `url` are those of django-storages, and so are credentials and clients. What it opens it reads whole
    into memory or a file, and what it lists into memory: streams of either are ours.
    """

    most_parts: ClassVar[int]
    location: str  # these are set by django-storages from the options
    part_size: int
    timeout: int
    public_endpoint_url: str

    @property
    @abstractmethod
    def errors(self) -> AbstractContextManager[None]:
        """A context that raises OSError for whatever the store or the way to it refuses, as files do."""

    @abstractmethod
    def put(self, name: str, content: bytes) -> None:
        """Make an object at once. Raises OSError, as all of these do."""

    @abstractmethod
    def begin(self, name: str) -> str:
        """Begin an object of parts and return its place, which holds the name and all that the store needs to go on."""

    @abstractmethod
    def send(self, place: str, part: Part) -> str:
        """Send a part and return its tag. A part that is sent again takes the place of the first."""

    @abstractmethod
    def complete(self, place: str, tags: Sequence[str]) -> None:
        """Make the object of its parts."""

    @abstractmethod
    def drop(self, place: str) -> None:
        """Remove an incoming object, or what has come of one that was begun."""

    @abstractmethod
    def put_copy(self, source: str, size: int, key: str) -> None:
        """Have the store copy an object to a key."""

    @abstractmethod
    def names(self) -> Iterator[str]:
        """Give the names of all objects under the prefix."""

    @abstractmethod
    def leftovers(self, age: timedelta) -> Iterator[Received]:
        """Give incoming objects, and what came of such that were begun, to which nothing came for `age`."""

    def get_default_settings(self) -> dict[str, Any]:
        """Return the options that there are, with their defaults: those of django-storages and ours."""
        theirs: dict[str, Any] = super().get_default_settings()  # type: ignore[misc]
        return theirs | {"part_size": PART_SIZE, "timeout": TIMEOUT, "public_endpoint_url": None}

    def _normalize_name(self, name: str) -> str:
        # Of django-storages: keys need no mending, and must not come to name another one's bytes by it.
        return self.name(name)

    def name(self, key: str) -> str:
        """Return the name of a key's object."""
        return f"{self.location}/{key}" if self.location else key

    @property
    def incoming(self) -> str:
        """What the names of incoming objects begin with."""
        return self.name(f"{INCOMING}/")

    def receive(self) -> Incoming:
        """Open a place for bytes to come."""
        return IncomingParts(self)

    def keep(self, received: Received, key: str) -> None:
        """Have the store copy received bytes to their key; they can be kept again until discarded."""
        with self.errors:
            self.put_copy(received.place, received.size, key)

    def discard(self, received: Received) -> None:
        """Forget received bytes; what was kept of them stays. Where the store does not let us, they are swept up."""
        try:
            self.drop(received.place)
        except OSError as error:
            logger.warning("left in the storage: %s (%s)", received.place, error)

    def remove(self, key: str) -> None:
        """Remove the bytes of a key, if they are there."""
        with self.errors:
            self.delete(key)  # type: ignore[attr-defined]

    def keys(self) -> Iterator[str]:
        """Give the keys of all bytes that are kept; objects that are none of the store's are passed over."""
        yield from filter(None, map(self.key_of, self.names()))

    def key_of(self, name: str) -> str:
        """Return the key whose bytes lie under a name, or nothing where that is none of the store's."""
        key = name.removeprefix(self.name(""))
        return key if key.count("/") == 2 and SHA256.fullmatch(key.rpartition("/")[2]) else ""
