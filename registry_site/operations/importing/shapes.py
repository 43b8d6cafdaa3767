"""What another registry holds, in words that are neither its nor ours; ids are those of its records."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


class Unreadable(Exception):
    """A part of the other registry cannot be read; the message says why, in a few words."""


@dataclass(frozen=True)
class Person:
    """A user, with his password's bcrypt hash, or the password itself where only that was kept, or neither."""

    id: str
    username: str
    email: str
    role: str
    timestamp: datetime
    password_changed: datetime
    validity_days: int = 0
    bcrypt: str = field(default="", repr=False)
    clear: str = field(default="", repr=False)


@dataclass(frozen=True)
class Word:
    """A tag or a metadata name; `owner` is the id of a person, or none."""

    name: str
    usage: str
    owner: str
    timestamp: datetime


@dataclass(frozen=True)
class File:
    """A version; `open` gives its bytes in chunks, and raises Unreadable where it cannot."""

    name: str
    ordinal: str
    mimetype: str
    encoding: str
    timestamp: datetime
    open: Callable[[], AbstractContextManager[Iterator[bytes]]]
    description: str = ""
    size: int | None = None  # that its record claims


@dataclass(frozen=True)
class SourceItem:
    """A model, dataset or algorithm; `owner`, `users` and `datasets` are ids of the other registry's records."""

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
    files: Sequence[File] = field(default=(), repr=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r} ({self.id})"


@dataclass(frozen=True)
class SourceTenant:
    """A tenant: its id there and its contact data."""

    id: str
    database: str
    contact: Mapping[str, str]
    passwordhash: bool
    timestamp: datetime
