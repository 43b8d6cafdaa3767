"""A folder is downloaded as a zip or a tar that common programs unpack to the same bytes."""

import io
import subprocess
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.rows.fields import now
from tests.answers import assert_error, ok
from tests.missing import cannot_run
from tests.versions.files import new_item, saved_name, sha256, stored
from tests.versions.test_folders import FILES, post_folder
from versions import archives
from versions import files as stored_files
from versions.files import StoredFile
from versions.models import Version

FORMATS = {"zip": "application/zip", "tar": "application/x-tar"}
LONG = {"a" * 120 + "/" + "b" * 130 + ".txt": b"long", "é/ü.txt": b"", "z.bin": bytes(range(256)) * 40}


@pytest.fixture(autouse=True)
def committed(transactional_db: None) -> None:
    """Folders are stored in several transactions."""


@pytest.fixture
def folder(world: Any) -> str:
    """The path of a folder's version."""
    path = new_item(world.acme.owner.api)
    post_folder(world.acme.owner.api, path, FILES | LONG)
    return f"{path}/versions/1"


def unpacked(format: str, content: bytes) -> dict[str, bytes]:
    """Return the files in an archive by path."""
    if format == "zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


@pytest.mark.promise("folders.archive")
@pytest.mark.parametrize("format", FORMATS)
def test_a_folder_is_downloaded_as_an_archive_that_is_the_same_each_time(world: Any, folder: str, format: str) -> None:
    api = world.acme.owner.api
    response = api.get(folder, query={"format": format})
    content = response.body()
    assert unpacked(format, content) == FILES | LONG
    assert response.headers["Content-Type"] == FORMATS[format]
    assert response.headers["Content-Length"] == str(len(content))
    assert saved_name(response) == f"churn.{format}"
    again = new_item(api, name="again")
    post_folder(api, again, dict(reversed((FILES | LONG).items())))
    same = api.get(f"{again}/versions/1", query={"format": format})
    assert (same.body(), same.headers["ETag"]) == (content, response.headers["ETag"])
    head = api.head(folder, query={"format": format})
    headers = ("Content-Length", "ETag", "Content-Type", "Content-Disposition", "Accept-Ranges")
    assert [head.headers[name] for name in headers] == [response.headers[name] for name in headers]
    assert head.body() == b""


@pytest.mark.promise("folders.archive")
def test_a_zip_is_the_default_and_other_formats_are_refused(world: Any, folder: str) -> None:
    api = world.acme.owner.api
    tags = {api.get(folder, query=query).headers["ETag"] for query in ({}, {"format": "zip"}, {"format": ""})}
    assert len(tags) == 1
    assert tags != {api.get(folder, query={"format": "tar"}).headers["ETag"]}
    assert_error(api.get(folder, query={"format": "rar"}), "get_request_error", "zip, tar")


