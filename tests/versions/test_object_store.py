"""Object stores: stored, left-over and collected bytes, and failures of the store."""

import hashlib
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from tests.answers import assert_error
from tests.database import empty
from tests.object_store import MIB, PLACE, Cutting, Full, ObjectStore
from tests.versions.files import CONTENT, new_item, put_file, send_bytes
from tests.versions.kept_clients import KEPT, with_kept_client
from versions.many_objects import _in_parallel
from versions.models import Blob
from versions.storage import store

LARGE = b"large" * MIB
Use = Callable[[dict[str, Any]], None]


def opened(object_store: ObjectStore, options: dict[str, Any]) -> Any:
    return with_kept_client(backend=object_store.backend, **options)


@pytest.fixture
def use(settings: Any, object_store: ObjectStore) -> Use:
    """A function that sets the store of this process."""

    def use(options: dict[str, Any]) -> None:
        ours = {"BACKEND": KEPT, "OPTIONS": options | {"backend": object_store.backend}}
        settings.STORAGES = settings.STORAGES | {"versions": ours}

    return use


@pytest.mark.parametrize("number", range(3))
def test_a_store_that_denies_access_is_reported(
    world: Any, use: Use, storage: dict[str, Any], number: int, object_store: ObjectStore
) -> None:
    wrongs = sorted(object_store.wrong.items())
    if number >= len(wrongs):
        pytest.skip("this store has no more ways to be wrong")
    use(storage)
    path = new_item(world.acme.owner.api)
    put_file(world.acme.owner.api, path, "a.bin")
    name, value = wrongs[number]
    use(storage | {name: value})
    refused = send_bytes(world.acme.owner.api, path, "b.bin")
    assert_error(refused, "generic_upload_error")
    assert_error(world.acme.owner.api.get(f"{path}/versions/a.bin"), "generic_download_error")
    health = world.anonymous.get("/healthz")
    assert (health.status_code, health.json()["storage"]) == (503, "failing")
    told = refused.body().decode() + health.body().decode()
    assert not any(value in told for value in (*storage.values(), value) if isinstance(value, str))


