"""A version of very many files is made, read and deleted in bounded memory, and no writer waits long for it.

`MANY_FILES` is their number: `make torture` takes 100,000.
"""

import os
import re
import resource
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tenants.rows.batches import batches
from tenants.rows.fields import new_id
from tests.answers import ok
from tests.versions.files import new_item, newest, stored
from tests.versions.test_folders import digest, form, named
from tests.versions.tus import sent
from versions.models import Blob, LooseFolder, UploadSession, VersionFile

FILES = int(os.environ.get("MANY_FILES") or 1_200)
OF_A_FORM = min(10_000, FILES // 2)  # `MAX_FORM_FILES`
GROWTH = 500  # MiB of memory that 100,000 files may add to this process, which is client and registry
LONGEST_WAIT = 10.0  # seconds of another writer, on a busy machine


class Meanwhile(threading.Thread):
    """Another user, who changes a model again and again; `longest` is the longest time that it took."""

    def __init__(self, api: Any, path: str) -> None:
        super().__init__(daemon=True)
        self.api, self.path = api, path
        self.longest, self.ended = 0.0, threading.Event()

    def run(self) -> None:
        try:
            while not self.ended.wait(0.1):
                started = time.monotonic()
                ok(self.api.put(self.path, json={"description": str(started)}))
                self.longest = max(self.longest, time.monotonic() - started)
        finally:
            connection.close()


@contextmanager
def measured(what: str, api: Any, path: str) -> Iterator[None]:
    """Tell time, growth of memory, and how long another writer waited at most."""
    other, before = Meanwhile(api, path), peak()
    started, cpu = time.monotonic(), time.thread_time()
    other.start()
    try:
        yield
    finally:
        took = f"{time.monotonic() - started:7.2f} s, {time.thread_time() - cpu:6.2f} s of processor,"
        other.ended.set()
        other.join(60)
        print(f"{what:28} {took} {peak() - before:5} MiB more, a writer waited {other.longest:.2f} s")
    assert other.longest < LONGEST_WAIT


def peak() -> int:
    """Return the highest memory of this process so far in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def content(number: int) -> bytes:
    return b"file %d " % (number % OF_A_FORM) * 20


def path_of(number: int) -> str:
    return f"data/{number // 1000:03}/{number:06}.bin"


@pytest.mark.promise("folders.many")
@pytest.mark.timeout(300 + FILES // 20)
def test_a_version_of_very_many_files_is_made_read_and_deleted(
    transactional_db: None, world: Any, tmp_path: Path
) -> None:
    api, other = world.acme.owner.api, world.acme.other.api
    path, beside = new_item(api), new_item(other, name="beside")
    before = peak()

    def step(what: str) -> Any:
        return measured(what, other, beside)

    body = form({path_of(number): content(number) for number in range(OF_A_FORM)}, original="part")
    with step(f"form of {OF_A_FORM}"):
        ok(api.post(f"{path}/versions", **body))
    entries = [{"path": path_of(n), "version": "part", "from": path_of(n % OF_A_FORM)} for n in range(FILES)]
    with step(f"{FILES} files of another version"):
        version = newest(ok(api.post(f"{path}/versions", **named(path, *entries, original="all"))))
    assert version["sha256"] == digest({path_of(number): content(number) for number in range(FILES)})
    whole = f"{path}/versions/all"
    with step("info and lists"):
        _read_lists(api, whole)
    with step("the same, but one is an upload"):
        upload = sent(api, b"new").rpartition("/")[2]
        entries = [{"path": path_of(n), "version": "all"} for n in range(1, FILES)]
        ok(
            api.post(
                f"{path}/versions", **named(path, *entries, {"path": "new.bin", "upload": upload}, original="next")
            )
        )
    ids = _uploads(api)
    with step(f"from {len(ids)} uploads"):
        entries = [{"path": f"{number}.bin", "upload": id} for number, id in enumerate(ids)]
        ok(api.post(f"{path}/versions", **named(path, *entries, original="sent")))
    with step("diff"):
        found = ok(api.get(f"{path}/versions/next/diff", query={"from": "all"}))
    assert [found[f"{kind}_count"] for kind in ("added", "removed", "changed")] == [1, 1, 0]
    for format in ("zip", "tar"):
        _read_archive(api, whole, format, tmp_path, step)
    with step("deletion of parts"):
        for name in ("part", "sent"):
            ok(api.delete(f"{path}/versions/{name}"))
    assert api.get(f"{whole}/files/{path_of(1)}").body() == content(1)
    with step("deletion of shared bytes"):
        ok(api.delete(whole))
    with step("deletion of all"):
        ok(api.delete(path))
    assert stored() == {}
    assert not any(model._default_manager.exists() for model in (Blob, VersionFile, LooseFolder))
    assert peak() - before < GROWTH, "memory grows with the number of files"


def _uploads(api: Any) -> list[str]:
    """Return as many finished uploads as a user can have; all have the same bytes, so that rows suffice."""
    first = UploadSession.objects.get(pk=sent(api, b"sent").rpartition("/")[2])
    about = {name: getattr(first, name) for name in ("tenant_id", "owner_id", "size", "offset", "sha256", "expires")}
    others = [UploadSession(pk=new_id(), **about) for _ in range(OF_A_FORM - 1)]
    for batch in batches(others, 500):
        UploadSession.objects.bulk_create(batch)
    Blob.objects.filter(pk=first.blob).update(references=OF_A_FORM)
    return [first.pk, *(other.pk for other in others)]


def _read_lists(api: Any, whole: str) -> None:
    info = ok(api.get(f"{whole}/info"))
    assert info["files_count"] == FILES
    page = ok(api.get(f"{whole}/files", query={"limit": "100"}))
    assert (page["totalDocs"], page["docs"][99]["path"]) == (FILES, path_of(99))
    last = ok(api.get(f"{whole}/files", query={"limit": "100", "page": str(-(-FILES // 100))}))
    assert last["docs"][-1]["path"] == path_of(FILES - 1)
    after = ok(api.get(f"{whole}/files", query={"after": page["docs"][99]["_id"], "limit": "1"}))
    assert after["docs"][0]["path"] == path_of(100)
    some = ok(api.get(f"{whole}/files", query={"prefix": "data/001/", "limit": "1"}))
    assert some["totalDocs"] == min(1000, FILES - 1000)
    large = {"filter": {"size": {"$gte": len(content(OF_A_FORM - 1))}}, "sort": {"size": "desc"}, "limit": "1"}
    assert ok(api.get(f"{whole}/files", query=large))["docs"][0]["size"] == len(content(OF_A_FORM - 1))
    regex = {"filter": {"path": {"$regex": f"{re.escape(path_of(FILES - 1))}$"}}, "prefix": path_of(FILES - 1)[:-7]}
    assert ok(api.get(f"{whole}/files", query=regex))["totalDocs"] == 1


def _read_archive(api: Any, whole: str, format: str, folder: Path, step: Any) -> None:
    """Read an archive and a range near its end."""
    with step(format), (folder / format).open("wb") as file:
        response = api.get(whole, query={"format": format})
        for chunk in response.response:
            file.write(chunk)
    size = (folder / format).stat().st_size
    assert response.headers["Content-Length"] == str(size)
    if format == "zip":
        with zipfile.ZipFile(folder / format) as archive:
            assert len(archive.namelist()) == FILES
            assert archive.read(path_of(FILES - 1)) == content(FILES - 1)
    else:
        with tarfile.open(folder / format) as tar:
            assert sum(1 for _ in tar) == FILES
    with step(f"end of the {format}"):
        part = api.get(whole, query={"format": format}, headers={"Range": "bytes=-1000"}).body()
    assert part == (folder / format).read_bytes()[-1000:]
