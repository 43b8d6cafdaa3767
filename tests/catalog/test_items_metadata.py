"""Metadata and tags are stored unchanged: type, digits, length and every character."""

import json
from typing import Any

import pytest

from tests.answers import assert_error, ok
from tests.catalog.items import KINDS, change, create, pairs, read

TYPED = [1, 1.0, True, False, "1", "1.0", "true", "", 0, -7, 0.1, 1e-9, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]
LARGE = [1e19, -1e19, 1e22, 1e39, -3.4e38, 1e40, 1e308, -1.7976931348623157e308, 5e-324]
TEXTS = ["x" * 100_000, "é日本語🧪", "a.b$c", '"quoted"\\', "line\nline\ttab", " blanks ", "null", "$where", "<i>&amp;"]


@pytest.mark.promise("items.metadata-types")
@pytest.mark.parametrize("kind", KINDS)
def test_a_metadata_value_keeps_its_type_and_digits(world: Any, kind: str) -> None:
    metadata = [{"name": f"m{number}", "value": value} for number, value in enumerate(TYPED)]
    created = create(world.acme.owner.api, kind, metadata=metadata)
    for document in (created, read(world.acme.owner.api, f"{kind}/{created['_id']}")):
        answered = [entry["value"] for entry in document["metadata"]]
        assert [(type(value), value) for value in answered] == [(type(value), value) for value in TYPED]


@pytest.mark.promise("items.metadata-types")
def test_a_metadata_value_keeps_its_type_when_it_is_added_later(world: Any) -> None:
    created = create(world.acme.owner.api)
    metadata = [{"name": f"m{number}", "value": value} for number, value in enumerate(TYPED)]
    changed = change(world.acme.owner.api, f"models/{created['_id']}", metadata={"add": metadata})
    assert [type(value) for value in pairs(changed).values()] == [type(value) for value in TYPED]
    assert list(pairs(changed).values()) == TYPED


@pytest.mark.promise("items.metadata-types")
@pytest.mark.parametrize("kind", KINDS)
def test_a_metadata_value_may_be_any_finite_number(world: Any, kind: str) -> None:
    api, metadata = world.acme.owner.api, [{"name": f"m{number}", "value": value} for number, value in enumerate(LARGE)]
    path = f"{kind}/{create(api, kind, metadata=metadata)['_id']}"
    assert list(pairs(read(api, path)).values()) == LARGE
    assert list(pairs(ok(api.get(kind))["docs"][0]).values()) == LARGE


@pytest.mark.promise("items.metadata-types")
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:10])
def test_text_is_returned_unchanged(world: Any, text: str) -> None:
    created = create(world.acme.owner.api, metadata=[{"name": "text", "value": text}])
    assert pairs(read(world.acme.owner.api, f"models/{created['_id']}")) == {"text": text}


@pytest.mark.promise("items.metadata-types")
@pytest.mark.parametrize("value", [2**63, 2**64, 10**40, -(10**40)])
def test_an_integer_of_more_than_64_bits_is_kept_exactly_or_refused(world: Any, value: int) -> None:
    response = world.acme.owner.api.post("models", json={"name": "big", "metadata": [{"name": "n", "value": value}]})
    if response.status_code == 200:
        assert pairs(read(world.acme.owner.api, f"models/{response.json()['_id']}")) == {"n": value}
    else:
        assert_error(response, "post_request_error")


@pytest.mark.promise("items.metadata-types")
@pytest.mark.parametrize("value", [None, [], ["a"], {}, {"a": 1}], ids=json.dumps)
@pytest.mark.parametrize("kind", KINDS)
def test_a_metadata_value_is_text_a_number_or_a_boolean(world: Any, kind: str, value: Any) -> None:
    metadata = [{"name": "m", "value": value}]
    assert_error(world.acme.owner.api.post(kind, json={"name": "new", "metadata": metadata}), "post_request_error")
    created = create(world.acme.owner.api, kind)
    response = world.acme.owner.api.put(f"{kind}/{created['_id']}", json={"metadata": {"add": metadata}})
    assert_error(response, "put_request_error")
    assert read(world.acme.owner.api, f"{kind}/{created['_id']}") == created


@pytest.mark.promise("items.metadata")
def test_a_metadata_name_has_one_value(world: Any) -> None:
    metadata = [{"name": "m", "value": 1}, {"name": "m", "value": 2}]
    response = world.acme.owner.api.post("models", json={"name": "thing", "metadata": metadata})
    if response.status_code == 200:
        assert list(pairs(response.json())) == ["m"]
    else:
        assert_error(response, "post_request_error", "m")
    created = create(world.acme.owner.api, name="other", metadata=metadata[:1])
    changed = change(world.acme.owner.api, f"models/{created['_id']}", metadata={"add": metadata[1:]})
    assert pairs(changed) == {"m": 2}


@pytest.mark.promise("items.metadata")
def test_metadata_names_that_look_like_paths_or_operators_are_just_names(world: Any) -> None:
    names = ["a.b", "$set", "with space", "é", "name", "value", "_id", "0", "a/b"]
    created = create(world.acme.owner.api, metadata=[{"name": name, "value": name} for name in names])
    assert pairs(read(world.acme.owner.api, f"models/{created['_id']}")) == {name: name for name in names}


@pytest.mark.promise("items.tags")
@pytest.mark.parametrize("kind", KINDS)
def test_tags_are_a_list_of_text_kept_in_order(world: Any, kind: str) -> None:
    tags = ["zeta", "alpha", "with space", "é日本", "a.b", "$in", "a/b", "1"]
    created = create(world.acme.owner.api, kind, tags=tags)
    assert created["tags"] == tags
    assert read(world.acme.owner.api, f"{kind}/{created['_id']}")["tags"] == tags
