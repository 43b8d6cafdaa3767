"""Reads files that were sent together: one upload has their bytes, one after the other."""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO

from tenants.exceptions import Refused
from tenants.rows.texts import shown
from versions.files import limited
from versions.removal import remove_unreferenced
from versions.sent import NewFile
from versions.storage import Received, store
from versions.upload import guessed_type


@dataclass(frozen=True)
class Part:
    """Where an upload has the bytes of a file."""

    path: str
    offset: int
    size: int


def files_in(id: str, bundle: Received, parts: Sequence[Part], cleanup: ExitStack) -> Iterator[NewFile]:
    """Store the parts of a finished upload, and yield each as a new file.

    Parts do not overlap, so that a request stores no more bytes than were sent. Once a version has taken the upload,
    its own bytes are removed. Raises Refused (`post_request_error`).
    """
    cleanup.callback(remove_unreferenced, [bundle.place])
    ordered, at = sorted(parts, key=lambda part: (part.offset, part.size)), 0
    for part in ordered:
        if not at <= part.offset <= part.offset + part.size <= bundle.size:
            needed = f"The parts of an upload do not overlap, and are within its {bundle.size} bytes"
            raise Refused("post_request_error", f"{needed} ({shown(part.path)})")
        at = part.offset + part.size
    try:
        with store().read(bundle.place) as stream:
            at = 0
            for part in ordered:
                for _ in limited(stream, part.offset - at):
                    pass
                yield _stored(id, part, stream, cleanup)
                at = part.offset + part.size
    except FileNotFoundError:
        raise Refused("post_request_error", f"The upload {id} is no longer there") from None


def _stored(id: str, part: Part, stream: IO[bytes], cleanup: ExitStack) -> NewFile:
    crc32 = 0
    with store().receive() as incoming:
        for chunk in limited(stream, part.size):
            crc32 = zlib.crc32(chunk, crc32)
            incoming.write(chunk)
        received = incoming.finish()
    cleanup.callback(store().discard, received)
    if received.size < part.size:
        raise EOFError(f"the upload {id} is shorter than its row says")
    return NewFile(part.path, guessed_type(part.path), received, crc32, upload=id)
