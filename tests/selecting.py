"""Which tests run where: all on one engine, and on the others those that the engine can make fail.

Of a test of all kinds of items, the others run the one of models. The longest entry of tests/selection.py that a
test's id starts with decides. A test that no entry names runs on every engine, and tests/test_architecture.py fails
until its file is listed, so that no new test is left out by accident.
"""

from pathlib import Path

import pytest

from tests.selection import DEPENDENT, IN_THEM, INDEPENDENT, NOT_IN_THEM, NOT_ON


def _tests(table: dict[str, str]) -> set[str]:
    return {f"{file}::{test}" for file, tests in table.items() for test in tests.split()}


ON_ALL = DEPENDENT.keys() | _tests(IN_THEM)
ON_ONE = INDEPENDENT.keys() | _tests(NOT_IN_THEM)
OTHER_KINDS = ("dataset", "algorithm")
# Fixtures and files that start programs or walk every route slowly: `--quick` skips these tests.
STARTED = {"server", "s3_store", "azure_store", "object_store", "mlflow", "mongod", "chromium", "newman"}
SLOW = (
    "tests/e2e/fuzz/",
    "tests/registry_site/serving/test_certificates.py",
    "tests/registry_site/operations/test_compose.py",
    "tests/registry_site/config/test_environment.py",
    "tests/registry_site/config/test_secrets.py",
    "tests/registry_site/serving/test_serve.py",
    "tests/registry_site/config/test_storages.py",
    "tests/registry_site/dialects/test_mlflow.py::test_a_route_is_closed",
    "tests/registry_site/dialects/test_mlflow.py::test_any_input",
    "tests/registry_site/dialects/test_mlflow_client.py",
    "tests/test_any_body.py",
    "tests/e2e/test_benchmark.py",
    "tests/e2e/test_package.py",
    "tests/test_browsers.py::test_djangos_own_check",
    "tests/e2e/test_durability.py",
)


def decides(nodeid: str) -> str:
    """Return the longest entry that is a prefix of a test's id, or an empty string."""
    return max((entry for entry in (*ON_ALL, *ON_ONE) if nodeid.startswith(entry)), key=len, default="")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no file of which no test runs."""
    file = collection_path.relative_to(config.rootpath).as_posix()
    if not config.getoption("--dependent") or not file.endswith(".py"):
        return None
    none = decides(f"{file}::") in ON_ONE and not any(entry.startswith(f"{file}::") for entry in ON_ALL)
    return True if none or file in NOT_ON.get(config.getoption("--engine"), ()) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests by the options."""
    left = []
    if config.getoption("--dependent"):
        known = {item.nodeid for item in items}
        left += [item for item in items if decides(item.nodeid) in ON_ONE or _repeats(item.nodeid, known)]
    if config.getoption("--quick"):
        left += [item for item in items if _starts_programs(item)]
    if left:
        gone = set(left)
        config.hook.pytest_deselected(items=[item for item in items if item in gone])
        items[:] = [item for item in items if item not in gone]


def _repeats(nodeid: str, known: set[str]) -> bool:
    """Return whether a test of datasets or algorithms is one of models too: kinds share tables and views."""
    same = nodeid
    for kind in OTHER_KINDS:
        same = same.replace(kind, "model").replace(kind.title(), "Model")
    return same != nodeid and same in known


def _starts_programs(item: pytest.Item) -> bool:
    fixtures = list(getattr(item, "fixturenames", ()))
    if callspec := getattr(item, "callspec", None):  # a parameter can name a fixture
        fixtures += [value for value in callspec.params.values() if isinstance(value, str)]
    return item.nodeid.startswith(SLOW) or bool(STARTED.intersection(fixtures))
