"""A folder as one file: a zip or a tar whose bytes follow from the rows of its files, so that any range can be sent.

Files are stored without compression, with one date and one mode: the same files give the same bytes. The length is
known before the first byte, and memory does not grow with the number or the size of the files. Libraries that stream
zips (zipfile, zipstream-ng) keep every file's record in memory and write checksums behind the files, which rules out
ranges and unpacking while downloading.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from tarfile import BLOCKSIZE, PAX_FORMAT, TarInfo
from typing import TypeAlias

from django.http import StreamingHttpResponse

from tenants.rows.hooks import hook
from versions.download import Download
from versions.files import StoredFile, files_of, limited, the_file
from versions.models import Version
from versions.storage import BLOCK, store

Piece: TypeAlias = bytes | StoredFile
YEAR = 1980  # the first that zip knows
MTIME = 315_532_800  # the start of that year
ZIP_DATE = 1 << 5 | 1  # its first day
MODE = 0o644
UTF_8, UNIX, STORED = 0x800, 3, 0  # flags, system and method of zip
PLAIN, ZIP64 = 20, 45  # versions of zip that are needed to read an entry
LARGEST = 0xFFFFFFFF  # of a 32-bit number; the number itself says that the value is in the extra field
MOST = 0xFFFF  # entries of a zip without 64-bit fields
LOCAL, CENTRAL, END = struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I"), struct.Struct("<4s4H2IH")
LOCAL_EXTRA, CENTRAL_EXTRA = struct.Struct("<2H2Q"), struct.Struct("<2H3Q")
END_64, LOCATOR = struct.Struct("<4sQ2H2I4Q"), struct.Struct("<4sIQI")
TAR_LARGEST = 8 * 1024**3  # bytes of a file in the oldest format of tar
TAR_NAME = 100  # bytes of a name in it
TAR_END = bytes(2 * BLOCKSIZE)


@dataclass(frozen=True)
class Archive:
    """An archive of a folder, to download."""

    version: Version
    format: str
    mimetype: str
    size: int
    pieces: Callable[[Version], Iterator[Piece]]
    sha256: str = ""  # unknown: nobody has read the whole archive yet
    key: str = ""

    @property
    def etag(self) -> str:
        return f'"{self.version.sha256}-{self.format}"'

    @property
    def name(self) -> str:
        return f"{self.version.original}.{self.format}"

    @property
    def timestamp(self) -> datetime:
        return self.version.timestamp

    def body(self, start: int, stop: int) -> StreamingHttpResponse:
        """Return a response with the bytes from `start` to `stop`."""
        return StreamingHttpResponse(_in_blocks(_within(self.pieces(self.version), start, stop)))


def zip_of(version: Version) -> Archive:
    """Return the folder as a zip."""
    return Archive(version, "zip", "application/zip", _zip_size(version, _is_wide(version)), _zip_pieces)


def tar_of(version: Version) -> Archive:
    """Return the folder as a tar; reads the rows of its files, because the length depends on each."""
    size = sum(_tar_header_size(file) + file.size + len(_padding(file)) for file in files_of(version))
    return Archive(version, "tar", "application/x-tar", size + len(TAR_END), _tar_pieces)


def whole(version: Version) -> Download:
    """Return a version as a download: its file, or its folder as a zip."""
    return zip_of(version) if version.is_folder else the_file(version)


FORMATS: dict[str, Callable[[Version], Archive]] = {"zip": zip_of, "tar": tar_of}


def _is_wide(version: Version) -> bool:
    """Return whether the zip needs 64-bit fields; all entries have them, or none."""
    return version.files > MOST - 1 or _zip_size(version, wide=True) > LARGEST - 1


def _zip_size(version: Version, wide: bool) -> int:
    entry = LOCAL.size + CENTRAL.size + (LOCAL_EXTRA.size + CENTRAL_EXTRA.size if wide else 0)
    end = END.size + (END_64.size + LOCATOR.size if wide else 0)
    return version.size + 2 * version.path_bytes + version.files * entry + end


def _zip_pieces(version: Version) -> Iterator[Piece]:
    wide, slot = _is_wide(version), hook("slot")
    for file in files_of(version, slot):
        yield _local_header(file, wide)
        yield file
    offset = length = 0
    for file in files_of(version, slot):
        record = _central_record(file, offset, wide)
        offset += len(_local_header(file, wide)) + file.size
        length += len(record)
        yield record
    yield _zip_end(version.files, length, offset, wide)


def _local_header(file: StoredFile, wide: bool) -> bytes:
    name, size = file.path.encode(), LARGEST if wide else file.size
    extra = LOCAL_EXTRA.pack(1, LOCAL_EXTRA.size - 4, file.size, file.size) if wide else b""
    needed = ZIP64 if wide else PLAIN
    numbers = (needed, UTF_8, STORED, 0, ZIP_DATE, file.crc32, size, size, len(name), len(extra))
    return LOCAL.pack(b"PK\x03\x04", *numbers) + name + extra


def _central_record(file: StoredFile, offset: int, wide: bool) -> bytes:
    name, size, at = file.path.encode(), LARGEST if wide else file.size, LARGEST if wide else offset
    extra = CENTRAL_EXTRA.pack(1, CENTRAL_EXTRA.size - 4, file.size, file.size, offset) if wide else b""
    needed = ZIP64 if wide else PLAIN
    about = (UNIX << 8 | needed, needed, UTF_8, STORED, 0, ZIP_DATE, file.crc32, size, size)
    numbers = (*about, len(name), len(extra), 0, 0, 0, MODE << 16, at)
    return CENTRAL.pack(b"PK\x01\x02", *numbers) + name + extra


def _zip_end(files: int, length: int, offset: int, wide: bool) -> bytes:
    """Return the end of a zip whose central directory has this length and offset."""
    if not wide:
        return END.pack(b"PK\x05\x06", 0, 0, files, files, length, offset, 0)
    rest = END_64.size - 12
    end = END_64.pack(b"PK\x06\x06", rest, UNIX << 8 | ZIP64, ZIP64, 0, 0, files, files, length, offset)
    locator = LOCATOR.pack(b"PK\x06\x07", 0, offset + length, 1)
    return end + locator + END.pack(b"PK\x05\x06", 0, 0, MOST, MOST, LARGEST, LARGEST, 0)


def _tar_pieces(version: Version) -> Iterator[Piece]:
    for file in files_of(version, hook("slot")):
        yield _tar_header(file)
        yield file
        yield _padding(file)
    yield TAR_END


def _tar_header(file: StoredFile) -> bytes:
    header = TarInfo(file.path)
    header.size, header.mtime, header.mode = file.size, MTIME, MODE
    return header.tobuf(PAX_FORMAT, "utf-8")


def _tar_header_size(file: StoredFile) -> int:
    is_plain = file.path.isascii() and len(file.path) <= TAR_NAME and file.size < TAR_LARGEST
    return BLOCKSIZE if is_plain else len(_tar_header(file))


def _padding(file: StoredFile) -> bytes:
    return bytes(-file.size % BLOCKSIZE)


def _within(pieces: Iterable[Piece], start: int, stop: int) -> Iterator[bytes]:
    """Yield the bytes from `start` to `stop`; files before and behind are not opened."""
    at = 0
    for piece in pieces:
        size = len(piece) if isinstance(piece, bytes) else piece.size
        first, last = max(0, start - at), min(size, stop - at)
        if first < last:
            yield from [piece[first:last]] if isinstance(piece, bytes) else _read(piece, first, last)
        at += size
        if at >= stop:
            return


def _read(file: StoredFile, start: int, stop: int) -> Iterator[bytes]:
    """Yield bytes of a file. Raises EOFError if it is shorter than its row says."""
    missing = stop - start
    with store().read(file.key, start, stop) as stored:
        for chunk in limited(stored, missing):
            missing -= len(chunk)
            yield chunk
    if missing:
        raise EOFError(f"{file.key} is shorter than {file.size} bytes")


def _in_blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Join small chunks, because each that is sent costs as much as many kilobytes."""
    waiting: list[bytes] = []
    size = 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= BLOCK:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)
