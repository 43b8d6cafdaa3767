"""Files of other projects are those that npm has."""

import hashlib
import json
import re
from pathlib import Path

from tests.missing import cannot_run

ROOT = Path(__file__).resolve().parents[3]
VENDOR = ROOT / "registry_site/pages/static/registry/vendor"
PACKAGE = ROOT / "tests/tus/node_modules/tus-js-client"
ROW = re.compile(r"\| `([\w-]+)` \| \[.*\]\(.*\), `([\w./]+)` \| ([\d.]+) \| (\w+) \| `([0-9a-f]{64})` \|")


def test_vendored_files_are_listed_with_version_licence_and_checksum() -> None:
    rows = ROW.findall((VENDOR / "README.md").read_text())
    assert [row[0] for row in rows] == sorted(folder.name for folder in VENDOR.iterdir() if folder.is_dir())
    for folder, file, _, licence, checksum in rows:
        content = (VENDOR / folder / Path(file).name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == checksum
        assert licence in (VENDOR / folder / "LICENSE").read_text()


def test_vendored_files_are_those_of_npm() -> None:
    if not PACKAGE.is_dir():
        cannot_run("tus-js-client is not installed: apt-get install nodejs npm, then make tus")
    ((folder, file, version, licence, _),) = ROW.findall((VENDOR / "README.md").read_text())
    about = json.loads((PACKAGE / "package.json").read_text())
    assert (about["name"], about["version"], about["license"]) == (folder, version, licence)
    locked = json.loads((ROOT / "tests/tus/package-lock.json").read_text())["packages"]
    assert locked["node_modules/tus-js-client"]["version"] == version
    assert (VENDOR / folder / Path(file).name).read_bytes() == (PACKAGE / file).read_bytes()
    assert (VENDOR / folder / "LICENSE").read_bytes() == (PACKAGE / "LICENSE").read_bytes()
