"""The fields of items, and invalid values."""

import re
from typing import Any

import pytest

from tests.answers import assert_error
from tests.catalog.items import KINDS, SINGULAR, create, read

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
COMMON = {"_id", "id", "name", "owner", "owner_username", "visibility", "users", "tags", "metadata", "versions"}
COMMON |= {"versions_count", "aliases", "timestamp", "lastmod", "description"}
NUL = "a\x00b"


@pytest.mark.promise("items.fields")
@pytest.mark.parametrize("kind", KINDS)
def test_an_item_has_exactly_the_fields_of_its_kind(world: Any, kind: str) -> None:
    extra = set() if kind == "datasets" else {"status", "datasets"}
    created = create(world.acme.owner.api, kind)
    assert set(created) == COMMON | extra
    assert read(world.acme.owner.api, f"{kind}/{created['_id']}") == created


@pytest.mark.promise("items.fields")
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_item_has_the_defaults(world: Any, kind: str) -> None:
    created = create(world.acme.owner.api, kind)
    assert created["visibility"] == "private"
    assert [created[field] for field in ("users", "tags", "metadata", "versions")] == [[], [], [], []]
    assert created.get("status", "none") == ("none" if kind == "datasets" else "training")
    assert created.get("datasets", []) == []


@pytest.mark.promise("items.fields")
def test_an_id_is_an_object_id_and_answered_twice(world: Any) -> None:
    created = create(world.acme.owner.api)
    assert re.fullmatch("[0-9a-f]{24}", created["_id"])
    assert created["id"] == created["_id"]


@pytest.mark.promise("items.name-required")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", [{"tags": ["a"]}, {"name": ""}, {"name": None}, {"name": "n" * 256}])
def test_an_item_without_a_name_of_1_to_255_characters_is_refused(world: Any, kind: str, body: dict[str, Any]) -> None:
    assert_error(world.acme.owner.api.post(kind, json=body), "post_request_error", "name")


@pytest.mark.promise("items.name-required")
@pytest.mark.parametrize(
    "name", ["n", "n" * 255, "é" * 255, " two  words ", "q\"uo'te", "日本語 🧪", "a/b", "<b>&amp;"]
)
def test_a_name_is_kept_as_it_was_sent(world: Any, name: str) -> None:
    created = create(world.acme.owner.api, name=name)
    assert read(world.acme.owner.api, f"models/{created['_id']}")["name"] == name


@pytest.mark.promise("items.name-unique")
@pytest.mark.parametrize("kind", KINDS)
def test_an_owner_has_one_item_of_a_kind_and_name(world: Any, kind: str) -> None:
    create(world.acme.owner.api, kind)
    article = "An" if kind == "algorithms" else "A"
    message = f"{article} {SINGULAR[kind]} with the same name already exists for this user"
    assert_error(world.acme.owner.api.post(kind, json={"name": "thing"}), "post_request_error", message)
    assert read(world.acme.owner.api, kind)["totalDocs"] == 1


@pytest.mark.promise("items.name-unique")
def test_the_error_for_a_taken_name_has_the_wording_of_the_original(world: Any) -> None:
    create(world.acme.owner.api, "datasets")
    body = world.acme.owner.api.post("datasets", json={"name": "thing"}).json()
    assert body["details"] == "A dataset with the same name already exists for this user"
    assert body["message"] == "Resource not created"


@pytest.mark.promise("items.name-unique")
def test_other_owners_kinds_and_tenants_can_use_a_name_and_anyone_after_deletion(world: Any) -> None:
    first = create(world.acme.owner.api, "models")
    for user, kind in (
        (world.acme.other, "models"),
        (world.acme.owner, "datasets"),
        (world.acme.owner, "algorithms"),
        (world.rival.owner, "models"),
    ):
        create(user.api, kind)
    assert world.acme.owner.api.delete(f"models/{first['_id']}").status_code == 200
    create(world.acme.owner.api, "models")


@pytest.mark.promise("items.owner")
@pytest.mark.parametrize("kind", KINDS)
def test_the_owner_is_the_creator_and_never_taken_from_a_body(world: Any, kind: str) -> None:
    owner, other = world.acme.owner, world.acme.other
    created = create(owner.api, kind)
    assert (created["owner"], created["owner_username"]) == (owner.pk, owner.username)
    for claim in (other.pk, other.username, {"_id": other.pk}):
        owner.api.post(kind, json={"name": f"claim {claim}", "owner": claim})
    owners = [document["owner"] for document in read(world.acme.admin.api, kind)["docs"]]
    assert set(owners) == {owner.pk}


