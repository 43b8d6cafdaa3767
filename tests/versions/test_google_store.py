"""Google's store: the S3 protocol without multipart copies, and the features of its own API."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from registry_site.config.storages import parse
from registry_site.config.variables import Environment
from tests.google_store import ACCOUNT
from tests.object_store import MIB, ObjectStore
from versions.google_storage import GoogleStorage
from versions.object_storage import ObjectStorage
from versions.objects import Part


@pytest.mark.parametrize(("scheme", "asked"), [("gs", ["CopyObject"]), ("s3", ["UploadPartCopy"] * 3)])
def test_large_objects_are_copied_in_one_request_without_multipart_copies(
    s3_store: ObjectStore, scheme: str, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("versions.object_storage.LARGE", 8 * MIB)
    monkeypatch.setattr("versions.object_storage.COPYING.multipart_chunksize", 5 * MIB)
    prefix = uuid4().hex
    variables: dict[str, Any] = s3_store.variables(prefix, part_size="5", region="us-east-1")
    variables["STORAGE"] = variables["STORAGE"].replace("s3:", f"{scheme}:")
    entry = parse(Environment.model_construct(**variables))
    assert entry["BACKEND"] == "versions.object_storage.ObjectStorage"
    store = ObjectStorage(**entry["OPTIONS"])
    copies: list[str] = []
    for operation in ("CopyObject", "UploadPartCopy"):
        store.client.meta.events.register(f"before-send.s3.{operation}", _noting(copies, operation))
    content = bytes(range(256)) * (12 * MIB // 256)
    with store.receive() as incoming:
        incoming.write(content)
        received = incoming.finish()
    store.keep(received, "acme/aa/key")
    store.discard(received)
    assert s3_store.content(f"{prefix}/acme/aa/key") == content
    assert s3_store.keys(prefix) == [f"{prefix}/acme/aa/key"]
    assert copies == asked


def _noting(copies: list[str], operation: str) -> Any:
    def note(**_: Any) -> None:
        copies.append(operation)

    return note


def test_repeated_parts_and_parts_from_another_process_make_the_same_object(google_store: ObjectStore) -> None:
    prefix, content = uuid4().hex, bytes(range(256)) * (12 * MIB // 256)
    place = GoogleStorage(**google_store.options(prefix)).begin(f"{prefix}/+incoming/one")
    for number, start in enumerate(range(0, len(content), 5 * MIB), 1):
        store = GoogleStorage(**google_store.options(prefix))  # knows nothing of the other process
        store.send(place, Part(number, start, content[start : start + 5 * MIB], last=start + 5 * MIB >= len(content)))
    store.complete(place, [])
    assert google_store.content(f"{prefix}/+incoming/one") == content
    (left,) = store.leftovers(timedelta(0))
    store.discard(left)
    assert google_store.keys(prefix) == []


def test_links_contain_the_public_endpoint_and_the_signer(google_store: ObjectStore) -> None:
    options = google_store.options(uuid4().hex)
    said = {"mimetype": "text/csv", "disposition": "attachment"}
    link = httpx.URL(GoogleStorage(**options).link("acme/aa/key", **said))
    assert (link.host, link.port) == ("127.0.0.1", google_store.port)
    assert link.params["X-Goog-Credential"].startswith(f"{ACCOUNT}/")
    assert (link.params["X-Goog-Expires"], link.params["response-content-type"]) == ("300", "text/csv")
    public = GoogleStorage(**options | {"public_endpoint_url": "https://public.example"}).link("acme/aa/key", **said)
    assert httpx.URL(public).host == "public.example"
    through = GoogleStorage(**options | {"custom_endpoint": "https://cdn.example"}).link("acme/aa/key", **said)
    assert (httpx.URL(through).host, "X-Goog-Signature" in through) == ("cdn.example", True)


def test_no_error_message_contains_the_address_of_an_upload(google_store: ObjectStore) -> None:
    prefix = uuid4().hex
    store = GoogleStorage(**google_store.options(prefix))
    name, _, session = store.begin(f"{prefix}/+incoming/one").partition("?session=")
    unknown = f"{session[:-8]}{'0' * 8}"
    with pytest.raises(FileNotFoundError, match="404") as caught:
        store.send(f"{name}?session={unknown}", Part(1, 0, b"content", last=True))
    assert "upload_id" in unknown
    assert "upload_id" not in str(caught.value)
