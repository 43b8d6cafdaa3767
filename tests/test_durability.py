"""What the registry has acknowledged survives the end of its processes, at whatever moment it comes."""

import hashlib
import random
import threading
import time
from typing import Any
from uuid import uuid4

import httpx

from tests.served import Served
from tests.talk import administrator

WRITERS = 6
SECONDS_OF_WRITING = 2.0
LIMIT = 1000


class Writer(threading.Thread):
    """Creates items, tags them and uploads to them until the registry is gone; notes what was acknowledged."""

    def __init__(self, client: httpx.Client, seed: int) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.random = random.Random(seed)
        self.acknowledged: dict[str, dict[str, Any]] = {}
        self.refusals: list[str] = []

    def run(self) -> None:
        try:
            while not self.refusals:
                self._write_one()
        except httpx.TransportError:
            return

    def _write_one(self) -> None:
        tag = uuid4().hex
        item = self._acknowledged(self.client.post("/models", json={"name": tag, "tags": [tag]}))
        content = self.random.randbytes(self.random.randrange(200_000))
        path = f"/models/{item.get('_id')}"
        self._acknowledged(self.client.put(f"{path}/versions/a.bin", content=content))
        self._acknowledged(self.client.put(path, json={"metadata": {"add": [{"name": "m", "value": tag}]}}))

    def _acknowledged(self, answer: httpx.Response) -> dict[str, Any]:
        if answer.status_code != httpx.codes.OK:
            self.refusals.append(answer.text)
            return {}
        document: dict[str, Any] = answer.json()
        self.acknowledged[document["_id"]] = document
        return document


def test_all_that_was_acknowledged_is_there_after_a_kill_in_the_midst_of_writing(fresh_served: Served) -> None:
    with administrator(fresh_served) as client:
        writers = [Writer(client, seed) for seed in range(WRITERS)]
        for writer in writers:
            writer.start()
        time.sleep(SECONDS_OF_WRITING)
        fresh_served.kill()
        for writer in writers:
            writer.join(60)
    acknowledged = {id: item for writer in writers for id, item in writer.acknowledged.items()}
    assert [refusal for writer in writers for refusal in writer.refusals] == []
    assert len(acknowledged) >= WRITERS
    fresh_served.start()
    with administrator(fresh_served) as client:
        for id, item in acknowledged.items():
            _assert_nothing_of_it_is_lost(client.get(f"/models/{id}").json(), item)
        _assert_all_bytes_are_whole(client)


def _assert_nothing_of_it_is_lost(found: dict[str, Any], acknowledged: dict[str, Any]) -> None:
    """The item may be further on than was acknowledged, where the answer did not arrive, but never behind."""
    assert {field: found[field] for field in ("name", "tags", "owner")} == {
        field: acknowledged[field] for field in ("name", "tags", "owner")
    }
    for field in ("versions", "metadata"):
        assert all(entry in found[field] for entry in acknowledged[field])


def _assert_all_bytes_are_whole(client: httpx.Client) -> None:
    """Every version that a list shows, acknowledged or not, has its bytes, and every tag is a known word."""
    first = client.get("/models", params={"limit": LIMIT}).json()
    assert first["totalDocs"] <= LIMIT
    tags = set()
    for item in first["docs"]:
        tags |= set(item["tags"])
        for version in item["versions"]:
            content = client.get(f"/models/{item['_id']}/versions/{version['ordinal']}").content
            assert len(content) == version["size"]
            assert hashlib.sha256(content).hexdigest() == version["sha256"]
    terms = {term["_id"] for term in client.get("/tags", params={"limit": LIMIT}).json()["docs"]}
    assert tags <= terms