@pytest.mark.promise("items.visibility")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("visibility", ["public", "private"])
def test_visibility_is_public_or_private(world: Any, kind: str, visibility: str) -> None:
    assert create(world.acme.owner.api, kind, visibility=visibility)["visibility"] == visibility


@pytest.mark.promise("items.status")
@pytest.mark.parametrize("kind", ["models", "algorithms"])
@pytest.mark.parametrize("status", ["training", "test", "production", "deploy"])
def test_a_status_is_one_of_four(world: Any, kind: str, status: str) -> None:
    assert create(world.acme.owner.api, kind, status=status)["status"] == status


@pytest.mark.promise("items.kinds")
def test_a_dataset_has_neither_status_nor_datasets(world: Any) -> None:
    world.acme.owner.api.post("datasets", json={"name": "claims", "status": "test", "datasets": []})
    create(world.acme.owner.api, "datasets")
    for document in read(world.acme.owner.api, "datasets")["docs"]:
        assert not {"status", "datasets"} & set(document)


@pytest.mark.promise("items.fields")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "field",
    [
        {"name": 5},
        {"name": NUL},
        {"visibility": "secret"},
        {"visibility": ["public"]},
        {"users": "owner"},
        {"users": [1]},
        {"tags": "one"},
        {"tags": [1]},
        {"tags": [None]},
        {"tags": [NUL]},
        {"metadata": {"name": "a", "value": 1}},
        {"metadata": ["a"]},
        {"metadata": [{"name": "a"}]},
        {"metadata": [{"value": 1}]},
        {"metadata": [{"name": "", "value": 1}]},
        {"metadata": [{"name": 1, "value": 1}]},
        {"metadata": [{"name": "a", "value": NUL}]},
    ],
    ids=str,
)
def test_a_field_of_a_wrong_type_is_refused_and_nothing_is_stored(world: Any, kind: str, field: dict[str, Any]) -> None:
    assert_error(world.acme.owner.api.post(kind, json={"name": "thing"} | field), "post_request_error")
    assert read(world.acme.admin.api, kind)["totalDocs"] == 0


@pytest.mark.promise("items.status")
@pytest.mark.parametrize("status", ["Training", "", 1, None, ["test"]])
def test_an_unknown_status_is_refused(world: Any, status: Any) -> None:
    response = world.acme.owner.api.post("models", json={"name": "thing", "status": status})
    assert_error(response, "post_request_error", "status")


@pytest.mark.promise("items.timestamps")
@pytest.mark.parametrize("kind", KINDS)
def test_only_the_registry_sets_timestamps(world: Any, kind: str) -> None:
    world.acme.owner.api.post(kind, json={"name": "claims", "timestamp": "1999-01-01", "lastmod": "1999-01-01"})
    created = create(world.acme.owner.api, kind)
    for document in read(world.acme.owner.api, kind)["docs"]:
        assert INSTANT.fullmatch(document["timestamp"])
        assert INSTANT.fullmatch(document["lastmod"])
        assert not document["timestamp"].startswith("1999")
    response = world.acme.owner.api.put(f"{kind}/{created['_id']}", json={"visibility": "public"})
    assert response.status_code == 200
    changed = read(world.acme.owner.api, f"{kind}/{created['_id']}")
    assert changed["timestamp"] == created["timestamp"]
    assert changed["lastmod"] > created["lastmod"]


@pytest.mark.promise("items.versions-field")
@pytest.mark.parametrize("kind", KINDS)
def test_versions_are_added_only_through_their_own_routes(world: Any, kind: str) -> None:
    claim = [{"ordinal": "1", "original": "a.bin", "size": 1}]
    world.acme.owner.api.post(kind, json={"name": "claims", "versions": claim})
    created = create(world.acme.owner.api, kind)
    response = world.acme.owner.api.put(f"{kind}/{created['_id']}", json={"versions": claim, "visibility": "public"})
    assert_error(response, "put_request_error", "Request field cannot be updated (versions)")
    assert all(document["versions"] == [] for document in read(world.acme.owner.api, kind)["docs"])
