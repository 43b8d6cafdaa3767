"""Turns `DATABASE` into Django's settings. This module contains what each database engine needs."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, OperationalError, connection
from pymongo.errors import DuplicateKeyError, PyMongoError

from tenants.rows.postgresql import PooledConnection
from tenants.rows.transactions import file_lock

DEFAULT_NAME = "registry"
SQLITE_PRAGMAS = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=FULL;
PRAGMA foreign_keys=ON;
PRAGMA cache_size=-8192;
PRAGMA mmap_size=1073741824;
PRAGMA temp_store=MEMORY;
"""
# A write is acknowledged once a majority of the replica set has it in its journal.
MONGODB_OPTIONS = {"w": "majority", "journal": "true", "serverSelectionTimeoutMS": "10000"}
SAMPLED_ROWS = 1000  # of an index, whose statistics SQLite estimates from them
EXTRA_CONNECTIONS = 3  # for work outside requests: the request log, mails, and the seals of events
# The pool waits twice as long before each attempt to reach a lost PostgreSQL. After this time it gives up, and the next
# request starts with the first attempt. Otherwise the registry would fail for as long again as the outage was.
RECONNECT_SECONDS = 5.0
LOCK_NUMBER = 7_264_738_475  # this registry's key among PostgreSQL's advisory locks
LEASE = timedelta(seconds=30)  # how long a lock outlives a dead holder, where the engine cannot detect its death


@dataclass(frozen=True)
class Database:
    """The database settings."""

    engine: str
    default: dict[str, Any]
    threads: int  # concurrent requests of a worker
    contrib: dict[str, str] = field(default_factory=dict)  # contrib app -> the app config that the engine needs
    migrations: dict[str, str] = field(default_factory=dict)
    auto_field: str = "django.db.models.BigAutoField"


def parse(url: str, root: Path, threads: int = 0) -> Database:
    """Parse the URL of a database. Relative SQLite paths start at `root`; 0 threads means the engine's default.

    Raises ImproperlyConfigured if the URL is malformed.
    """
    scheme = url.partition(":")[0].lower()
    parsers = {"sqlite": _sqlite, "postgres": _postgresql, "postgresql": _postgresql}
    if scheme in ("mongodb", "mongodb+srv"):
        return _mongodb(url, threads or 32)
    if scheme not in parsers:
        raise ImproperlyConfigured("DATABASE is malformed: expected sqlite:///…, postgres://… or mongodb://…")
    try:
        return parsers[scheme](url, root, threads)
    except ValueError:  # its message may contain part of the password
        raise ImproperlyConfigured("DATABASE is malformed: its path, host or port cannot be read") from None


def _sqlite(url: str, root: Path, threads: int) -> Database:
    name = unquote(urlsplit(url).path.removeprefix("/"))
    if not name or urlsplit(url).netloc:
        raise ValueError("no file")
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    # IMMEDIATE: otherwise a transaction that reads before it writes fails when another one has written meanwhile.
    options = {"transaction_mode": "IMMEDIATE", "timeout": 30, "init_command": SQLITE_PRAGMAS}
    return Database("sqlite", {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "OPTIONS": options}, threads or 16)


def _postgresql(url: str, root: Path, threads: int) -> Database:
    parts, threads = urlsplit(url), threads or 32
    pool = {"min_size": 0, "max_size": threads + EXTRA_CONNECTIONS, "connection_class": PooledConnection}
    pool["reconnect_timeout"] = RECONNECT_SECONDS
    default = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")) or DEFAULT_NAME,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": parts.port or "",
        "OPTIONS": dict(parse_qsl(parts.query)) | {"pool": pool},
        "CONN_MAX_AGE": 0,  # required by the connection pool
    }
    return Database("postgresql", default, threads)


