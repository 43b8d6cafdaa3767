"""Bytes are stored once per tenant while a version refers to them, and never shared between tenants."""

from typing import Any

import pytest

from tests.answers import assert_error, ok
from tests.versions.files import CONTENT, copies, new_item, post_file, put_file, stored


@pytest.fixture(autouse=True)
def committed(transactional_db: None) -> None:
    """Tests run without an enclosing transaction, so that actions after a commit take place."""


@pytest.mark.promise("versions.delete")
@pytest.mark.parametrize("content", [CONTENT, b""], ids=["letters", "empty"])
def test_bytes_are_deleted_with_the_version(world: Any, content: bytes) -> None:
    path = new_item(world.acme.owner.api)
    put_file(world.acme.owner.api, path, "a.bin", content)
    assert copies(content) == 1
    ok(world.acme.owner.api.delete(f"{path}/versions/a.bin"))
    assert copies(content) == 0
    assert_error(world.acme.owner.api.get(f"{path}/versions/a.bin"), "resource_not_found")


@pytest.mark.promise("versions.delete")
def test_bytes_are_kept_while_another_version_of_the_tenant_refers_to_them(world: Any) -> None:
    mine = new_item(world.acme.owner.api)
    second = new_item(world.acme.other.api, "datasets")
    put_file(world.acme.owner.api, mine, "a.bin")
    post_file(world.acme.owner.api, mine, "b.bin")
    put_file(world.acme.other.api, second, "c.bin")
    assert copies(CONTENT) == 1
    ok(world.acme.owner.api.delete(f"{mine}/versions/a.bin"))
    assert world.acme.owner.api.get(f"{mine}/versions/b.bin").body() == CONTENT
    ok(world.acme.owner.api.delete(mine))
    assert world.acme.other.api.get(f"{second}/versions/c.bin").body() == CONTENT
    ok(world.acme.other.api.delete(f"{second}/versions/1"))
    assert copies(CONTENT) == 0


@pytest.mark.promise("versions.delete")
def test_tenants_never_share_bytes(world: Any) -> None:
    first, second = new_item(world.acme.owner.api), new_item(world.rival.owner.api)
    put_file(world.acme.owner.api, first, "a.bin")
    put_file(world.rival.owner.api, second, "a.bin")
    assert copies(CONTENT) == 2
    ok(world.acme.owner.api.delete(f"{first}/versions/a.bin"))
    assert copies(CONTENT) == 1
    assert world.rival.owner.api.get(f"{second}/versions/a.bin").body() == CONTENT


@pytest.mark.promise("versions.delete")
def test_deleted_bytes_can_be_uploaded_again(world: Any) -> None:
    path = new_item(world.acme.owner.api)
    for _ in range(3):
        put_file(world.acme.owner.api, path, "a.bin")
        assert world.acme.owner.api.get(f"{path}/versions/a.bin").body() == CONTENT
        ok(world.acme.owner.api.delete(f"{path}/versions/a.bin"))


@pytest.mark.promise("tenants.delete")
def test_deleting_a_tenant_deletes_its_bytes_and_no_others(world: Any) -> None:
    for user in (world.acme.owner, world.rival.owner):
        put_file(user.api, new_item(user.api), "a.bin")
    ok(world.operator.delete("tenants/acme"))
    assert copies(CONTENT) == 1
    ok(world.operator.delete("tenants/rival"))
    assert copies(CONTENT) == 0


@pytest.mark.promise("versions.put", "versions.digest")
def test_a_refused_upload_leaves_nothing_in_the_store(world: Any) -> None:
    path = new_item(world.acme.owner.api)
    put_file(world.acme.owner.api, path, "a.bin", b"kept")
    kept = stored()
    options: dict[str, Any] = {"data": b"refused", "content_type": "application/octet-stream"}
    for query in ({"ordinal": "1"}, {"sha256": "0" * 64}, {"ordinal": "x" * 100}):
        assert_error(world.acme.owner.api.put(f"{path}/versions/b.bin", query=query, **options), "post_request_error")
    assert world.acme.other.api.put(f"{path}/versions/b.bin", **options).status_code == 403
    assert stored() == kept
