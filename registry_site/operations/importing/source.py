"""The records of another registry, in a common form. Ids are those of the other registry."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


class SourceReadError(Exception):
    """A part of the other registry cannot be read; the message says why."""


@dataclass(frozen=True)
class SourceUser:
    """A user with a bcrypt hash, a plain-text password, or neither."""

    id: str
    username: str
    email: str
    role: str
    timestamp: datetime
    password_changed: datetime
    validity_days: int = 0
    bcrypt: str = field(default="", repr=False)
    plain_password: str = field(default="", repr=False)


@dataclass(frozen=True)
class SourceTerm:
    """A tag or a metadata name; `owner` is the id of a user, or empty."""

    name: str
    usage: str
    owner: str
    timestamp: datetime


@dataclass(frozen=True)
class SourceFile:
    """A file of a version; `open` yields its bytes in chunks, or raises SourceReadError.

    Without a path it has the name of its version, without a media type the one that its name suggests.
    """

    open: Callable[[], AbstractContextManager[Iterator[bytes]]]
    path: str = ""
    mimetype: str = ""


@dataclass(frozen=True)
class SourceVersion:
    """A version; `files` lists its files, at least one, or raises SourceReadError. Several are the folder `name`."""

    name: str
    ordinal: str
    timestamp: datetime
    files: Callable[[], Sequence[SourceFile]]
    encoding: str = "binary"
    description: str = ""
    size: int | None = None  # according to its record
    tags: Sequence[Any] = ()
    metadata: Sequence[tuple[Any, Any]] = ()


@dataclass(frozen=True)
class SourceItem:
    """A model, dataset or algorithm; `owner`, `users` and `datasets` are source ids."""

    kind: str
    id: str
    name: str
    owner: str
    timestamp: datetime
    lastmod: datetime
    visibility: str = "private"
    status: str = ""
    users: Sequence[str] = ()
    datasets: Sequence[str] = ()
    tags: Sequence[Any] = ()
    metadata: Sequence[tuple[Any, Any]] = ()
    description: str = ""
    versions: Sequence[SourceVersion] = field(default=(), repr=False)
    aliases: Sequence[tuple[str, str]] = ()  # with the ordinals of the versions that they point at

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r} ({self.id})"


@dataclass(frozen=True)
class SourceTenant:
    """A tenant: its source id, its database and its contact data."""

    id: str
    database: str
    contact: Mapping[str, str]
    passwordhash: bool
    timestamp: datetime