@pytest.mark.promise("folders.archive-ranges")
@pytest.mark.parametrize("format", FORMATS)
def test_any_part_of_an_archive_can_be_downloaded(world: Any, folder: str, format: str) -> None:
    api = world.acme.owner.api
    whole = api.get(folder, query={"format": format})
    content, etag = whole.body(), whole.headers["ETag"]
    for start in range(0, len(content), 997):
        stop = min(len(content), start + 1500)
        part = api.get(
            folder, query={"format": format}, headers={"Range": f"bytes={start}-{stop - 1}", "If-Range": etag}
        )
        assert part.status_code == 206
        assert part.body() == content[start:stop], (start, stop)
    last = api.get(folder, query={"format": format}, headers={"Range": "bytes=-30"})
    assert last.body() == content[-30:]
    changed = api.get(folder, query={"format": format}, headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    assert (changed.status_code, changed.body()) == (200, content)
    assert api.get(folder, query={"format": format}, headers={"If-None-Match": etag}).status_code == 304
    too_far = api.get(folder, query={"format": format}, headers={"Range": f"bytes={len(content)}-"})
    assert too_far.status_code == 416


UNPACK = {"unzip": ["unzip", "-q", "a.zip"], "tar": ["tar", "xf", "a.tar"]}


@pytest.mark.promise("folders.archive")
@pytest.mark.parametrize("program", UNPACK)
def test_programs_unpack_the_same_bytes(world: Any, folder: str, program: str, tmp_path: Path) -> None:
    format = "zip" if program == "unzip" else "tar"
    here = tmp_path / "unpacked"
    here.mkdir()
    (here / f"a.{format}").write_bytes(world.acme.owner.api.get(folder, query={"format": format}).body())
    try:
        subprocess.run(UNPACK[program], cwd=here, check=True, env={"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"})
    except FileNotFoundError as missing:
        cannot_run(str(missing))
    (here / f"a.{format}").unlink()
    found = {str(file.relative_to(here)): file.read_bytes() for file in here.rglob("*") if file.is_file()}
    assert found == FILES | LONG


@pytest.mark.promise("folders.archive")
def test_a_zip_of_more_than_four_gigabytes_has_64_bit_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """The structure of a large zip, read by Python's zipfile; its files are holes."""
    sizes = {"a/large.bin": 5 * 1024**3, "b.txt": 5}
    files = [StoredFile(path, size, "0" * 64, "x/y", "", now(), crc32=7) for path, size in sizes.items()]
    monkeypatch.setattr(archives, "files_of", lambda version, slot=None: iter(files))
    paths = sum(len(path) for path in sizes)
    version: Any = SimpleNamespace(files=2, size=sum(sizes.values()), path_bytes=paths, sha256="0" * 64)
    archive, sparse = archives.zip_of(version), SparseFile()
    for piece in archive.pieces(version):
        sparse.add(piece)
    assert sparse.size == archive.size
    with zipfile.ZipFile(sparse) as read:
        assert {info.filename: info.file_size for info in read.infolist()} == sizes
        assert [info.CRC for info in read.infolist()] == [7, 7]
        assert read.open("b.txt", "r").read(0) == b""  # the header that its offset points to is its own


class SparseFile(io.RawIOBase):
    """A file of some bytes and of holes, to read."""

    def __init__(self) -> None:
        self.parts: list[tuple[int, bytes]] = []
        self.size = self.at = 0

    def add(self, piece: Any) -> None:
        if isinstance(piece, bytes):
            self.parts.append((self.size, piece))
        self.size += len(piece) if isinstance(piece, bytes) else piece.size

    def seekable(self) -> bool:
        return True

    def seek(self, to: int, whence: int = 0) -> int:
        self.at = to + {0: 0, 1: self.at, 2: self.size}[whence]
        return self.at

    def tell(self) -> int:
        return self.at

    def read(self, count: int = -1) -> bytes:
        stop = self.size if count < 0 else min(self.size, self.at + count)
        data = bytearray(stop - self.at)
        for start, part in self.parts:
            first, last = max(start, self.at), min(start + len(part), stop)
            if first < last:
                data[first - self.at : last - self.at] = part[first - start : last - start]
        self.at = stop
        return bytes(data)


@pytest.mark.promise("folders.archive")
def test_an_archive_of_a_version_that_is_deleted_meanwhile_breaks_off(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    post_folder(api, path, {f"{number}.bin": bytes(2) * 500_000 for number in range(3)})
    parts = iter(api.get(f"{path}/versions/1").response)
    assert next(parts)
    ok(api.delete(f"{path}/versions/1"))
    with pytest.raises(FileNotFoundError):
        list(parts)


def test_nothing_of_a_folder_is_stored_twice(world: Any, folder: str) -> None:
    assert sorted(map(sha256, stored().values())) == sorted({sha256(content) for content in (FILES | LONG).values()})


def test_files_are_read_in_batches_each_from_one_lower_bound(
    world: Any, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite uses only the first lower bound of a key: with two it would read all files before the batch again."""
    monkeypatch.setattr(stored_files, "BATCH", 2)
    version = Version.objects.get(ordinal="1")
    with CaptureQueriesContext(connection) as captured:
        paths = [file.path for file in stored_files.files_of(version)]
    assert paths == sorted(FILES | LONG)
    batches = [query["sql"] for query in captured if "_id" in query["sql"]]
    assert len(batches) == (len(paths) + 1) // 2
    for sql in batches:
        assert sum(sql.count(bound) for bound in (" > ", " >= ", "$gt")) == 1, sql
