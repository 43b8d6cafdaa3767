"""PUT of an item: removes and adds list elements and replaces values, completely or not at all."""

from typing import Any

import pytest

from tests.answers import assert_error
from tests.catalog.items import KINDS, change, create, pairs, read, terms, words

LISTS = ("users", "datasets", "tags", "metadata")


@pytest.mark.promise("items.put-lists")
@pytest.mark.parametrize("kind", KINDS)
def test_elements_are_removed_from_and_added_to_lists(world: Any, kind: str) -> None:
    acme = world.acme
    created = create(acme.owner.api, kind, tags=["a", "b"], users=[acme.shared.pk])
    changed = change(
        acme.owner.api,
        f"{kind}/{created['_id']}",
        tags={"remove": ["a"], "add": ["c"]},
        users={"remove": [acme.shared.username], "add": [acme.other.username, acme.admin.pk]},
    )
    assert sorted(changed["tags"]) == ["b", "c"]
    assert words(changed["users"], "_id") == {acme.other.pk, acme.admin.pk}


@pytest.mark.promise("items.put-lists")
def test_removal_comes_before_addition(world: Any) -> None:
    created = create(
        world.acme.owner.api, tags=["a"], metadata=[{"name": "m", "value": 1}], users=[world.acme.shared.pk]
    )
    both = {
        "tags": {"add": ["a"], "remove": ["a"]},
        "users": {"add": ["shared"], "remove": ["shared"]},
        "metadata": {"add": [{"name": "m", "value": 2}], "remove": [{"name": "m"}]},
    }
    changed = change(world.acme.owner.api, f"models/{created['_id']}", **both)
    assert (changed["tags"], changed["users"]) == (["a"], created["users"])
    assert pairs(changed) == {"m": 2}


@pytest.mark.promise("items.put-lists")
@pytest.mark.parametrize("part", ["add", "remove"])
def test_one_of_add_and_remove_is_enough(world: Any, part: str) -> None:
    created = create(world.acme.owner.api, tags=["a", "b"])
    changed = change(world.acme.owner.api, f"models/{created['_id']}", tags={part: ["b"]})
    assert changed["tags"] == {"add": ["a", "b"], "remove": ["a"]}[part]


@pytest.mark.promise("items.put-lists")
def test_the_answer_is_the_changed_item(world: Any) -> None:
    created = create(world.acme.owner.api)
    answer = world.acme.owner.api.put(f"models/{created['_id']}", json={"tags": {"add": ["a"]}}).json()
    assert answer["tags"] == ["a"]
    assert answer == read(world.acme.owner.api, f"models/{created['_id']}")


@pytest.mark.promise("items.put-values")
@pytest.mark.parametrize("kind", KINDS)
def test_visibility_and_status_take_a_value(world: Any, kind: str) -> None:
    created = create(world.acme.owner.api, kind)
    status = {} if kind == "datasets" else {"status": "production"}
    changed = change(world.acme.owner.api, f"{kind}/{created['_id']}", visibility="public", **status)
    assert changed["visibility"] == "public"
    assert changed.get("status") == status.get("status")


@pytest.mark.promise("items.put-metadata")
@pytest.mark.parametrize(
    "removal", [{"name": "m", "value": 1}, {"name": "m", "value": "other"}, {"name": "m"}], ids=str
)
def test_metadata_is_removed_by_name_regardless_of_its_value(world: Any, removal: dict[str, Any]) -> None:
    created = create(world.acme.owner.api, metadata=[{"name": "m", "value": 1}, {"name": "n", "value": 2}])
    changed = change(world.acme.owner.api, f"models/{created['_id']}", metadata={"remove": [removal]})
    assert pairs(changed) == {"n": 2}


@pytest.mark.promise("items.put-metadata")
@pytest.mark.parametrize("value", ["1", 2, 1.5, False])
def test_adding_metadata_of_an_existing_name_replaces_its_value(world: Any, value: Any) -> None:
    created = create(world.acme.owner.api, metadata=[{"name": "m", "value": 1}, {"name": "n", "value": 2}])
    addition = {"add": [{"name": "m", "value": value}]}
    answered = pairs(change(world.acme.owner.api, f"models/{created['_id']}", metadata=addition))
    assert answered == {"m": value, "n": 2}
    assert type(answered["m"]) is type(value)


@pytest.mark.promise("items.put-nothing-new")
def test_adding_an_existing_element_or_removing_a_missing_one_changes_nothing(world: Any) -> None:
    acme = world.acme
    create(acme.owner.api, "datasets", name="used")
    create(acme.owner.api, "datasets", name="unused")
    create(acme.owner.api, name="elsewhere", tags=["known"])
    metadata = [{"name": "m", "value": 1}]
    filled: dict[str, Any] = {"tags": ["a"], "users": [acme.shared.pk], "datasets": ["used"], "metadata": metadata}
    created = create(acme.owner.api, **filled)
    again = {field: {"add": values} for field, values in filled.items()}
    absent = {
        "tags": {"remove": ["known"]},
        "users": {"remove": ["other"]},
        "datasets": {"remove": ["unused"]},
        "metadata": {"remove": [{"name": "never seen", "value": 1}]},
    }
    for changes in (again, absent):
        changed = change(acme.owner.api, f"models/{created['_id']}", **changes)
        assert {field: changed[field] for field in LISTS} == {field: created[field] for field in LISTS}


