"""A registry that keeps its bytes in an object store: over the wire, and where the store fails."""

import hashlib
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from botocore.exceptions import ClientError
from django.core.management import CommandError, call_command

from registry_site.errors import name_of
from tests.answers import assert_error
from tests.database import empty
from tests.engines import Server
from tests.object_store import ACCESS_KEY, BUCKET, SECRET_KEY, Cutting, ObjectStore
from tests.served import Served
from tests.talk import administrator, created
from tests.versions.files import CONTENT, new_item, put_file, send_bytes
from tests.versions.test_streams import peak_memory
from versions.models import Blob
from versions.object_storage import ObjectStorage, as_os_errors
from versions.storage import store

MIB = 1024 * 1024
PREFIX = "served"


@pytest.fixture(scope="module")
def served(server: Server, tmp_path_factory: pytest.TempPathFactory, object_store: ObjectStore) -> Iterator[Served]:
    """A registry that sends clients to the store for downloads."""
    keys = {"STORAGE_ACCESS_KEY": ACCESS_KEY, "STORAGE_SECRET_KEY": SECRET_KEY}
    storage = object_store.url(PREFIX, part_size="5", addressing="path")
    folder = tmp_path_factory.mktemp("objects")
    with Served.on(server, folder, STORAGE=storage, DOWNLOADS="redirect", **keys) as registry:
        yield registry


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    with administrator(served) as client:
        yield client


@pytest.fixture
def model(client: httpx.Client) -> str:
    return f"/models/{created(client, 'models', name=uuid4().hex)}/versions"


@pytest.fixture
def storage(object_store: ObjectStore, settings: Any) -> dict[str, Any]:
    """The settings of a store in this process, with part sizes and times as small as can be."""
    options = {"bucket": BUCKET, "prefix": uuid4().hex, "endpoint_url": object_store.endpoint, "addressing": "path"}
    options |= {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "part_size": 5 * MIB, "timeout": 1}
    return options


def use(settings: Any, options: dict[str, Any]) -> None:
    ours = {"BACKEND": "versions.object_storage.ObjectStorage", "OPTIONS": options}
    settings.STORAGES = settings.STORAGES | {"versions": ours}


def blocks(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield bytes([number % 251]) * MIB


def test_a_large_file_goes_in_by_parts_and_comes_from_the_store(
    served: Served, client: httpx.Client, model: str, object_store: ObjectStore
) -> None:
    digest = hashlib.sha256()
    for block in blocks(150):
        digest.update(block)
    sized = {"Content-Length": str(150 * MIB)}
    sent = client.put(f"{model}/large.bin", content=blocks(150), headers=sized).json()["versions"][0]
    assert (sent["sha256"], sent["size"]) == (digest.hexdigest(), 150 * MIB)
    key = f"{PREFIX}/registry-default-tenant/{sent['sha256'][:2]}/{sent['sha256']}"
    assert object_store.keys(PREFIX) == [key]
    received = hashlib.sha256()
    with httpx.stream("GET", _location(client, f"{model}/1"), timeout=120) as answer:
        for block in answer.iter_bytes():
            received.update(block)
    assert received.hexdigest() == sent["sha256"]
    assert peak_memory(served) < 250
    client.delete(f"{model}/1")
    assert object_store.keys(PREFIX) == []
    assert not Path(served.env["UPLOAD_PATH"]).exists()


def _location(client: httpx.Client, path: str, **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 307, answer.text
    assert answer.content == b""
    return answer.headers["Location"]


def test_whoever_may_read_is_sent_to_the_store_which_describes_the_file(client: httpx.Client, model: str) -> None:
    client.post(model, files={"file": ("été.csv", CONTENT, "text/csv")})
    location = _location(client, f"{model}/1")
    answer = httpx.get(location)
    assert answer.content == CONTENT
    assert answer.headers["Content-Type"] == "text/csv"
    assert answer.headers["Content-Disposition"] == client.head(f"{model}/1").headers["Content-Disposition"]
    assert httpx.get(location.replace("X-Amz-Signature=", "X-Amz-Signature=0")).status_code == 403
    assert SECRET_KEY not in location
    assert_error(httpx.get(f"{client.base_url}{model.lstrip('/')}/1"), "authentication_error")
    part = {"Range": "bytes=3-5"}
    assert httpx.get(_location(client, f"{model}/1", **part), headers=part).content == CONTENT[3:6]


def test_what_the_registry_judges_itself_it_answers_itself(client: httpx.Client, model: str) -> None:
    client.put(f"{model}/a.bin", content=CONTENT)
    head = client.head(f"{model}/1")
    etag = head.headers["ETag"]
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(CONTENT)))
    expected: list[tuple[dict[str, str], int, bytes]] = [
        ({"If-None-Match": etag}, 304, b""),
        ({"If-None-Match": '"other"'}, 200, CONTENT),
        ({"If-Match": etag}, 200, CONTENT),
        ({"Range": "bytes=0-4", "If-Range": etag}, 206, CONTENT[:5]),
        ({"Range": "bytes=0-4", "If-Range": '"other"'}, 200, CONTENT),
        ({"Range": "bytes=5-2"}, 200, CONTENT),
    ]
    answers = [(headers, client.get(f"{model}/1", headers=headers)) for headers, _, _ in expected]
    assert [(headers, answer.status_code, answer.content) for headers, answer in answers] == expected
    assert client.get(f"{model}/1", headers={"Range": "bytes=999-"}).status_code == 416


