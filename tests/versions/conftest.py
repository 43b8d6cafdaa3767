"""Tests of stored bytes run on the file store and, on SQLite, on object stores too: stores do not depend on engines."""

from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import botocore.session
import pytest

from tests.object_store import ObjectStore
from tests.versions.kept_clients import KEPT

ABOUT_BYTES = ("test_archives", "test_bytes", "test_download", "test_folders", "test_tus", "test_upload")
# Of these, tests whose outcome depends on rows, forms and headers: no store can make them fail.
OF_ROWS = {
    "test_archives": "test_a_zip_is_the_default test_programs_unpack",  # the archives are compared byte by byte
    "test_download": (
        "test_a_client_that_has test_a_failed_precondition test_a_malformed_range test_a_range_beyond"
        " test_a_range_that_the_client test_an_uploaded_page test_dates_are test_every_kind test_head_of"
        " test_the_same_bytes"
    ),
    "test_folders": (
        "test_a_folder_is_named test_a_malformed_body test_a_path_that test_a_url_whose test_a_version_is_described"
        " test_a_version_of_one_file_lists test_an_ordinal_is test_other_files_of test_parts_that_overlap"
        " test_paths_that_clash test_the_files_are_listed test_the_longest_path test_the_number_of_files"
        " test_two_versions_are"
    ),
    "test_tus": "test_an_upload_is_private test_options_list",
    "test_upload": (
        "test_a_form_can test_a_form_without test_an_item_with test_an_ordinal_that test_counting"
        " test_each_item test_ordinals test_query_parameters"
    ),
}
OBJECT_STORES = ["s3_store", "azure_store", "google_store"]

# Each test has its own client, which would read the description of S3 each time, for a tenth of a second.
botocore.session.create_loader = cache(botocore.session.create_loader)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "uploads" in metafunc.fixturenames:
        file, name = metafunc.module.__name__.rpartition(".")[2], metafunc.function.__name__
        about_bytes = file in ABOUT_BYTES and not name.startswith(tuple(OF_ROWS.get(file, "").split()))
        everywhere = about_bytes and metafunc.config.getoption("--engine") == "sqlite"
        stores = ["files", *OBJECT_STORES] if everywhere else ["files"]
        metafunc.parametrize("uploads", stores, indirect=True)


@pytest.fixture
def uploads(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> ObjectStore | None:
    """An empty store for each test, so that tests do not share bytes; None for the file store."""
    store: ObjectStore | None = None
    ours = {"BACKEND": "versions.storage.ContentStorage", "OPTIONS": {"location": tmp_path / "uploads"}}
    if request.param != "files":
        store = request.getfixturevalue(request.param)
        assert store is not None
        options = store.options(uuid4().hex, backend=store.backend)
        ours = {"BACKEND": KEPT, "OPTIONS": options}
    settings.STORAGES = settings.STORAGES | {"versions": ours}
    return store


@pytest.fixture(scope="module", params=OBJECT_STORES)
def object_store(request: pytest.FixtureRequest) -> ObjectStore:
    """Each kind of object store in turn."""
    store: ObjectStore = request.getfixturevalue(request.param)
    return store


@pytest.fixture
def storage(object_store: ObjectStore) -> dict[str, Any]:
    """The options of a store in this process, with the smallest part sizes and timeouts that a busy machine allows."""
    return object_store.options(uuid4().hex, part_size=object_store.part, timeout=2)