@pytest.mark.promise("items.put-unknown-removal")
@pytest.mark.parametrize("field", ["users", "datasets", "tags"])
def test_removing_an_unknown_element_is_an_error_that_names_it(world: Any, field: str) -> None:
    created = create(world.acme.owner.api, tags=["a"])
    response = world.acme.owner.api.put(f"models/{created['_id']}", json={field: {"remove": ["ghost"]}})
    assert_error(response, "put_request_error", "Resource to be removed from list not found: ghost")


@pytest.mark.promise("items.put-fixed-field")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", ["owner", "_id", "timestamp", "lastmod", "versions", "colour"])
def test_changing_a_fixed_field_is_an_error_that_names_it(world: Any, kind: str, field: str) -> None:
    created = create(world.acme.owner.api, kind)
    response = world.acme.owner.api.put(f"{kind}/{created['_id']}", json={field: "x", "visibility": "public"})
    assert_error(response, "put_request_error", f"Request field cannot be updated ({field})")
    assert read(world.acme.owner.api, f"{kind}/{created['_id']}") == created


@pytest.mark.promise("items.put-fixed-field", "items.kinds")
@pytest.mark.parametrize("change_", [{"status": "test"}, {"datasets": {"add": []}}], ids=str)
def test_a_dataset_takes_neither_status_nor_datasets(world: Any, change_: dict[str, Any]) -> None:
    created = create(world.acme.owner.api, "datasets")
    response = world.acme.owner.api.put(f"datasets/{created['_id']}", json=change_ | {"visibility": "public"})
    assert_error(response, "put_request_error", f"Request field cannot be updated ({next(iter(change_))})")


@pytest.mark.promise("items.put-no-body")
@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_change_is_refused(world: Any, kind: str) -> None:
    path = f"{kind}/{create(world.acme.owner.api, kind)['_id']}"
    assert_error(world.acme.owner.api.put(path), "missing_info")
    assert_error(world.acme.owner.api.put(path, json={}), "missing_info")
    assert_error(world.acme.owner.api.put(path, json={"colour": "red"}), "incorrect_info")


@pytest.mark.promise("items.put-lists", "items.put-values")
@pytest.mark.parametrize(
    "changes",
    [
        {"tags": ["a"]},
        {"tags": "a"},
        {"tags": None},
        {"tags": {"add": "a"}},
        {"tags": {"add": [1]}},
        {"tags": {"append": ["a"]}},
        {"users": {"add": [1]}},
        {"metadata": {"add": [{"name": "m"}]}},
        {"metadata": {"add": ["m"]}},
        {"metadata": {"remove": ["m"]}},
        {"visibility": "secret"},
        {"visibility": {"add": ["public"]}},
        {"status": "finished"},
        {"status": None},
    ],
    ids=str,
)
def test_malformed_changes_are_refused_and_change_nothing(world: Any, changes: dict[str, Any]) -> None:
    created = create(world.acme.owner.api)
    response = world.acme.owner.api.put(f"models/{created['_id']}", json=changes)
    assert_error(response, "put_request_error", next(iter(changes)))
    assert read(world.acme.owner.api, f"models/{created['_id']}") == created


@pytest.mark.promise("items.put-atomic")
@pytest.mark.parametrize(
    "bad",
    [
        {"users": {"add": ["ghost"]}},
        {"datasets": {"add": ["ghost"]}},
        {"users": {"remove": ["ghost"]}},
        {"datasets": {"remove": ["ghost"]}},
        {"visibility": "secret"},
        {"status": "finished"},
        {"name": ""},
        {"metadata": {"add": [{"name": "new-name", "value": 1}, {"name": "bad", "value": None}]}},
    ],
    ids=str,
)
@pytest.mark.parametrize("bad_first", [True, False])
def test_an_invalid_part_refuses_the_whole_change(world: Any, bad: dict[str, Any], bad_first: bool) -> None:
    created = create(world.acme.owner.api, tags=["a"], metadata=[{"name": "m", "value": 1}])
    good = {"tags": {"remove": ["a"], "add": ["new-tag"]}, "metadata": {"add": [{"name": "new-name", "value": 2}]}}
    changes = bad | good | bad if bad_first else good | bad
    assert_error(world.acme.owner.api.put(f"models/{created['_id']}", json=changes), "put_request_error")
    assert read(world.acme.owner.api, f"models/{created['_id']}") == created
    assert "new-tag" not in terms(world.acme.owner.api, "tags")
    assert "new-name" not in terms(world.acme.owner.api, "metadata")
