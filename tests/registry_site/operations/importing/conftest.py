"""Servers of the other registries, from which tests import."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import engines
from tests.missing import cannot_run
from tests.registry_site.operations.importing.mlflow_server import BINARY, MLflowServer
from tests.registry_site.operations.importing.original import OriginalRegistry


@pytest.fixture(scope="session")
def mongod(server: engines.Server) -> Iterator[engines.Server]:
    """A MongoDB: the engine of this run, or a separate one if the run uses another engine."""
    if server.name == "mongodb":
        yield server
        return
    try:
        own = engines.start("mongodb")
    except engines.NotRun as reason:
        cannot_run(str(reason))
    yield own
    own.stop()


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MLflowServer]:
    """An MLflow server for the whole run; its content persists between tests."""
    if not BINARY.exists():
        cannot_run("there is no MLflow in .venv-mlflow, which `make test` installs")
    server = MLflowServer(tmp_path_factory.mktemp("mlflow"))
    yield server
    server.stop()


@pytest.fixture
def original(mongod: engines.Server, tmp_path: Path, uploads: Path, db: None) -> Iterator[OriginalRegistry]:
    """An empty registry of the original and an empty one of this project."""
    folder = tmp_path / "original"
    folder.mkdir()
    registry = OriginalRegistry(mongod, folder)
    yield registry
    registry.close()
