"""The filter language over HTTP: six models, and which of them each filter finds."""

import json
import time
from typing import Any

import pytest

from catalog.models import Item
from tests.answers import assert_error, ok
from tests.catalog.items import create
from tests.remembered import remembered
from tests.tenants.rest.filters import (
    ALL,
    ITEM_FIELDS,
    MEMBERSHIP,
    METADATA,
    MODELS,
    OPERATORS,
    REFUSED,
    TYPED,
    VERSIONS,
)


@pytest.fixture
def models(world: Any) -> Any:
    """Create the models of acme's owner. Returns the owner's client."""
    remembered(_make_models, world.acme.owner.api)
    return world.acme.owner.api


def _make_models(api: Any) -> None:
    create(api, "datasets", name="data")
    ids = {name: create(api, name=name, **body)["_id"] for name, body in MODELS.items()}
    ok(api.upload(f"models/{ids['a']}/versions", "model.onnx", b"xyz"))
    ok(api.upload(f"models/{ids['b']}/versions?ordinal=7", "data.csv", b"a,b\n1,2\n", content_type="text/csv"))


def _found(api: Any, filter: Any) -> str:
    page = ok(api.get("models", query={"filter": json.dumps(filter), "limit": "100"}))
    assert page["totalDocs"] == len(page["docs"])
    return "".join(sorted(document["name"] for document in page["docs"]))


def _assert_all(api: Any, cases: list[tuple[Any, str]]) -> None:
    answers = [(filter, _found(api, filter)) for filter, _ in cases]
    assert answers == cases


@pytest.mark.promise("filter.operators", "filter.engines")
def test_each_operator_has_the_meaning_that_it_has_in_mongodb(models: Any) -> None:
    _assert_all(models, OPERATORS)


@pytest.mark.promise("filter.membership", "filter.engines")
def test_a_condition_on_a_list_applies_to_its_elements(models: Any) -> None:
    _assert_all(models, MEMBERSHIP)


@pytest.mark.promise("filter.metadata-shorthand", "filter.engines")
def test_metadata_is_compared_by_name(models: Any) -> None:
    _assert_all(models, METADATA)


@pytest.mark.promise("filter.item-fields", "filter.engines")
def test_items_are_filtered_by_their_fields(models: Any) -> None:
    _assert_all(models, ITEM_FIELDS)


@pytest.mark.promise("filter.item-fields")
def test_items_are_filtered_by_the_ids_they_refer_to(world: Any, models: Any) -> None:
    data = ok(models.get("datasets"))["docs"][0]["_id"]
    one = ok(models.get("models", query={"filter": {"name": "c"}}))["docs"][0]
    cases = [({"users": world.acme.shared.pk}, "e"), ({"datasets": data}, "e"), ({"datasets": {"$size": 0}}, "abcdf")]
    cases += [({"_id": one["_id"]}, "c"), ({"owner": world.acme.owner.pk}, ALL), ({"owner": world.acme.other.pk}, "")]
    cases += [
        ({"timestamp": one["timestamp"], "name": "c"}, "c"),
        ({"lastmod": {"$gte": one["lastmod"]}, "name": "c"}, "c"),
    ]
    _assert_all(models, cases)


@pytest.mark.promise("filter.owner", "filter.engines")
def test_an_owner_is_named_by_id_or_username_within_the_tenant(world: Any, models: Any) -> None:
    owner, other = world.acme.owner.pk, world.acme.other.pk
    create(world.acme.other.api, name="z", visibility="public")
    create(world.rival.owner.api, name="foreign", visibility="public")
    cases: list[tuple[Any, str]] = [
        ({"owner": "owner"}, ALL),
        ({"owner": "other"}, "z"),
        ({"owner": world.rival.owner.pk}, ""),
        ({"owner": "nobody"}, ""),
        ({"owner": {"$ne": "owner"}}, "z"),
        ({"owner": {"$ne": "nobody"}}, ALL + "z"),
        ({"owner": {"$in": ["other", "nobody", owner]}}, ALL + "z"),
        ({"owner": {"$in": []}}, ""),
        ({"owner": {"$nin": [owner, "nobody"]}}, "z"),
        ({"owner": {"$not": {"$eq": "other"}}}, ALL),
        ({"$or": [{"owner": "other"}, {"owner": owner, "name": "a"}]}, "az"),
        ({"$nor": [{"owner": "owner"}]}, "z"),
        ({"owner": {"$regex": f"^{other}$"}}, "z"),
    ]
    _assert_all(models, cases)
    assert_error(models.get("models", query={"filter": {"owner": 5}}), "get_request_error", "owner")


@pytest.mark.promise("filter.typed", "filter.engines")
def test_values_are_compared_with_values_of_their_own_type(models: Any) -> None:
    _assert_all(models, TYPED)


@pytest.mark.promise("filter.version-fields", "filter.engines")
def test_items_are_filtered_by_their_versions(models: Any) -> None:
    _assert_all(models, VERSIONS)


