"""Any number of slow clients hold no slot and no database connection, and delay no one."""

import fcntl
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry_site.config.databases import parse
from tests.engines import Server
from tests.served import Served
from tests.talk import administrator, created

TURNS, SLOW = 2, 30
MIB = 1024 * 1024
SECONDS = 60


@pytest.fixture(scope="module")
def narrow(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A registry with one process and few slots."""
    variables = {"WORKERS": "1", "THREADS": str(TURNS), "TRANSFERS": "128", "STOP_SECONDS": "1"}
    with Served.on(server, tmp_path_factory.mktemp("narrow"), **variables) as registry:
        yield registry


@pytest.fixture
def client(narrow: Served) -> Iterator[httpx.Client]:
    with administrator(narrow) as client:
        yield client


def _begin(registry: Served, ended: ExitStack, head: str, body: bytes = b"", receives: int = 0) -> socket.socket:
    """Start a request that never ends, or one whose response is never read."""
    connection = socket.socket()
    ended.callback(connection.close)
    if receives:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    connection.settimeout(SECONDS)
    connection.connect(("127.0.0.1", registry.port))
    connection.sendall(head.encode() + b"\r\n\r\n" + body)
    return connection


def _works(client: httpx.Client, item: str) -> None:
    for _ in range(3 * TURNS):
        assert client.get("/models", timeout=SECONDS).json()["totalDocs"] >= 1
        assert client.put(f"/models/{item}", json={"tags": {"add": ["t"]}}, timeout=SECONDS).status_code == 200


def _heads(client: httpx.Client, item: str) -> dict[str, str]:
    common = f"HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['Authorization']}"
    form = "Content-Type: multipart/form-data; boundary=b"
    return {
        "upload": f"PUT /v1/models/{item}/versions/slow.bin {common}\r\nContent-Length: {64 * MIB}",
        "form": f"POST /v1/models/{item}/versions {common}\r\n{form}\r\nContent-Length: {64 * MIB}",
        "body": f"POST /v1/models {common}\r\nContent-Type: application/json\r\nContent-Length: 1000",
        "chunks": f"POST /v1/models {common}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked",
    }


@pytest.mark.parametrize("kind", ["upload", "form", "body", "chunks"])
def test_slow_senders_do_not_delay_others(narrow: Served, client: httpx.Client, kind: str) -> None:
    item = created(client, "models", name=f"slow {kind}")
    start = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' if kind == "form" else b""
    with ExitStack() as ended:
        for _ in range(SLOW):
            _begin(narrow, ended, _heads(client, item)[kind], start + b"4\r\n[{}," if kind == "chunks" else start)
        _works(client, item)
    assert client.get(f"/models/{item}").json()["versions"] == []


def test_slow_readers_do_not_delay_others(narrow: Served, client: httpx.Client, tmp_path: Path) -> None:
    item = created(client, "models", name="fetched slowly")
    content = bytes(64 * MIB)
    assert client.put(f"/models/{item}/versions/f.bin", content=content, timeout=SECONDS).status_code == 200
    head = f"GET /v1/models/{item}/versions/f.bin HTTP/1.1\r\nHost: x\r\nAuthorization: "
    with ExitStack() as ended:
        waiting = [_begin(narrow, ended, head + client.headers["Authorization"], receives=4096) for _ in range(SLOW)]
        assert all(connection.recv(12) == b"HTTP/1.1 200" for connection in waiting)
        _works(client, item)


def test_a_slow_upload_is_completed(narrow: Served, client: httpx.Client) -> None:
    item = created(client, "models", name="patient")

    def blocks() -> Iterator[bytes]:
        for number in range(40):
            yield bytes([number]) * 100_000

    length: dict[str, Any] = {"headers": {"Content-Length": "4000000"}}
    answer = client.put(f"/models/{item}/versions/f.bin", content=blocks(), timeout=SECONDS, **length)
    assert answer.json()["versions"][0]["size"] == 4_000_000
    assert client.get(f"/models/{item}/versions/f.bin").content == b"".join(blocks())


@pytest.mark.promise("server.waiting-writers")
def test_waiting_writers_do_not_delay_reads(narrow: Served, client: httpx.Client) -> None:
    """More requests than there are slots wait for another process that writes. On SQLite, writers take turns."""
    if not narrow.env["DATABASE"].startswith("sqlite"):
        pytest.skip("writers take turns on SQLite only")
    item = created(client, "models", name="written")
    path = parse(narrow.env["DATABASE"], Path("/")).default["NAME"]
    with ThreadPoolExecutor(SLOW) as writers, open(f"{path}.writers", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        headers, url = dict(client.headers), f"{narrow.base_url}/v1/models/{item}"
        writes = [
            writers.submit(httpx.put, url, json={"tags": {"add": [f"t{n}"]}}, headers=headers, timeout=SECONDS)
            for n in range(SLOW)
        ]
        time.sleep(1)
        for _ in range(3 * TURNS):
            assert client.get(f"/models/{item}", timeout=SECONDS / 2).json()["tags"] == []
        assert not any(write.done() for write in writes)
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert {write.result().status_code for write in writes} == {200}
    assert len(client.get(f"/models/{item}").json()["tags"]) == SLOW
    _works(client, item)
