"""Clients that write until the registry is killed, and check what it has acknowledged after a restart."""

import random
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx

from tests.versions.files import sha256

LARGEST = 200_000  # bytes of a file
LIMIT = 500  # items of a page
SEALED_SECONDS = 30  # on a busy machine


class Writer(threading.Thread):
    """Creates, changes, uploads and deletes; records acknowledged requests, and requests without a response."""

    def __init__(self, client: httpx.Client, shared: str, seed: str) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.shared = shared
        self.random = random.Random(seed)
        self.kept: dict[str, dict[str, Any]] = {}
        self.deleting: set[str] = set()
        self.deleted: set[str] = set()
        self.tags: set[str] = set()
        self.refusals: list[str] = []

    def run(self) -> None:
        try:
            while not self.refusals:
                self._write_some()
        except httpx.TransportError:
            return

    def _write_some(self) -> None:
        tag, content = uuid4().hex, self.random.randbytes(self.random.randrange(LARGEST))
        id = self._acknowledged("POST", "/models", json={"name": tag, "tags": [tag]}).get("_id")
        self._acknowledged("PUT", f"/models/{id}/versions/raw.bin", content=content)
        self._acknowledged("POST", f"/models/{id}/versions", files={"file": ("form.bin", content[::-1])})
        self._acknowledged("PUT", f"/models/{id}", json={"metadata": {"add": [{"name": "m", "value": tag}]}})
        if self._answer("PUT", f"/models/{self.shared}", json={"tags": {"add": [tag]}}):
            self.tags.add(tag)
        if self.kept and self.random.random() < 0.4:
            gone = self.random.choice(sorted(self.kept))
            self.deleting.add(gone)
            if self._answer("DELETE", f"/models/{gone}"):
                self.deleted.add(gone)
                del self.kept[gone]

    def _acknowledged(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        document = self._answer(method, path, **options)
        if document:
            self.kept[document["_id"]] = document
        return document

    def _answer(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = self.client.request(method, path, **options)
        if answer.status_code != httpx.codes.OK:
            self.refusals.append(answer.text)
            return {}
        document: dict[str, Any] = answer.json()
        return document


def assert_nothing_is_lost(client: httpx.Client, writers: list[Writer], shared: str) -> None:
    """Check that everything acknowledged exists completely, and that deletions stay deleted."""
    assert [refusal for writer in writers for refusal in writer.refusals] == []
    tags = set(client.get(f"/models/{shared}").json()["tags"])
    for writer in writers:
        assert writer.tags <= tags
        for id in writer.deleted:
            assert client.get(f"/models/{id}").status_code == httpx.codes.NOT_FOUND
        for id, acknowledged in writer.kept.items():
            answer = client.get(f"/models/{id}")
            if answer.status_code != httpx.codes.NOT_FOUND or id not in writer.deleting:
                _assert_is_no_older(answer.json(), acknowledged)


def _assert_is_no_older(found: dict[str, Any], acknowledged: dict[str, Any]) -> None:
    """Check that the item is at the acknowledged state, or a later one whose response did not arrive."""
    assert {field: found[field] for field in ("name", "tags", "owner")} == {
        field: acknowledged[field] for field in ("name", "tags", "owner")
    }
    for field in ("versions", "metadata"):
        assert all(entry in found[field] for entry in acknowledged[field])


def all_models(client: httpx.Client) -> Iterator[dict[str, Any]]:
    """Yield every model, page by page."""
    page = 1
    while page:
        answer = client.get("/models", params={"limit": LIMIT, "page": page}).json()
        yield from answer["docs"]
        page = answer["nextPage"]


def assert_bytes_are_whole(client: httpx.Client) -> None:
    """Check that every listed version, acknowledged or not, has its bytes, and that every tag exists."""
    tags = set()
    for item in all_models(client):
        tags |= set(item["tags"])
        for version in item["versions"]:
            content = client.get(f"/models/{item['_id']}/versions/{version['ordinal']}").content
            assert len(content) == version["size"]
            assert sha256(content) == version["sha256"]
    for tag in tags:
        assert client.get(f"/tags/{tag}").status_code == httpx.codes.OK


def all_events(client: httpx.Client) -> list[dict[str, Any]]:
    """Return every event in the order of the sequence, once all are sealed."""
    deadline = time.monotonic() + SEALED_SECONDS
    while client.get("/events", params={"filter": '{"sequence": {"$exists": false}}'}).json()["totalDocs"]:
        assert time.monotonic() < deadline, "events are not sealed"
        time.sleep(0.2)
    events: list[dict[str, Any]] = []
    while True:
        after = {"after": str(len(events)), "limit": LIMIT}
        page = client.get("/events", params=after).raise_for_status().json()["docs"]
        if not page:
            return events
        events += page
        assert [event["sequence"] for event in events] == list(range(1, len(events) + 1)), "there are gaps"


def assert_changes_have_their_events(client: httpx.Client) -> None:
    """Check that each revision of a model has one event, and that the events tell what the model is."""
    of_items: dict[str, list[dict[str, Any]]] = {}
    for event in all_events(client):
        if event["item"]["kind"] == "model":
            of_items.setdefault(event["item"]["_id"], []).append(event)
    models = {model["_id"]: model for model in all_models(client)}
    for id, events in of_items.items():
        types = [event["type"] for event in events]
        assert [event["item"]["revision"] for event in events] == list(range(len(events))), id
        assert (types[-1] == "model.deleted") == (id not in models), id
        if id in models:
            assert types.count("version.created") == models[id]["versions_count"], id
            tags = [tag for event in events for tag in _added(event["changes"].get("tags", [[], []])[1])]
            assert sorted(tags) == sorted(models[id]["tags"]), id
    assert set(models) <= set(of_items)


def _added(elements: Any) -> list[str]:
    return list(elements.values()) if isinstance(elements, dict) else elements
