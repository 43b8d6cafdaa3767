"""New words are added to the folksonomy together with the item that uses them, or not at all."""

from typing import Any

import pytest

from tests.answers import assert_error, ok
from tests.catalog.items import KINDS, change, create, terms

WORDS: dict[str, Any] = {"tags": ["new-tag"], "metadata": [{"name": "new-name", "value": 1}]}
ADDED = {field: {"add": values} for field, values in WORDS.items()}


@pytest.mark.promise("items.folksonomy")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", ["POST", "PUT"])
def test_words_of_an_item_are_added_to_the_folksonomy_as_folk(world: Any, kind: str, verb: str) -> None:
    if verb == "POST":
        create(world.acme.owner.api, kind, **WORDS)
    else:
        change(world.acme.owner.api, f"{kind}/{create(world.acme.owner.api, kind)['_id']}", **ADDED)
    assert terms(world.acme.other.api, "tags") == {"new-tag": "folk"}
    assert terms(world.acme.other.api, "metadata") == {"new-name": "folk"}
    assert terms(world.rival.admin.api, "tags") == {}


@pytest.mark.promise("items.folksonomy")
@pytest.mark.parametrize("kind", KINDS)
def test_words_of_a_refused_item_are_not_added(world: Any, kind: str) -> None:
    refused = {"name": "thing", "users": ["ghost"]} | WORDS
    assert_error(world.acme.owner.api.post(kind, json=refused), "post_request_error")
    create(world.acme.owner.api, kind)
    assert_error(world.acme.owner.api.post(kind, json={"name": "thing"} | WORDS), "post_request_error")
    assert terms(world.acme.owner.api, "tags") == terms(world.acme.owner.api, "metadata") == {}


@pytest.mark.promise("items.folksonomy")
def test_a_default_word_stays_default_when_items_use_it(world: Any) -> None:
    ok(world.acme.admin.api.post("tags", json={"_id": "new-tag"}))
    ok(world.acme.admin.api.post("metadata", json={"_id": "new-name"}))
    create(world.acme.owner.api, **WORDS)
    assert terms(world.acme.owner.api, "tags") == {"new-tag": "default"}
    assert terms(world.acme.owner.api, "metadata") == {"new-name": "default"}


@pytest.mark.promise("items.folksonomy")
def test_a_word_used_twice_is_added_once_and_outlives_its_item(world: Any) -> None:
    create(world.acme.other.api, "datasets", **WORDS)
    created = create(world.acme.owner.api, **WORDS)
    ok(world.acme.owner.api.delete(f"models/{created['_id']}"))
    assert terms(world.acme.owner.api, "tags") == {"new-tag": "folk"}


@pytest.mark.promise("items.folksonomy")
def test_a_bulk_creation_adds_the_words_of_the_created_items(world: Any) -> None:
    bodies = [{"name": "good", "tags": ["good"]}, {"name": "bad", "tags": ["bad"], "users": ["ghost"]}]
    ok(world.acme.owner.api.post("models", json=bodies), 202)
    assert terms(world.acme.owner.api, "tags") == {"good": "folk"}
