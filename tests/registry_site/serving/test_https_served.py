"""HTTPS on a running server: certificates that are renewed under load, and the redirect from HTTP."""

import http.client
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests

from tests.engines import Server, free_port
from tests.served import Served, create_migrated, wait_until
from tests.talk import created

SECONDS = 60
PAUSE_SECONDS = 0.2  # idle between two requests of a connection, and so when its worker stops


@pytest.fixture
def https(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    """A registry with a self-signed certificate, and HTTP that redirects to it."""
    port = free_port()
    secure = {"PROTOCOL": "https", "HTTPS_PORT": str(port), "CERTIFICATES": str(tmp_path), "HTTP_REDIRECT": "true"}
    secure |= {"WORKERS": "2"}
    secure |= getattr(request, "param", {})
    name = f"secure_{port}"
    create_migrated(server, name)
    registry = Served(server.url_of(name), tmp_path, **secure)
    registry.base_url = f"https://127.0.0.1:{port}"
    try:
        registry.start()
        yield registry
    finally:
        registry.kill()
        server.drop(name)


def put_certificate(folder: Path) -> bytes:
    """Write a new certificate and key, as an operator does, and return the certificate."""
    words = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=models.example", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-out", folder / "fullchain.pem", "-keyout", folder / "privkey.pem"]
    subprocess.run(["openssl", "req", *words, *names, *files], check=True, capture_output=True)
    return ssl.PEM_cert_to_DER_cert((folder / "fullchain.pem").read_text())


def shown(registry: Served) -> bytes:
    """Return the certificate that a new connection gets."""
    host, _, port = registry.base_url.removeprefix("https://").partition(":")
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host, int(port)), timeout=SECONDS))


def wait_for(registry: Served, certificate: bytes) -> None:
    """Return when new connections get the certificate from every worker."""
    deadline = time.monotonic() + SECONDS
    seen = 0
    while seen < 20:
        seen = seen + 1 if shown(registry) == certificate else 0
        assert time.monotonic() < deadline, "the new certificate is not served"


def children(registry: Served) -> set[str]:
    """Return the ids of the running processes that the main process has started."""
    listed = subprocess.run(
        ["pgrep", "-P", str(registry.pid), "-r", "RSD"], capture_output=True, text=True, check=False
    )
    return set(listed.stdout.split())


class Client(threading.Thread):
    """Sends one request after the other until told to stop, and notes each that fails.

    It opens a connection for each request or, with `keep_alive`, reuses it until the server announces its end.
    """

    def __init__(self, registry: Served, *, keep_alive: bool) -> None:
        super().__init__(daemon=True)
        self.address = registry.base_url.removeprefix("https://")
        self.keep_alive = keep_alive
        self.done = threading.Event()
        self.answers, self.failures = 0, []

    def run(self) -> None:
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(self.address, timeout=SECONDS, context=context)
        while not self.done.is_set():
            try:
                connection.request("GET", "/v1/version")
                response = connection.getresponse()
                assert response.status == 200
                response.read()
                self.answers += 1
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.failures.append(repr(error))
                connection.close()
            if self.keep_alive:
                self.done.wait(PAUSE_SECONDS)
            else:
                connection.close()
        connection.close()


def slow_body(done: threading.Event) -> Iterator[bytes]:
    yield b"begin"
    done.wait(SECONDS)
    yield b"end"


def test_clients_that_pin_the_self_signed_certificate_trust_it_and_others_do_not(https: Served, tmp_path: Path) -> None:
    pinned = tmp_path / "registry.pem"  # the certificate without its key, as operators hand it out
    pinned.write_text(ssl.DER_cert_to_PEM_cert(shown(https)))
    url = f"{https.base_url.replace('127.0.0.1', 'localhost')}/v1/version"
    host = url.removeprefix("https://").removesuffix("/v1/version")
    strict = ssl.create_default_context(cafile=pinned)
    strict.verify_flags |= ssl.VERIFY_X509_STRICT  # the default of Python 3.13
    assert httpx.get(url, verify=strict, timeout=SECONDS).status_code == 200
    assert requests.get(url, verify=str(pinned), timeout=SECONDS).status_code == 200
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(url, timeout=SECONDS)
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(url, timeout=SECONDS)
    curl = ["curl", "-fsS", "-o", "/dev/null", url]
    client = ["openssl", "s_client", "-verify_return_error", "-connect", host, "-CAfile"]
    for file, code in ((pinned, 0), (tmp_path / "other.pem", 1)):
        (tmp_path / "other.pem").write_bytes(b"")
        environment = {"PATH": https.env["PATH"], "CURL_CA_BUNDLE": str(file)}
        assert (subprocess.run(curl, env=environment, capture_output=True, check=False).returncode == 0) is (code == 0)
        assert subprocess.run([*client, file], input=b"", capture_output=True, check=False).returncode == code


