"""Request bodies copied from the documentation of the original system."""

from typing import Any

import pytest

from tests.answers import ok
from tests.catalog.items import pairs, read, words
from tests.client import ApiClient

METADATA = [{"name": f"meta_{number}", "value": f"value_{number}"} for number in (1, 2, 3)]
DATASET = {
    "name": "MyDataset",
    "users": ["user_1", "user_2"],
    "metadata": METADATA,
    "visibility": "public",
    "tags": ["tag_1", "tag_2"],
}
MODEL = {
    "name": "MyFirstModel",
    "status": "training",
    "datasets": ["dataset_1"],
    "visibility": "public",
    "users": ["user_1", "user_2"],
    "metadata": METADATA,
    "tags": ["tag_1"],
}
CHANGED_METADATA = {
    "remove": [{"name": "meta_1", "value": "value_1"}, {"name": "meta_2", "value": "value_3"}],
    "add": [{"name": "meta_3", "value": "value_7"}, {"name": "meta_4", "value": "value_8"}],
}
DATASET_CHANGES = {
    "users": {"remove": ["user_1", "user_2"], "add": ["user_3"]},
    "tags": {"remove": ["tag_1"], "add": ["tag_3"]},
    "metadata": CHANGED_METADATA,
    "visibility": "private",
}
MODEL_CHANGES = {
    "users": {"remove": ["user_1", "user_2"], "add": ["user_3"]},
    "datasets": {"remove": ["dataset_1"], "add": ["dataset_2"]},
    "tags": {"remove": ["tag_1"], "add": ["tag_2"]},
    "status": "deploy",
    "metadata": CHANGED_METADATA,
    "visibility": "private",
}


@pytest.fixture
def api(world: Any) -> ApiClient:
    """The administrator of a tenant that has the users and datasets of the examples."""
    client: ApiClient = world.acme.admin.api
    ok(client.post("users", json=[{"username": f"user_{number}", "password": "Passw0rd!x"} for number in (1, 2, 3)]))
    ok(client.post("datasets", json=[{"name": "dataset_1"}, {"name": "dataset_2"}]))
    return client


@pytest.mark.promise("items.kinds", "items.put-lists", "items.put-metadata")
def test_the_originals_dataset_example_is_created_and_changed(api: ApiClient) -> None:
    created = ok(api.post("datasets", json=DATASET))
    assert created["metadata"] == METADATA
    assert (created["visibility"], created["tags"]) == ("public", ["tag_1", "tag_2"])
    assert words(created["users"], "username") == {"user_1", "user_2"}
    changed = ok(api.put(f"datasets/{created['id']}", json=DATASET_CHANGES))
    assert words(changed["users"], "username") == {"user_3"}
    assert sorted(changed["tags"]) == ["tag_2", "tag_3"]
    assert pairs(changed) == {"meta_3": "value_7", "meta_4": "value_8"}
    assert changed["visibility"] == "private"
    assert read(api, f"datasets/{created['id']}") == changed


@pytest.mark.promise("items.kinds", "items.put-lists", "items.put-values", "items.put-metadata")
@pytest.mark.parametrize("kind", ["models", "algorithms"])
def test_the_originals_model_example_is_created_and_changed(api: ApiClient, kind: str) -> None:
    created = ok(api.post(kind, json=MODEL))
    assert words(created["datasets"], "name") == {"dataset_1"}
    assert (created["status"], created["tags"], created["metadata"]) == ("training", ["tag_1"], METADATA)
    ok(api.post("tags", json={"_id": "tag_2"}))
    changed = ok(api.put(f"{kind}/{created['id']}", json=MODEL_CHANGES))
    assert words(changed["users"], "username") == {"user_3"}
    assert words(changed["datasets"], "name") == {"dataset_2"}
    assert (changed["status"], changed["tags"], changed["visibility"]) == ("deploy", ["tag_2"], "private")
    assert pairs(changed) == {"meta_3": "value_7", "meta_4": "value_8"}
    assert read(api, f"{kind}/{created['id']}") == changed


@pytest.mark.promise("items.kinds")
@pytest.mark.parametrize(("kind", "body"), [("datasets", DATASET), ("models", MODEL)])
def test_the_originals_filter_finds_by_tag_and_deletion_works(api: ApiClient, kind: str, body: dict[str, Any]) -> None:
    created = ok(api.post(kind, json=body | {"tags": ["tag_1", "tag_2"]}))
    found = read(api, f'{kind}?filter={{"tags":"tag_2"}}')
    assert words(found["docs"], "_id") == {created["_id"]}
    ok(api.delete(f"{kind}/{created['_id']}"))
    assert api.get(f"{kind}/{created['_id']}").status_code == 404
