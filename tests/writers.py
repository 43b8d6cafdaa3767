"""Clients that write until the registry is killed, and check what it has acknowledged after a restart."""

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from tests.versions.files import sha256
from tests.versions.tus import OFFSET, RESUMABLE, encoded

LARGEST = 200_000  # bytes of a file
TUS, COMPOSED, FOLDER = "tus.bin", "composed", "inode/directory"
LIMIT = 500  # items of a page
LOCKED_SECONDS = 30  # a lock ends after five seconds
SEALED_SECONDS = 30  # on a busy machine


@dataclass
class Sent:
    """An upload in several requests; `told` is the highest offset that was acknowledged."""

    item: str
    content: bytes
    told: int = 0

    def send(self, client: httpx.Client, url: str, stop: int) -> list[str]:
        """Send the bytes from the offset that was told; return what was refused."""
        headers = RESUMABLE | {"Upload-Offset": str(self.told), "Content-Type": OFFSET}
        answer = client.patch(url, content=self.content[self.told : stop], headers=headers)
        if answer.status_code != httpx.codes.NO_CONTENT:
            return [answer.text]
        self.told = stop
        return []


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
        self.uploads: dict[str, Sent] = {}
        self.loose: list[str] = []  # uploads for folders, by URL
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
        parts = [("files", (f"{tag}/{part}.bin", content[part:])) for part in range(3)]
        self._acknowledged("POST", f"/models/{id}/versions", files=parts)
        for version in ("1", "2"):
            self._answer("PUT", f"/models/{id}/aliases/production", json={"version": version, "reason": tag})
        self._acknowledged("PUT", f"/models/{id}", json={"metadata": {"add": [{"name": "m", "value": tag}]}})
        if self._answer("PUT", f"/models/{self.shared}", json={"tags": {"add": [tag]}}):
            self.tags.add(tag)
        self._upload(str(id), content[::2])
        self._compose(str(id), content[::3])
        if self.kept and self.random.random() < 0.4:
            gone = self.random.choice(sorted(self.kept))
            self.deleting.add(gone)
            if self._answer("DELETE", f"/models/{gone}"):
                self.deleted.add(gone)
                del self.kept[gone]

    def _upload(self, item: str, content: bytes) -> None:
        """Send bytes by the tus protocol in three requests."""
        url = self._begin(len(content), {"Upload-Metadata": encoded(item=item, path=TUS)})
        sent = self.uploads[url] = Sent(item, content)
        for stop in (len(content) // 3, len(content) // 2, len(content)):
            self.refusals += sent.send(self.client, url, stop)

    def _begin(self, size: int, about: dict[str, str]) -> str:
        """Create an upload and return its URL."""
        answer = self.client.post("/uploads", headers=RESUMABLE | {"Upload-Length": str(size)} | about)
        if answer.status_code != httpx.codes.CREATED:
            self.refusals.append(answer.text)
        return answer.headers.get("Location", "").removeprefix("/v1")

    def _compose(self, item: str, content: bytes) -> None:
        """Make a folder of two uploads and of a file of another version; then delete it, or the one by a form."""
        files = [{"path": "raw.bin", "version": "raw.bin"}]
        for number, piece in enumerate((content, content[1:])):
            url = self._begin(len(piece), {})
            self.loose.append(url)
            self.refusals += Sent(item, piece).send(self.client, url, len(piece))
            files.append({"path": f"sent/{number}.bin", "upload": url.rpartition("/")[2]})
        composed = {"original": COMPOSED, "files": files, "tags": ["composed"]}
        document = self._acknowledged("POST", f"/models/{item}/versions", json=composed)
        gone = self.random.choice([each for each in document.get("versions", ()) if each["mimetype"] == FOLDER] or [{}])
        if document and self.random.random() < 0.5:
            self.kept[item] = document | {"versions": [each for each in document["versions"] if each != gone]}
            self._acknowledged("DELETE", f"/models/{item}/versions/{gone['ordinal']}")

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


def assert_uploads_go_on(client: httpx.Client, writers: list[Writer]) -> None:
    """Check that no upload lost bytes that were acknowledged, and complete them: each becomes a version, once."""
    for writer in writers:
        for url, sent in writer.uploads.items():
            if sent.item in writer.deleted | writer.deleting:
                client.delete(url, headers=RESUMABLE)
                continue
            offset = int(client.head(url, headers=RESUMABLE).headers["Upload-Offset"])
            assert offset >= sent.told
            sent.told = offset
            _complete(client, url, sent)
            versions = client.get(f"/models/{sent.item}").json()["versions"]
            found = [version["sha256"] for version in versions if version["original"] == TUS]
            assert found == [sha256(sent.content)]
        for url in writer.loose:
            _remove(client, url)


def _remove(client: httpx.Client, url: str) -> None:
    """Delete an upload, once the lock of the killed process has ended."""
    deadline = time.monotonic() + LOCKED_SECONDS
    while client.delete(url, headers=RESUMABLE).status_code == httpx.codes.LOCKED:
        assert time.monotonic() < deadline


def _complete(client: httpx.Client, url: str, sent: Sent) -> None:
    """Send the bytes that are missing, once the lock of the killed process has ended."""
    deadline, refused = time.monotonic() + LOCKED_SECONDS, ["not sent"]
    while refused and sent.told < len(sent.content):
        refused = sent.send(client, url, len(sent.content))
        assert not refused or time.monotonic() < deadline, refused


def _assert_is_no_older(found: dict[str, Any], acknowledged: dict[str, Any]) -> None:
    """Check that the item is at the acknowledged state, or a later one whose response did not arrive."""
    assert {field: found[field] for field in ("name", "tags", "owner")} == {
        field: acknowledged[field] for field in ("name", "tags", "owner")
    }
    for field in ("versions", "metadata"):
        assert all(entry in found[field] for entry in acknowledged[field])
    assert found["aliases"].items() >= acknowledged["aliases"].items()


def all_models(client: httpx.Client) -> Iterator[dict[str, Any]]:
    """Yield every model, page by page."""
    page = 1
    while page:
        answer = client.get("/models", params={"limit": LIMIT, "page": page}).json()
        yield from answer["docs"]
        page = answer["nextPage"]


def files_of(client: httpx.Client, version: str) -> Iterator[dict[str, Any]]:
    """Yield the files of a version, each with its URL."""
    for file in client.get(f"{version}/files", params={"limit": LIMIT}).json()["docs"]:
        yield file | {"address": f"{version}/files/{file['path']}"}


def assert_bytes_are_whole(client: httpx.Client) -> set[str]:
    """Check that every listed version, acknowledged or not, has its bytes, and that every tag exists.

    Return the digests of the files of all versions.
    """
    tags, digests = set[str](), set[str]()
    for item in all_models(client):
        tags |= set(item["tags"])
        for version in item["versions"]:
            for file in files_of(client, f"/models/{item['_id']}/versions/{version['ordinal']}"):
                content = client.get(file["address"]).content
                assert len(content) == file["size"]
                assert sha256(content) == file["sha256"]
                digests.add(file["sha256"])
    for tag in tags:
        assert client.get(f"/tags/{tag}").status_code == httpx.codes.OK
    return digests


def all_events(client: httpx.Client) -> list[dict[str, Any]]:
    """Return every event in the order of the sequence, once all are sealed."""
    deadline = time.monotonic() + SEALED_SECONDS
    while client.get("/events", params={"filter": '{"sequence": {"$exists": false}}'}).json()["totalDocs"]:
        assert time.monotonic() < deadline, "events are not sealed"
        time.sleep(0.2)
    events: list[dict[str, Any]] = []
    while True:
        after = {"after": str(len(events)), "limit": str(LIMIT)}
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
            versions = types.count("version.created") - types.count("version.deleted")
            assert versions == models[id]["versions_count"], id
            own = [event["changes"] for event in events if event["type"].startswith("model.")]
            tags = [tag for changes in own for tag in _added(changes.get("tags", [[], []])[1])]
            assert sorted(tags) == sorted(models[id]["tags"]), id
            moved = [event["version"] for event in events if event["type"].startswith("alias.")]
            assert_aliases_have_their_moves(client, models[id], moved)
    assert set(models) <= set(of_items)


def assert_aliases_have_their_moves(client: httpx.Client, model: dict[str, Any], moved: list[str]) -> None:
    """Check that events, history and the model itself tell the same moves of its alias."""
    order = {"sort": '{"sequence": "asc"}', "limit": str(LIMIT)}
    moves = client.get(f"/models/{model['_id']}/aliases/production/history", params=order).json()["docs"]
    assert [move["to"] for move in moves] == moved, model["_id"]
    assert [move["from"] for move in moves] == [None, *moved][: len(moved)], model["_id"]
    assert model["aliases"] == ({"production": moved[-1]} if moved else {})


def _added(elements: Any) -> list[str]:
    return list(elements.values()) if isinstance(elements, dict) else elements
