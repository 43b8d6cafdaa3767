"""The request log of a served registry: its delay, and that no entry is lost on shutdown."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.engines import Server
from tests.served import ADMIN_PASSWORD, Served

LATEST = 2.0  # seconds: the allowed delay of the log


@contextmanager
def _administrator(registry: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{registry.base_url}/v1", timeout=30) as client:
        answer = client.post("/login", json={"username": "admin", "password": ADMIN_PASSWORD}).json()
        client.headers["Authorization"] = answer["token"]
        yield client


def _await(client: httpx.Client, url: str) -> list[dict[str, Any]]:
    """Return the entries of a URL as soon as there is one, within the allowed delay."""
    deadline = time.monotonic() + LATEST
    while True:
        docs = client.get("/log", params={"filter": f'{{"url": {{"$regex": "{re.escape(url)}"}}}}'}).json()["docs"]
        if docs or time.monotonic() > deadline:
            return [entry for entry in docs if "/log" not in entry["url"]]
        time.sleep(0.1)


@pytest.mark.promise("log.entries")
def test_a_served_registry_shows_a_request_within_two_seconds(served: Served) -> None:
    with _administrator(served) as client:
        client.get("/models", params={"limit": 777})
        (entry,) = _await(client, "limit=777")
    assert (entry["user"]["username"], entry["status"]) == ("admin", 200)


@pytest.fixture
def silent(server: Server, tmp_path: Any) -> Iterator[Served]:
    with Served.on(server, tmp_path, LOG="false") as registry:
        yield registry


@pytest.mark.promise("log.off")
def test_a_served_registry_without_a_log_stores_nothing(silent: Served) -> None:
    with _administrator(silent) as client:
        client.get("/models", params={"limit": 777})
        assert _await(client, "limit=777") == []
        assert client.get("/log").json()["totalDocs"] == 0


@pytest.mark.promise("log.entries")
def test_waiting_entries_are_written_when_the_registry_stops(fresh_served: Served) -> None:
    with _administrator(fresh_served) as client:
        client.get("/models", params={"limit": 778})
    fresh_served.stop()
    fresh_served.start()
    with _administrator(fresh_served) as client:
        assert len(_await(client, "limit=778")) == 1
