"""What is about bytes is tested over files and, on SQLite, over an object store too: no engine knows of stores."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.object_store import ACCESS_KEY, BUCKET, SECRET_KEY, ObjectStore

ABOUT_BYTES = ("test_bytes", "test_download", "test_upload")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "uploads" in metafunc.fixturenames:
        about_bytes = metafunc.module.__name__.rpartition(".")[2] in ABOUT_BYTES
        both = about_bytes and metafunc.config.getoption("--engine") == "sqlite"
        stores = ["files", "objects"] if both else ["files"]
        metafunc.parametrize("uploads", stores, indirect=True)


@pytest.fixture
def uploads(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> None:
    """An empty store of the test's own, so that it sees no other test's bytes and loses none to it."""
    ours = {"BACKEND": "versions.storage.ContentStorage", "OPTIONS": {"location": tmp_path / "uploads"}}
    if request.param == "objects":
        store: ObjectStore = request.getfixturevalue("object_store")
        options = {"bucket": BUCKET, "prefix": uuid4().hex, "endpoint_url": store.endpoint, "addressing": "path"}
        options |= {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
        ours = {"BACKEND": "versions.object_storage.ObjectStorage", "OPTIONS": options}
    settings.STORAGES = settings.STORAGES | {"versions": ours}
