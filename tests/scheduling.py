"""Assigns tests to xdist workers, and orders them.

Tests of a file share a worker, so its shared server starts once. Files in ALONE start a server per test: any worker
runs these. Files of a job in JOBS share a server across files, and so a worker. The longest tests start
first, so that no worker runs one alone at the end.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

OF_MLFLOW = (
    "tests/registry_site/dialects/test_mlflow_server.py",
    "tests/registry_site/operations/importing/test_mlflow.py",
)
# They share object stores, a Chromium, or an MLflow.
JOBS = {"tests/versions/": "bytes", "tests/e2e/browser/": "browser"} | dict.fromkeys(OF_MLFLOW, "mlflow")
ALONE = (
    "tests/registry_site/operations/test_backup.py",
    "tests/registry_site/serving/test_certificates.py",
    "tests/registry_site/serving/test_https_served.py",
    "tests/registry_site/config/test_secrets.py",
    "tests/test_any_body.py",
    "tests/e2e/test_disk_full.py",
    "tests/test_isolation.py",
)
# The longest first, as measured.
FIRST = (
    "tests/e2e/fuzz/",
    "tests/e2e/browser/",
    "tests/e2e/test_durability.py",
    "tests/registry_site/operations/test_backup.py",
    "tests/versions/",
    "tests/registry_site/dialects/test_mlflow_client.py",
    *OF_MLFLOW,
    "tests/e2e/test_benchmark.py",
    "tests/test_browsers.py",
    "tests/registry_site/serving/test_https_served.py",
    "tests/e2e/test_disk_full.py",
    "tests/tenants/identity/test_throttling.py",
    "tests/registry_site/serving/test_serve.py",
    "tests/tenants/log/test_request_log_served.py",
    "tests/registry_site/serving/test_nginx.py",
    "tests/registry_site/serving/test_certificates.py",
    "tests/test_races.py",
    "tests/test_any_body.py",
)


def _place(item: pytest.Item) -> int:
    return next((place for place, entry in enumerate(FIRST) if item.nodeid.startswith(entry)), len(FIRST))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests, longest first."""
    items.sort(key=_place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Return the scheduler for xdist."""
    config.option.loadscopereorder = False  # keep our order
    return Jobs(config, log)


class Jobs(LoadScopeScheduling):
    """Groups tests by job in JOBS, one by one for files in ALONE, and by file otherwise."""

    def _split_scope(self, nodeid: str) -> str:
        job = next((job for entry, job in JOBS.items() if nodeid.startswith(entry)), "")
        return job or (nodeid if nodeid.startswith(ALONE) else nodeid.split("::", maxsplit=1)[0])