@pytest.mark.promise("filter.list-means-or")
def test_a_list_means_or(models: Any) -> None:
    _assert_all(models, [([{"name": "a"}, {"status": "test"}], "ad"), ([{"name": "a"}], "a")])


@pytest.mark.promise("filter.refused")
def test_an_invalid_filter_is_an_error_that_names_the_problem(models: Any) -> None:
    answers = {text: models.get("models", query={"filter": text}) for text, _ in REFUSED}
    for response in answers.values():
        assert_error(response, "get_request_error")
    unnamed = {
        text: answers[text].json()["details"]
        for text, offender in REFUSED
        if offender not in answers[text].json()["details"]
    }
    assert unnamed == {}


@pytest.mark.promise("filter.refused", "items.kinds")
@pytest.mark.parametrize("field", ["status", "datasets"])
def test_datasets_cannot_be_filtered_by_fields_that_they_lack(world: Any, field: str) -> None:
    response = world.acme.owner.api.get("datasets", query={"filter": {field: "x"}})
    assert_error(response, "get_request_error", field)


@pytest.mark.django_db(transaction=True)  # PostgreSQL aborts the transaction of a cancelled statement
@pytest.mark.promise("lists.time")
def test_a_filter_that_takes_long_is_stopped_on_every_engine(world: Any, settings: Any) -> None:
    owner = world.acme.owner
    common: dict[str, Any] = {"tenant": world.acme.tenant, "kind": "model", "owner": owner, "readers": ["*"]}
    metadata = [{"name": f"name {number}", "value": number} for number in range(10)]
    Item.objects.bulk_create([Item(name=f"m{number}", metadata=metadata, **common) for number in range(600)])
    filter = {"$or": [{"metadata.name": {"$regex": f"(x|y|z)*a{{{number}}}$"}} for number in range(1, 101)]}
    settings.QUERY_TIMEOUT = 0.2
    begun = time.monotonic()
    response = owner.api.get("models", query={"filter": json.dumps(filter)})
    assert_error(response, "get_request_error", "The search takes too long (more than 0.2 seconds)")
    assert time.monotonic() - begun < 5
    assert ok(owner.api.get("models", query={"filter": {"name": "m7"}}))["totalDocs"] == 1


@pytest.mark.promise("filter.values", "filter.engines")
def test_the_lists_of_a_filter_have_a_thousand_values_together(models: Any) -> None:
    many = [f"word {number}" for number in range(499)]
    within = [{"tags": {"$in": [*many, "red"]}}, {"metadata.acc": {"$in": [*many, 1]}}]
    assert _found(models, {"$or": within}) == "abf"
    assert _found(models, {"tags": {"$nin": [*many, *map(str, range(500)), "red"]}}) == "cdef"
    for one_more in ({"name": {"$in": ["a"]}}, {"tags": ["a"]}, {"tags": {"$all": ["a"]}}):
        response = models.get("models", query={"filter": json.dumps({"$or": [*within, one_more]})})
        assert_error(response, "get_request_error", "at most 1000 values together")


@pytest.mark.promise("filter.operators", "filter.engines")
@pytest.mark.parametrize("size", [2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1])
def test_a_size_at_the_limit_of_numbers_matches_no_list(models: Any, size: int) -> None:
    assert _found(models, {"tags": {"$size": size}}) == ""
    assert _found(models, {"tags": {"$not": {"$size": size}}}) == ALL


def _deep(levels: int) -> Any:
    return {"name": "a"} if levels == 1 else {"$and": [_deep(levels - 1)]}


@pytest.mark.promise("filter.limits")
def test_a_filter_has_at_most_a_hundred_conditions_and_ten_levels(models: Any) -> None:
    names = [{"name": str(number)} for number in range(101)]
    assert _found(models, {"$or": names[:100]}) == ""
    assert _found(models, _deep(9)) == "a"
    for filter in ({"$or": names}, _deep(12), _deep(300)):
        assert_error(models.get("models", query={"filter": json.dumps(filter)}), "get_request_error")
    brackets = models.get("models", query={"filter": "[" * 5000})
    assert_error(brackets, "get_request_error")


@pytest.mark.promise("filter.regex")
@pytest.mark.parametrize(
    "pattern", ["(a)\\1", "(?=a)", "(?!a)", "(?<=a)b", "(?>a)", "a++", "(", "[", "*", "a{2000}", "x" * 201]
)
def test_a_pattern_that_is_not_linear_or_too_long_is_refused(models: Any, pattern: str) -> None:
    filter = json.dumps({"name": {"$regex": pattern}})
    assert_error(models.get("models", query={"filter": filter}), "get_request_error")


@pytest.mark.promise("filter.regex")
def test_a_pattern_may_be_200_characters_long_and_takes_no_time(world: Any, models: Any) -> None:
    create(models, name="a" * 255)
    assert _found(models, {"name": {"$regex": "^(a+)+$"}}) == "a" + "a" * 255
    assert _found(models, {"name": {"$regex": "^(a|a)*b$"}}) == "b"
    assert _found(models, {"name": {"$regex": "x" * 200}}) == ""
