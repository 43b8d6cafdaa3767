"""The variable DATABASE selects one of three engines."""

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from registry_site.config import databases
from registry_site.config.databases import parse
from tenants.rows.postgresql import PooledConnection


def test_sqlite_is_in_the_project_or_at_the_given_path(tmp_path: Path) -> None:
    assert parse("sqlite:///data/r.sqlite3", tmp_path).default["NAME"] == tmp_path / "data" / "r.sqlite3"
    assert parse(f"sqlite:///{tmp_path}/x%20y.db", Path("/elsewhere")).default["NAME"] == tmp_path / "x y.db"
    assert (tmp_path / "data").is_dir()


def test_sqlite_is_durable_and_waits_for_a_second_writer(tmp_path: Path) -> None:
    options = parse("sqlite:///r.sqlite3", tmp_path).default["OPTIONS"]
    assert options["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in options["init_command"]
    assert "synchronous=FULL" in options["init_command"]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_postgresql(scheme: str) -> None:
    database = parse(f"{scheme}://ann:p%40ss@db.example:6432/models?sslmode=require", Path())
    wanted = {"NAME": "models", "USER": "ann", "PASSWORD": "p@ss", "HOST": "db.example", "PORT": 6432}
    assert database.default.items() >= wanted.items()
    pool = {"min_size": 0, "max_size": 35, "connection_class": PooledConnection, "reconnect_timeout": 5.0}
    assert database.default["OPTIONS"] == {"sslmode": "require", "pool": pool}
    assert parse(f"{scheme}://h/models", Path(), 7).default["OPTIONS"]["pool"]["max_size"] == 10


@pytest.mark.parametrize(
    ("url", "host", "name"),
    [
        ("mongodb://h:1/models", "mongodb://h:1/?", "models"),
        ("mongodb://h", "mongodb://h/?", "registry"),
        ("mongodb://a:b@h1:1,h2:2/x?replicaSet=rs0", "mongodb://a:b@h1:1,h2:2/?replicaSet=rs0&", "x"),
        ("mongodb+srv://h.example/?tls=true", "mongodb+srv://h.example/?tls=true&", "registry"),
    ],
)
def test_mongodb(url: str, host: str, name: str) -> None:
    database = parse(url, Path())
    assert database.default["NAME"] == name
    assert database.default["HOST"].startswith(host)
    assert "w=majority" in database.default["HOST"]
    assert "journal=true" in database.default["HOST"]


def test_options_in_the_url_of_mongodb_override_the_defaults() -> None:
    host = parse("mongodb://h/x?W=2&authSource=a%2Fb", Path()).default["HOST"]
    assert host.startswith("mongodb://h/?W=2&authSource=a%2Fb&journal=true")
    assert "w=majority" not in host


@pytest.mark.parametrize(
    "url",
    ["", "x", "oracle://u:secret@h/x", "sqlite://", "sqlite:///", "sqlite://secret/x", "postgres://u:secret@h:x/y"]
    + ["postgres://u:sec/ret@h/y", "postgres://u@[secret/y"],
)
def test_an_invalid_url_is_refused_by_an_error_that_does_not_contain_it(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE is malformed: ") as caught:
        parse(url, Path())
    assert not any(word in str(caught.value) for word in ("secret", "sec", "ret@"))


def test_a_running_database_is_healthy(db: None) -> None:
    assert databases.connection_error() == ""


def test_connection_settings_are_applied(db: None, engine: str) -> None:
    assert connection.vendor == {"sqlite": "sqlite", "postgres": "postgresql", "mongodb": "mongodb"}[engine]
    if engine != "sqlite":
        return
    with connection.cursor() as cursor:
        pragmas = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
        for name, value in pragmas.items():
            assert cursor.execute(f"PRAGMA {name}").fetchone()[0] == value


def test_statistics_let_sqlite_pick_the_index_that_selects_the_fewest_rows(world: Any, engine: str) -> None:
    databases.update_statistics()  # other engines need none
    if engine == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM sqlite_stat1 WHERE tbl = 'tenants_user'")
            assert cursor.fetchone()[0] > 1
