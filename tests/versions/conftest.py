"""Tests of stored bytes run on the file store and, on SQLite, on object stores too: stores do not depend on engines."""

from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import botocore.session
import pytest

from tests.object_store import MIB, ObjectStore

ABOUT_BYTES = ("test_archives", "test_bytes", "test_download", "test_folders", "test_tus", "test_upload")
REFUSED = {"unfit", "body", "paths"}  # parameters of tests whose input no store sees
OBJECT_STORES = ["s3_store", "azure_store", "google_store"]

# Each test has its own client, which would read the description of S3 each time, for a tenth of a second.
botocore.session.create_loader = cache(botocore.session.create_loader)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "uploads" in metafunc.fixturenames:
        about_bytes = metafunc.module.__name__.rpartition(".")[2] in ABOUT_BYTES
        about_bytes = about_bytes and REFUSED.isdisjoint(metafunc.fixturenames)
        everywhere = about_bytes and metafunc.config.getoption("--engine") == "sqlite"
        stores = ["files", *OBJECT_STORES] if everywhere else ["files"]
        metafunc.parametrize("uploads", stores, indirect=True)


@pytest.fixture
def uploads(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> None:
    """An empty store for each test, so that tests do not share bytes."""
    ours = {"BACKEND": "versions.storage.ContentStorage", "OPTIONS": {"location": tmp_path / "uploads"}}
    if request.param != "files":
        store: ObjectStore = request.getfixturevalue(request.param)
        ours = {"BACKEND": store.backend, "OPTIONS": store.options(uuid4().hex)}
    settings.STORAGES = settings.STORAGES | {"versions": ours}


@pytest.fixture(scope="module", params=OBJECT_STORES)
def object_store(request: pytest.FixtureRequest) -> ObjectStore:
    """Each kind of object store in turn."""
    store: ObjectStore = request.getfixturevalue(request.param)
    return store


@pytest.fixture
def storage(object_store: ObjectStore) -> dict[str, Any]:
    """The options of a store in this process, with the smallest part sizes and timeouts that a busy machine allows."""
    return object_store.options(uuid4().hex, part_size=5 * MIB, timeout=2)
