"""Helpers that speak the tus protocol through the tests' API client."""

import base64
import hashlib
from typing import Any

OFFSET = "application/offset+octet-stream"
RESUMABLE = {"Tus-Resumable": "1.0.0"}


def encoded(**pairs: str) -> str:
    """Return an Upload-Metadata header."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


def checksum(content: bytes, algorithm: str = "sha256") -> str:
    """Return an Upload-Checksum header."""
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"


def post(api: Any, size: int | None = None, body: bytes | None = None, /, **headers: str) -> Any:
    """Create an upload; underscores in headers' names are dashes."""
    options: dict[str, Any] = {} if body is None else {"data": body, "content_type": OFFSET}
    length = {} if size is None else {"Upload-Length": str(size)}
    return api.post("uploads", headers=RESUMABLE | length | _named(headers), **options)


def begin(api: Any, size: int, **pairs: str) -> str:
    """Create an upload with this metadata and return its URL."""
    headers = {"Upload_Metadata": encoded(**pairs)} if pairs else {}
    answer = post(api, size, **headers)
    assert answer.status_code == 201, answer
    return str(answer.headers["Location"])


def patch(api: Any, url: str, offset: int, body: bytes, **headers: str) -> Any:
    """Send bytes at an offset."""
    headers = RESUMABLE | {"Upload-Offset": str(offset)} | _named(headers)
    return api.patch(url, data=body, content_type=OFFSET, headers=headers)


def head(api: Any, url: str) -> Any:
    return api.head(url, headers=RESUMABLE)


def offset_of(api: Any, url: str) -> int:
    """Return the offset that the registry tells."""
    answer = head(api, url)
    assert answer.status_code == 200, answer
    return int(answer.headers["Upload-Offset"])


def sent(api: Any, content: bytes, **headers: str) -> str:
    """Upload all bytes in one request, and return the upload's URL."""
    answer = post(api, len(content), content, **headers)
    assert answer.status_code == 201, answer
    return str(answer.headers["Location"])


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
