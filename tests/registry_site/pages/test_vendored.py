"""Files of other projects are those that npm has."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.missing import cannot_run

ROOT = Path(__file__).resolve().parents[3]
VENDOR = ROOT / "registry_site/pages/static/registry/vendor"
ROW = re.compile(r"\| `([\w.-]+)` \| \[(.*)\]\(.*\), `([\w./]+)` \| ([\d.]+) \| (\w+) \| `([0-9a-f]{64})` \|")
INSTALLED = {  # package -> folder of tests
    "tus-js-client": "tus",
    "d3": "charts",
    "@observablehq/plot": "charts",
    "htmx.org": "vendor",
}
LICENCES = {
    "MIT": "MIT",
    "ISC": "Permission to use, copy, modify, and/or distribute this software for any purpose",
    "0BSD": "Zero-Clause BSD",
}


def test_vendored_files_are_listed_with_version_licence_and_checksum() -> None:
    rows = ROW.findall((VENDOR / "README.md").read_text())
    assert [row[0] for row in rows] == sorted(folder.name for folder in VENDOR.iterdir() if folder.is_dir())
    for folder, _, file, _, licence, checksum in rows:
        content = (VENDOR / folder / Path(file).name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == checksum
        assert LICENCES[licence] in (VENDOR / folder / "LICENSE").read_text()


@pytest.mark.parametrize("row", ROW.findall((VENDOR / "README.md").read_text()), ids=lambda row: row[0])
def test_vendored_files_are_those_of_npm(row: tuple[str, ...]) -> None:
    folder, name, file, version, licence, _ = row
    tests = ROOT / "tests" / INSTALLED[name]
    package = tests / "node_modules" / name
    if not package.is_dir():
        cannot_run(f"{name} is not installed: apt-get install nodejs npm, then make {INSTALLED[name]}")
    about = json.loads((package / "package.json").read_text())
    assert (about["name"], about["version"], about["license"]) == (name, version, licence)
    locked = json.loads((tests / "package-lock.json").read_text())["packages"]
    assert locked[f"node_modules/{name}"]["version"] == version
    assert (VENDOR / folder / Path(file).name).read_bytes() == (package / file).read_bytes()
    assert (VENDOR / folder / "LICENSE").read_bytes() == (package / "LICENSE").read_bytes()
