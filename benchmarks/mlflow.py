"""MLflow's model registry with the same models. The registry's tags and metadata are stored as MLflow tags."""

import os
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import psycopg

from benchmarks.contenders import METADATA, ROOT, WORKERS, Contender, running, to_json
from benchmarks.load import Request
from tests import engines

BINARY = ROOT / ".venv-mlflow" / "bin" / "mlflow"
QUIET = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
API = "/api/2.0/mlflow/registered-models"
TAGS = [{"key": name, "value": "yes"} for name in ("common", "word-1", "new-{n}")]
TAGS += [{"key": name, "value": str(value)} for name, value in METADATA.items()]
NEWEST = "max_results=10&order_by=last_updated_timestamp%20DESC"
# MLflow has no login by default, and its model registry cannot compare numbers.
REQUESTS = {
    "list": Request("GET", f"{API}/search?{NEWEST}"),
    "search common": Request("GET", f"{API}/search?{NEWEST}&filter=tags.common%20%3D%20%27yes%27"),
    "search rare": Request("GET", f"{API}/search?{NEWEST}&filter=tags.rare%20%3D%20%27yes%27"),
    "get": Request("GET", f"{API}/get?name={{id}}"),
    "create": Request("POST", f"{API}/create", to_json({"name": "new-{n}", "tags": TAGS})),
    "change": Request("POST", f"{API}/set-tag", to_json({"name": "{id}", "key": "note", "value": "{n}"})),
}
MODEL = "INSERT INTO registered_models (workspace, name, creation_time, last_updated_time) VALUES ({0}, {0}, {0}, {0})"
TAG = "INSERT INTO registered_model_tags (workspace, name, key, value) VALUES ({0}, {0}, {0}, {0})"
BATCH = 1000


@contextmanager
def mlflow(engine: str, size: int, folder: Path) -> Iterator[Contender]:
    """Yield `mlflow server` on SQLite or PostgreSQL, with as many workers as the registry."""
    server = engines.start(engine, durable=True)
    try:
        server.create("benchmark")
        port, name = engines.free_port(), f"mlflow-{engine}"
        url, database = f"http://127.0.0.1:{port}", server.url_of("benchmark")
        terms = [BINARY, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", WORKERS]
        terms += ["--backend-store-uri", database.replace("postgres://", "postgresql+psycopg://")]
        terms += ["--artifacts-destination", str(folder / name)]
        env = {"PATH": os.environ["PATH"], "HOME": str(folder)} | QUIET
        with running(terms, folder / f"{name}.log", env, f"{url}/health", folder) as pid:
            fill(url, database, size)
            roots = [pid, *(process.pid for process in server.processes)]
            ids = [f"model-{number}" for number in range(min(size, 1000))]
            headers = {"Content-Type": "application/json"}
            file = "/api/2.0/mlflow-artifacts/artifacts/benchmark/{name}"
            yield Contender(name, url, roots, REQUESTS, headers, ids, file)
    finally:
        server.stop()


def fill(url: str, database: str, count: int) -> None:
    """Insert rows in MLflow's format. Its API would take hours."""
    httpx.get(f"{url}{API}/search", timeout=120).raise_for_status()  # creates the tables
    if database.startswith("sqlite"):
        with closing(sqlite3.connect(database.removeprefix("sqlite:///"), timeout=60)) as connection:
            _insert(connection, "?", count)
    else:
        with psycopg.connect(database) as server:
            _insert(server, "%s", count)


def _insert(connection: Any, mark: str, count: int) -> None:
    cursor = connection.cursor()
    stamps = (("default", name, number, number) for name, number, _ in models(count))
    tags = (("default", name, key, value) for name, _, tags in models(count) for key, value in tags)
    for statement, rows in ((MODEL, stamps), (TAG, tags)):
        while batch := list(islice(rows, BATCH)):
            cursor.executemany(statement.format(mark), batch)
            connection.commit()
        cursor.execute("ANALYZE")  # without statistics, PostgreSQL scans all models for each tag
        connection.commit()


def models(count: int) -> Iterator[tuple[str, int, Sequence[tuple[str, str]]]]:
    """Yield names, times and tags of models, with as many tags as the registry's models have tags and metadata."""
    rng = random.Random(1)
    step = max(1, count // 10)
    for number in range(count):
        kind = "rare" if number % step == step // 2 else "common" if rng.random() < 0.5 else "other"
        terms = [kind, *(f"word-{word}" for word in rng.sample(range(200), 2))]
        metadata = [(name, str(value)) for name, value in (METADATA | {"accuracy": rng.random()}).items()]
        yield f"model-{number}", 1_700_000_000_000 + number, [*((word, "yes") for word in terms), *metadata]
