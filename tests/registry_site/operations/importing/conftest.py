"""Servers of the other registries, from which tests import."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import engines
from tests.missing import cannot_run
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


@pytest.fixture
def original(mongod: engines.Server, tmp_path: Path, uploads: Path, db: None) -> Iterator[OriginalRegistry]:
    """An empty registry of the original and an empty one of this project."""
    folder = tmp_path / "original"
    folder.mkdir()
    registry = OriginalRegistry(mongod, folder)
    yield registry
    registry.close()
