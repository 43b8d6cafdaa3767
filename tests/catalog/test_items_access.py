"""Who may read, change and delete an item, and add and delete its versions."""

from typing import Any

import pytest

from tests.answers import assert_error, ok
from tests.catalog.items import KINDS, change, create, read, words

# The access of each user of the tenant to an item of `owner` that is shared with `shared`.
READERS = {"private": {"admin", "owner", "shared"}, "public": {"admin", "owner", "shared", "other"}}
CHANGERS = ("admin", "owner")
BYSTANDERS = ("shared", "other")
UPLOAD = {"data": b"bytes", "content_type": "application/octet-stream"}


def _item(world: Any, kind: str, visibility: str) -> str:
    """Create an item of `owner`, shared with `shared`, with one version; return its path."""
    owner = world.acme.owner
    created = create(owner.api, kind, visibility=visibility, users=[world.acme.shared.pk])
    path = f"{kind}/{created['_id']}"
    ok(owner.api.put(f"{path}/versions/a.bin", **UPLOAD))
    return path


@pytest.mark.promise("items.who-reads", "items.restricted", "items.lists-show-readable")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("visibility", READERS)
def test_only_readers_see_an_item_its_versions_and_bytes(world: Any, kind: str, visibility: str) -> None:
    path = _item(world, kind, visibility)
    for name in ("admin", "owner", "shared", "other"):
        api = getattr(world.acme, name).api
        listed = words(read(api, kind)["docs"], "_id")
        if name in READERS[visibility]:
            assert ok(api.get(path))["versions"][0]["original"] == "a.bin"
            assert ok(api.get(f"{path}/versions"))["totalDocs"] == 1
            assert api.get(f"{path}/versions/a.bin").body() == b"bytes"
            assert len(listed) == 1
        else:
            for route in (path, f"{path}/versions", f"{path}/versions/a.bin", f"{path}/versions/1"):
                assert_error(api.get(route), "restricted_access_read")
            assert listed == set()


@pytest.mark.promise("items.who-changes")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CHANGERS)
def test_the_owner_and_administrators_change_and_delete(world: Any, kind: str, name: str) -> None:
    path = _item(world, kind, "private")
    api = getattr(world.acme, name).api
    ok(api.put(path, json={"tags": {"add": ["a"]}}))
    ok(api.put(f"{path}/versions/b.bin", **UPLOAD))
    ok(api.upload(f"{path}/versions", "c.bin", b"c"))
    ok(api.delete(f"{path}/versions/b.bin"))
    ok(api.delete(path))
    assert read(world.acme.admin.api, kind)["totalDocs"] == 0


@pytest.mark.promise("items.who-changes", "items.restricted")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("visibility", READERS)
@pytest.mark.parametrize("name", BYSTANDERS)
def test_reading_an_item_does_not_mean_changing_it(world: Any, kind: str, visibility: str, name: str) -> None:
    path = _item(world, kind, visibility)
    before = read(world.acme.owner.api, path)
    api = getattr(world.acme, name).api
    assert_error(api.put(path, json={"visibility": "public"}), "restricted_access_modify")
    assert_error(api.delete(path), "restricted_access_delete")
    assert_error(api.delete(f"{path}/versions/a.bin"), "restricted_access_modify")
    assert_error(api.upload(f"{path}/versions", "b.bin", b"b"), "restricted_access_modify")
    assert api.put(f"{path}/versions/b.bin", **UPLOAD).status_code == 403
    assert read(world.acme.owner.api, path) == before


@pytest.mark.promise("items.other-tenant")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("visibility", READERS)
@pytest.mark.parametrize("name", ["admin", "owner"])
def test_another_tenants_item_does_not_exist(world: Any, kind: str, visibility: str, name: str) -> None:
    path = _item(world, kind, visibility)
    api = getattr(world.rival, name).api
    answers = (
        api.get(path),
        api.put(path, json={"visibility": "public"}),
        api.delete(path),
        api.get(f"{path}/versions"),
        api.get(f"{path}/versions/a.bin"),
        api.upload(f"{path}/versions", "b.bin", b"b"),
        api.put(f"{path}/versions/b.bin", **UPLOAD),
        api.delete(f"{path}/versions/a.bin"),
    )
    for answer in answers:
        assert_error(answer, "resource_not_found")
    assert read(api, kind)["totalDocs"] == 0
    assert len(read(world.acme.owner.api, path)["versions"]) == 1


@pytest.mark.promise("items.kinds")
@pytest.mark.parametrize("kind", KINDS)
def test_an_item_is_found_among_its_own_kind_only(world: Any, kind: str) -> None:
    id = _item(world, kind, "public").split("/")[1]
    for other in set(KINDS) - {kind}:
        assert_error(world.acme.owner.api.get(f"{other}/{id}"), "resource_not_found")
        assert_error(world.acme.owner.api.delete(f"{other}/{id}"), "resource_not_found")


@pytest.mark.promise("items.who-reads")
def test_a_user_removed_from_the_list_can_no_longer_read(world: Any) -> None:
    path = _item(world, "models", "private")
    read(world.acme.shared.api, path)
    change(world.acme.owner.api, path, users={"remove": ["shared"]})
    assert_error(world.acme.shared.api.get(path), "restricted_access_read")
    change(world.acme.owner.api, path, users={"add": ["other"]})
    read(world.acme.other.api, path)


@pytest.mark.promise("items.who-reads")
def test_visibility_takes_effect_immediately(world: Any) -> None:
    path = _item(world, "models", "private")
    change(world.acme.owner.api, path, visibility="public")
    read(world.acme.other.api, path)
    change(world.acme.owner.api, path, visibility="private")
    assert_error(world.acme.other.api.get(path), "restricted_access_read")


@pytest.mark.promise("items.lists-show-readable")
@pytest.mark.parametrize("kind", KINDS)
def test_a_filter_never_finds_items_that_the_caller_may_not_read(world: Any, kind: str) -> None:
    path = _item(world, kind, "private")
    id = path.split("/")[1]
    for condition in ({"_id": id}, {"name": "thing"}, {"versions.original": "a.bin"}, {"$or": [{"_id": id}, {}]}):
        for user in (world.acme.other, world.rival.admin):
            answer = user.api.get(kind, query={"filter": condition})
            if answer.status_code == 200:
                assert answer.json()["totalDocs"] == 0
            else:
                assert_error(answer, "get_request_error")
