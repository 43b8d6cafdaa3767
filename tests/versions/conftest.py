"""Where the bytes of these tests go."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def uploads(settings: Any, tmp_path: Path) -> Path:
    """An empty folder of the test's own, so that it sees no other test's bytes and loses none to it."""
    folder = tmp_path / "uploads"
    settings.UPLOAD_PATH = folder
    ours = settings.STORAGES["versions"] | {"OPTIONS": {"location": folder}}
    settings.STORAGES = settings.STORAGES | {"versions": ours}
    return folder
