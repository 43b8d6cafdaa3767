"""Drafts with a file, made by the services."""

from typing import Any

from versions import draft_files, drafts
from versions.sent import NewFile
from versions.storage import store


def draft_path(owner: Any) -> str:
    """Create a draft with a file and a metric; return its path below the API."""
    metrics = [{"name": "reached", "value": 1.0, "step": 0, "timestamp": 0}]
    draft = drafts.begin(owner=owner, kind="run", name="run", metrics=metrics)
    with store().receive() as incoming:
        incoming.write(b"bytes")
        draft_files.put_file(draft=draft, file=NewFile("model.bin", "x/y", incoming.finish(), 0))
    return f"drafts/{draft.pk}"
