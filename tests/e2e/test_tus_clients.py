"""Unmodified clients of the tus protocol continue their uploads after the registry was killed in the middle."""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from tests.engines import Server
from tests.missing import cannot_run
from tests.served import Served, wait_until
from tests.talk import administrator, created
from tests.versions.tus import RESUMABLE, begin

MIB = 1024 * 1024
SIZE = 48 * MIB
LOCKED_SECONDS = 30  # the lease of a killed process is shorter
JS = Path(__file__).resolve().parents[1] / "tus"


@pytest.fixture(scope="module")
def registry(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A registry that these tests kill and start again."""
    with Served.on(server, tmp_path_factory.mktemp("killed")) as registry:
        yield registry


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "weights.bin"
    path.write_bytes(os.urandom(MIB) * (SIZE // MIB - 1) + os.urandom(MIB))
    return path


@pytest.fixture
def client(registry: Served) -> Iterator[httpx.Client]:
    with administrator(registry) as client:
        yield client


@pytest.fixture
def model(client: httpx.Client) -> str:
    return created(client, "models", name=uuid4().hex)


def restart(registry: Served) -> None:
    registry.kill()
    registry.start()


def assert_stored(client: httpx.Client, model: str, file: Path) -> None:
    """Check that the model has one version, and that it is the file."""
    (version,) = client.get(f"/models/{model}").json()["versions"]
    content = client.get(f"/models/{model}/versions/{file.name}").content
    with file.open("rb") as stream:
        expected = hashlib.file_digest(stream, "sha256").hexdigest()
    assert (version["size"], version["sha256"]) == (SIZE, expected)
    assert hashlib.sha256(content).hexdigest() == expected


@pytest.mark.promise("uploads.resume", "uploads.tus")
def test_tuspy_goes_on_where_a_killed_registry_was(
    registry: Served, client: httpx.Client, model: str, file: Path
) -> None:
    tus = TusClient(f"{registry.base_url}/v1/uploads", {"Authorization": client.headers["Authorization"]})
    metadata = {"item": model, "path": file.name}
    uploader = tus.uploader(str(file), chunk_size=5 * MIB, metadata=metadata)
    uploader.upload(stop_at=10 * MIB)
    restart(registry)
    uploader = tus.uploader(str(file), chunk_size=5 * MIB, url=uploader.url)
    assert uploader.offset == 10 * MIB
    uploader.upload_chunk()
    registry.kill()
    with pytest.raises((TusCommunicationError, OSError)):
        uploader.upload_chunk()
    registry.start()
    uploader = tus.uploader(str(file), url=uploader.url)  # the rest in one request
    assert uploader.offset == 15 * MIB
    uploader.upload()
    assert_stored(client, model, file)


class NodeClient(threading.Thread):
    """tus-js-client in a process of its own; `sent` is how many bytes it has reported, newest last."""

    def __init__(self, registry: Served, token: str, file: Path, model: str, **options: Any) -> None:
        super().__init__(daemon=True)
        node = shutil.which("node") or shutil.which("nodejs")
        if node is None or not (JS / "node_modules/tus-js-client").is_dir():
            cannot_run("tus-js-client is not installed: apt-get install nodejs npm, then make tus")
        given = {
            "endpoint": f"{registry.base_url}/v1/uploads",
            "file": str(file),
            "token": token,
            "metadata": {"item": model, "path": file.name},
            "options": options,
        }
        self.sent: list[int] = []
        self.lines: list[str] = []
        command = [node, str(JS / "upload.js"), json.dumps(given)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.start()

    def run(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if match := re.fullmatch(r"progress (\d+)\n", line):
                self.sent.append(int(match[1]))
            else:
                self.lines.append(line.strip())

    def finished(self) -> str:
        """Return the URL of the upload, after the client has ended."""
        assert self.process.wait(120) == 0, self.lines
        self.join()
        return next(line.removeprefix("done ") for line in self.lines if line.startswith("done "))


@pytest.mark.promise("uploads.resume", "uploads.tus")
def test_tus_js_client_goes_on_where_a_killed_registry_was(
    registry: Served, client: httpx.Client, model: str, file: Path
) -> None:
    node = NodeClient(registry, client.headers["Authorization"], file, model, chunkSize=2 * MIB)
    wait_until(lambda: node.sent and node.sent[-1] > 10 * MIB, "nothing is sent")
    registry.kill()
    killed = len(node.sent)
    registry.start()
    node.finished()
    assert any(line.startswith("retry") for line in node.lines), "it was not interrupted"
    assert min(node.sent[killed:]) >= 8 * MIB, "it started over"
    assert_stored(client, model, file)


@pytest.mark.promise("uploads.concatenate", "uploads.tus")
def test_tus_js_client_sends_parts_in_parallel(registry: Served, client: httpx.Client, model: str, file: Path) -> None:
    token = client.headers["Authorization"]
    node = NodeClient(registry, token, file, model, chunkSize=2 * MIB, parallelUploads=3)
    wait_until(lambda: node.sent and node.sent[-1] > 10 * MIB, f"nothing is sent: {node.lines}")
    restart(registry)
    url = node.finished()
    assert_stored(client, model, file)
    concat = client.head(url, headers=RESUMABLE).headers["Upload-Concat"]
    assert len(concat.split()) == 3


@pytest.mark.promise("uploads.resume")
def test_the_offset_that_was_told_in_the_middle_of_a_request_outlives_a_kill(
    registry: Served, client: httpx.Client, file: Path
) -> None:
    url = registry.base_url + begin(client, SIZE)
    head = f"PATCH {httpx.URL(url).path} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
    head += f"Content-Length: {SIZE}\r\nContent-Type: application/offset+octet-stream\r\n"
    head += f"Authorization: {client.headers['Authorization']}\r\n\r\n"
    content, told = file.read_bytes(), 0
    with socket.create_connection(("127.0.0.1", registry.port)) as connection:
        connection.sendall(head.encode())
        for start in range(0, 20 * MIB, MIB // 4):
            connection.sendall(content[start : start + MIB // 4])
            threading.Event().wait(0.05)
            told = int(client.head(url, headers=RESUMABLE).headers["Upload-Offset"])
            if told > MIB:
                break
        registry.kill()
    assert told > MIB, "nothing is told before the request ends"
    registry.start()
    offset = int(client.head(url, headers=RESUMABLE).headers["Upload-Offset"])
    assert offset >= told
    headers = RESUMABLE | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    deadline = time.monotonic() + LOCKED_SECONDS
    while client.patch(url, content=content[offset:], headers=headers).status_code == 423:
        assert time.monotonic() < deadline, "the lock of a killed process does not end"
    assert client.get(url).json()["sha256"] == hashlib.sha256(content).hexdigest()
