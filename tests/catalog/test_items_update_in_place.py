"""`update` in a PUT of an item: replaces list elements in place."""

from typing import Any

import pytest

from tests.answers import assert_error
from tests.catalog.items import KINDS, change, create, pairs, read, terms

PAIRS = [{"name": "a", "value": 1}, {"name": "acc", "value": "0.95"}, {"name": "z", "value": True}]


def _update(old: str, /, **new: Any) -> dict[str, Any]:
    return {"name": old, "new": new}


@pytest.mark.promise("items.put-update")
@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_of_the_originals_gui_replaces_a_value_in_place(world: Any, kind: str) -> None:
    created = create(world.acme.owner.api, kind, metadata=PAIRS, tags=["t"])
    edit = {"add": [], "remove": [], "update": [_update("acc", name="acc", value="0.97")]}
    untouched = {"add": [], "remove": [], "update": []}
    path = f"{kind}/{created['_id']}"
    changed = change(world.acme.owner.api, path, metadata=edit, tags=untouched, users=untouched)
    assert changed["metadata"] == [PAIRS[0], {"name": "acc", "value": "0.97"}, PAIRS[2]]
    assert changed["tags"] == ["t"]


@pytest.mark.promise("items.put-update", "items.folksonomy")
def test_an_update_renames_a_pair_in_place_and_adds_its_name_to_the_folksonomy(world: Any) -> None:
    created = create(world.acme.owner.api, metadata=PAIRS)
    edit = {
        "update": [
            _update("acc", name="accuracy", value=0.97),
            {"name": "z", "value": 7, **_update("z", name="y", value=2)},
        ]
    }
    changed = change(world.acme.owner.api, f"models/{created['_id']}", metadata=edit)
    assert list(pairs(changed).items()) == [("a", 1), ("accuracy", 0.97), ("y", 2)]
    assert {"accuracy", "y"} <= set(terms(world.acme.owner.api, "metadata"))


@pytest.mark.promise("items.put-update", "items.put-lists")
def test_removal_comes_before_update_and_addition_after_it(world: Any) -> None:
    created = create(world.acme.owner.api, metadata=PAIRS, tags=["a", "b", "c"])
    edit = {
        "metadata": {
            "add": [{"name": "b", "value": 3}],
            "update": [_update("acc", name="a", value=2)],
            "remove": [{"name": "a"}],
        },
        "tags": {"add": ["b"], "update": [{"old": "b", "new": "a"}], "remove": ["a"]},
    }
    changed = change(world.acme.owner.api, f"models/{created['_id']}", **edit)
    assert list(pairs(changed).items()) == [("a", 2), ("z", True), ("b", 3)]
    assert changed["tags"] == ["a", "c", "b"]


@pytest.mark.promise("items.put-update")
def test_two_elements_can_swap_their_names(world: Any) -> None:
    created = create(world.acme.owner.api, metadata=PAIRS, tags=["a", "b"])
    edit = {
        "metadata": {"update": [_update("a", name="z", value=1), _update("z", name="a", value=2)]},
        "tags": {"update": [{"old": "a", "new": "b"}, {"old": "b", "new": "a"}]},
    }
    changed = change(world.acme.owner.api, f"models/{created['_id']}", **edit)
    assert list(pairs(changed).items()) == [("z", 1), ("acc", "0.95"), ("a", 2)]
    assert changed["tags"] == ["b", "a"]


