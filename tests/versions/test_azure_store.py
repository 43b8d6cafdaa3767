"""Azure's store, opened with a SAS token instead of a key."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from registry_site.config.storages import parse
from registry_site.config.variables import Environment
from tests.engines import free_port
from tests.object_store import MIB, PLACE, ObjectStore
from versions.azure_storage import AzureStorage


def opened(azure_store: ObjectStore, prefix: str, rights: str) -> AzureStorage:
    token = generate_container_sas(
        azure_store.access_key,
        PLACE,
        account_key=azure_store.secret_key,
        permission=ContainerSasPermissions.from_string(rights),
        expiry=datetime.now(UTC) + timedelta(minutes=5),
    )
    variables: dict[str, Any] = azure_store.variables(prefix, part_size="5") | {"STORAGE_SECRET_KEY": token}
    return AzureStorage(**parse(Environment.model_construct(**variables))["OPTIONS"])


def test_a_sas_token_grants_access_and_copies_small_and_large_files(
    azure_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("versions.azure_storage.LARGE", 8 * MIB)
    prefix = uuid4().hex
    store = opened(azure_store, prefix, "racwdl")
    for content in (b"small", b"large" * 2 * MIB):
        with store.receive() as incoming:
            incoming.write(content)
            received = incoming.finish()
        store.keep(received, "acme/aa/key")
        assert store.read("acme/aa/key").read() == content
        assert [left.size for left in store.leftovers(timedelta(0))] == [len(content)]
        store.discard(received)
    store.remove("acme/aa/key")
    assert azure_store.keys(prefix) == []


def test_a_sas_token_that_may_not_write_is_refused(azure_store: ObjectStore) -> None:
    store: Any = opened(azure_store, uuid4().hex, "rl")
    with (
        pytest.raises(OSError, match=r"AuthorizationPermissionMismatch|AuthorizationFailure"),
        store.receive() as incoming,
    ):
        incoming.write(b"content")
        incoming.finish()


def test_no_error_message_contains_a_sas_token(azure_store: ObjectStore) -> None:
    store = opened(azure_store, uuid4().hex, "racwdl")
    store.endpoint_url, store.attempts = f"http://127.0.0.1:{free_port()}/{azure_store.access_key}", 1
    with pytest.raises(OSError, match=r"127\.0\.0\.1") as caught:
        store.put("name", b"content")
    assert "sig=" in store._readable("name")
    assert "sig=" not in str(caught.value)
