"""Helpers that read and change a backup."""

import json
from pathlib import Path
from typing import Any

from tests.versions.files import sha256

LOG_ROWS = Path("rows", "tenants.requestlog.jsonl")


def contents(backup: Path) -> dict[str, Any]:
    """Return the whole content of a backup, regardless of the order of its rows."""
    rows = {file.name: sorted(file.read_bytes().splitlines()) for file in (backup / "rows").iterdir()}
    return rows | {str(file.relative_to(backup)): file.read_bytes() for file in backup_bytes(backup)}


def backup_bytes(backup: Path) -> list[Path]:
    return [file for file in (backup / "bytes").rglob("*") if file.is_file()]


def rewrite_log(backup: Path, lines: list[bytes]) -> None:
    """Replace the log in a backup."""
    content = b"".join(line + b"\n" for line in lines)
    (backup / LOG_ROWS).write_bytes(content)
    manifest = json.loads((backup / "manifest.json").read_text())
    manifest["tables"]["tenants.requestlog"] = {"rows": len(lines), "sha256": sha256(content)}
    (backup / "manifest.json").write_text(json.dumps(manifest))


def change_rows(backup: Path, table: str, old: bytes, new: bytes) -> None:
    """Replace text in the rows of a backup, and update the manifest."""
    path = backup / "rows" / f"{table}.jsonl"
    content = path.read_bytes()
    assert old in content, content
    content = content.replace(old, new)
    path.write_bytes(content)
    manifest = json.loads((backup / "manifest.json").read_text())
    manifest["tables"][table]["sha256"] = sha256(content)
    (backup / "manifest.json").write_text(json.dumps(manifest))
