"""Requests that violate HTTP or the format of forms, on the wire: they are refused and change nothing."""

import errno
import socket
from typing import Any

import httpx
import pytest

from tests.served import Served
from tests.talk import administrator, created
from versions.storage import INCOMING

SECONDS = 20
HUNG_UP = (errno.ENOTCONN, errno.ECONNRESET, errno.EPIPE)  # before everything was sent
JSON = "Content-Type: application/json\r\n"
FORM = "multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f.bin"\r\n\r\nbytes'
DESCRIPTION = b'\r\n--b\r\nContent-Disposition: form-data; name="description"\r\n\r\n'
FIELD = b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\nx\r\n'
NO_NAME = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n'


def _send(registry: Served, start: str, headers: str, body: bytes) -> int:
    """Send raw bytes and shut down the sending side; return the status, or 0 if the server disconnects."""
    with socket.create_connection(("127.0.0.1", registry.port), timeout=SECONDS) as connection:
        head = f"{start} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n{headers}\r\n"
        answer = b""
        try:
            connection.sendall(head.encode() + body)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)
        except OSError as error:
            if error.errno not in HUNG_UP:
                raise
    return int(answer.split()[1]) if answer else 0


@pytest.fixture
def client(served: Served) -> Any:
    with administrator(served) as client:
        yield client


@pytest.mark.promise("errors.malformed-json")
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (JSON + "Content-Length: x\r\n", b'{"name": "m"}'),
        (JSON + "Content-Length: -1\r\n", b'{"name": "m"}'),
        (JSON + "Content-Length: 13\r\nContent-Length: 7\r\n", b'{"name": "m"}'),
        (JSON + "Content-Length: 100\r\n", b'{"name": "m"}'),
        (JSON + "Content-Length: 5\r\n", b'{"name": "m"}'),
        (JSON + "Content-Length: 99999999999999999999999\r\n", b'{"name": "m"}'),
        (JSON + "Transfer-Encoding: chunked\r\n", b'zz\r\n{"name": "m"}\r\n0\r\n\r\n'),
        (JSON + "Transfer-Encoding: chunked\r\n", b'd\r\n{"name": "m"'),
        (JSON + "Transfer-Encoding: gzip\r\n", b'{"name": "m"}'),
        (JSON + "Transfer-Encoding: chunked\r\nContent-Length: 13\r\n", b'zz\r\n{"name": "m"}'),
        (JSON + "Content-Encoding: gzip\r\nContent-Length: 13\r\n", b"\x1f\x8b not gzip!!"),
        (JSON + "X-Header: " + "x" * 500_000 + "\r\nContent-Length: 13\r\n", b'{"name": "m"}'),
        (JSON + "".join(f"X-{n}: x\r\n" for n in range(300)) + "Content-Length: 13\r\n", b'{"name": "m"}'),
        (JSON + "Bad Header: x\r\nContent-Length: 13\r\n", b'{"name": "m"}'),
    ],
    ids=range(14),
)
def test_a_body_that_contradicts_its_headers_creates_nothing(
    served: Served, client: httpx.Client, headers: str, body: bytes
) -> None:
    before = client.get("/models").json()["totalDocs"]
    token = f"Authorization: {client.headers['Authorization']}\r\n"
    status = _send(served, "POST /v1/models", token + headers, body)
    assert status == 0 or 400 <= status < 500
    assert client.get("/models").json()["totalDocs"] == before


@pytest.mark.promise("versions.post")
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", PART + b"\r\n--b--\r\n"),
        ("multipart/form-data; boundary=", PART + b"\r\n--b--\r\n"),
        ("multipart/form-data; boundary=other", PART + b"\r\n--b--\r\n"),
        (f"multipart/form-data; boundary={'b' * 300}", PART + b"\r\n--b--\r\n"),
        (FORM, b""),
        (FORM, b"no form at all"),
        (FORM, b"--b\r\n\r\n\r\n--b--\r\n"),
        (FORM, NO_NAME),
        (FORM, PART.replace(b"f.bin", b"") + b"\r\n--b--\r\n"),
        (FORM, PART.replace(b"f.bin", b"..") + b"\r\n--b--\r\n"),
        (FORM, PART.replace(b"f.bin", b"x" * 5000) + b"\r\n--b--\r\n"),
        (FORM + "; charset=nonsense", PART.replace(b"f.bin", b"..") + b"\r\n--b--\r\n"),
        (FORM, PART + DESCRIPTION + b"a\0b\r\n--b--\r\n"),
        (FORM, PART + DESCRIPTION + b"x" * 10_001 + b"\r\n--b--\r\n"),
        (FORM, FIELD * 2000 + b"--b--\r\n"),
        (FORM, DESCRIPTION[2:] + b"x" * 60_000_000),
    ],
    ids=range(16),
)
def test_a_malformed_form_creates_no_version(client: httpx.Client, content_type: str, body: bytes) -> None:
    item = created(client, "models", name=f"{content_type} {len(body)} {body[50:90]!r}"[:250])
    answer = client.post(f"/models/{item}/versions", content=body, headers={"Content-Type": content_type})
    assert 400 <= answer.status_code < 500, answer.text
    assert set(answer.json()) == {"status", "value", "message", "details"}
    assert client.get(f"/models/{item}").json()["versions"] == []


def test_a_connection_with_an_unread_body_is_not_used_again(client: httpx.Client) -> None:
    client.headers["Connection"] = "keep-alive"
    item = created(client, "models", name="unread")
    for _ in range(5):
        answer = client.post(
            f"/models/{item}/versions",
            content=DESCRIPTION[2:] + b"x" * 60_000_000,
            headers={"Content-Type": FORM},
        )
        assert (answer.status_code, answer.headers["Connection"]) == (413, "close")
        answer = client.get(f"/models/{item}")
        assert (answer.status_code, answer.headers.get("Connection")) == (200, None)


@pytest.mark.promise("versions.names")
def test_no_file_name_leads_out_of_the_store(served: Served, client: httpx.Client) -> None:
    item = created(client, "models", name="names that lead astray")
    names = ["..%2f..%2fevil", "%2fetc%2fevil", "C:%5cevil", "..%5c..%5cevil", "CON", "NUL", "aux.txt", "COM1", "~root"]
    names += ["a%00b", "%2e%2e", "$(touch evil)", "|evil", "%0aevil", "evil%2f"]
    for name in names:
        path = f"/models/{item}/versions/{name}"
        answer = client.put(path, content=name.encode(), headers={"Content-Type": "application/octet-stream"})
        assert answer.status_code in (200, 400, 404), answer.text
        if answer.status_code == 200:
            assert client.get(path).content == name.encode()
    files = [path.relative_to(served.folder) for path in served.folder.rglob("*") if path.is_file()]
    kept = [path.parts for path in files if path.parts[0] == "uploads" and path.parts[1] != INCOMING]
    assert kept
    for _, tenant, start, sha256 in kept:
        assert (tenant, start, len(sha256)) == ("registry-default-tenant", sha256[:2], 64)
    assert not [path for path in files if "evil" in path.name]
