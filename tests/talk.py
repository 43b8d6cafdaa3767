"""Clients of a served registry, over real connections, with concurrent requests."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx

from tests.served import ADMIN_PASSWORD, Served

T = TypeVar("T")

# httpx's pool, used by several threads, can mistake a connection with an unread response for one that the server
# closed, and close it (httpcore 1.0.9, `has_expired`). With a connection for each request, none is idle.
UNSHARED = {"Connection": "close"}


def administrator(registry: Served, credentials: dict[str, str] | None = None) -> httpx.Client:
    """Return a client of the administrator, or of another user; paths are relative to the API's prefix."""
    credentials = credentials or {"username": "admin", "password": ADMIN_PASSWORD}
    answer = httpx.post(f"{registry.base_url}/login", json=credentials, timeout=120)
    headers = UNSHARED | {"Authorization": answer.json()["token"]}
    limits = httpx.Limits(max_connections=200)
    return httpx.Client(base_url=f"{registry.base_url}/v1", headers=headers, timeout=120, limits=limits)


def created(client: httpx.Client, kind: str, **fields: Any) -> str:
    """Create an item and return its id."""
    answer = client.post(f"/{kind}", json=fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["_id"])


def at_once(action: Callable[[int], T], times: int) -> Sequence[T]:
    """Return what `action` returns for 0 to times - 1, each in its own thread."""
    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(action, range(times)))
