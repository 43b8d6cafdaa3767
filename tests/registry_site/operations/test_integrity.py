"""`check_integrity` names every fault; `collect_garbage` removes only what nothing refers to."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from catalog.aliases.models import AliasMove, Proposal
from catalog.models import Item
from folksonomy.models import Tag
from tenants.exceptions import Refused
from tenants.rows.fields import new_id
from tenants.rows.transactions import atomic
from tests.answers import ok
from tests.catalog.items import create
from tests.versions.files import new_item, put_file, send_bytes, sha256
from tests.versions.test_folders import post_folder
from versions.folders import stored_folder
from versions.garbage import bytes_held, find_garbage
from versions.models import Blob, LooseFolder, Version, VersionFile
from versions.sent import NewFile
from versions.services import Upload, add_version, with_bytes
from versions.storage import Received, store

KEPT = b"kept"
YESTERDAY = time.time() - 25 * 3600


@pytest.fixture(autouse=True)
def committed(transactional_db: None) -> None:
    """Run without an enclosing transaction, because commands see only committed data."""


@pytest.fixture
def item(world: Any) -> str:
    """The path of a model with every kind of reference and one version."""
    api = world.acme.owner.api
    create(api, "datasets", name="data")
    path = new_item(api, name="m", datasets=["data"], users=["shared"], tags=["t"])
    put_file(api, path, "a.bin", KEPT)
    return path


@pytest.fixture
def aliased(world: Any, item: str) -> str:
    """The item, with an alias, a removed one, and a proposal."""
    api = world.acme.owner.api
    ok(api.put(f"{item}/aliases/staging", json={"version": "1"}))
    ok(api.delete(f"{item}/aliases/staging"))
    ok(api.put(f"{item}/aliases/production", json={"version": "1"}))
    ok(world.acme.admin.api.post("protection", json={"name": "r", "aliases": "reviewed", "approvals": 1}))
    ok(api.post(f"{item}/aliases/reviewed/proposals", json={"version": "1"}))
    return item


def run(*words: str) -> tuple[list[str], str]:
    """Run a command; return its error lines, and its last line or the reason of its failure."""
    out, err = StringIO(), StringIO()
    try:
        call_command(*words, stdout=out, stderr=err)
    except CommandError as error:
        return err.getvalue().splitlines(), str(error)
    return err.getvalue().splitlines(), out.getvalue().splitlines()[-1]


def stored(uploads: Path, content: bytes = KEPT) -> Path:
    """Return the file in which the store keeps these bytes."""
    return next(uploads.glob(f"*/*/{sha256(content)}"))


def files(uploads: Path) -> set[str]:
    return {file.name for file in uploads.rglob("*") if file.is_file()}


def test_a_consistent_registry_has_no_faults(world: Any, aliased: str) -> None:
    api, item = world.acme.owner.api, aliased
    put_file(api, item, "same.bin", KEPT)
    put_file(api, item, "gone.bin", b"gone")
    ok(api.delete(f"{item}/versions/gone.bin"))
    assert run("check_integrity") == ([], "No faults")


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "bytes-missing": (lambda uploads: stored(uploads).unlink(), "it is missing (versions "),
    "bytes-changed": (lambda uploads: stored(uploads).write_bytes(b"kepd"), "its content has changed"),
    "bytes-unreadable": (lambda uploads: (stored(uploads).unlink(), _folder(uploads)), "it cannot be read"),
    "size": (lambda uploads: Version.objects.update(size=5), "it has 4 bytes, version "),
    "count": (lambda uploads: Blob.objects.update(references=2), "2 versions are counted, 1 name it"),
    "crc32": (lambda uploads: Blob.objects.update(crc32=7), "its row says 7"),
    "uncounted": (lambda uploads: Blob.objects.all().delete(), "no row of its bytes, acme/"),
    "subject": (lambda uploads: Version.objects.update(subject=new_id()), "does not exist"),
    "user": (lambda uploads: Item.objects.filter(kind="model").update(users=["0" * 24]), "its user 000"),
    "aliases": (lambda uploads: Item.objects.filter(kind="model").update(aliases=[]), "its aliases are {}, not {'prod"),
    "aliased": (
        lambda uploads: AliasMove.objects.filter(until=None).update(version="0" * 24),
        "version 1 of its alias",
    ),
    "move": (lambda uploads: AliasMove.objects.filter(number=1, alias="staging").delete(), "does not start where"),
    "moves": (lambda uploads: AliasMove.objects.update(subject=new_id()), "its item does not exist"),
    "proposal": (lambda uploads: Proposal.objects.update(subject=new_id()), "does not exist"),
    "readers": (lambda uploads: Item.objects.filter(kind="model").update(readers=["*"]), "its readers are ['*'], not"),
}


def _folder(uploads: Path) -> None:
    (uploads / "acme" / sha256(KEPT)[:2] / sha256(KEPT)).mkdir()


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_faults_are_named_and_set_the_exit_status(aliased: str, uploads: Path, damage: str) -> None:
    spoil, words = DAMAGES[damage]
    spoil(uploads)
    faults, end = run("check_integrity")
    assert any(words in fault for fault in faults), faults
    assert end == f"{len(faults)} faults"


def test_a_reference_to_another_tenants_row_is_a_fault(world: Any, item: str) -> None:
    theirs = create(world.rival.owner.api, "datasets", name="theirs")["_id"]
    Item.objects.filter(kind="model").update(datasets=[theirs])
    assert run("check_integrity") == (
        [f"item {item.partition('/')[2]}: its dataset {theirs} does not exist"],
        "1 faults",
    )


def test_a_dangling_reference_is_a_fault_on_engines_that_allow_it(world: Any, item: str, engine: str) -> None:
    if engine != "mongodb":
        pytest.skip("this engine watches over its references itself")
    Tag.objects.update(owner_id="0" * 24)
    faults, _ = run("check_integrity")
    assert len(faults) == 1
    assert faults[0].endswith("its owner 000000000000000000000000 does not exist")


def test_garbage_is_listed_and_removed_on_request(item: str, uploads: Path) -> None:
    Blob(pk=Blob.key("acme", sha256(b"unnamed")), tenant_id="acme").save(force_insert=True)
    for content in (b"unnamed", b"unknown"):
        file = uploads / Blob.key("acme", sha256(content))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    leftover = uploads / "+incoming" / "leftover"
    leftover.write_bytes(b"half")
    os.utime(leftover, (YESTERDAY, YESTERDAY))
    found = files(uploads)
    assert len(found) == 4
    assert run("collect_garbage") == ([], "3 found; --delete removes them")
    assert files(uploads) == found
    assert run("collect_garbage", "--delete") == ([], "3 removed")
    assert files(uploads) == {sha256(KEPT)}
    assert Blob.objects.count() == 1
    assert run("collect_garbage") == ([], "0 found; --delete removes them")
    assert run("check_integrity") == ([], "No faults")


def test_a_running_upload_is_not_garbage(item: str, uploads: Path) -> None:
    growing = uploads / "+incoming" / "growing"
    growing.write_bytes(b"half")
    assert run("collect_garbage", "--delete") == ([], "0 removed")
    os.utime(growing, (YESTERDAY, YESTERDAY))
    assert run("collect_garbage", "--delete", "--older-than", "2d") == ([], "0 removed")
    assert run("collect_garbage", "--delete", "--older-than", "1d") == ([], "1 removed")


def test_foreign_files_in_the_store_are_kept(item: str, uploads: Path) -> None:
    (uploads / "lost+found").mkdir()
    (uploads / "README").touch()
    (uploads / "acme" / "note").touch()
    (uploads / "acme" / sha256(KEPT)[:2] / "stray").touch()
    assert run("collect_garbage", "--delete", "--older-than", "0s") == ([], "0 removed")


def test_held_bytes_are_not_removed_until_they_are_released(world: Any, item: str, uploads: Path) -> None:
    with bytes_held("backup of a test"):
        ok(world.acme.owner.api.delete(f"{item}/versions/a.bin"))
        assert stored(uploads).read_bytes() == KEPT
        assert run("collect_garbage", "--delete")[1].startswith("A backup or restore is running")
        assert stored(uploads).read_bytes() == KEPT
    assert run("collect_garbage", "--delete") == ([], "1 removed")
    assert files(uploads) == set()


def test_held_bytes_can_be_uploaded_again_and_are_kept(world: Any, item: str, uploads: Path) -> None:
    with bytes_held("backup of a test"):
        ok(world.acme.owner.api.delete(f"{item}/versions/a.bin"))
        ok(send_bytes(world.acme.owner.api, item, "again.bin", KEPT))
    assert run("collect_garbage", "--delete") == ([], "0 removed")
    assert world.acme.owner.api.get(f"{item}/versions/again.bin").body() == KEPT


def test_bytes_of_an_uncommitted_upload_are_not_garbage(world: Any, item: str) -> None:
    placed, go_on = Event(), Event()

    def upload() -> None:
        try:
            with store().receive() as incoming:
                incoming.write(b"new")
                received = incoming.finish()
            file = Upload(received, "new.bin", "text/plain", "binary")

            def write(mark: str) -> None:
                with atomic():
                    add_version(tenant_id="acme", subject=item.partition("/")[2], upload=file, mark=mark)
                    placed.set()
                    assert go_on.wait(30)

            with_bytes(tenant_id="acme", received=received, write=write)
            store().discard(received)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        uploading = threads.submit(upload)
        assert placed.wait(30)
        assert list(find_garbage(timedelta(days=1))) == [], "it is as young as its upload"
        found = next(find_garbage(timedelta(0)))
        assert found.reason == "no version names it"
        threads.submit(lambda: (time.sleep(0.3), go_on.set()))  # the engines report lock waits differently
        found.remove()
        uploading.result()
    assert world.acme.owner.api.get(f"{item}/versions/new.bin").body() == b"new"
    assert run("check_integrity") == ([], "No faults")


@pytest.fixture
def folder(world: Any) -> str:
    """The path of a model whose version is a folder of three files."""
    path = new_item(world.acme.owner.api)
    post_folder(world.acme.owner.api, path, {"a.bin": KEPT, "b/c.bin": b"second", "b/d.bin": KEPT})
    return path


FOLDER_DAMAGES: dict[str, tuple[Callable[[], object], str]] = {
    "file-gone": (lambda: VersionFile.objects.filter(path="b/c.bin").delete(), "do not match its digest"),
    "size": (lambda: VersionFile.objects.filter(path="a.bin").update(size=5), "it has 4 bytes, file "),
    "count": (lambda: Blob.objects.update(references=7), "7 versions are counted, 2 name it"),
    "uncounted": (lambda: Blob.objects.all().delete(), "a.bin: no row of its bytes, acme/"),
    "version-gone": (lambda: Version.objects.all().delete(), "of some files does not exist"),
}


@pytest.mark.parametrize("damage", sorted(FOLDER_DAMAGES))
def test_damage_of_a_folder_is_reported(folder: str, damage: str) -> None:
    assert run("check_integrity") == ([], "No faults")
    spoil, words = FOLDER_DAMAGES[damage]
    spoil()
    faults, _ = run("check_integrity")
    assert any(words in fault for fault in faults), faults


@pytest.mark.promise("folders.collected")
@pytest.mark.parametrize("is_new", [True, False])
def test_files_that_a_crash_left_are_collected(world: Any, folder: str, uploads: Path, is_new: bool) -> None:
    put_file(world.acme.owner.api, folder, "kept.bin", KEPT)
    version = Version.objects.get(original="churn")
    Version.objects.filter(pk=version.pk).delete()
    LooseFolder(pk=version.pk, tenant_id="acme", is_new=is_new).save(force_insert=True)
    assert run("check_integrity") == ([], "No faults")
    run("collect_garbage", "--delete")
    assert VersionFile.objects.exists() == is_new  # an upload may still go on
    run("collect_garbage", "--delete", "--older-than", "0s")
    assert not VersionFile.objects.exists()
    assert not LooseFolder.objects.exists()
    assert files(uploads) == {sha256(KEPT)}
    assert run("check_integrity") == ([], "No faults")


def test_a_folder_that_is_collected_gets_no_version(world: Any, folder: str) -> None:
    received = store().receive()
    received.write(b"new")
    sent = [NewFile("x", "x/y", received.finish(), 0), NewFile("y", "x/y", Received("", 4, sha256(KEPT)), 0)]
    item = Item.objects.get()
    with pytest.raises(Refused), stored_folder(tenant_id="acme", files=sent) as stored:
        assert [garbage.remove() for garbage in find_garbage(timedelta(days=-1)) if stored.id in garbage.name] == [True]
        about: dict[str, Any] = {"mimetype": "x/y", "encoding": "binary", "folder": stored}
        upload = Upload(Received("", 7, "0" * 64), original="o", **about)
        with atomic():
            add_version(tenant_id="acme", subject=item.pk, upload=upload, mark="")
    assert not LooseFolder.objects.exists()
    assert run("check_integrity") == ([], "No faults")
