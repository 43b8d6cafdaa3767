"""Common base of all object stores, on top of django-storages: hashes uploads while they stream to the store.

Two texts describe an upload in progress: a place, which `begin` returns, and a tag for each part. With both, any
request or process can send the next part.
"""

import errno
import logging
import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, Any, ClassVar, Self
from uuid import uuid4

from versions.many_objects import ManyObjects
from versions.storage import (
    INCOMING,
    SHA256,
    HashingWriter,
    Incoming,
    Received,
    TooLarge,
)

logger = logging.getLogger(__name__)

MIB = 1024 * 1024
PART_SIZE = 16 * MIB
TIMEOUT = 60  # seconds without an answer from the store
CONNECTIONS = 128
LINK_SECONDS = 300  # lifetime of a signed URL; a download must start within it
PROBE_SECONDS = 2
QUERY = re.compile(r"\?[^\s'\")]*")
BROKEN_OFF = "the store broke off"  # fixed text: the store's own messages vary, and would be logged as new each time


def without_queries(text: object) -> str:
    """Return an error's message with URL queries removed: they may contain credentials, and errors are logged."""
    return QUERY.sub("?…", str(text))


@dataclass(frozen=True)
class Part:
    """A part of an object. Numbers start at 1, and all parts except the last have the same size."""

    number: int
    start: int
    content: bytes
    last: bool

    @property
    def stop(self) -> int:
        return self.start + len(self.content)


class Body:
    """A readable stream of an object's bytes that raises OSError on failure, as files do."""

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


class IncomingParts(HashingWriter):
    """An upload to an object: small ones in one request, larger ones in parts, with one part in memory."""

    def __init__(self, storage: "ObjectStoreMixin") -> None:
        super().__init__()
        self.storage = storage
        self.name = f"{storage.incoming}{uuid4().hex}"
        self.place = ""  # set once a part is sent
        self.pending = bytearray()
        self.tags: list[str] = []
        self.sent = 0  # bytes in parts
        self.finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.place and not self.finished:
            with suppress(OSError):  # garbage collection removes what is left
                self.storage.drop(self.place)

    def write(self, chunk: bytes) -> None:
        """Write a chunk. Raises TooLarge beyond `MAX_UPLOAD_SIZE` or the store's limit."""
        self.count(chunk)
        self.pending += chunk
        size = self.storage.part_size
        while len(self.pending) > size:
            self._send(bytes(self.pending[:size]))
            del self.pending[:size]

    def finish(self) -> Received:
        """Complete the object and return its place, size and hash."""
        if self.place:
            self._send(bytes(self.pending), last=True)
            self.storage.complete(self.place, self.tags)
        else:
            self.storage.put(self.name, bytes(self.pending))
        self.finished = True
        return Received(self.name, self.size, self.digest.hexdigest())

    def _send(self, content: bytes, *, last: bool = False) -> None:
        self.storage.refuse_another_part(len(self.tags))
        self.place = self.place or self.storage.begin(self.name)
        self.tags.append(self.storage.send(self.place, Part(len(self.tags) + 1, self.sent, content, last)))
        self.sent += len(content)


class ObjectStoreMixin(ManyObjects):
    """A mixin for storages of django-storages. The bytes of a key never change.

    The key contains the hash, which is known only at the end: an upload gets a temporary name, from which the store
    copies it to its key. django-storages provides `delete`, `url`, credentials and clients. Reading and listing are
    implemented here as streams, because django-storages reads whole objects and listings into memory or a file.
    """

    most_parts: ClassVar[int]
    location: str  # django-storages sets these from the options
    part_size: int
    timeout: int
    public_endpoint_url: str

    @property
    @abstractmethod
    def errors(self) -> AbstractContextManager[None]:
        """A context that converts errors of the store or the network into OSError."""

    @abstractmethod
    def put(self, name: str, content: bytes) -> None:
        """Create an object in one request. Raises OSError, as all methods below."""

    @abstractmethod
    def begin(self, name: str) -> str:
        """Start an upload in parts and return its place: the name and what the store needs to continue."""

    @abstractmethod
    def send(self, place: str, part: Part) -> str:
        """Send a part and return its tag. Idempotent: sending a part again replaces it."""

    @abstractmethod
    def complete(self, place: str, tags: Sequence[str]) -> None:
        """Assemble the object from its parts."""

    @abstractmethod
    def drop(self, place: str) -> None:
        """Delete an incoming object, or the parts of an unfinished upload."""

    @abstractmethod
    def put_copy(self, source: str, size: int, key: str) -> None:
        """Copy an object to a key within the store."""

    @abstractmethod
    def read(self, key: str, start: int = 0, stop: int | None = None) -> IO[bytes]:
        """Open the bytes of a key for reading. Raises FileNotFoundError."""

    @abstractmethod
    def names(self) -> Iterator[str]:
        """Yield the names of all objects under the prefix."""

    @abstractmethod
    def leftovers(self, age: timedelta) -> Iterator[Received]:
        """Yield incoming objects and unfinished uploads to which nothing was added for `age`."""

    def get_default_settings(self) -> dict[str, Any]:
        """Return all options with their defaults: those of django-storages and of this class."""
        inherited: dict[str, Any] = super().get_default_settings()  # type: ignore[misc]
        return inherited | {"part_size": PART_SIZE, "timeout": TIMEOUT, "public_endpoint_url": None}

    def _normalize_name(self, name: str) -> str:
        # Overrides django-storages, which would rewrite keys so that two keys could name the same object.
        return self.name(name)

    def name(self, key: str) -> str:
        """Return the name of a key's object."""
        return f"{self.location}/{key}" if self.location else key

    @property
    def incoming(self) -> str:
        """The prefix of the names of incoming objects."""
        return self.name(f"{INCOMING}/")

    def receive(self) -> Incoming:
        """Start an upload."""
        return IncomingParts(self)

    def refuse_another_part(self, parts: int) -> None:
        """Raise TooLarge if an object cannot have more than this many parts."""
        if parts >= self.most_parts:
            raise TooLarge(f"A file has at most {self.most_parts * self.part_size} bytes in this storage")

    def keep(self, received: Received, key: str) -> None:
        """Copy received bytes to their key within the store. Can be repeated until `discard`."""
        with self.errors:
            self.put_copy(received.place, received.size, key)

    def discard(self, received: Received) -> None:
        """Delete the temporary object; copies under a key stay. On failure garbage collection deletes it later."""
        try:
            self.drop(received.place)
        except OSError as error:
            logger.warning("left in the storage: %s (%s)", received.place, error)

    def remove(self, key: str) -> None:
        """Delete the bytes of a key, if they exist."""
        with self.errors:
            self.delete(key)  # type: ignore[attr-defined]

    def key_under(self, name: str) -> str:
        """Return an object's name without the prefix of this storage."""
        return name.removeprefix(self.name(""))

    def keys(self) -> Iterator[str]:
        """Yield the keys of all stored bytes; skip objects of other applications."""
        yield from filter(None, map(self.key_of, self.names()))

    def key_of(self, name: str) -> str:
        """Return the key of an object name, or an empty text if the name is not a key's."""
        key = self.key_under(name)
        return key if key.count("/") == 2 and SHA256.fullmatch(key.rpartition("/")[2]) else ""
