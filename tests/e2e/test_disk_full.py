"""A full disk, of files or the database, is reported as such; the registry continues and stores nothing partially."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pymongo
import pytest
from django.db import OperationalError

from registry_site.api.errors import error_name
from tests.answers import assert_error
from tests.engines import Server, start
from tests.served import Served, create_migrated, migrated_file
from tests.talk import administrator, created

MIB = 1024 * 1024
DISK = 24  # MiB
SYS_ADMIN = 1 << 21  # the capability to mount
LIST = 500  # more items than fit
MOST = 5000  # enough items to fill the tests' disk
OUT_OF_DISK_SPACE = 14031


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A small file system, accessible to the engine's own user."""
    capabilities = Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0]
    if not int(capabilities, 16) & SYS_ADMIN:
        pytest.skip("only who may mount file systems has a small disk: run this as root")
    folder = Path(tempfile.mkdtemp(prefix="registry-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}m", "registry-tests", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    folder.rmdir()


@dataclass
class Room:
    """Fills a disk and frees it again."""

    ballast: Path

    def fill(self) -> None:
        with self.ballast.open("wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    continue
            except OSError:
                return

    def almost_fill(self) -> None:
        self.fill()
        os.truncate(self.ballast, self.ballast.stat().st_size - MIB)

    def free(self) -> None:
        self.ballast.unlink()


class MongoRoom:
    """A MongoDB that reports a full disk to one registry; a really full disk would make it exit."""

    def __init__(self, fail_commands: Callable[..., None], name: str) -> None:
        self.fail_commands = fail_commands
        self.name = name

    def fill(self) -> None:
        self._switch("alwaysOn")

    def almost_fill(self) -> None:
        self._switch({"skip": 400})  # more commands than a transaction of the list sends, fewer than all

    def free(self) -> None:
        self._switch("off")

    def _switch(self, mode: Any) -> None:
        commands = ["insert", "update", "delete", "findAndModify"]
        self.fail_commands(mode, failCommands=commands, errorCode=OUT_OF_DISK_SPACE, appName=self.name)


@pytest.fixture
def cramped(server: Server, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Served, Any]]:
    """A registry whose database is on a small disk, and that disk's filler."""
    name = f"cramped_{uuid4().hex[:12]}"
    with ExitStack() as undo:
        if server.name == "mongodb":
            room: Any = MongoRoom(request.getfixturevalue("fail_commands"), name)
            undo.callback(server.drop, name)
            create_migrated(server, name)
            url = f"{server.url_of(name)}&appName={name}"
        else:
            disk: Path = request.getfixturevalue("small_disk")
            room, url = Room(disk / "ballast"), f"sqlite:///{disk}/{name}.sqlite3"
            migrated_file(server, disk / f"{name}.sqlite3")
        if server.name == "postgres":
            own = start("postgres")  # checkpoints fail on a full disk, which would affect other databases
            undo.callback(own.stop)
            _create_on(disk, own, name)
            url = own.url_of(name)
        registry = Served(url, tmp_path)
        undo.callback(registry.kill)
        registry.start()
        yield registry, room


def _create_on(disk: Path, server: Server, name: str) -> None:
    """Create a PostgreSQL database whose tables are on the disk, but not the server's WAL."""
    place, owner = disk / "tables", server.folder.stat()
    place.mkdir()
    os.chown(place, owner.st_uid, owner.st_gid)
    with psycopg.connect(server.url_of("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE {name} LOCATION '{place}'")
        connection.execute(f"CREATE DATABASE {name} TABLESPACE {name}")


@pytest.mark.promise("errors.storage")
def test_an_upload_to_a_full_disk_is_refused_and_leaves_nothing(
    server: Server, small_disk: Path, tmp_path: Path
) -> None:
    with Served.on(server, tmp_path, UPLOAD_PATH=str(small_disk)) as registry, administrator(registry) as client:
        path = f"/models/{created(client, 'models', name='m')}/versions"
        client.put(f"{path}/small.bin", content=b"s" * MIB).raise_for_status()
        for answer in (
            client.put(f"{path}/large.bin", content=b"x" * DISK * MIB),
            client.post(path, files={"file": ("large.bin", b"x" * DISK * MIB)}),
        ):
            assert_error(answer, "insufficient_storage")
            assert str(small_disk) not in answer.text
            assert list((small_disk / "+incoming").iterdir()) == []
            assert shutil.disk_usage(small_disk).free > (DISK - 2) * MIB
        assert [version["original"] for version in client.get(path).json()["docs"]] == ["small.bin"]
        assert client.get(f"{path}/small.bin").content == b"s" * MIB
        client.put(f"{path}/other.bin", content=b"o" * MIB).raise_for_status()


@pytest.mark.promise("errors.storage")
def test_a_full_disk_of_the_database_is_reported_and_reads_and_the_log_fail_no_request(
    cramped: tuple[Served, Any],
) -> None:
    registry, room = cramped
    with administrator(registry) as client:
        kept = [created(client, "models", name="first")]
        room.fill()
        refused = _create_until_full(client, kept)
        assert_error(refused, "insufficient_storage")
        assert refused.json()["details"] == "Insufficient storage"
        assert_error(client.post("/models", json=[_body("alone")]), "insufficient_storage")
        assert _ids(client) == set(kept), "a refused item is there, or one that was acknowledged is not"
        assert_error(client.put(f"/models/{kept[0]}/versions/a.bin", content=b"x" * 1000), "insufficient_storage")
        for _ in range(30):
            assert client.get(f"/models/{kept[0]}").json()["versions"] == []
        room.free()
        kept.append(created(client, "models", name="after"))
        client.put(f"/models/{kept[0]}/versions/a.bin", content=b"again").raise_for_status()
        assert _ids(client) == set(kept)
    registry.stop()
    checked = registry.manage("check_integrity")
    assert checked.returncode == 0, checked.stderr


@pytest.mark.promise("errors.storage", "bulk.partial")
def test_a_list_that_fills_the_disk_partway_reports_what_was_kept(cramped: tuple[Served, Any]) -> None:
    registry, room = cramped
    with administrator(registry) as client:
        first = created(client, "models", name="first")
        room.almost_fill()
        answer = client.post("/models", json=[_body(f"item-{number}") for number in range(LIST)])
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        document = answer.json()
        kept, lost = [each["name"] for each in document["models"]], document["errors"]
        assert len(kept) + len(lost) == LIST
        assert lost == [f"Index: {n} (Insufficient storage)" for n in range(LIST) if f"item-{n}" not in kept]
        assert _ids(client) == {first} | {each["_id"] for each in document["models"]}
        room.free()
        again = client.post("/models", json=[_body(f"item-{number}") for number in range(LIST)]).json()
        assert len(again["models"]) == len(lost) > 0
        assert len(_ids(client)) == LIST + 1


def _body(name: str) -> dict[str, Any]:
    """Return an item that needs space even if the engine compresses it."""
    return {"name": name, "metadata": [{"name": "m", "value": secrets.token_hex(2500)}]}


def _create_until_full(client: httpx.Client, kept: list[str]) -> httpx.Response:
    """Create large items until one is refused; record those that were stored."""
    for number in range(MOST):
        answer = client.post("/models", json=_body(f"item-{number}"))
        if answer.status_code != httpx.codes.OK:
            return answer
        kept.append(answer.json()["_id"])
    raise AssertionError("the disk is not full")


def _ids(client: httpx.Client) -> set[str]:
    first = client.get("/models", params={"limit": 1000}).json()
    assert not first["hasNextPage"]
    return {each["_id"] for each in first["docs"]}


def _caused_by(cause: Exception) -> OperationalError:
    error = OperationalError("whatever")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        _caused_by(psycopg.errors.DiskFull()),
        _caused_by(pymongo.errors.OperationFailure("no room", OUT_OF_DISK_SPACE)),
        pymongo.errors.BulkWriteError({"writeErrors": [{"code": OUT_OF_DISK_SPACE}]}),
    ],
    ids=["postgresql", "mongodb", "mongodb-many"],
)
def test_every_driver_s_word_for_a_full_disk_is_known(error: Exception) -> None:
    assert error_name(error, "POST") == "insufficient_storage"


@pytest.mark.parametrize("cause", [psycopg.errors.UndefinedTable(), pymongo.errors.OperationFailure("x", 1), None])
def test_no_other_failure_of_a_database_is_taken_for_a_full_disk(cause: Any) -> None:
    assert error_name(_caused_by(cause), "POST") is None
