"""The servers that are compared. Each runs on its own port with the same data, and is stopped by process id."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.in_process import LOGIN, registry_environment
from benchmarks.load import Request
from tests import engines

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 300
WORKERS = "2"
SERVE = ("manage.py", "serve")


@dataclass
class Contender:
    """A running server and its requests. `roots` are the ids of its top-level processes."""

    name: str
    url: str
    roots: list[int]
    requests: Mapping[str, Request]
    headers: dict[str, str]
    ids: list[str] = field(default_factory=list)
    # Path of a file: PUT uploads it, GET downloads it.
    file: str = ""
    env: Mapping[str, str] = field(default_factory=dict)

    def write_files(self, folder: Path) -> tuple[Path, Path]:
        """Write the headers and the ids to files; return their paths."""
        headers, ids = folder / f"{self.name}.headers", folder / f"{self.name}.ids"
        headers.write_text("".join(f"{name}: {value}\n" for name, value in self.headers.items()))
        ids.write_text("".join(f"{id}\n" for id in self.ids or ["-"]))
        return headers, ids


@contextmanager
def running(command: list[Any], log: Path, env: Mapping[str, str], url: str, cwd: Path = ROOT) -> Iterator[int]:
    """Run a server in its own session; yield its process id once it responds."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.2)
        yield process.pid
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=10).is_success
    except httpx.TransportError:
        return False


def to_json(value: Any) -> str:
    return httpx.Request("POST", "http://-", json=value).content.decode()


WORDS = {"tags": ["common", "word-1", "new-{n}"]}
METADATA = {
    "accuracy": 0.9,
    "loss": 0.1,
    "f1": 0.8,
    "epochs": 30,
    "batch": 32,
    "lr": 0.001,
    "framework": "torch",
    "seed": 1,
}
PAIRS = [{"name": name, "value": value} for name, value in METADATA.items()]
REGISTRY = {
    "list": Request("GET", "/v1/models"),
    "search common": Request("GET", "/v1/models?filter=%7B%22tags%22:%22common%22%7D"),
    "search rare": Request("GET", "/v1/models?filter=%7B%22tags%22:%22rare%22%7D"),
    "search metric": Request("GET", "/v1/models?filter=%7B%22metadata.accuracy%22:%7B%22$gte%22:0.9%7D%7D"),
    "get": Request("GET", "/v1/models/{id}"),
    "create": Request("POST", "/v1/models", to_json({"name": "new-{n}", "metadata": PAIRS} | WORDS)),
    "change": Request("PUT", "/v1/models/{id}", to_json({"metadata": {"add": [{"name": "note", "value": "{n}"}]}})),
    "login": Request("POST", "/v1/login", to_json(LOGIN)),
}


@contextmanager
def registry(
    engine: str, size: int, folder: Path, command: Sequence[str] = SERVE, **variables: str
) -> Iterator[Contender]:
    """Yield this registry on a database engine that syncs writes to disk, as in production."""
    name = "-".join(("registry", engine, *(Path(value).name for value in variables.values())))
    server = engines.start(engine, durable=True)
    try:
        server.create("benchmark")
        port = engines.free_port()
        url = f"http://127.0.0.1:{port}"
        env = registry_environment(server.url_of("benchmark"), folder / name)
        env |= {"HTTP_PORT": str(port), "WORKERS": WORKERS} | variables
        log = folder / f"{name}.log"
        for step in ([*SERVE, "--prepare-only"], ["-m", "benchmarks.fill", str(size)]):
            with log.open("ab") as output:
                subprocess.run([sys.executable, *step], cwd=ROOT, env=env, check=True, stdout=output, stderr=output)
        with running([sys.executable, *command], log, env, f"{url}/healthz") as pid:
            roots = [pid, *(process.pid for process in server.processes)]
            contender = _registry_contender(name, url, roots)
            contender.env = env
            yield contender
    finally:
        server.stop()


def _registry_contender(name: str, url: str, roots: list[int]) -> Contender:
    """Return the contender with the requests of a regular user, who owns the items that are read one by one."""
    answer = httpx.post(f"{url}/login", json=LOGIN).json()
    headers = {"Authorization": answer["token"], "Content-Type": "application/json"}
    own = {"filter": to_json({"owner": answer["user"]["_id"]}), "limit": "1000"}
    docs = httpx.get(f"{url}/v1/models", params=own, headers=headers, timeout=60).json()["docs"]
    ids = [document["_id"] for document in docs]
    return Contender(name, url, roots, REGISTRY, headers, ids, f"/v1/models/{ids[0]}/versions/{{name}}")


@contextmanager
def bare(size: int, folder: Path) -> Iterator[Contender]:
    """Yield a view that returns a constant, on the same server as the registry."""
    port = engines.free_port()
    url = f"http://127.0.0.1:{port}"
    command = ["-m", "granian", "--interface", "wsgi", "--http", "1", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", WORKERS, "--blocking-threads", "16", "--log-level", "error", "--no-ws"]
    env = {"PATH": os.environ["PATH"]}
    command = [sys.executable, *command, "benchmarks.bare:application"]
    with running(command, folder / "bare.log", env, url) as pid:
        constant = Request("GET", "/")
        yield Contender("bare", url, [pid], {"list": constant, "get": constant}, {})
