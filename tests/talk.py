"""How tests talk to a served registry: over real connections, many at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx

from tests.served import ADMIN_PASSWORD, Served

T = TypeVar("T")

# httpx's pool, used by several threads, may take a connection whose answer has just come for one that the server has
# closed, and closes it under its reader (httpcore 1.0.9, `has_expired`). A connection for each request is never idle.
UNSHARED = {"Connection": "close"}


def administrator(registry: Served, credentials: dict[str, str] | None = None) -> httpx.Client:
    """Return a client of the default tenant's administrator, or of somebody; paths are relative to the API's prefix."""
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
    """Return what `action` returns for 0 to times - 1, each in a thread of its own."""
    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(action, range(times)))
