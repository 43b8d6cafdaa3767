"""A served registry that stores its bytes in an object store."""

import hashlib
import io
import socket
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.answers import assert_error
from tests.engines import Server
from tests.object_store import MIB, ObjectStore
from tests.served import Served
from tests.talk import administrator, created
from tests.versions.files import CONTENT
from tests.versions.test_streams import no_process_grows_by
from tests.versions.tus import OFFSET, RESUMABLE

PREFIX = "served"
BLOCKS = 80  # MiB of a large file


@pytest.fixture(scope="module")
def served(server: Server, tmp_path_factory: pytest.TempPathFactory, object_store: ObjectStore) -> Iterator[Served]:
    """A registry that sends clients to the store for downloads."""
    storage = object_store.variables(PREFIX, part_size="5", timeout="10")
    with Served.on(server, tmp_path_factory.mktemp("objects"), DOWNLOADS="redirect", **storage) as registry:
        yield registry


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    with administrator(served) as client:
        yield client


@pytest.fixture
def model(client: httpx.Client) -> str:
    return f"/models/{created(client, 'models', name=uuid4().hex)}/versions"


def blocks(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield bytes([number % 251]) * MIB


def test_a_large_file_is_uploaded_in_parts_and_downloaded_from_the_store_and_the_registry(
    served: Served, client: httpx.Client, model: str, object_store: ObjectStore
) -> None:
    client.put(f"{model}/small.bin", content=b"x" * (6 * MIB)).raise_for_status()  # loads the store's library
    client.delete(f"{model}/1").raise_for_status()
    with no_process_grows_by(BLOCKS // 2, served):
        _send_and_read_large(client, model, object_store)
    client.delete(f"{model}/2")
    assert object_store.keys(PREFIX) == []
    assert not Path(served.env["UPLOAD_PATH"]).exists()


def _send_and_read_large(client: httpx.Client, model: str, object_store: ObjectStore) -> None:
    digest = hashlib.sha256()
    for block in blocks(BLOCKS):
        digest.update(block)
    sized = {"Content-Length": str(BLOCKS * MIB)}
    sent = client.put(f"{model}/large.bin", content=blocks(BLOCKS), headers=sized).json()["versions"][-1]
    assert (sent["sha256"], sent["size"]) == (digest.hexdigest(), BLOCKS * MIB)
    key = f"{PREFIX}/registry-default-tenant/{sent['sha256'][:2]}/{sent['sha256']}"
    assert object_store.keys(PREFIX) == [key]
    ways = [
        httpx.stream("GET", _location(client, f"{model}/2"), timeout=120),
        client.stream("GET", f"{model}/2", headers={"If-Match": "*"}),  # answered by the registry itself
    ]
    for way in ways:
        received = hashlib.sha256()
        with way as answer:
            for block in answer.iter_bytes():
                received.update(block)
        assert received.hexdigest() == sent["sha256"]


def _location(client: httpx.Client, path: str, **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 307, answer.text
    assert answer.content == b""
    return answer.headers["Location"]


def test_readers_are_redirected_to_the_store_which_describes_the_file(
    client: httpx.Client, model: str, object_store: ObjectStore
) -> None:
    client.post(model, files={"file": ("été.csv", CONTENT, "text/csv")})
    location = _location(client, f"{model}/1")
    answer = httpx.get(location)
    assert answer.content == CONTENT
    disposition = client.head(f"{model}/1").headers["Content-Disposition"]
    if object_store.heeds_links:
        assert answer.headers["Content-Type"] == "text/csv"
        assert answer.headers["Content-Disposition"] == disposition
        signature = object_store.signature
        assert httpx.get(location.replace(signature, f"{signature}0")).status_code == 403
        assert object_store.secret_key not in location
    else:
        asked = httpx.URL(location).params
        said = (asked["response-content-type"], asked["response-content-disposition"])
        assert said == ("text/csv", disposition)
        assert object_store.signature in location
    assert_error(httpx.get(f"{client.base_url}{model.lstrip('/')}/1"), "authentication_error")
    part = {"Range": "bytes=3-5"}
    assert httpx.get(_location(client, f"{model}/1", **part), headers=part).content == CONTENT[3:6]


def test_a_folder_is_sent_by_the_store_file_by_file_and_by_the_registry_as_an_archive(
    client: httpx.Client, model: str, object_store: ObjectStore
) -> None:
    before = object_store.keys(PREFIX)
    headers = RESUMABLE | {"Upload-Length": str(len(CONTENT)), "Content-Type": OFFSET}
    upload = client.post("/uploads", headers=headers, content=CONTENT).json()["_id"]
    client.post(model, files=[("files", ("a/b.csv", b"1,2")), ("files", ("c.bin", b""))], data={"original": "part"})
    entries = [{"path": "a/b.csv", "version": "part"}, {"path": "d/e.bin", "upload": upload}]
    answer = client.post(model, json={"original": "whole", "files": entries})
    assert answer.status_code == 200, answer.text
    for path, content, span in (("a/b.csv", b"1,2", slice(1, 3)), ("d/e.bin", CONTENT, slice(3, 6))):
        address, part = f"{model}/whole/files/{path}", {"Range": f"bytes={span.start}-{span.stop - 1}"}
        assert httpx.get(_location(client, address)).content == content
        assert httpx.get(_location(client, address, **part), headers=part).content == content[span]
    archive = client.get(f"{model}/whole").content
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        assert {name: files.read(name) for name in files.namelist()} == {"a/b.csv": b"1,2", "d/e.bin": CONTENT}
    part = {"Range": f"bytes=50-{len(archive) - 1}"}
    assert client.get(f"{model}/whole", headers=part).content == archive[50:]
    for version in ("part", "whole"):
        assert client.delete(f"{model}/{version}").status_code == 200
    assert object_store.keys(PREFIX) == before


def test_conditional_requests_are_answered_by_the_registry(client: httpx.Client, model: str) -> None:
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


def test_a_client_that_disconnects_leaves_no_object_and_no_unfinished_upload(
    served: Served, client: httpx.Client, model: str, object_store: ObjectStore
) -> None:
    before = object_store.keys(PREFIX)
    request = f"PUT /v1{model}/gone.bin HTTP/1.1\r\nHost: x\r\nContent-Length: {30 * MIB}\r\n"
    request += f"Authorization: {client.headers['Authorization']}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(request.encode() + b"x" * (12 * MIB))
        if object_store.lists_unfinished:
            _wait_until(lambda: any(key.startswith("unfinished") for key in object_store.keys(PREFIX)))
    _wait_until(lambda: object_store.keys(PREFIX) == before)
    assert client.get(model).json()["docs"] == []


def _wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it does not come to be"
        time.sleep(0.1)


def test_healthz_and_errors_report_an_unavailable_store_until_it_returns(
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
