"""Connections with too slow bodies or unread responses are closed; those of slow but steady clients are not."""

import json as jsonlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import httpx
import pytest

from tests.answers import ERRORS
from tests.engines import Server
from tests.served import Served
from tests.talk import administrator, at_once, created

TIMEOUT, TRANSFERS = 2, 96
FLOOD = 2 * TRANSFERS
SECONDS = 60
STATIC = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'


@pytest.fixture(scope="module")
def narrow(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    variables = {"WORKERS": "1", "THREADS": "2", "TRANSFERS": str(TRANSFERS), "BODY_TIMEOUT": str(TIMEOUT)}
    with Served.on(server, tmp_path_factory.mktemp("deadlines"), STOP_SECONDS="1", **variables) as registry:
        yield registry


@pytest.fixture
def client(narrow: Served) -> Iterator[httpx.Client]:
    with administrator(narrow) as client:
        yield client


def _begin(registry: Served, ended: ExitStack, request: bytes, receives: int = 0) -> socket.socket:
    """Start a request whose body does not end, or whose response is not read."""
    connection = ended.enter_context(socket.socket())
    if receives:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    connection.settimeout(SECONDS)
    connection.connect(("127.0.0.1", registry.port))
    connection.sendall(request)
    return connection


def _half_sent(token: str, item: str) -> dict[str, bytes]:
    common = f"HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
    json = f"POST /v1/models {common}Content-Type: application/json\r\n"
    requests = {
        "json": f"{json}Content-Length: 1000\r\n\r\n{{",
        "chunks": f"{json}Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n",
        "upload": f"PUT /v1/models/{item}/versions/f.bin {common}Content-Length: 9999999\r\n\r\nx",
        "public": "POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
        "get": "GET /v1/version HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
    }
    form = f"POST /v1/models/{item}/versions {common}Content-Type: multipart/form-data; boundary=b\r\n"
    encoded = {kind: request.encode() for kind, request in requests.items()}
    return encoded | {"form": f"{form}Content-Length: 9999999\r\n\r\n".encode() + PART}


@pytest.mark.promise("bodies.deadline")
@pytest.mark.parametrize("kind", ["json", "chunks", "upload", "form", "public", "get"])
@pytest.mark.parametrize("trickles", [False, True], ids=["stops", "trickles"])
def test_a_body_that_comes_too_slowly_is_ended(narrow: Served, client: httpx.Client, kind: str, trickles: bool) -> None:
    item = created(client, "models", name=f"{kind} {trickles}")
    with ExitStack() as ended:
        connection = _begin(narrow, ended, _half_sent(client.headers["Authorization"], item)[kind])
        started, answer = time.monotonic(), b""
        connection.settimeout(0.2)
        while time.monotonic() - started < SECONDS:
            with suppress(TimeoutError, ConnectionError):
                part = connection.recv(65536)
                answer += part
                if not part:
                    break
            with suppress(OSError):
                connection.sendall((b"1\r\n \r\n" if kind == "chunks" else b" ") if trickles else b"")
        assert TIMEOUT - 0.5 < time.monotonic() - started < SECONDS / 2
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    details = {"status": 408, "details": "The body came too slowly"}
    assert jsonlib.loads(body) == ERRORS["generic_request_error"] | details
    assert client.get(f"/models/{item}").json()["versions"] == []


@pytest.mark.promise("bodies.deadline")
def test_unfinished_bodies_do_not_block_others(narrow: Served, client: httpx.Client) -> None:
    half = _half_sent(client.headers["Authorization"], created(client, "models", name="half-sent"))
    with ExitStack() as ended:
        for _ in range(FLOOD // 4):
            for kind in ("json", "upload", "public", "chunks"):
                _begin(narrow, ended, half[kind])
        _answers_quickly(narrow)


@pytest.mark.promise("bodies.deadline")
def test_unread_responses_do_not_block_others(narrow: Served) -> None:
    with ExitStack() as ended:
        for _ in range(FLOOD):
            _begin(narrow, ended, f"GET {STATIC} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 4, receives=4096)
        _answers_quickly(narrow)


def _answers_quickly(registry: Served) -> None:
    for _ in range(5):
        started = time.monotonic()
        assert httpx.get(f"{registry.base_url}/v1/version", timeout=SECONDS).status_code == 200
        assert time.monotonic() - started < 15  # without deadlines it would wait forever


@pytest.mark.promise("bodies.deadline")
def test_many_slow_uploads_continue(narrow: Served, client: httpx.Client) -> None:
    """They take several times BODY_TIMEOUT in all, but make progress."""
    many, block = 64, 40_000
    item = created(client, "models", name="slow uploads")

    def upload(number: int) -> int:
        def blocks() -> Iterator[bytes]:
            for _ in range(10):
                time.sleep(TIMEOUT / 4)
                yield bytes([number]) * block

        headers = {"Content-Length": str(10 * block)}
        path = f"/models/{item}/versions/{number}.bin"
        return client.put(path, content=blocks(), headers=headers, timeout=SECONDS).status_code

    assert at_once(upload, many) == [200] * many
    versions = client.get(f"/models/{item}").json()["versions"]
    assert {version["size"] for version in versions} == {10 * block}
    assert len(versions) == many


@pytest.mark.promise("bodies.deadline")
def test_a_download_may_pause(narrow: Served, client: httpx.Client) -> None:
    item = created(client, "models", name="paused download")
    content = bytes(32 * 1024 * 1024)
    client.put(f"/models/{item}/versions/f.bin", content=content).raise_for_status()
    with client.stream("GET", f"/models/{item}/versions/f.bin") as answer:
        received = 0
        for block in answer.iter_raw(1024 * 1024):
            received += len(block)
            if received == 1024 * 1024:
                time.sleep(2.5 * TIMEOUT)
    assert received == len(content)


@pytest.mark.promise("bodies.deadline")
def test_a_long_request_does_not_count_as_a_slow_one(narrow: Served, client: httpx.Client) -> None:
    """It continues while slow bodies from the same address are ended."""
    half = _half_sent(client.headers["Authorization"], "")["public"]
    flooding = threading.Event()

    def flood() -> Any:
        while not flooding.is_set():
            with ExitStack() as ended:
                connections = [_begin(narrow, ended, half) for _ in range(5)]
                for connection in connections:
                    connection.recv(65536)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        started, client.headers["Connection"] = time.monotonic(), "close"
        number = 0
        while time.monotonic() - started < 4 * TIMEOUT:
            number += 1
            bodies = [{"name": f"long {number} {each}"} for each in range(1000)]
            assert client.post("/models?verbose=false", json=bodies, timeout=SECONDS).json()["saved"] == 1000
    finally:
        flooding.set()
        thread.join()


@pytest.mark.promise("bodies.deadline")
def test_a_connection_that_is_opened_while_others_are_ended_is_not_ended(narrow: Served, client: httpx.Client) -> None:
    """Connections are opened every 50 ms, so some of them at the moment when the slow ones are answered."""
    head = f"POST /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['Authorization']}\r\n"

    def post(number: int) -> bytes:
        time.sleep(number * 0.05)
        body = f'{{"name": "opened meanwhile {number}"}}'
        head_of_json = f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        with ExitStack() as ended:
            connection = _begin(narrow, ended, (head_of_json + body[:5]).encode())
            time.sleep(0.7)
            connection.sendall(body[5:].encode())
            return connection.recv(65536)

    with ExitStack() as ended:
        slow = [_begin(narrow, ended, _half_sent("", "")["public"]) for _ in range(5)]
        answers = at_once(post, 70)
        assert all(connection.recv(65536).startswith(b"HTTP/1.1 408 ") for connection in slow)
    assert {answer.partition(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 200 OK"}


@pytest.mark.promise("bodies.deadline")
def test_a_request_with_unfinished_headers_is_ended(narrow: Served) -> None:
    with ExitStack() as ended:
        starts = (b"", b"GET /v1/version HTTP/1.1\r\nHos", b"GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n")
        connections = [_begin(narrow, ended, start) for start in starts]
        assert connections[2].recv(65536).startswith(b"HTTP/1.1 200 ")
        for connection in connections:
            assert connection.recv(65536) == b""  # closed within SECONDS
