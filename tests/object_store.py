"""Object stores in their own processes, with one interface for all protocols."""

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import httpx

from registry_site.config.storages import parse
from registry_site.config.variables import Environment
from tests.engines import free_port

MIB = 1024 * 1024
START_SECONDS = 60
PLACE = "models"  # the bucket or container


class ObjectStore(ABC):
    """A running store with one place for objects, PLACE, and one valid pair of keys."""

    scheme: str
    backend: str  # the storage class
    access_key: str
    secret_key: str
    wrong: dict[str, str]  # options with wrong credentials or an unreachable address
    common: dict[str, str] = {}  # further options of its URL
    part = 5 * MIB // 4  # bytes of the parts of an upload in tests, the fewest that the store takes and end evenly
    lists_unfinished = True  # lists unfinished uploads
    takes_cancelled = False  # accepts parts of a cancelled upload; only the tests' store does
    goes_on = False  # its library resumes interrupted downloads
    heeds_links = True  # checks signatures of links, and sends the headers that they request
    signature: str  # the parameter of a link that has the signature
    full: dict[str, Any]  # status and body of a full store's response

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="registry-objects-"))
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.prepare()
        self.start()
        with ExitStack() as unless_connected:
            unless_connected.callback(self.remove)
            self.client = self.connected()
            unless_connected.pop_all()

    @property
    def path(self) -> str:
        """The prefix of paths in the store's URLs."""
        return ""

    @property
    def endpoint(self) -> str:
        return f"{self.address}{self.path}"

    @abstractmethod
    def prepare(self) -> None:
        """Do what is needed before the first start."""

    @abstractmethod
    def command(self) -> tuple[list[Any], dict[str, str]]:
        """Return the command that serves, and its environment."""

    @abstractmethod
    def answers(self) -> bool:
        """Return whether the store is ready. Raises httpx.TransportError if it cannot be reached."""

    @abstractmethod
    def connected(self) -> Any:
        """Return a client of the store's own protocol, after creating PLACE."""

    @abstractmethod
    def keys(self, prefix: str) -> list[str]:
        """Return the names of all objects under a prefix, and of unfinished uploads."""

    @abstractmethod
    def content(self, name: str) -> bytes:
        """Return an object's bytes."""

    @abstractmethod
    def put(self, name: str, content: bytes) -> None:
        """Make an object."""

    @abstractmethod
    def sweep(self, incoming: Any) -> None:
        """Remove the parts of a running upload, as a too early garbage collection would."""

    def start(self) -> None:
        """Start the store and wait until it is ready."""
        words, env = self.command()
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(words, env=env, cwd=self.folder, stdout=output, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the store does not start: {(self.folder / 'output').read_text()[-2000:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        with suppress(httpx.TransportError):
            return self.answers()
        return False

    def stop(self) -> None:
        """Stop the store; its content stays."""
        self.process.kill()
        self.process.wait()

    def remove(self) -> None:
        """Stop the store and remove its content."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def variables(self, prefix: str, **options: str) -> dict[str, str]:
        """Return the variables of a registry that stores its bytes under a prefix."""
        given = {"endpoint_url": self.endpoint} | self.common | options
        query = "&".join(f"{name}={value}" for name, value in given.items())
        keys = {"STORAGE_ACCESS_KEY": self.access_key, "STORAGE_SECRET_KEY": self.secret_key}
        return {"STORAGE": f"{self.scheme}://{PLACE}/{prefix}?{query}"} | keys

    def options(self, prefix: str, **options: Any) -> dict[str, Any]:
        """Return the options of a store in this process."""
        variables: dict[str, Any] = self.variables(prefix)
        parsed: dict[str, Any] = parse(Environment.model_construct(**variables))["OPTIONS"]
        return parsed | options


class Cutting(ThreadingTCPServer):
    """A proxy to a store that breaks large responses off: it closes each connection after `limit` bytes."""

    daemon_threads = True

    def __init__(self, store: ObjectStore, limit: int) -> None:
        super().__init__(("127.0.0.1", 0), _Cut)
        self.store_address, self.limit = ("127.0.0.1", store.port), limit
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}{store.path}"
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


class Full(ThreadingHTTPServer):
    """A full store, which responds as real ones do: the tests' stores have no quota."""

    daemon_threads = True

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(("127.0.0.1", 0), _Refuse)
        self.answer = store.full
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}{store.path}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Refuse(BaseHTTPRequestHandler):
    server: Full
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = self.server.answer["body"].encode()
        self.send_response(self.server.answer["status"])
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT
    log_message: Callable[..., None] = lambda *_: None
