"""Bytes are stored before a transaction refers to them. No transaction waits for a copy or refers to deleted bytes."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.db import connection

from tenants.rows.transactions import atomic
from tests.answers import assert_error, ok
from tests.catalog.items import create
from tests.versions.files import CONTENT, new_item, put_file, send_bytes, sha256, stored
from tests.versions.hooked_store import HookedStorage
from versions import removal
from versions.garbage import bytes_held, find_garbage
from versions.integrity import faults_of_bytes
from versions.models import Blob
from versions.removal import _clear_marks, remove_unreferenced
from versions.services import _store_bytes
from versions.storage import store

KEY = Blob.key("acme", sha256(CONTENT))


@pytest.fixture
def hooked(transactional_db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A store that calls the test's hooks."""
    ours = {"BACKEND": "tests.versions.hooked_store.HookedStorage", "OPTIONS": {"location": tmp_path / "uploads"}}
    settings.STORAGES = settings.STORAGES | {"versions": ours}
    for name, value in (("before", lambda key: None), ("after", lambda key: None), ("kept", [])):
        monkeypatch.setattr(HookedStorage, name, staticmethod(value) if callable(value) else value, raising=False)
    return lambda when, call: monkeypatch.setattr(HookedStorage, when, staticmethod(call))


def once(call: Callable[[], object]) -> Callable[[str], object]:
    """Return a hook that acts only on its first call."""
    left = [call]
    return lambda key: left.pop()() if left else None


@pytest.mark.promise("versions.short-transactions")
def test_no_request_waits_while_a_file_is_copied_and_it_is_copied_once(world: Any, hooked: Any) -> None:
    path, copying, go_on = new_item(world.acme.owner.api), Event(), Event()
    hooked("before", lambda key: (copying.set(), go_on.wait(60)))

    def upload() -> Any:
        try:
            return send_bytes(world.acme.owner.api, path, "a.bin")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        uploading = threads.submit(upload)
        try:
            assert copying.wait(30)
            started = time.monotonic()
            for number in range(20):
                create(world.acme.owner.api, name=f"meanwhile {number}")
            ok(world.acme.owner.api.put(path, json={"tags": {"add": ["meanwhile"]}}))
            assert ok(world.acme.owner.api.get(path))["versions"] == []
            assert time.monotonic() - started < 20, "writers waited for the copy"
        finally:
            go_on.set()
        (version,) = ok(uploading.result())["versions"]
    assert HookedStorage.kept == [KEY]
    assert version["sha256"] == sha256(CONTENT)
    assert ok(world.acme.owner.api.get(path))["tags"] == ["meanwhile"]


@pytest.mark.promise("races.bytes")
@pytest.mark.parametrize("removal", ["whole", "interrupted"])
def test_bytes_deleted_before_a_version_refers_to_them_are_stored_again(world: Any, hooked: Any, removal: str) -> None:
    path = new_item(world.acme.owner.api)
    hooked(
        "after",
        once({"whole": lambda: remove_unreferenced([KEY]), "interrupted": lambda: _clear_marks([KEY])}[removal]),
    )
    put_file(world.acme.owner.api, path, "a.bin")
    assert HookedStorage.kept == [KEY, KEY]
    assert world.acme.owner.api.get(f"{path}/versions/a.bin").body() == CONTENT
    assert faults_of_bytes([KEY]) == []


@pytest.mark.promise("races.bytes")
def test_the_last_version_of_bytes_can_be_deleted_while_they_are_uploaded_again(world: Any, hooked: Any) -> None:
    path, other = new_item(world.acme.owner.api), new_item(world.acme.owner.api, name="other")
    gone = f"{other}/versions/other.bin"

    def create_and_delete() -> None:
        put_file(world.acme.owner.api, other, "other.bin")
        ok(world.acme.owner.api.delete(gone))

    hooked("after", once(create_and_delete))
    put_file(world.acme.owner.api, path, "a.bin")
    assert len(HookedStorage.kept) == 3, "it was copied, by the other upload too, and again"
    assert world.acme.owner.api.get(f"{path}/versions/a.bin").body() == CONTENT
    assert ok(world.acme.owner.api.get(other))["versions"] == []
    assert faults_of_bytes([KEY]) == []


@pytest.mark.promise("races.item")
def test_an_item_that_is_deleted_while_its_file_is_copied_leaves_no_bytes(world: Any, hooked: Any) -> None:
    path = new_item(world.acme.owner.api)
    hooked("after", once(lambda: ok(world.acme.owner.api.delete(path))))
    assert_error(send_bytes(world.acme.owner.api, path, "a.bin"), "resource_not_found")
    assert stored() == {}
    assert not Blob.objects.exists()


def test_old_bytes_of_an_upload_that_crashed_before_its_version_are_collected(world: Any, hooked: Any) -> None:
    with store().receive() as incoming:
        incoming.write(CONTENT)
        received = incoming.finish()
    _store_bytes(KEY, "acme", received)
    store().discard(received)
    assert list(find_garbage(timedelta(hours=1))) == [], "it may still run"
    with bytes_held("backup of a test"):
        assert [found.remove() for found in find_garbage(timedelta(0))] == [False]
    assert len(stored()) == 1
    (found,) = find_garbage(timedelta(hours=1))  # a failed removal has cleared their mark
    assert found.remove()
    assert stored() == {}
    assert not Blob.objects.exists()


@pytest.mark.promise("races.bytes")
def test_bytes_that_an_upload_marks_meanwhile_stay_and_the_others_of_their_batch_go(
    world: Any, hooked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, transactions, begin = Blob.key("acme", sha256(b"other")), [], atomic
    for key, content in ((KEY, CONTENT), (other, b"other")):
        with store().receive() as incoming:
            incoming.write(content)
            received = incoming.finish()
        _store_bytes(key, "acme", received)
        store().discard(received)

    def mark_and_begin() -> Any:
        transactions.append(1)
        if len(transactions) == 2:  # the first one clears the marks
            Blob.objects.filter(pk=KEY).update(mark="a" * 24)
        return begin()

    monkeypatch.setattr(removal, "atomic", mark_and_begin)
    assert remove_unreferenced([KEY, other]) == 1
    assert list(stored().values()) == [CONTENT]
    assert list(Blob.objects.values_list("pk", "mark")) == [(KEY, "a" * 24)]


def test_a_failed_removal_in_the_store_deletes_the_version_and_leaves_garbage(
    world: Any, hooked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = new_item(world.acme.owner.api)
    put_file(world.acme.owner.api, path, "a.bin")
    with monkeypatch.context() as broken:
        broken.setattr(HookedStorage, "remove", _refuse)
        ok(world.acme.owner.api.delete(f"{path}/versions/a.bin"))
    assert ok(world.acme.owner.api.get(path))["versions"] == []
    (found,) = find_garbage(timedelta(hours=1))
    assert found.remove()
    assert stored() == {}


def _refuse(self: Any, key: str) -> None:
    raise OSError("the store does not answer")