def test_requests_to_a_store_that_never_answers_time_out(world: Any, use: Use, storage: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        use(storage | {"endpoint_url": f"http://127.0.0.1:{silent.getsockname()[1]}"})
        path = new_item(world.acme.owner.api)
        assert_error(send_bytes(world.acme.owner.api, path, "a.bin"), "generic_upload_error")
        assert world.anonymous.get("/healthz").status_code == 503
    assert world.acme.owner.api.get(f"{path}/versions").json()["docs"] == []


def test_no_more_requests_begin_after_one_of_many_has_failed() -> None:
    begun: list[int] = []

    def fail(number: int) -> None:
        begun.append(number)
        time.sleep(0.01)
        raise OSError("the store does not answer")

    with pytest.raises(OSError, match="does not answer"):
        _in_parallel(fail, range(2000))
    assert len(begun) < 2000


def test_a_part_that_the_store_refuses_leaves_nothing_of_the_upload(
    object_store: ObjectStore, storage: dict[str, Any]
) -> None:
    if object_store.takes_cancelled:
        pytest.skip("the store of the tests takes parts of what was cancelled, as Google's does not")
    store = opened(object_store, storage)
    with pytest.raises(OSError, match=r"NoSuchUpload|InvalidBlockList"), store.receive() as incoming:
        incoming.write(b"x" * (2 * object_store.part + MIB))
        object_store.sweep(incoming)
        incoming.write(b"x" * object_store.part)
        incoming.finish()
    assert object_store.keys(storage["location"]) == []


@pytest.mark.parametrize(("parts", "more"), [(0, 0), (0, 1), (1, -1), (1, 0), (1, 1), (2, 0), (2, MIB)])
def test_files_of_about_the_size_of_parts_are_stored_completely(
    object_store: ObjectStore, storage: dict[str, Any], parts: int, more: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = parts * object_store.part + more
    module = object_store.backend.rpartition(".")[0]
    # so that copies in parts are tested too
    monkeypatch.setattr(f"{module}.LARGE", object_store.part * 8 // 5, raising=False)
    store, content = opened(object_store, storage), bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    with store.receive() as incoming:
        for start in range(0, size, 700_000):
            incoming.write(content[start : start + 700_000])
        received = incoming.finish()
    for _ in range(2):  # as a retried write does
        store.keep(received, "acme/aa/key")
    store.discard(received)
    assert object_store.keys(storage["location"]) == [f"{storage['location']}/acme/aa/key"]
    assert object_store.content(f"{storage['location']}/acme/aa/key") == content
    assert received.sha256 == hashlib.sha256(content).hexdigest()
    assert store.read("acme/aa/key").read() == content
    with store.read("acme/aa/key") as body:
        assert b"".join(iter(lambda: body.read(MIB), b"")) == content
    if size > 10:
        assert store.read("acme/aa/key", 3, 7).read() == content[3:7]
    store.remove("acme/aa/key")
    store.remove("acme/aa/key")
    with pytest.raises(FileNotFoundError):
        store.read("acme/aa/key")


def test_left_over_bytes_are_distinguished_from_stored_ones_and_collected(
    object_store: ObjectStore, storage: dict[str, Any]
) -> None:
    store, key = opened(object_store, storage), f"acme/{'0' * 2}/{'0' * 64}"
    kept, left, running = store.receive(), store.receive(), store.receive()
    kept.write(CONTENT)
    received = kept.finish()
    store.keep(received, key)
    left.write(CONTENT)
    left.finish()
    running.write(b"x" * (object_store.part + MIB))
    object_store.put(f"{storage['location']}/not/ours", b"")
    store.discard(received)
    assert list(store.keys()) == [key]
    assert list(store.leftovers(timedelta(hours=1))) == []
    leftovers = list(store.leftovers(timedelta(0)))
    sizes = [len(CONTENT), object_store.part] if object_store.lists_unfinished else [len(CONTENT)]
    assert sorted(each.size for each in leftovers) == sizes
    for each in leftovers:
        store.discard(each)
    assert object_store.keys(storage["location"]) == [f"{storage['location']}/{key}", f"{storage['location']}/not/ours"]


def test_tenants_whose_names_differ_by_dots_share_no_bytes(object_store: ObjectStore, storage: dict[str, Any]) -> None:
    store, tenants = opened(object_store, storage), ("a", ".a", "a.", "..a")
    for tenant in tenants:
        with store.receive() as incoming:
            incoming.write(tenant.encode())
            received = incoming.finish()
        store.keep(received, f"{tenant}/aa/key")
        store.discard(received)
    store.remove(".a/aa/key")
    assert [store.read(f"{tenant}/aa/key").read() for tenant in ("a", "a.", "..a")] == [b"a", b"a.", b"..a"]
    with pytest.raises(FileNotFoundError):
        store.read(".a/aa/key")


def test_an_interrupted_copy_is_garbage_and_running_uploads_are_not(s3_store: ObjectStore) -> None:
    location, key = uuid4().hex, f"acme/{'0' * 2}/{'0' * 64}"
    store, client = opened(s3_store, s3_store.options(location)), s3_store.client
    for name in (key, "others/upload"):
        client.create_multipart_upload(Bucket=PLACE, Key=f"{location}/{name}")
    (left,) = store.leftovers(timedelta(0))
    store.discard(left)
    assert s3_store.keys(location) == [f"unfinished: {location}/others/upload"]


@pytest.mark.usefixtures("transactional_db")
def test_commands_back_up_restore_check_and_collect_objects_like_files(
    world: Any, use: Use, storage: dict[str, Any], object_store: ObjectStore, tmp_path: Path
) -> None:
    use(storage)
    path = new_item(world.acme.owner.api)
    put_file(world.acme.owner.api, path, "a.bin")
    call_command("backup", str(tmp_path / "backup"), stdout=StringIO())
    empty()
    restored = storage | {"location": uuid4().hex}
    use(restored)
    call_command("restore", str(tmp_path / "backup"), stdout=StringIO())
    assert world.acme.owner.api.get(f"{path}/versions/a.bin").body() == CONTENT
    call_command("check_integrity", stdout=StringIO())
    (name,) = object_store.keys(restored["location"])
    opened(object_store, restored).receive().write(b"x" * (object_store.part + MIB))  # as a killed process leaves it
    call_command("collect_garbage", "--delete", "--older-than", "1h", stdout=StringIO())
    assert len(object_store.keys(restored["location"])) == 1 + object_store.lists_unfinished
    call_command("collect_garbage", "--delete", "--older-than", "0s", stdout=StringIO())
    assert object_store.keys(restored["location"]) == [name]
    object_store.put(name, b"damaged")
    told = StringIO()
    with pytest.raises(CommandError):
        call_command("check_integrity", stdout=StringIO(), stderr=told)
    assert "its content has changed" in told.getvalue()


def test_a_file_above_the_limit_of_the_store_is_too_large(
    world: Any, use: Use, storage: dict[str, Any], monkeypatch: pytest.MonkeyPatch, object_store: ObjectStore
) -> None:
    monkeypatch.setattr(type(opened(object_store, storage)), "most_parts", 2)
    use(storage)
    path = new_item(world.acme.owner.api)
    assert_error(
        send_bytes(world.acme.owner.api, path, "a.bin", b"x" * (2 * object_store.part + MIB)), "payload_too_large"
    )
    assert object_store.keys(storage["location"]) == []


def test_a_full_store_is_reported_like_a_full_disk(
    world: Any, use: Use, storage: dict[str, Any], object_store: ObjectStore
) -> None:
    path = new_item(world.acme.owner.api)
    with Full(object_store) as full:
        use(storage | {"endpoint_url": full.endpoint})
        assert_error(send_bytes(world.acme.owner.api, path, "a.bin"), "insufficient_storage")
        full.shutdown()
    assert world.acme.owner.api.get(f"{path}/versions").json()["docs"] == []


@pytest.fixture
def interrupted(
    world: Any, transactional_db: None, use: Use, object_store: ObjectStore, storage: dict[str, Any]
) -> Iterator[str]:
    """The key of a file larger than 1 MiB, with a proxy that ends each connection after 1 MiB."""
    use(storage)
    path = new_item(world.acme.owner.api)
    put_file(world.acme.owner.api, path, "large.bin", LARGE)
    put_file(world.acme.owner.api, path, "small.bin", b"small")
    with Cutting(object_store, limit=MIB) as way:
        use(storage | {"endpoint_url": way.endpoint})
        yield Blob.key("acme", hashlib.sha256(LARGE).hexdigest())
        way.shutdown()


@pytest.fixture
def broken_off(interrupted: str, object_store: ObjectStore) -> str:
    """The key of a file in the middle of which the store disconnects; a second, small file is readable."""
    if object_store.goes_on:
        pytest.skip("this store's library goes on where it broke off")
    return interrupted


def test_a_library_that_resumes_an_interrupted_download_returns_the_whole_file(
    interrupted: str, object_store: ObjectStore
) -> None:
    if not object_store.goes_on:
        pytest.skip("this store's library does not")
    with store().read(interrupted) as file:
        assert file.read() == LARGE


def test_a_check_continues_after_the_store_fails_in_the_middle_of_a_file(broken_off: str) -> None:
    told, faults = StringIO(), StringIO()
    with pytest.raises(CommandError, match=r"^1 faults$"):
        call_command("check_integrity", stdout=told, stderr=faults)
    (fault,) = faults.getvalue().splitlines()
    assert fault.startswith(f"{broken_off}: it cannot be read")
    assert "bytes: 2" in told.getvalue().splitlines(), "it did not go on"


def test_a_backup_fails_with_the_store_and_leaves_no_partial_file(broken_off: str, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    with pytest.raises(CommandError, match=rf"^No backup was made: {broken_off} cannot be read: "):
        call_command("backup", str(folder), stdout=StringIO())
    assert not (folder / "manifest.json").exists()
    assert not (folder / "bytes" / broken_off).exists()


def test_a_download_that_the_store_interrupts_is_incomplete(broken_off: str) -> None:
    with pytest.raises(OSError, match=r"\w"), store().read(broken_off) as file:
        while file.read(MIB):
            continue