def _mongodb(url: str, threads: int) -> Database:
    scheme, _, rest = url.partition("://")
    hosts, _, tail = rest.partition("/")
    name, _, query = tail.partition("?")
    given = {key.lower() for key, _ in parse_qsl(query, keep_blank_values=True)}
    defaults = [f"{key}={value}" for key, value in MONGODB_OPTIONS.items() if key.lower() not in given]
    host = f"{scheme}://{hosts}/?" + "&".join([query, *defaults] if query else defaults)
    # Transactions need a replica set; without them, an interrupted write could be stored in part.
    return Database(
        "mongodb",
        {"ENGINE": "django_mongodb_backend", "HOST": host, "NAME": unquote(name) or DEFAULT_NAME},
        threads,
        contrib={
            "registry_site.apps.Admin": "registry_site.config.mongodb_apps.Admin",
            "django.contrib.auth": "registry_site.config.mongodb_apps.Auth",
            "django.contrib.contenttypes": "registry_site.config.mongodb_apps.Contenttypes",
        },
        migrations={
            "admin": "registry_site.config.mongodb_migrations.admin",
            "auth": "registry_site.config.mongodb_migrations.auth",
            "contenttypes": "registry_site.config.mongodb_migrations.contenttypes",
        },
        auto_field="django_mongodb_backend.fields.ObjectIdAutoField",
    )


def files() -> list[Path]:
    """Return the files of a SQLite database, including its log and shared memory."""
    if connection.vendor != "sqlite":
        return []
    return [Path(f"{connection.settings_dict['NAME']}{end}") for end in ("", "-wal", "-shm")]


def update_statistics() -> None:
    """Let SQLite sample its indexes, so that its planner knows which one selects the fewest rows.

    Comparing 200 of 100,000 items takes a sixth of the time with it. Other engines sample by themselves.
    """
    if connection.vendor == "sqlite":
        with suppress(OperationalError), connection.cursor() as cursor:  # a full disk must not prevent a start
            cursor.execute(f"PRAGMA analysis_limit = {SAMPLED_ROWS}")
            cursor.execute("ANALYZE")


def connection_error() -> str:
    """Return why the database cannot be used, in one line without secrets; empty if it can."""
    try:
        connection.ensure_connection()
        if connection.vendor == "mongodb":
            hello = connection.connection.admin.command("hello")
            if "setName" not in hello and hello.get("msg") != "isdbgrid":
                return "DATABASE: this MongoDB is not a replica set, which transactions need"
    except (DatabaseError, PyMongoError) as error:
        return f"DATABASE: cannot connect to {connection.display_name}: {str(error).splitlines()[0][:200]}"
    return ""


@contextmanager
def startup_lock() -> Iterator[None]:
    """Hold the lock that lets one process at a time migrate. It is released soon after its holder dies."""
    with {"sqlite": _file_lock, "postgresql": _advisory_lock, "mongodb": _document_lock}[connection.vendor]():
        yield


def _file_lock() -> AbstractContextManager[None]:
    return file_lock("lock")


@contextmanager
def _advisory_lock() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK_NUMBER])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK_NUMBER])


@contextmanager
def _document_lock() -> Iterator[None]:
    connection.ensure_connection()
    locks = connection.get_collection("registry_locks")  # type: ignore[attr-defined]
    holder, released = uuid4().hex, Event()
    while not _take(locks, holder):
        time.sleep(0.2)
    renewal = Thread(target=_renew, args=(locks, holder, released), name="startup-lock", daemon=True)
    renewal.start()
    try:
        yield
    finally:
        released.set()
        renewal.join()
        locks.delete_one({"_id": "startup", "holder": holder})


def _lease(holder: str) -> list[dict[str, Any]]:
    """Return the update that leases the lock to a holder, timed by the database's clock."""
    until = {"$add": ["$$NOW", LEASE // timedelta(milliseconds=1)]}
    return [{"$set": {"holder": holder, "until": until}}]


def _take(locks: Any, holder: str) -> bool:
    """Take the lock if it is free or its lease has expired; return whether it was taken."""
    expired = {"_id": "startup", "$expr": {"$lt": ["$until", "$$NOW"]}}
    if locks.update_one(expired, _lease(holder)).matched_count:
        return True
    try:
        locks.update_one({"_id": "startup", "holder": holder}, _lease(holder), upsert=True)
    except DuplicateKeyError:
        return False
    return True


def _renew(locks: Any, holder: str, released: Event) -> None:
    """Renew the lease until the lock is released, often enough that some renewals may fail."""
    while not released.wait(LEASE.total_seconds() / 6):
        with suppress(PyMongoError):
            locks.update_one({"_id": "startup", "holder": holder}, _lease(holder))
