"""A registry behind the nginx configuration of the docs: nginx sends the bytes, and the contract holds."""

import base64
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.answers import assert_error
from tests.engines import Server
from tests.nginx import Front, before
from tests.served import Served
from tests.talk import created

CONTENT = b"abcdefghijklmnopqrstuvwxyz" * 10_000
SIZE = len(CONTENT)
ETAG = f'"{hashlib.sha256(CONTENT).hexdigest()}"'
DESCRIBING = ["Content-Type", "Content-Length", "Content-Disposition", "ETag", "Last-Modified", "Repr-Digest"]
DESCRIBING += ["Accept-Ranges", "X-Content-Type-Options", "Content-Security-Policy"]
Get = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def registry(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    proxied = {"DOWNLOADS": "accel", "TRUSTED_PROXIES": "127.0.0.1", "BODY_TIMEOUT": "3"}
    with Served.on(server, tmp_path_factory.mktemp("behind"), **proxied) as registry:
        yield registry


@pytest.fixture(scope="module")
def front(registry: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with before(registry, tmp_path_factory.mktemp("nginx")) as front:
        yield front


@pytest.fixture(scope="module")
def client(registry: Served, front: Front) -> Iterator[httpx.Client]:
    """A client of the administrator that connects to nginx and trusts its certificate."""
    with httpx.Client(base_url=front.url, verify=front.trusting, timeout=60) as client:
        client.headers["Authorization"] = client.post("/login", json=registry.administrator).json()["token"]
        client.base_url = httpx.URL(f"{front.url}/v1")
        yield client


@pytest.fixture(scope="module")
def path(client: httpx.Client) -> str:
    """A version with the bytes CONTENT."""
    path = f"/models/{created(client, 'models', name=uuid4().hex)}/versions"
    files = {"file": ("été.csv", CONTENT, "text/csv")}
    assert client.post(path, files=files).status_code == 200
    return f"{path}/1"


@pytest.fixture
def get(client: httpx.Client, path: str) -> Get:
    def send(**headers: str) -> httpx.Response:
        return client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return send


def test_nginx_sends_the_bytes_and_describes_them_as_the_registry_does(
    registry: Served, client: httpx.Client, path: str, get: Get
) -> None:
    handed_over = httpx.get(f"{registry.base_url}/v1{path}", headers=client.headers)
    assert handed_over.headers["X-Accel-Redirect"]
    assert handed_over.content == b""
    whole, described = get(), client.head(path)
    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert {name: whole.headers[name] for name in DESCRIBING} == {name: described.headers[name] for name in DESCRIBING}
    digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    assert (whole.headers["ETag"], whole.headers["Repr-Digest"]) == (ETAG, f"sha-256=:{digest}:")
    assert "filename*=UTF-8''%C3%A9t%C3%A9.csv" in whole.headers["Content-Disposition"]
    assert "X-Accel-Redirect" not in whole.headers


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-4", 0, 5), ("bytes=5-", 5, SIZE), ("bytes=-5", SIZE - 5, SIZE), ("bytes=20-99999999", 20, SIZE)],
)
def test_a_range_returns_that_part(get: Get, asked: str, start: int, stop: int) -> None:
    answer = get(Range=asked)
    assert (answer.status_code, answer.content) == (206, CONTENT[start:stop])
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert answer.headers["ETag"] == ETAG


@pytest.mark.parametrize("asked", ["bytes=abc", "bytes=5-2", "items=0-1", "bytes=1.5-2"])
def test_a_malformed_range_is_ignored(get: Get, asked: str) -> None:
    answer = get(Range=asked)
    assert (answer.status_code, answer.content) == (200, CONTENT)


def test_a_range_beyond_the_end_is_an_error_of_the_contracts_shape(get: Get) -> None:
    answer = get(Range=f"bytes={SIZE}-")
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{SIZE}")
    assert set(answer.json()) == {"status", "value", "message", "details"}


def test_the_registry_evaluates_conditions(get: Get) -> None:
    date = get().headers["Last-Modified"]
    long_ago = "Mon, 01 Jan 2001 00:00:00 GMT"
    expected: list[tuple[dict[str, str], int]] = [
        ({"If_None_Match": ETAG}, 304),
        ({"If_None_Match": '"other"'}, 200),
        ({"If_Modified_Since": date}, 304),
        ({"If_Modified_Since": long_ago}, 200),
        ({"If_Match": ETAG}, 200),
        ({"If_Match": '"other"'}, 412),
        ({"If_Unmodified_Since": date}, 200),
        ({"If_Unmodified_Since": long_ago}, 412),
        ({"If_Range": ETAG, "Range": "bytes=0-4"}, 206),
        ({"If_Range": '"other"', "Range": "bytes=0-4"}, 200),
    ]
    assert [(headers, get(**headers).status_code) for headers, _ in expected] == expected


def test_only_readers_get_the_bytes(front: Front, client: httpx.Client, path: str, registry: Served) -> None:
    anonymous = httpx.get(f"{front.url}/v1{path}", verify=front.trusting)
    assert_error(anonymous, "authentication_error")
    uploads = Path(registry.env["UPLOAD_PATH"])
    (file,) = (each for each in uploads.rglob("*") if each.is_file() and each.stat().st_size == SIZE)
    for place in (f"/.versions/{file.relative_to(uploads)}", f"/v1/..%2f.versions/{file.relative_to(uploads)}"):
        taken = client.get(f"{front.url}{place}")
        assert taken.status_code == 404
        assert CONTENT[:26] not in taken.content


def test_a_body_reaches_the_registry_when_it_is_complete(client: httpx.Client) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"name": '
        time.sleep(6)  # longer than the registry's timeout
        yield b'"buffered"}'

    headers = {"Content-Type": "application/json", "Content-Length": "20"}
    assert client.post("/models", content=body(), headers=headers).json()["name"] == "buffered"


def test_a_body_that_nginx_refuses_gets_the_usual_error(client: httpx.Client) -> None:
    answer = client.post("/models", content=b" " * 53_000_000, headers={"Content-Type": "application/json"})
    assert_error(answer, "payload_too_large")


def test_an_upload_is_streamed_to_the_registry(client: httpx.Client, registry: Served, front: Front) -> None:
    arrived = threading.Event()
    incoming = Path(registry.env["UPLOAD_PATH"], "+incoming")
    sizes: list[int] = []

    def body() -> Iterator[bytes]:
        yield CONTENT * 10
        deadline = time.monotonic() + 30
        while not sizes and time.monotonic() < deadline:
            sizes.extend(file.stat().st_size for file in incoming.iterdir() if file.stat().st_size)
            arrived.wait(0.05)
        yield CONTENT

    path = f"/models/{created(client, 'models', name=uuid4().hex)}/versions/large.bin"
    answer = client.put(path, content=body(), headers={"Content-Length": str(SIZE * 11)})
    assert answer.status_code == 200, answer.text
    assert answer.json()["versions"][0]["sha256"] == hashlib.sha256(CONTENT * 11).hexdigest()
    assert sizes, "nothing came before all was sent"
    assert [file for file in (front.folder / "body").rglob("*") if file.is_file()] == []


def test_http_redirects_to_https(front: Front) -> None:
    answer = httpx.get(f"{front.plain_url}/v1/models?limit=1")
    assert (answer.status_code, answer.headers["Location"]) == (308, "https://127.0.0.1/v1/models?limit=1")


def test_files_of_certbot_are_served_over_http(front: Front) -> None:
    folder = front.challenges / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True)
    (folder / "token").write_text("token.thumbprint")
    answer = httpx.get(f"{front.plain_url}/.well-known/acme-challenge/token")
    assert (answer.status_code, answer.text) == (200, "token.thumbprint")


def test_the_log_contains_a_download_that_nginx_sent(client: httpx.Client, get: Get, path: str) -> None:
    get()
    deadline = time.monotonic() + 10
    while True:
        entries: list[dict[str, Any]] = client.get("/log", params={"limit": 100}).json()["docs"]
        if [entry for entry in entries if entry["method"] == "GET" and entry["url"].endswith(path)]:
            return
        assert time.monotonic() < deadline, entries
        time.sleep(0.2)