@pytest.mark.promise("items.put-update")
@pytest.mark.parametrize("key", ["old", "name", "_id"])
def test_users_datasets_and_tags_are_replaced_in_place_too(world: Any, key: str) -> None:
    acme = world.acme
    data = [create(acme.owner.api, "datasets", name=name)["_id"] for name in ("d0", "d1", "d2")]
    created = create(acme.owner.api, users=["shared", "admin"], datasets=["d0", "d1"], tags=["a", "b"])
    edit = {
        "users": {"update": [{key: acme.shared.pk, "new": "other"}]},
        "datasets": {"update": [{key: "d0", "new": data[2]}]},
        "tags": {"update": [{key: "a", "new": "new-tag"}]},
    }
    changed = change(acme.owner.api, f"models/{created['_id']}", **edit)
    assert [user["username"] for user in changed["users"]] == ["other", "admin"]
    assert [dataset["_id"] for dataset in changed["datasets"]] == [data[2], data[1]]
    assert changed["tags"] == ["new-tag", "b"]
    assert terms(acme.owner.api, "tags")["new-tag"] == "folk"
    assert acme.other.api.get(f"models/{created['_id']}").status_code == 200
    assert acme.shared.api.get(f"models/{created['_id']}").status_code == 403


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("metadata", _update("ghost", name="x", value=1), "Resource to be updated in list not found: ghost"),
    ("metadata", _update("a", name="z", value=1), "Already in the list: z"),
    ("tags", {"old": "ghost", "new": "x"}, "Resource to be updated in list not found: ghost"),
    ("tags", {"old": "a", "new": "b"}, "Already in the list: b"),
    ("users", {"old": "ghost", "new": "other"}, "Resource to be updated in list not found: ghost"),
    ("users", {"username": "other", "new": "owner"}, "Resource to be updated in list not found"),
    ("users", {"username": "shared", "new": "ghost"}, "User not existent (ghost)"),
    ("users", {"username": "shared", "new": "admin"}, "Already in the list"),
    ("datasets", {"name": "ghost", "new": "d1"}, "Resource to be updated in list not found: ghost"),
    ("datasets", {"name": "d1", "new": "d0"}, "Resource to be updated in list not found"),
    ("datasets", {"name": "d0", "new": "ghost"}, "Dataset not existent (ghost)"),
    ("tags", {"new": "x"}, "tags"),
    ("tags", {"old": "a", "name": "b", "new": "x"}, "tags"),
    ("tags", {"old": "a"}, "tags"),
    ("tags", {"old": "a", "new": 5}, "tags"),
    ("tags", {"old": "a", "new": "x/"}, "slash"),
    ("metadata", {"new": {"name": "x", "value": 1}}, "metadata"),
    ("metadata", {"name": "a", "new": {"name": "x"}}, "metadata"),
    ("metadata", {"name": "a", "new": "x"}, "metadata"),
    ("metadata", _update("a", name="x", value=None), "metadata"),
]


@pytest.fixture
def filled(world: Any) -> Any:
    """A model with elements in every list."""
    for name in ("d0", "d1"):
        create(world.acme.owner.api, "datasets", name=name)
    return create(world.acme.owner.api, users=["shared", "admin"], datasets=["d0"], tags=["a", "b"], metadata=PAIRS)


@pytest.mark.promise("items.put-update-refused", "items.put-atomic")
def test_an_impossible_update_is_refused_and_changes_nothing(world: Any, filled: Any) -> None:
    path = f"models/{filled['_id']}"
    for field, entry, details in REFUSED:
        response = world.acme.owner.api.put(path, json={"visibility": "public", field: {"update": [entry]}})
        assert_error(response, "put_request_error", details)
    assert read(world.acme.owner.api, path) == filled


@pytest.mark.promise("items.put-update-refused")
@pytest.mark.parametrize(
    ("field", "entries"),
    [
        ("metadata", [_update("a", name="x", value=1), _update("a", name="y", value=1)]),
        ("metadata", [_update("a", name="x", value=1), _update("z", name="x", value=1)]),
        ("tags", [{"old": "a", "new": "x"}, {"old": "a", "new": "y"}]),
        ("tags", [{"old": "a", "new": "x"}, {"old": "b", "new": "x"}]),
        ("users", [{"old": "shared", "new": "owner"}, {"old": "admin", "new": "owner"}]),
    ],
)
def test_updates_that_contradict_each_other_are_refused(
    world: Any, filled: Any, field: str, entries: list[Any]
) -> None:
    path = f"models/{filled['_id']}"
    assert_error(world.acme.owner.api.put(path, json={field: {"update": entries}}), "put_request_error")
    assert read(world.acme.owner.api, path) == filled


@pytest.mark.promise("items.put-update-refused", "items.longest")
def test_a_list_of_updates_is_bounded_and_costs_few_queries(world: Any, filled: Any, settings: Any) -> None:
    settings.MAX_LIST_LENGTH = 3
    path, entry = f"models/{filled['_id']}", _update("a", name="x", value=1)
    response = world.acme.owner.api.put(path, json={"metadata": {"update": [entry] * 4}})
    assert_error(response, "put_request_error", "A list has at most 3 elements")
