"""Uploads and downloads over a network: large files, unknown lengths, clients that disconnect."""

import hashlib
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.served import Served, wait_until
from tests.talk import administrator, created

MIB = 1024 * 1024
LARGE = 192 * MIB


def peak_memory(registry: Served) -> int:
    """Return the peak memory of the registry's processes in MiB."""
    return max(_peaks(registry).values())


def _peaks(registry: Served) -> dict[str, int]:
    """Return the peak memory of each process of the registry in MiB."""
    processes = subprocess.run(["pgrep", "-g", str(registry.pid)], capture_output=True, text=True, check=True)
    statuses = {pid: Path(f"/proc/{pid}/status").read_text() for pid in processes.stdout.split()}
    return {pid: int(status.split("VmHWM:")[1].split()[0]) // 1024 for pid, status in statuses.items()}


@contextmanager
def no_process_grows_by(mib: int, registry: Served) -> Iterator[None]:
    """Check that each process of the registry uses at no time so much more memory than before."""
    for pid in _peaks(registry):
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # its peak is what it uses now
    before = _peaks(registry)
    yield
    grown = {pid: peak - before[pid] for pid, peak in _peaks(registry).items()}
    assert max(grown.values()) < mib, f"by {grown}, from {before}"


@pytest.fixture
def large_file(tmp_path: Path) -> Iterator[Path]:
    """A sparse file of LARGE bytes with a marker at each end."""
    file = tmp_path / "large.bin"
    with file.open("wb") as stream:
        stream.write(b"begin")
        stream.truncate(LARGE - 3)
        stream.seek(0, 2)
        stream.write(b"end")
    yield file
    file.unlink()


@pytest.mark.promise("versions.streamed")
def test_a_large_file_is_uploaded_and_downloaded_in_little_memory(served: Served, large_file: Path) -> None:
    with administrator(served) as client, no_process_grows_by(64, served):
        model = created(client, "models", name=uuid4().hex)
        curl = ["curl", "-fsS", "-H", f"Authorization: {client.headers['Authorization']}"]
        versions = f"{served.base_url}/v1/models/{model}/versions"
        subprocess.run([*curl, "-T", str(large_file), f"{versions}/large.bin"], check=True, capture_output=True)
        subprocess.run([*curl, "-F", f"file=@{large_file}", versions], check=True, capture_output=True)
        download = subprocess.Popen([*curl, f"{versions}/1"], stdout=subprocess.PIPE)
        assert download.stdout is not None
        digest = hashlib.sha256()
        while chunk := download.stdout.read(MIB):
            digest.update(chunk)
        assert download.wait() == 0
        stored = client.get(f"/models/{model}").json()["versions"]
        client.delete(f"/models/{model}")
    with large_file.open("rb") as stream:
        expected = hashlib.file_digest(stream, "sha256").hexdigest()
    assert digest.hexdigest() == expected
    assert [version["sha256"] for version in stored] == [expected, expected]


@pytest.mark.promise("versions.put", "versions.chunked")
def test_a_body_of_unknown_length_is_stored_if_its_digest_proves_it_complete(served: Served) -> None:
    blocks = [bytes([number]) * 10_000 for number in range(100)]
    digest = hashlib.sha256(b"".join(blocks)).hexdigest()
    with administrator(served) as client:
        model = created(client, "models", name=uuid4().hex)
        path = f"/models/{model}/versions/chunks.bin"
        refused = client.put(path, content=iter([b"small"]))
        assert refused.status_code == 400
        assert "Content-Digest" in refused.json()["details"]
        kept = client.put(path, params={"sha256": digest}, content=iter(blocks))
        assert kept.json()["versions"][0]["size"] == 1_000_000
        assert client.get(path).content == b"".join(blocks)


@pytest.mark.promise("json.utf-8")
def test_json_of_unknown_length_is_read(served: Served) -> None:
    name = uuid4().hex
    with administrator(served) as client:
        body = iter([b'{"name": "', name.encode(), b'"}'])
        answer = client.post("/models", content=body, headers={"Content-Type": "application/json"})
    assert answer.json()["name"] == name


@pytest.mark.promise("versions.whole")
@pytest.mark.parametrize(
    "sent",
    [
        b"PUT /v1/models/%s/versions/gone.bin HTTP/1.1\r\nContent-Length: 10000000\r\n%s\r\n" + b"z" * 70_000,
        b"PUT /v1/models/%s/versions/gone.bin?sha256="
        + b"0" * 64
        + b" HTTP/1.1\r\nTransfer-Encoding: chunked\r\n%s\r\n"
        b"10000\r\n" + b"z" * 0x10000 + b"\r\n",
        b"POST /v1/models/%s/versions HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        b"Content-Length: 10000000\r\n%s\r\n"
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="gone.bin"\r\n\r\n' + b"z" * 70_000,
    ],
    ids=["raw", "chunked", "form"],
)
def test_a_client_that_disconnects_leaves_nothing(served: Served, sent: bytes) -> None:
    with administrator(served) as client:
        model = created(client, "models", name=uuid4().hex)
        headers = f"Host: registry\r\nAuthorization: {client.headers['Authorization']}\r\n".encode()
        with socket.create_connection(("127.0.0.1", served.port)) as connection:
            connection.sendall(sent % (model.encode(), headers))
            time.sleep(0.3)  # no observable event follows the start of a form
        wait_until(lambda: not served.receives, "the upload is still there")
        assert client.get(f"/models/{model}/versions").json()["docs"] == []


@pytest.mark.promise("versions.streamed")
def test_a_slow_download_does_not_delay_others(served: Served) -> None:
    with administrator(served) as client:
        model = created(client, "models", name=uuid4().hex)
        client.put(f"/models/{model}/versions/big.bin", content=b"x" * 30_000_000)
        with httpx.stream("GET", f"{served.base_url}/v1/models/{model}/versions/1", headers=client.headers) as slow:
            next(slow.iter_raw(1000))
            assert client.get("/models").status_code == 200