def test_a_client_that_vanishes_leaves_no_object_and_no_unfinished_upload(
    served: Served, client: httpx.Client, model: str, object_store: ObjectStore
) -> None:
    before = object_store.keys(PREFIX)
    request = f"PUT /v1{model}/gone.bin HTTP/1.1\r\nHost: x\r\nContent-Length: {30 * MIB}\r\n"
    request += f"Authorization: {client.headers['Authorization']}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(request.encode() + b"x" * (12 * MIB))
        _wait_until(lambda: any(key.startswith("unfinished") for key in object_store.keys(PREFIX)))
    _wait_until(lambda: object_store.keys(PREFIX) == before)
    assert client.get(model).json()["docs"] == []


def _wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it does not come to be"
        time.sleep(0.1)


def test_a_store_that_goes_away_is_told_by_healthz_and_by_errors_and_all_is_well_when_it_is_back(
    served: Served, client: httpx.Client, model: str, object_store: ObjectStore
) -> None:
    client.put(f"{model}/kept.bin", content=CONTENT)
    object_store.stop()
    try:
        health = httpx.get(f"{served.base_url}/healthz", timeout=30)
        assert (health.status_code, health.json()["storage"]) == (503, "failing")
        assert_error(client.put(f"{model}/lost.bin", content=CONTENT), "generic_upload_error")
        assert_error(client.get(f"{model}/1", headers={"If-Match": "*"}), "generic_download_error")
        assert client.get(model).json()["totalDocs"] == 1
    finally:
        object_store.start()
    assert httpx.get(f"{served.base_url}/healthz", timeout=30).status_code == 200
    assert client.get(f"{model}/1", headers={"If-Match": "*"}).content == CONTENT
    assert client.put(f"{model}/again.bin", content=CONTENT).status_code == 200


@pytest.mark.parametrize("wrong", [{"secret_key": "not-the-secret"}, {"access_key": "nobody"}, {"bucket": "nowhere"}])
def test_a_store_that_does_not_let_us_in_is_told(
    world: Any, settings: Any, storage: dict[str, Any], wrong: dict[str, str]
) -> None:
    use(settings, storage)
    path = new_item(world.acme.owner.api)
    put_file(world.acme.owner.api, path, "a.bin")
    use(settings, storage | wrong)
    refused = send_bytes(world.acme.owner.api, path, "b.bin")
    assert_error(refused, "generic_upload_error")
    assert_error(world.acme.owner.api.get(f"{path}/versions/a.bin"), "generic_download_error")
    health = world.anonymous.get("/healthz")
    assert (health.status_code, health.json()["storage"]) == (503, "failing")
    told = refused.body().decode() + health.body().decode()
    assert not any(value in told for value in (*storage.values(), *wrong.values()) if isinstance(value, str))


