"""Files of other projects are those that npm has."""

import hashlib
import json
import re
from pathlib import Path

from tests.missing import cannot_run

ROOT = Path(__file__).resolve().parents[3]
VENDOR = ROOT / "registry_site/pages/static/registry/vendor"
INSTALLED = ("tests/tus", "tests/vendor")  # each with a package.json and its packages
LICENCES = {"0BSD": "Zero-Clause BSD"}  # how a licence calls itself, if not by its identifier
ROW = re.compile(r"\| `([\w.-]+)` \| \[.*\]\(.*\), `([\w./]+)` \| ([\d.]+) \| (\w+) \| `([0-9a-f]{64})` \|")


def test_vendored_files_are_listed_with_version_licence_and_checksum() -> None:
    rows = ROW.findall((VENDOR / "README.md").read_text())
    assert [row[0] for row in rows] == sorted(folder.name for folder in VENDOR.iterdir() if folder.is_dir())
    for folder, file, _, licence, checksum in rows:
        content = (VENDOR / folder / Path(file).name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == checksum
        assert LICENCES.get(licence, licence) in (VENDOR / folder / "LICENSE").read_text()


def test_vendored_files_are_those_of_npm() -> None:
    for folder, file, version, licence, _ in ROW.findall((VENDOR / "README.md").read_text()):
        package = next(
            (path for path in (ROOT / each / "node_modules" / folder for each in INSTALLED) if path.is_dir()), None
        )
        if package is None:
            cannot_run(f"{folder} is not installed: apt-get install nodejs npm, then make tus vendor")
        about = json.loads((package / "package.json").read_text())
        assert (about["name"], about["version"], about["license"]) == (folder, version, licence)
        locked = json.loads((package.parents[1] / "package-lock.json").read_text())["packages"]
        assert locked[f"node_modules/{folder}"]["version"] == version
        assert (VENDOR / folder / Path(file).name).read_bytes() == (package / file).read_bytes()
        assert (VENDOR / folder / "LICENSE").read_bytes() == (package / "LICENSE").read_bytes()
