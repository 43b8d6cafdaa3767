"""The served registry: first start, stops, crashes and restarts."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import psycopg
import pymongo
import pytest

from tests.engines import Server, free_port
from tests.served import ADMIN_PASSWORD, ROOT, SUPERUSER, SUPERUSER_PASSWORD, Served, migrated_file, wait_until
from tests.talk import administrator, created

SECRETS = ("API_TOKEN", "JWT_SECRET", "DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD")


def login(served: Served) -> dict[str, str]:
    credentials = {"username": "admin", "password": ADMIN_PASSWORD}
    answer = httpx.post(f"{served.base_url}/v1/login", json=credentials, timeout=30)
    assert answer.status_code == 200, answer.text
    return {"Authorization": answer.json()["token"]}


def manage(*words: str, env: dict[str, str], timeout: float = 120) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "manage.py"), *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine without a registry."""
    return {
        "PATH": os.environ["PATH"],
        "VARIABLES_FILE": str(tmp_path / "init" / "variables.env"),
        "DATABASE": f"sqlite:///{tmp_path}/registry.sqlite3",
        "UPLOAD_PATH": str(tmp_path / "uploads"),
    }


@pytest.fixture
def migrated(server: Server, variables: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a machine with an empty registry, which starts sooner."""
    migrated_file(server, tmp_path / "registry.sqlite3")
    return variables


@pytest.fixture(scope="module")
def fresh_served(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A registry for this file, served by two processes; a test leaves it running."""
    with Served.on(server, tmp_path_factory.mktemp("fresh"), WORKERS="2") as registry:
        yield registry


@pytest.fixture(scope="module")
def hurried(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A registry that waits for two seconds when it stops; a test leaves it running."""
    with Served.on(server, tmp_path_factory.mktemp("hurried"), STOP_SECONDS="2") as registry:
        yield registry


def test_the_variables_create_a_superuser_and_everything_is_kept_after_a_stop_or_a_kill(fresh_served: Served) -> None:
    assert _superuser_enters(fresh_served, SUPERUSER_PASSWORD)
    headers = login(fresh_served)
    url = f"{fresh_served.base_url}/v1/datasets"
    made = httpx.post(url, json={"name": "kept", "tags": ["t"]}, headers=headers).json()
    content = os.urandom(300_000)
    sent = httpx.post(f"{url}/{made['_id']}/versions", files={"file": ("a.bin", content)}, headers=headers)
    assert sent.status_code == 200, sent.text
    fresh_served.env["SUPERUSER_PASSWORD"] = "An0ther-one!"
    for end in (fresh_served.stop, fresh_served.kill):
        end()
        fresh_served.start()
        assert httpx.get(f"{url}/{made['_id']}", headers=headers).json() == sent.json()
        assert httpx.get(f"{url}/{made['_id']}/versions/a.bin", headers=headers).content == content
        assert _superuser_enters(fresh_served, SUPERUSER_PASSWORD)
        assert not _superuser_enters(fresh_served, "An0ther-one!"), "the variables change no password"


def test_a_stop_lets_running_requests_end_and_the_log_keeps_them(fresh_served: Served) -> None:
    headers = login(fresh_served)
    url = f"{fresh_served.base_url}/v1/datasets"
    made = httpx.post(url, json={"name": "slow"}, headers=headers).json()

    stopping, size = Event(), 2_000_000  # bytes; the registry handles small uploads only once they are complete

    def body() -> Any:
        yield b"x" * 1000
        assert stopping.wait(60)
        yield b"x" * (size - 1000)

    with ThreadPoolExecutor(2) as pool:
        slow = headers | {"Content-Length": str(size)}
        upload = f"{url}/{made['_id']}/versions/slow.bin"
        answer = pool.submit(httpx.put, upload, content=body(), headers=slow, timeout=30)
        wait_until(lambda: fresh_served.receives)
        stopped = pool.submit(fresh_served.stop)
        wait_until(lambda: not fresh_served.answers(seconds=1), "it still answers")
        stopping.set()
        assert stopped.result() == 0
        assert answer.result().status_code == 200
    fresh_served.start()
    logged = httpx.get(f"{fresh_served.base_url}/v1/log", headers=headers).json()["docs"]
    assert [entry["status"] for entry in logged if entry["url"].endswith("/versions/slow.bin")] == [200]


@contextmanager
def endless_upload(registry: Served, name: str) -> Iterator[str]:
    """Send an upload that never ends, and yield the path of the versions it would belong to."""
    headers = login(registry)
    made = httpx.post(f"{registry.base_url}/v1/datasets", json={"name": name}, headers=headers, timeout=30).json()
    path = f"/v1/datasets/{made['_id']}/versions"
    head = f"PUT {path}/stuck.bin HTTP/1.1\r\nHost: x\r\nAuthorization: {headers['Authorization']}\r\n"
    with socket.create_connection(("127.0.0.1", registry.port)) as connection:
        connection.sendall(f"{head}Content-Length: 10000000\r\n\r\n".encode() + b"x" * 1000)
        wait_until(lambda: registry.receives)
        yield path


def test_an_endless_request_does_not_prevent_a_stop(hurried: Served) -> None:
    with endless_upload(hurried, "stopped") as path:
        hurried.stop()  # waits for at most a minute
    hurried.start()
    headers = login(hurried)
    assert httpx.get(f"{hurried.base_url}{path}", headers=headers, timeout=30).json()["docs"] == []
    logged = httpx.get(f"{hurried.base_url}/v1/log", headers=headers, timeout=30).json()["docs"]
    assert [entry["status"] for entry in logged if entry["url"] == "/v1/datasets"] == [200]


def test_workers_end_when_only_the_main_process_is_killed(hurried: Served) -> None:
    workers = children(hurried)
    with endless_upload(hurried, "killed"):
        os.kill(hurried.pid, signal.SIGKILL)
        wait_until(lambda: not listens(hurried.port), "somebody still listens", seconds=20)
        wait_until(lambda: not any(map(runs, workers)), "workers outlive the main process", seconds=20)
    hurried.kill()
    hurried.start()
    login(hurried)


def children(registry: Served) -> list[int]:
    """Return the process ids of the workers."""
    found = Path(f"/proc/{registry.pid}/task/{registry.pid}/children")
    if not found.exists():
        pytest.skip("this system does not tell a process's children")
    return [int(worker) for worker in found.read_text().split()]


def runs(pid: int) -> bool:
    """Return whether a process runs; one that has ended, and was not waited for, has no command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_killed_worker_is_replaced(fresh_served: Served) -> None:
    workers = children(fresh_served)
    assert len(workers) == 2
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            assert httpx.get(f"{fresh_served.base_url}/healthz").status_code == 200
            break
        except httpx.TransportError:
            time.sleep(0.1)
    else:
        raise AssertionError("no new workers")


def test_idle_connections_do_not_stop_others(fresh_served: Served) -> None:
    request = b"GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n"
    idle = [socket.create_connection(("127.0.0.1", fresh_served.port), 5) for _ in range(300)]
    try:
        for connection in idle:
            connection.sendall(request)
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert httpx.get(f"{fresh_served.base_url}/v1/version", timeout=5).status_code == 200
    finally:
        for connection in idle:
            connection.close()


def test_concurrent_starts_prepare_once(server: Server, tmp_path: Path) -> None:
    name = f"starts_{os.getpid()}"
    server.create(name)
    env = {
        "PATH": os.environ["PATH"],
        "VARIABLES_FILE": str(tmp_path / "variables.env"),
        "DATABASE": server.url_of(name),
        "UPLOAD_PATH": str(tmp_path / "uploads"),
    }
    try:
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(lambda _: manage("serve", "--prepare-only", env=env), range(2)))
        assert [result.returncode for result in done] == [0, 0], [result.stderr for result in done]
    finally:
        server.drop(name)


def test_the_first_start_generates_secrets_that_later_starts_keep(migrated: dict[str, str]) -> None:
    path = Path(migrated["VARIABLES_FILE"])
    first = manage("serve", "--prepare-only", env=migrated)
    assert first.returncode == 0, first.stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    assert all(len(values[name]) >= 32 for name in SECRETS)
    assert len({values[name] for name in SECRETS}) == len(SECRETS)
    assert manage("serve", "--prepare-only", env=migrated).returncode == 0
    assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_the_console_names_the_locations_of_secrets_but_not_the_secrets(
    migrated: dict[str, str], tmp_path: Path
) -> None:
    served = Served(migrated["DATABASE"], tmp_path)
    for name in SECRETS:
        served.env.pop(name)
    try:
        served.start()
        served.stop()
    finally:
        served.kill()
    text = (tmp_path / "variables.env").read_text()
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    assert served.base_url in served.output
    for name in ("API_TOKEN", "DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD"):
        assert name in served.output
    assert str(tmp_path / "variables.env") in served.output
    assert not [name for name in SECRETS if values[name] in served.output]


def test_a_first_password_that_is_stored_nowhere_is_shown_once(migrated: dict[str, str]) -> None:
    env = migrated | {"API_TOKEN": "given", "JWT_SECRET": "given"}
    assert "shown once: " in manage("serve", "--prepare-only", env=env).stdout
    assert manage("serve", "--prepare-only", env=env).stdout == ""
    assert not Path(migrated["VARIABLES_FILE"]).exists()


@pytest.mark.parametrize(
    "malformed",
    [
        {
            "HTTP_PORT": "eighty",
            "JWT_EXPIRATIONTIME": "30 minutes",
            "PROTOCOL": "gopher",
            "LOG": "perhaps",
            "MIN_PASSWORD_STRENGTH": "4",
            "DEFAULT_TENANT": "no blanks",
        },
        {"DATABASE": "postgres://scott:ti/ger@host/x"},
    ],
    ids=lambda malformed: min(malformed.items())[1],
)
def test_malformed_values_stop_the_start_with_one_line(variables: dict[str, str], malformed: dict[str, str]) -> None:
    result = manage("serve", "--prepare-only", env=variables | malformed)
    assert result.returncode == 1
    lines = [line for line in result.stderr.splitlines() if not line.startswith("Wrote ")]
    assert len(lines) == 1, result.stderr
    assert malformed.keys() <= set(re.findall(r"\w+", lines[0]))
    assert "ti/ger" not in lines[0]


def test_a_port_in_use_stops_the_start_with_one_line(migrated: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = manage("serve", env=migrated | {"HTTP_PORT": port})
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("CommandError: HOST or HTTP_PORT: cannot listen on 127.0.0.1:")


def test_a_database_that_does_not_answer_stops_the_start_with_one_line(
    server: Server, variables: dict[str, str]
) -> None:
    if server.name == "sqlite":
        pytest.skip("SQLite has no server")
    nobody = server.url_of("x").replace(str(_port(server)), str(free_port()))
    if server.name == "mongodb":
        nobody += "&serverSelectionTimeoutMS=1000"
    result = manage("serve", "--prepare-only", env=variables | {"DATABASE": nobody})
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "DATABASE" in result.stderr.splitlines()[-1]


def _port(server: Server) -> int | None:
    if server.name == "mongodb":
        return int(pymongo.uri_parser.parse_uri(server.url_of("x"))["nodelist"][0][1])
    return int(psycopg.conninfo.conninfo_to_dict(server.url_of("x"))["port"] or 0)


def _superuser_enters(served: Served, password: str) -> bool:
    with httpx.Client(base_url=served.base_url, timeout=30) as browser:
        browser.get("/admin/login/")
        form = {"username": SUPERUSER, "password": password, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        return browser.post("/admin/login/", data=form).status_code == 302


def test_a_weak_superuser_password_is_refused_with_the_reason(migrated: dict[str, str]) -> None:
    done = manage("serve", "--prepare-only", env=migrated | {"SUPERUSER_PASSWORD": "weak"})
    assert done.returncode != 0
    assert "SUPERUSER_PASSWORD: The password strength is Too weak" in done.stderr
    assert "Traceback" not in done.stderr


def test_createsuperuser_asks_no_question_and_refuses_a_duplicate_name(
    migrated: dict[str, str], tmp_path: Path
) -> None:
    words = ("createsuperuser", "--noinput", "--username", "boss")
    registry = Served(migrated["DATABASE"], tmp_path, DJANGO_SUPERUSER_PASSWORD="Superuser1!")
    (_, done), (_, again) = registry.manage_all(words, words)
    assert done == ""
    assert "already taken" in again


def _open_to_others(folder: Path) -> list[str]:
    """Return the files and folders that other users may read or enter."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.stat().st_mode & 0o077]


@pytest.mark.promise("files.private")
def test_other_users_cannot_read_what_the_registry_writes(server: Server, tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir(mode=0o755)
    sqlite = server.name == "sqlite"
    database = Path(tmp_path, "data", "registry.sqlite3") if sqlite else tmp_path / "none"
    with Served.prepared(server, tmp_path) as registry:
        if sqlite:
            registry.env["DATABASE"] = f"sqlite:///{database}"
            database.parent.mkdir(mode=0o700)
            database.touch(0o644)
        registry.start()
        (tmp_path / "output").chmod(0o600)  # our own
        with administrator(registry) as client:
            item = created(client, "models", name="m")
            assert client.put(f"/models/{item}/versions/f.bin", content=b"bytes").status_code == 200
            assert _open_to_others(tmp_path) == []
        assert registry.manage("backup", str(tmp_path / "backups" / "first")).returncode == 0
        assert _open_to_others(tmp_path) == []


@pytest.mark.promise("files.private")
def test_a_variable_lets_nginx_read_the_uploads(server: Server, tmp_path: Path) -> None:
    with Served.on(server, tmp_path, UMASK="027") as registry, administrator(registry) as client:
        item = created(client, "models", name="m")
        assert client.put(f"/models/{item}/versions/f.bin", content=b"bytes").status_code == 200
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "uploads").rglob("*")}
    assert modes == {0o750, 0o640}
