"""The Postman collection is current, and all its requests succeed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from registry_site.management.commands.postman import text
from tests.missing import cannot_run
from tests.served import ROOT, Served

HERE = Path(__file__).resolve().parent
COLLECTION = ROOT / "docs" / "registry.postman_collection.json"


@pytest.fixture
def newman() -> list[str]:
    """The command that runs a collection."""
    program = HERE / "node_modules" / "newman" / "bin" / "newman.js"
    node = shutil.which("node") or shutil.which("nodejs")
    if node is None or not program.is_file():
        cannot_run("newman is not installed: apt-get install nodejs npm, then make newman")
    return [str(node), str(program)]


@pytest.mark.promise("about.docs")
def test_the_collection_is_current() -> None:
    assert COLLECTION.read_text(encoding="utf-8") == text(), "run: make docs"


@pytest.mark.promise("about.docs")
def test_every_request_of_the_collection_gets_its_documented_response(
    served: Served, newman: list[str], tmp_path: Path
) -> None:
    (tmp_path / "churn.csv").write_text("1,2\n")
    (tmp_path / "churn.onnx").write_bytes(b"test")  # as long as the examples say
    variables = {"URL": served.base_url, "API_TOKEN": served.api_token}
    words = [word for name, value in variables.items() for word in ("--env-var", f"{name}={value}")]
    options = ["--working-dir", tmp_path, "--color", "off", "--reporter-cli-no-banner"]
    run = subprocess.run(  # noqa: PLW1510 - the assertion shows its output
        [*newman, "run", COLLECTION, *words, *options], cwd=tmp_path, capture_output=True, text=True, timeout=240
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
