"""Chooses the engine that the tests run on, starts it before Django reads its settings, and stops it at the end."""

import gc
import os
import sys
import tempfile
from pathlib import Path

import pytest

from tests import engines

NOT_RUN = 69  # exit status if the engine could not run: neither passed nor failed
ROOT = Path(__file__).resolve().parent.parent
SERVER = pytest.StashKey[engines.Server]()
# More new objects than Python waits for: looking for garbage would take a twentieth of the tests' processor time.
GARBAGE = (10_000, 20, 50)
VARIABLES = {
    "ENVIRONMENT_NAME": "test",
    "API_TOKEN": "api-token-of-the-tests",
    "JWT_SECRET": "jwt-secret-of-the-tests-which-is-long-enough",
    "DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD": "Temporary1!",
    "DEMO": "true",
    "LOG": "false",  # its thread would write while tests roll back; the tests of the log turn it on
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", choices=engines.ENGINES, default="sqlite", help="database to run on")
    parser.addoption("--dependent", action="store_true", help="leave out tests that the engine cannot make fail")
    parser.addoption("--quick", action="store_true", help="leave out tests that start programs or take long")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the engine (once for all of xdist's workers) and point Django's settings at it."""
    gc.disable()  # until all is imported and collected: little of it is garbage
    name = config.getoption("--engine")
    sys.path[:0] = [str(ROOT)]
    if hasattr(config, "workerinput"):
        server = engines.existing(name, os.environ["DATABASE"], Path(os.environ["REGISTRY_TESTS_FOLDER"]))
    else:
        try:
            server = engines.start(name)
        except engines.NotRun as reason:
            pytest.exit(f"NOT RUN: {name}: {reason}", returncode=NOT_RUN)
        config.add_cleanup(server.stop)
        _set_environment(config, server)
    config.stash[SERVER] = server
    config.pluginmanager.import_plugin("tests.database")
    config.pluginmanager.import_plugin("tests.fixtures")
    config.pluginmanager.import_plugin("tests.promises")
    config.pluginmanager.import_plugin("tests.scheduling")
    config.pluginmanager.import_plugin("tests.selecting")


def pytest_collection_finish() -> None:
    """Collect garbage again, but never look through the modules and tests, which stay."""
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    gc.enable()


def _set_environment(config: pytest.Config, server: engines.Server) -> None:
    """Hide the machine's own configuration from the tests."""
    uploads = tempfile.TemporaryDirectory(prefix="registry-uploads-", dir=server.folder)
    config.add_cleanup(uploads.cleanup)
    os.environ.pop("REGISTRY_HOME", None)
    # Tests' folders are beside the engine's, in memory where there is enough: writes to a disk would wait for it.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(server.folder))
    os.environ |= VARIABLES | {
        "DATABASE": server.url_of("registry"),
        "REGISTRY_TESTS_FOLDER": str(server.folder),
        "UPLOAD_PATH": uploads.name,
        "VARIABLES_FILE": str(Path(uploads.name, "no-variables.env")),
        "DJANGO_SETTINGS_MODULE": "registry_site.settings",
    }


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> engines.Server:
    """The running engine."""
    return request.config.stash[SERVER]


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """The engine's name: sqlite, postgres or mongodb."""
    return str(request.config.getoption("--engine"))
