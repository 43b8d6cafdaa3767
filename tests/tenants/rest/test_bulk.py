"""Bulk creation: an element of a list that fails does not affect the others."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.rest.collections import TOGETHER
from tests.answers import assert_error, ok
from tests.catalog.items import KINDS

# Items, and queries for each. Fewer on the slower engines: then more of them are made alone, after others that fail.
MANY = {"sqlite": (1000, 9)}
FEWER = (500, 12)


def _bodies(collection: str) -> list[dict[str, Any]]:
    if collection in KINDS:
        return [{"name": "first"}, {"name": "second", "tags": ["t"]}]
    if collection == "users":
        return [{"username": name, "password": "Passw0rd!x"} for name in ("first", "second")]
    return [{"_id": "first"}, {"_id": "second"}]


@pytest.mark.promise("bulk.create")
@pytest.mark.parametrize("collection", [*KINDS, "users", "tags", "metadata"])
def test_a_list_creates_each_element(world: Any, collection: str) -> None:
    api = world.acme.admin.api
    answer = ok(api.post(collection, json=_bodies(collection)))
    key = "metadatas" if collection == "metadata" else collection
    assert set(answer) == {key, "errors"}
    assert answer["errors"] == []
    assert len(answer[key]) == 2
    for created in answer[key]:
        assert ok(api.get(f"{collection}/{created['_id']}"))["_id"] == created["_id"]


@pytest.mark.promise("bulk.create", "tenants.create")
def test_a_list_of_tenants_creates_each(world: Any) -> None:
    bodies = [{"_id": id, "email": f"info@{id}.example", "admin_password": "pippo"} for id in ("one", "two")]
    answer = ok(world.operator.post("tenants", json=bodies))
    assert [tenant["_id"] for tenant in answer["tenants"]] == ["one", "two"]
    assert answer["errors"] == []


@pytest.mark.promise("bulk.partial", "status.success")
@pytest.mark.parametrize("collection", [*KINDS, "users", "tags", "metadata"])
def test_errors_are_listed_by_index_and_the_other_elements_are_created(world: Any, collection: str) -> None:
    api = world.acme.admin.api
    good, better = _bodies(collection)
    answer = ok(api.post(collection, json=[good, {}, "text", better, good]), 202)
    key = "metadatas" if collection == "metadata" else collection
    assert len(answer[key]) == 2
    assert [error.split(" (")[0] for error in answer["errors"]] == ["Index: 1", "Index: 2", "Index: 4"]
    assert all(error.endswith(")") for error in answer["errors"])
    assert ok(api.get(f"{collection}/{answer[key][1]['_id']}"))


@pytest.mark.promise("bulk.partial")
def test_a_list_with_only_errors_is_202_too(world: Any) -> None:
    answer = ok(world.acme.owner.api.post("models", json=[{}, {"name": ""}]), 202)
    assert (answer["models"], len(answer["errors"])) == ([], 2)


@pytest.mark.promise("bulk.partial")
def test_an_error_in_a_list_has_the_reason_of_a_single_creation(world: Any) -> None:
    api = world.acme.owner.api
    body = {"name": "m", "users": ["nobody"]}
    single = api.post("models", json=body)
    assert_error(single, "post_request_error", "User not existent (nobody)")
    assert ok(api.post("models", json=[body]), 202)["errors"] == [f"Index: 0 ({single.json()['details']})"]


@pytest.mark.promise("bulk.create")
def test_an_empty_list_creates_nothing(world: Any) -> None:
    assert ok(world.acme.owner.api.post("models", json=[])) == {"models": [], "errors": []}


@pytest.mark.promise("bulk.not-verbose")
def test_the_short_response_has_counts(world: Any) -> None:
    api = world.acme.owner.api
    whole = ok(api.post("models", query={"verbose": "false"}, json=[{"name": "a"}, {"name": "b"}]))
    assert whole == {"saved": 2, "errors": 0, "Indexes": []}
    partly = ok(api.post("models", query={"verbose": "false"}, json=[{"name": "c"}, {"name": "a"}]), 202)
    assert (partly["saved"], partly["errors"]) == (1, 1)
    assert partly["Indexes"][0].startswith("Index: 1 (")
    assert set(ok(api.post("models", query={"verbose": "true"}, json=[{"name": "d"}]))) == {"models", "errors"}


@pytest.mark.promise("bulk.partial")
def test_a_list_creates_nothing_that_its_sender_may_not_create(world: Any) -> None:
    for collection in ("users", "tags", "metadata"):
        assert_error(world.acme.owner.api.post(collection, json=_bodies(collection)), "only_administrator")
    assert_error(world.acme.admin.api.post("tenants", json=[{"_id": "x"}]), "authentication_error")


@pytest.mark.promise("bulk.create", "bulk.partial")
@pytest.mark.django_db(transaction=True)
def test_items_share_transactions_unless_one_fails(world: Any) -> None:
    api = world.acme.owner.api
    if connection.vendor == "mongodb":
        pytest.skip("its driver does not tell its commits")
    for names, commits in (([f"m{n}" for n in range(TOGETHER)], 1), (["x", "y", "m1"], 2)):
        with CaptureQueriesContext(connection) as queries:
            answer = api.post("models", json=[{"name": name} for name in names]).json()
        assert len(answer["models"]) + len(answer["errors"]) == len(names)
        assert sum(query["sql"] == "COMMIT" for query in queries) == commits, names
    assert ok(api.get("models"))["totalDocs"] == TOGETHER + 2


@pytest.mark.promise("bulk.thousand")
def test_a_thousand_items_take_a_few_queries_each_and_lose_none(world: Any, engine: str) -> None:
    many, queries_an_item = MANY.get(engine, FEWER)
    bodies: list[Any] = [
        {"name": f"m{n}", "tags": [f"t{n % 7}"], "metadata": [{"name": "n", "value": n}]} for n in range(many)
    ]
    bodies[many // 2] = {"name": "m1"}
    bodies[many - 1] = {"tags": []}
    with CaptureQueriesContext(connection) as queries:
        answer = ok(world.acme.owner.api.post("models", json=bodies), 202)
    assert [error.split(" (")[0] for error in answer["errors"]] == [f"Index: {many // 2}", f"Index: {many - 1}"]
    assert len(answer["models"]) == many - 2
    assert len(queries) <= queries_an_item * many
    assert ok(world.acme.owner.api.get("models"))["totalDocs"] == many - 2
