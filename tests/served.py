"""A registry served by `manage.py serve` over its own empty database and folder."""

import fcntl
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from httpx._transports import default as transports

from tests.engines import Server, free_port

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 90
STOP_SECONDS = 60
API_TOKEN = "api-token-of-the-tests"
ADMIN_PASSWORD = "Temporary1!"
SUPERUSER, SUPERUSER_PASSWORD = "root", "Superuser1!"


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _shared_tls(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
    return _tls() if verify is True and cert is None else httpx.create_ssl_context(verify, cert, trust_env)


# Each client would read all certificates of authorities, in 20 ms, to speak plain HTTP with a registry.
transports.create_ssl_context = _shared_tls  # type: ignore[attr-defined]
# Runs `commands` and prints the results of all.
COMMANDS = """
import io, json
from django.core.management import CommandError, call_command
results = []
for words in commands:
    output, error = io.StringIO(), ""
    try:
        call_command(*words, stdout=output)
    except CommandError as refused:
        error = str(refused)
    results.append((output.getvalue(), error))
print(json.dumps(results))
"""


class Served:
    """A registry in its own processes, which can be stopped, killed and restarted."""

    def __init__(self, database: str, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.api_token = API_TOKEN
        self.administrator = {"username": "admin", "password": ADMIN_PASSWORD}
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.env = {
            "PATH": os.environ["PATH"],
            "VARIABLES_FILE": str(folder / "variables.env"),
            "DATABASE": database,
            "UPLOAD_PATH": str(folder / "uploads"),
            "HTTP_PORT": str(self.port),
            "API_TOKEN": API_TOKEN,
            "JWT_SECRET": "jwt-secret-of-the-tests-which-is-long-enough",
            "DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD": ADMIN_PASSWORD,
            "SUPERUSER_USERNAME": SUPERUSER,
            "SUPERUSER_PASSWORD": SUPERUSER_PASSWORD,
            "WORKERS": "1",  # each takes time to start; tests of several processes ask for more
        } | variables
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextmanager
    def on(cls, server: Server, folder: Path, **variables: str) -> Iterator["Served"]:
        """Yield a running registry on a new database of `server`, which is migrated already; remove both afterwards."""
        with cls.prepared(server, folder, migrated=True, **variables) as registry:
            registry.start()
            yield registry

    @classmethod
    @contextmanager
    def prepared(cls, server: Server, folder: Path, *, migrated: bool = False, **variables: str) -> Iterator["Served"]:
        """Yield a stopped registry on a new database of `server`; remove both afterwards."""
        folder.mkdir(parents=True, exist_ok=True)
        name = f"served_{uuid4().hex[:12]}"
        create_migrated(server, name) if migrated else server.create(name)
        registry = cls(server.url_of(name), folder, **variables)
        try:
            yield registry
        finally:
            registry.kill()
            server.drop(name)

    @property
    def pid(self) -> int:
        """The main process, whose group contains all its processes."""
        assert self.process is not None, "not started"
        return self.process.pid

    @property
    def output(self) -> str:
        """The registry's output so far."""
        return (self.folder / "output").read_text(errors="replace")

    @property
    def receives(self) -> bool:
        """Whether bytes of an unfinished upload have arrived."""
        incoming = Path(self.env["UPLOAD_PATH"], "+incoming")
        return incoming.is_dir() and any(incoming.iterdir())

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `manage.py` on this registry, whether it is running or not."""
        command = [sys.executable, str(ROOT / "manage.py"), *words]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=300, check=False)

    def manage_all(self, *commands: tuple[str, ...]) -> list[tuple[str, str]]:
        """Run commands in one process, because each takes a second to start; return what each wrote, and its error."""
        done = self.manage("shell", "--no-imports", "--command", f"commands = {commands!r}\n{COMMANDS}")
        assert done.returncode == 0, done.stderr
        return [(output, error) for output, error in json.loads(done.stdout.splitlines()[-1])]

    def start(self) -> None:
        """Start and wait until it responds."""
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, ROOT / "manage.py", "serve"],
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the registry does not start: {self.output[-3000:]}")
            time.sleep(0.1)

    def signal(self, number: int) -> None:
        """Send a signal to the main process."""
        os.kill(self.pid, number)

    def stop(self) -> int:
        """Stop it gracefully; return its exit status."""
        assert self.process is not None, "not started"
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """Kill all its processes at once, like a power failure."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def answers(self, *, seconds: float = 5) -> bool:
        """Return whether a request on a new connection gets a response within these seconds."""
        try:
            return httpx.get(f"{self.base_url}/healthz", timeout=seconds, verify=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


def _migrated(server: Server) -> str:
    """Return a migrated database to copy, which the first caller of all processes makes: migrations take a second."""
    name, folder = "served_migrated", server.folder / "migrated"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            server.create(name)
            migrated = Served(server.url_of(name), folder).manage("migrate")
            assert migrated.returncode == 0, migrated.stderr
            (folder / "done").touch()
    return name


def create_migrated(server: Server, name: str) -> None:
    """Create a migrated database, if the engine can copy one: a start without one takes twice as long."""
    if server.copy:
        server.copy(_migrated(server), name)
    else:
        server.create(name)


def migrated_file(server: Server, file: Path) -> None:
    """Make a migrated database, if the engine is SQLite."""
    if server.name == "sqlite":
        shutil.copy(server.folder / f"{_migrated(server)}.sqlite3", file)


def wait_until(condition: Callable[[], object], why: str = "", *, seconds: float = 30) -> None:
    """Wait until the condition holds. Raises AssertionError after these seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, why
        time.sleep(0.05)
