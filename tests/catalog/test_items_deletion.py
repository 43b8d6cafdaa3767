"""Deletion of items, and references that prevent the deletion of a dataset."""

from typing import Any

import pytest

from tests.answers import assert_error, ok
from tests.catalog.items import KINDS, change, create, read
from tests.versions.files import copies, put_file

USERS = {"models": "Model", "algorithms": "Algorithm"}


@pytest.mark.promise("items.delete", "items.kinds")
@pytest.mark.parametrize("kind", KINDS)
def test_a_deleted_item_is_gone(world: Any, kind: str) -> None:
    path = f"{kind}/{create(world.acme.owner.api, kind)['_id']}"
    ok(world.acme.owner.api.delete(path))
    for method in ("get", "delete"):
        assert_error(world.acme.owner.api.request(method, path), "resource_not_found")
    assert read(world.acme.owner.api, kind)["totalDocs"] == 0


@pytest.mark.promise("items.delete")
@pytest.mark.parametrize("kind", KINDS)
def test_a_deleted_items_versions_and_bytes_are_gone_too(
    world: Any, kind: str, django_capture_on_commit_callbacks: Any
) -> None:
    path = f"{kind}/{create(world.acme.owner.api, kind)['_id']}"
    put_file(world.acme.owner.api, path, "a.bin", b"deleted with the item")
    put_file(world.acme.owner.api, path, "b.bin", b"deleted with it as well")
    assert copies(b"deleted with the item") == 1
    with django_capture_on_commit_callbacks(execute=True):
        ok(world.acme.owner.api.delete(path))
    assert_error(world.acme.owner.api.get(f"{path}/versions/a.bin"), "resource_not_found")
    assert copies(b"deleted with the item") == copies(b"deleted with it as well") == 0


@pytest.mark.promise("items.used-dataset-stays")
@pytest.mark.parametrize("kind", USERS)
def test_a_dataset_in_use_is_not_deleted_and_the_error_names_the_item_that_uses_it(world: Any, kind: str) -> None:
    dataset = create(world.acme.owner.api, "datasets", name="used", visibility="public")
    user = create(world.acme.other.api, kind, datasets=["used"])
    path = f"datasets/{dataset['_id']}"
    for deleter in (world.acme.owner, world.acme.admin):
        assert_error(deleter.api.delete(path), "delete_request_error", f"Used in {user['_id']} {USERS[kind]}")
    assert read(world.acme.owner.api, path) == dataset


@pytest.mark.promise("items.used-dataset-stays")
@pytest.mark.parametrize("kind", USERS)
@pytest.mark.parametrize("ending", ["deleted", "without it"])
def test_a_dataset_that_is_no_longer_used_can_be_deleted(world: Any, kind: str, ending: str) -> None:
    owner = world.acme.owner
    dataset = create(owner.api, "datasets", name="used")
    user = f"{kind}/{create(owner.api, kind, datasets=['used'])['_id']}"
    if ending == "deleted":
        ok(owner.api.delete(user))
    else:
        change(owner.api, user, datasets={"remove": ["used"]})
    ok(owner.api.delete(f"datasets/{dataset['_id']}"))


@pytest.mark.promise("items.kinds")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("id", ["0" * 24, "ghost", "Z" * 24, "0" * 23])
def test_an_unknown_id_is_not_found(world: Any, kind: str, id: str) -> None:
    api = world.acme.admin.api
    answers = (
        api.get(f"{kind}/{id}"),
        api.delete(f"{kind}/{id}"),
        api.put(f"{kind}/{id}", json={"visibility": "public"}),
    )
    for answer in answers:
        assert_error(answer, "resource_not_found")


@pytest.mark.promise("items.kinds")
@pytest.mark.parametrize("kind", KINDS)
def test_items_are_for_users_only(world: Any, kind: str) -> None:
    path = f"{kind}/{create(world.acme.owner.api, kind, visibility='public')['_id']}"
    anonymous, operator = world.anonymous, world.operator
    for api in (anonymous, operator):
        for answer in (api.get(kind), api.get(path), api.post(kind, json={"name": "x"}), api.delete(path)):
            assert_error(answer, "authentication_error")