@pytest.mark.promise("https.reload")
def test_a_renewed_certificate_is_served_after_sighup_and_no_request_is_lost(https: Served) -> None:
    trusting = ssl.create_default_context(cafile=https.folder / "self-signed.pem")
    assert httpx.get(f"{https.base_url}/v1/version", verify=trusting, timeout=SECONDS).status_code == 200
    token = httpx.post(f"{https.base_url}/login", json=https.administrator, verify=False, timeout=SECONDS).json()
    headers = {"Authorization": token["token"]}
    with httpx.Client(base_url=f"{https.base_url}/v1", headers=headers, verify=False, timeout=SECONDS) as client:
        path = f"/models/{created(client, 'models', name='renewed')}/versions/slow.bin"
    clients = [Client(https, keep_alive=keep_alive) for keep_alive in (False, False, False, True, True, True)]
    answer: list[Any] = []

    def upload() -> None:
        url, sized = f"{https.base_url}/v1{path}", headers | {"Content-Length": "8"}
        body = slow_body(clients[0].done)
        answer.append(httpx.put(url, content=body, headers=sized, verify=False, timeout=2 * SECONDS))

    uploading = threading.Thread(target=upload)
    for thread in (uploading, *clients):
        thread.start()
    certificate = put_certificate(https.folder)
    https.signal(signal.SIGHUP)
    wait_for(https, certificate)
    for each in clients:
        each.done.set()
    for thread in (uploading, *clients):
        thread.join(2 * SECONDS)
    assert [each.failures for each in clients] == [[]] * len(clients)
    assert min(each.answers for each in clients) > 0
    assert answer[0].status_code == 200, answer[0].text
    assert https.stop() == 0


def test_a_broken_renewal_leaves_the_certificate_in_use(https: Served) -> None:
    certificate = put_certificate(https.folder)
    https.signal(signal.SIGHUP)
    wait_for(https, certificate)
    (https.folder / "privkey.pem").write_text("not a key")
    before = children(https)
    https.signal(signal.SIGHUP)
    deadline = time.monotonic() + SECONDS
    while len(before & children(https)) > 1:  # the redirect server stays
        assert time.monotonic() < deadline, "the workers are not replaced"
        time.sleep(0.1)
    assert "the certificate was not renewed: fullchain.pem, privkey.pem" in https.output
    wait_for(https, certificate)


@pytest.mark.promise("bodies.deadline")
@pytest.mark.parametrize("https", [{"BODY_TIMEOUT": "1"}], indirect=True, ids=[""])
def test_a_body_that_comes_too_slowly_is_ended_over_tls_too(https: Served) -> None:
    trusting = ssl.create_default_context(cafile=https.folder / "self-signed.pem")
    address = ("127.0.0.1", int(https.base_url.rpartition(":")[2]))
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        trusting.minimum_version, trusting.maximum_version = ssl.TLSVersion.TLSv1_2, version
        with trusting.wrap_socket(socket.create_connection(address, SECONDS), server_hostname="localhost") as client:
            client.sendall(b"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
            assert client.recv(65536).startswith(b"HTTP/1.1 408 ")
            assert client.recv(65536) == b""  # the server has closed it, so its thread is free


def test_http_redirects_to_the_same_url_under_https_and_ends_with_the_server(https: Served) -> None:
    plain = f"http://127.0.0.1:{https.port}"
    wait_until(lambda: _listens(https.port), "the redirect server does not listen")  # it starts beside the workers
    answer = httpx.post(f"{plain}/v1/models?filter=%7B%7D", content=b"{}", timeout=SECONDS)
    assert answer.status_code == 308
    assert answer.headers["Location"] == f"{https.base_url}/v1/models?filter=%7B%7D"
    https.signal(signal.SIGKILL)
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            if httpx.get(plain, timeout=SECONDS).status_code != 308:
                break  # another test's server has the port now
        except httpx.TransportError:
            break
        assert time.monotonic() < deadline, "the redirect server still listens"
        time.sleep(0.1)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.promise("bodies.deadline")
@pytest.mark.parametrize("https", [{"BODY_TIMEOUT": "2"}], indirect=True, ids=["quick"])
def test_a_body_that_comes_too_slowly_is_ended(https: Served) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    address = ("127.0.0.1", int(https.base_url.rpartition(":")[2]))
    with context.wrap_socket(socket.create_connection(address, timeout=SECONDS)) as connection:
        connection.sendall(b"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
        while connection.recv(65536):
            pass
