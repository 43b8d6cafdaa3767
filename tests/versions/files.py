"""Helpers that send files and read the store."""

import hashlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from django.core.files.storage import FileSystemStorage, storages

from tests.answers import ok
from tests.catalog.items import create

CONTENT = b"abcdefghijklmnopqrstuvwxyz"
EXTENDED = re.compile(r"filename\*=UTF-8''([^;]+)")
PLAIN = re.compile(r'filename="([^"]*)"')


def new_item(api: Any, kind: str = "models", **fields: Any) -> str:
    """Create an item and return its path."""
    return f"{kind}/{create(api, kind, **fields)['_id']}"


def put_file(api: Any, path: str, name: str, content: bytes = CONTENT, **query: str) -> dict[str, Any]:
    """Send bytes as the request body and return the new version."""
    return newest(ok(send_bytes(api, path, name, content, query=query)))


def send_bytes(api: Any, path: str, name: str, content: bytes = CONTENT, **options: Any) -> Any:
    """Send bytes as the request body and return the response."""
    options = {"content_type": "application/octet-stream"} | options
    return api.put(f"{path}/versions/{quote(name)}", data=content, **options)


def post_file(api: Any, path: str, name: str, content: bytes = CONTENT, **options: Any) -> dict[str, Any]:
    """Send a form with a file and return the new version."""
    return newest(ok(api.upload(f"{path}/versions", name, content, **options)))


def newest(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item's newest version."""
    version: dict[str, Any] = max(item["versions"], key=lambda version: version["timestamp"])
    highest = [each for each in item["versions"] if each["timestamp"] == version["timestamp"]]
    return max(highest, key=lambda version: (version["ordinal"].isdigit() and int(version["ordinal"]), 0))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def stored() -> dict[str, bytes]:
    """Return the contents of the store by name, for file and object stores."""
    storage: Any = storages["versions"]
    if isinstance(storage, FileSystemStorage):
        files = (file for file in Path(storage.location).rglob("*") if file.is_file())
        return {str(file): file.read_bytes() for file in files}
    prefix = storage.name("")
    return {name: storage.read(name.removeprefix(prefix)).read() for name in storage.names()}


def copies(content: bytes) -> int:
    """Return the number of files in the store with exactly these bytes."""
    return sum(1 for each in stored().values() if each == content)


def saved_name(response: Any) -> str:
    """Return the file name that a client that implements RFC 6266 uses."""
    header = response.headers["Content-Disposition"]
    assert header.startswith("attachment")
    assert header.isascii()
    assert header.isprintable()
    extended = EXTENDED.search(header)
    if extended:
        return unquote(extended[1])
    plain = PLAIN.search(header)
    assert plain, header
    return plain[1]
