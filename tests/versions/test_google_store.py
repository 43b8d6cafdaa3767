"""Google's store through its S3 protocol, of which no copies in pieces are asked: tried on a store that has them."""

from typing import Any
from uuid import uuid4

import pytest

from registry_site.storages import parse
from registry_site.variables import Environment
from tests.object_store import MIB, ObjectStore
from versions.object_storage import ObjectStorage


@pytest.mark.parametrize(("scheme", "asked"), [("gs", ["CopyObject"]), ("s3", ["UploadPartCopy"] * 3)])
def test_large_objects_are_copied_at_once_where_the_store_copies_no_pieces(
    s3_store: ObjectStore, scheme: str, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("versions.object_storage.LARGE", 8 * MIB)
    monkeypatch.setattr("versions.object_storage.COPYING.multipart_chunksize", 5 * MIB)
    prefix = uuid4().hex
    variables: dict[str, Any] = s3_store.variables(prefix, part_size="5", region="us-east-1")
    variables["STORAGE"] = variables["STORAGE"].replace("s3:", f"{scheme}:")
    store = ObjectStorage(**parse(Environment.model_construct(**variables))["OPTIONS"])
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
