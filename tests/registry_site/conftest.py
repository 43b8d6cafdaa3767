"""An MLflow server, which tests import from, and whose answers they compare."""

from collections.abc import Iterator

import pytest

from tests.missing import cannot_run
from tests.registry_site.operations.importing.mlflow_server import BINARY, MLflowServer


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MLflowServer]:
    """An MLflow server for the whole run; its content persists between tests."""
    if not BINARY.exists():
        cannot_run("there is no MLflow in .venv-mlflow, which `make test` installs")
    server = MLflowServer(tmp_path_factory.mktemp("mlflow"))
    yield server
    server.stop()
