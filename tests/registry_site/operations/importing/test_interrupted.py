"""Running a killed import again completes it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.engines import Server
from tests.registry_site.operations.importing.original import OriginalRegistry
from tests.served import ROOT, Served

CONTENT = b"weights" * 100_000
DEADLINE = 180


def test_a_killed_import_continues_where_it_stopped(original: OriginalRegistry, server: Server, tmp_path: Path) -> None:
    acme = original.tenant("acme")
    root = acme.user("root", role="admin")
    first, second = (original.version(number, f"{number}.bin", CONTENT) for number in (1, 2))
    model = acme.item("model", "churn", root, versions=[first, second])
    # A pipe without a writer: the import blocks when it reads the second file.
    pipe = original.folder / second["key"]
    pipe.unlink()
    os.mkfifo(pipe)
    with Served.on(server, tmp_path) as registry:
        importing = _start(registry, original)
        writer = _writer(pipe, importing)
        importing.kill()
        importing.wait()
        os.close(writer)
        pipe.unlink()
        pipe.write_bytes(CONTENT)
        resumed = _start(registry, original)
        output = resumed.communicate(timeout=DEADLINE)[0]
        assert resumed.returncode == 0, output
        assert "existing" in output
        body = {"tenant": "acme", "username": "root", "password": "root-Passw0rd"}
        token = httpx.post(f"{registry.base_url}/login", json=body).json()["token"]
        for number in (1, 2):
            url = f"{registry.base_url}/v1/models/{model}/versions/{number}"
            assert httpx.get(url, headers={"Authorization": token}).content == CONTENT


def _start(registry: Served, original: OriginalRegistry) -> subprocess.Popen[str]:
    words = ["import_measurify", "--database", original.url, "--uploads", str(original.folder)]
    return subprocess.Popen(
        [sys.executable, ROOT / "manage.py", *words],
        env=registry.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _writer(pipe: Path, process: subprocess.Popen[str]) -> int:
    """Return the write end of the pipe once a reader has opened it."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # no reader yet
            time.sleep(0.05)
    raise AssertionError(f"the import did not come to the second file: {process.communicate()[0]}")
