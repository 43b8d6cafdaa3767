"""References to users and datasets: given by id or name, and only those that the caller may refer to."""

from typing import Any

import pytest

from tests.answers import assert_error
from tests.catalog.items import KINDS, change, create, read, words

LINEAGE = ("models", "algorithms")


@pytest.mark.promise("items.users")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by", ["pk", "username"])
def test_users_are_given_by_id_or_username_and_returned_as_references(world: Any, kind: str, by: str) -> None:
    shared = world.acme.shared
    reference = {"_id": shared.pk, "username": shared.username}
    created = create(world.acme.owner.api, kind, users=[getattr(shared, by)])
    assert created["users"] == [reference]
    path = f"{kind}/{created['_id']}"
    emptied = change(world.acme.owner.api, path, users={"remove": [getattr(shared, by)]})
    assert emptied["users"] == []
    assert change(world.acme.owner.api, path, users={"add": [getattr(shared, by)]})["users"] == [reference]


@pytest.mark.promise("items.users")
def test_a_user_named_twice_is_listed_once(world: Any) -> None:
    shared = world.acme.shared
    created = create(world.acme.owner.api, users=[shared.pk, shared.username])
    assert words(created["users"], "_id") == {shared.pk}
    assert len(created["users"]) == 1


@pytest.mark.promise("items.unknown-reference")
@pytest.mark.parametrize("kind", KINDS)
def test_the_error_names_an_unknown_user(world: Any, kind: str) -> None:
    unknown_keys = ["ghost", "f" * 24, world.rival.owner.pk]
    for unknown in unknown_keys:
        response = world.acme.owner.api.post(kind, json={"name": "thing", "users": [world.acme.shared.pk, unknown]})
        assert_error(response, "post_request_error", f"User not existent ({unknown})")
    created = create(world.acme.owner.api, kind)
    for unknown in unknown_keys:
        response = world.acme.owner.api.put(f"{kind}/{created['_id']}", json={"users": {"add": [unknown]}})
        assert_error(response, "put_request_error", f"User not existent ({unknown})")


@pytest.mark.promise("items.datasets")
@pytest.mark.parametrize("kind", LINEAGE)
@pytest.mark.parametrize("by", ["_id", "name"])
def test_datasets_are_given_by_id_or_name_and_returned_as_references(world: Any, kind: str, by: str) -> None:
    dataset = create(world.acme.owner.api, "datasets", name="irises")
    reference = {"_id": dataset["_id"], "name": "irises"}
    created = create(world.acme.owner.api, kind, datasets=[dataset[by]])
    assert created["datasets"] == [reference]
    path = f"{kind}/{created['_id']}"
    assert change(world.acme.owner.api, path, datasets={"remove": [dataset[by]]})["datasets"] == []
    assert change(world.acme.owner.api, path, datasets={"add": [dataset[by]]})["datasets"] == [reference]


@pytest.mark.promise("items.unknown-reference")
@pytest.mark.parametrize("kind", LINEAGE)
def test_the_error_names_an_unknown_dataset(world: Any, kind: str) -> None:
    model = create(world.acme.owner.api, "models", name="not a dataset")
    foreign = create(world.rival.owner.api, "datasets", name="foreign", visibility="public")
    unknown_keys = ["ghost", "f" * 24, model["_id"], model["name"], foreign["_id"], "foreign"]
    created = create(world.acme.owner.api, kind)
    for unknown in unknown_keys:
        details = f"Dataset not existent ({unknown})"
        response = world.acme.owner.api.post(kind, json={"name": "new", "datasets": [unknown]})
        assert_error(response, "post_request_error", details)
        response = world.acme.owner.api.put(f"{kind}/{created['_id']}", json={"datasets": {"add": [unknown]}})
        assert_error(response, "put_request_error", details)


@pytest.mark.promise("items.datasets")
@pytest.mark.parametrize("by", ["_id", "name"])
def test_an_unreadable_dataset_does_not_exist_for_the_caller(world: Any, by: str) -> None:
    hidden = create(world.acme.other.api, "datasets", name="hidden")
    response = world.acme.owner.api.post("models", json={"name": "thing", "datasets": [hidden[by]]})
    assert_error(response, "post_request_error", f"Dataset not existent ({hidden[by]})")


@pytest.mark.promise("items.datasets")
@pytest.mark.parametrize("sharing", [{"visibility": "public"}, {"users": ["owner"]}], ids=["public", "shared"])
def test_a_readable_dataset_of_another_user_can_be_referenced(world: Any, sharing: dict[str, Any]) -> None:
    if "users" in sharing:
        sharing = {"users": [world.acme.owner.pk]}
    dataset = create(world.acme.other.api, "datasets", name="lent", **sharing)
    assert create(world.acme.owner.api, datasets=["lent"])["datasets"] == [{"_id": dataset["_id"], "name": "lent"}]


@pytest.mark.promise("items.unreadable-dataset")
@pytest.mark.parametrize("kind", LINEAGE)
def test_a_reader_sees_only_the_id_of_an_unreadable_dataset(world: Any, kind: str) -> None:
    secret = create(world.acme.owner.api, "datasets", name="secret")
    open_ = create(world.acme.owner.api, "datasets", name="open", visibility="public")
    created = create(world.acme.owner.api, kind, datasets=["secret", "open"], visibility="public")
    expected = [{"_id": secret["_id"]}, {"_id": open_["_id"], "name": "open"}]
    assert read(world.acme.other.api, f"{kind}/{created['_id']}")["datasets"] == expected
    assert read(world.acme.other.api, kind)["docs"][0]["datasets"] == expected
    assert read(world.acme.admin.api, f"{kind}/{created['_id']}")["datasets"] == created["datasets"]


@pytest.mark.promise("items.unreadable-dataset")
def test_a_dataset_that_became_private_shows_its_id_to_the_models_owner(world: Any) -> None:
    lent = create(world.acme.other.api, "datasets", name="lent", visibility="public")
    created = create(world.acme.owner.api, datasets=["lent"])
    change(world.acme.other.api, f"datasets/{lent['_id']}", visibility="private")
    assert read(world.acme.owner.api, f"models/{created['_id']}")["datasets"] == [{"_id": lent["_id"]}]