def test_a_store_that_never_answers_is_not_waited_for(world: Any, settings: Any, storage: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        use(settings, storage | {"endpoint_url": f"http://127.0.0.1:{silent.getsockname()[1]}"})
        path = new_item(world.acme.owner.api)
        assert_error(send_bytes(world.acme.owner.api, path, "a.bin"), "generic_upload_error")
        assert world.anonymous.get("/healthz").status_code == 503
    assert world.acme.owner.api.get(f"{path}/versions").json()["docs"] == []


def test_a_part_that_the_store_refuses_leaves_nothing_of_the_upload(
    object_store: ObjectStore, storage: dict[str, Any]
) -> None:
    store = ObjectStorage(**storage)
    with pytest.raises(OSError, match="NoSuchUpload"), store.receive() as incoming:
        incoming.write(b"x" * (11 * MIB))
        store.client.abort_multipart_upload(**incoming.upload)  # as another process would that sweeps too eagerly
        incoming.write(b"x" * (5 * MIB))
        incoming.finish()
    assert object_store.keys(storage["prefix"]) == []


@pytest.mark.parametrize("size", [0, 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 10 * MIB, 12 * MIB])
def test_sizes_about_those_of_parts_are_kept_whole(
    object_store: ObjectStore, storage: dict[str, Any], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("versions.object_storage.LARGE", 8 * MIB)  # so that copies in pieces are tried too
    store, content = ObjectStorage(**storage), bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    with store.receive() as incoming:
        for start in range(0, size, 700_000):
            incoming.write(content[start : start + 700_000])
        received = incoming.finish()
    for _ in range(2):  # as a write that is tried again does
        store.keep(received, "acme/aa/key")
    store.discard(received)
    assert object_store.keys(storage["prefix"]) == [f"{storage['prefix']}/acme/aa/key"]
    assert object_store.content(f"{storage['prefix']}/acme/aa/key") == content
    assert received.sha256 == hashlib.sha256(content).hexdigest()
    assert store.read("acme/aa/key").read() == content
    if size > 10:
        assert store.read("acme/aa/key", 3, 7).read() == content[3:7]
    store.remove("acme/aa/key")
    store.remove("acme/aa/key")
    with pytest.raises(FileNotFoundError):
        store.read("acme/aa/key")


def test_what_is_kept_and_what_is_left_over_is_told_apart_and_swept_up(
    object_store: ObjectStore, storage: dict[str, Any]
) -> None:
    store, key = ObjectStorage(**storage), f"acme/{'0' * 2}/{'0' * 64}"
    kept, left, running = store.receive(), store.receive(), store.receive()
    kept.write(CONTENT)
    received = kept.finish()
    store.keep(received, key)
    left.write(CONTENT)
    left.finish()
    running.write(b"x" * (6 * MIB))
    object_store.client.put_object(Bucket=BUCKET, Key=f"{storage['prefix']}/not/ours", Body=b"")
    store.discard(received)
    assert list(store.keys()) == [key]
    assert list(store.leftovers(timedelta(hours=1))) == []
    leftovers = list(store.leftovers(timedelta(0)))
    assert sorted(each.size for each in leftovers) == [len(CONTENT), 5 * MIB]
    for each in leftovers:
        store.discard(each)
    assert object_store.keys(storage["prefix"]) == [f"{storage['prefix']}/{key}", f"{storage['prefix']}/not/ours"]


@pytest.mark.usefixtures("transactional_db")
def test_commands_back_up_restore_check_and_sweep_objects_as_they_do_files(
    world: Any, settings: Any, storage: dict[str, Any], object_store: ObjectStore, tmp_path: Path
) -> None:
    use(settings, storage)
    path = new_item(world.acme.owner.api)
    put_file(world.acme.owner.api, path, "a.bin")
    call_command("backup", str(tmp_path / "backup"), stdout=StringIO())
    empty()
    restored = storage | {"prefix": uuid4().hex}
    use(settings, restored)
    call_command("restore", str(tmp_path / "backup"), stdout=StringIO())
    assert world.acme.owner.api.get(f"{path}/versions/a.bin").body() == CONTENT
    call_command("check_integrity", stdout=StringIO())
    (name,) = object_store.keys(restored["prefix"])
    ObjectStorage(**restored).receive().write(b"x" * (6 * MIB))  # a killed process leaves it so
    call_command("collect_garbage", "--delete", "--older-than", "1h", stdout=StringIO())
    assert len(object_store.keys(restored["prefix"])) == 2
    call_command("collect_garbage", "--delete", "--older-than", "0s", stdout=StringIO())
    assert object_store.keys(restored["prefix"]) == [name]
    object_store.client.put_object(Bucket=BUCKET, Key=name, Body=b"damaged")
    told = StringIO()
    with pytest.raises(CommandError):
        call_command("check_integrity", stdout=StringIO(), stderr=told)
    assert "its content has changed" in told.getvalue()


def test_more_than_the_store_can_hold_is_too_large(
    world: Any, settings: Any, storage: dict[str, Any], monkeypatch: pytest.MonkeyPatch, object_store: ObjectStore
) -> None:
    monkeypatch.setattr("versions.object_storage.MOST_PARTS", 2)
    use(settings, storage)
    path = new_item(world.acme.owner.api)
    assert_error(send_bytes(world.acme.owner.api, path, "a.bin", b"x" * (11 * MIB)), "payload_too_large")
    assert object_store.keys(storage["prefix"]) == []


def test_a_full_store_is_told_as_a_full_disk_is() -> None:
    """The store of the tests has no quota to reach: what others answer is given to what reads it."""
    full = ClientError({"Error": {"Code": "QuotaExceeded", "Message": "full"}}, "PutObject")
    with pytest.raises(OSError, match="full") as caught, as_os_errors():
        raise full
    assert name_of(caught.value, "PUT") == "insufficient_storage"


@pytest.fixture
def broken_off(
    world: Any, transactional_db: None, settings: Any, object_store: ObjectStore, storage: dict[str, Any]
) -> Iterator[str]:
    """A store that breaks off in the midst of a large file, whose key this is, and gives small ones."""
    use(settings, storage)
    path, large = new_item(world.acme.owner.api), b"large" * MIB
    put_file(world.acme.owner.api, path, "large.bin", large)
    put_file(world.acme.owner.api, path, "small.bin", b"small")
    with Cutting(object_store, limit=MIB) as way:
        use(settings, storage | {"endpoint_url": way.endpoint})
        yield Blob.key("acme", hashlib.sha256(large).hexdigest())
        way.shutdown()


def test_a_check_goes_on_where_the_store_fails_in_the_midst_of_a_file(broken_off: str) -> None:
    told, faults = StringIO(), StringIO()
    with pytest.raises(CommandError, match=r"^1 faults$"):
        call_command("check_integrity", stdout=told, stderr=faults)
    (fault,) = faults.getvalue().splitlines()
    assert fault.startswith(f"{broken_off}: it cannot be read")
    assert "bytes: 2" in told.getvalue().splitlines(), "it did not go on"


def test_a_backup_ends_where_the_store_fails_in_the_midst_of_a_file_and_leaves_no_half_of_it(
    broken_off: str, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    with pytest.raises(CommandError, match=rf"^No backup was made: {broken_off} cannot be read: "):
        call_command("backup", str(folder), stdout=StringIO())
    assert not (folder / "manifest.json").exists()
    assert not (folder / "bytes" / broken_off).exists()


def test_a_download_that_the_store_breaks_off_is_no_whole_one(broken_off: str) -> None:
    with pytest.raises(OSError, match=r"\w"), store().read(broken_off) as file:
        while file.read(MIB):
            continue
