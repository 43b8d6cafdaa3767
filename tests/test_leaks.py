"""Filters, orders, selections, references and bodies reveal nothing that callers may not read."""

from typing import Any

import pytest

from tests.answers import assert_error, ok
from tests.catalog.items import KINDS, create
from tests.remembered import remembered

NOWHERE = "0" * 24
SECRET = "s3cret-project"
# Filters that match the hidden item.
FINDING = [
    {"name": SECRET},
    {"name": {"$regex": "s3c"}},
    {"name": {"$in": [SECRET]}},
    {"tags": SECRET},
    {"metadata.name": SECRET},
    {f"metadata.{SECRET}": SECRET},
    {"metadata": {"$elemMatch": {"name": SECRET}}},
    {"visibility": "private"},
    {"versions.original": f"{SECRET}.bin"},
    {"versions.size": {"$gt": 0}},
    {"$or": [{"name": SECRET}, {"visibility": {"$exists": True}}]},
    {"$nor": [{"name": "nothing"}]},
    {"$not": {"name": "nothing"}},
    {"name": {"$ne": "nothing"}},
    {"name": {"$not": {"$regex": "nothing"}}},
    {"_id": {"$exists": True}},
    {"_id": {"$nin": []}},
    [{"name": SECRET}, {"tags": SECRET}],
    {},
]
FORBIDDEN = [
    "tenant",
    "tenant_id",
    "readers",
    "revision",
    "kind",
    "owner.password",
    "owner__password",
    "tenant__email",
    "pk",
    "users.email",
]


@pytest.fixture
def hidden(world: Any) -> dict[str, str]:
    """A private item of each kind of acme's owner, and one of rival's, which nobody else may read; ids by kind."""
    ids: dict[str, str] = remembered(_hide, world)
    return ids


def _hide(world: Any) -> dict[str, str]:
    ids = {}
    for kind in KINDS:
        for api in (world.rival.owner.api, world.acme.owner.api):
            body = {"tags": [SECRET], "metadata": [{"name": SECRET, "value": SECRET}]}
            ids[kind] = create(api, kind, name=SECRET, **body)["_id"]
            ok(api.upload(f"{kind}/{ids[kind]}/versions", f"{SECRET}.bin", b"x"))
    return ids


@pytest.mark.promise("filter.narrows", "items.lists-show-readable")
@pytest.mark.parametrize("kind", KINDS)
def test_no_filter_finds_what_the_caller_may_not_read(world: Any, hidden: dict[str, str], kind: str) -> None:
    for filter in FINDING:
        page = ok(world.acme.other.api.get(kind, query={"filter": filter}))
        assert (page["docs"], page["totalDocs"]) == ([], 0), filter
        for api in (world.acme.owner.api, world.acme.admin.api):
            found = ok(api.get(kind, query={"filter": filter}))
            assert [document["_id"] for document in found["docs"]] == [hidden[kind]], filter


@pytest.mark.promise("filter.narrows", "filter.refused")
@pytest.mark.parametrize("field", FORBIDDEN)
def test_no_filter_or_order_reaches_a_column_of_the_registrys_own(world: Any, field: str) -> None:
    create(world.acme.owner.api)
    for query in ({"filter": {field: "x"}}, {"filter": {field: {"$exists": True}}}, {"sort": {field: 1}}):
        assert_error(world.acme.owner.api.get("models", query=query), "get_request_error", field)
    one = ok(world.acme.owner.api.get("models", query={"select": [field]}))["docs"][0]
    assert set(one) == {"_id"} or field.startswith(("owner", "users"))
    assert "password" not in str(one)
    assert "@" not in str(one)


@pytest.mark.promise("lists.sort", "items.lists-show-readable")
@pytest.mark.parametrize("kind", KINDS)
def test_no_order_page_or_selection_shows_what_the_caller_may_not_read(
    world: Any, hidden: dict[str, str], kind: str
) -> None:
    mine = create(world.acme.other.api, kind, name="mine")["_id"]
    for query in ({"sort": {"name": 1}}, {"sort": {"name": -1}}, {"limit": "1"}, {"select": ["name", "tags"]}):
        page = ok(world.acme.other.api.get(kind, query=query))
        assert [document["_id"] for document in page["docs"]] == [mine]
        assert (page["totalDocs"], page["totalPages"]) == (1, 1)
    assert ok(world.acme.other.api.get(kind, query={"page": "2", "limit": "1"}))["docs"] == []


@pytest.mark.promise("items.unknown-reference", "items.unreadable-dataset")
@pytest.mark.parametrize("kind", ["models", "algorithms"])
def test_a_dataset_that_the_caller_may_not_read_is_refused_exactly_as_an_unknown_one(
    world: Any, hidden: dict[str, str], kind: str
) -> None:
    foreign = create(world.rival.owner.api, "datasets", name="foreign", visibility="public")["_id"]
    mine = create(world.acme.other.api, kind, name="mine")["_id"]
    for name in (hidden["datasets"], SECRET, foreign, "foreign", hidden["models"], NOWHERE, "nothing"):
        refused = f"Dataset not existent ({name})"
        posted = world.acme.other.api.post(kind, json={"name": "new", "datasets": [name]})
        assert_error(posted, "post_request_error")
        assert posted.json()["details"] == refused
        added = world.acme.other.api.put(f"{kind}/{mine}", json={"datasets": {"add": [name]}})
        assert_error(added, "put_request_error")
        assert added.json()["details"] == refused
        removed = world.acme.other.api.put(f"{kind}/{mine}", json={"datasets": {"remove": [name]}})
        assert_error(removed, "put_request_error", f"Resource to be removed from list not found: {name}")
        bulk = ok(world.acme.other.api.post(kind, json=[{"name": "new", "datasets": [name]}]), 202)
        assert (bulk[kind], bulk["errors"]) == ([], [f"Index: 0 ({refused})"])
    assert ok(world.acme.other.api.get(f"{kind}/{mine}"))["datasets"] == []


@pytest.mark.promise("items.unknown-reference")
@pytest.mark.parametrize("kind", KINDS)
def test_a_user_of_another_tenant_is_refused_exactly_as_an_unknown_one(world: Any, kind: str) -> None:
    ok(world.rival.admin.api.post("users", json={"username": "foreign", "password": "Passw0rd!x"}))
    mine = create(world.acme.owner.api, kind)["_id"]
    for name in (world.rival.owner.pk, "foreign", NOWHERE, "nobody"):
        posted = world.acme.owner.api.post(kind, json={"name": "new", "users": [name]})
        assert_error(posted, "post_request_error", f"User not existent ({name})")
        added = world.acme.owner.api.put(f"{kind}/{mine}", json={"users": {"add": [name]}})
        assert_error(added, "put_request_error", f"User not existent ({name})")


@pytest.mark.promise("items.unreadable-dataset")
def test_the_name_of_an_unreadable_dataset_is_not_found_through_a_model_that_uses_it(
    world: Any, hidden: dict[str, str]
) -> None:
    model = create(world.acme.owner.api, name="open", visibility="public", datasets=[SECRET])
    api = world.acme.other.api
    assert ok(api.get(f"models/{model['_id']}"))["datasets"] == [{"_id": hidden["datasets"]}]
    assert ok(api.get("models", query={"select": ["datasets"]}))["docs"][0]["datasets"] == [{"_id": hidden["datasets"]}]
    for field in ("datasets.name", "datasets.tags"):
        assert_error(api.get("models", query={"filter": {field: SECRET}}), "get_request_error", field)
    assert ok(api.get("models", query={"filter": {"datasets": SECRET}}))["docs"] == []


@pytest.mark.promise("items.owner", "items.other-tenant")
@pytest.mark.parametrize("kind", KINDS)
def test_no_body_chooses_owner_tenant_or_readers(world: Any, kind: str) -> None:
    for field, value in (
        ("owner", world.acme.admin.pk),
        ("tenant", "rival"),
        ("tenant_id", "rival"),
        ("readers", ["*"]),
        ("kind", "model"),
        ("_id", NOWHERE),
        ("revision", 5),
    ):
        response = world.acme.owner.api.post(kind, json={"name": f"with {field}", field: value})
        if response.status_code == 200:
            created = response.json()
            assert created["owner_username"] == "owner"
            assert created["_id"] != NOWHERE
            assert_error(world.rival.admin.api.get(f"{kind}/{created['_id']}"), "resource_not_found")
            assert_error(world.acme.other.api.get(f"{kind}/{created['_id']}"), "restricted_access_read")
        else:
            assert_error(response, "post_request_error", field)
    item = create(world.acme.owner.api, kind)["_id"]
    for field in ("owner", "tenant", "readers", "revision"):
        body = {field: "x", "visibility": "private"}
        response = world.acme.owner.api.put(f"{kind}/{item}", json=body)
        assert_error(response, "put_request_error", f"Request field cannot be updated ({field})")


@pytest.mark.promise("items.name-unique", "items.lists-show-readable")
@pytest.mark.parametrize("kind", KINDS)
def test_a_hidden_name_is_free_for_others(world: Any, hidden: dict[str, str], kind: str) -> None:
    create(world.acme.other.api, kind, name=SECRET)
    create(world.acme.admin.api, kind, name=SECRET)


@pytest.mark.promise("items.who-reads")
@pytest.mark.parametrize("kind", KINDS)
def test_taking_an_item_back_ends_what_could_be_read_of_it(world: Any, kind: str) -> None:
    owner, shared, other = world.acme.owner.api, world.acme.shared.api, world.acme.other.api
    path = f"{kind}/{create(owner, kind, visibility='public', users=['shared'])['_id']}"
    ok(owner.upload(f"{path}/versions", "f.bin", b"x"))
    ok(owner.put(path, json={"visibility": "private"}))
    for each in (path, f"{path}/versions", f"{path}/versions/f.bin"):
        assert_error(other.get(each), "restricted_access_read")
        assert shared.get(each).status_code == 200
    ok(owner.put(path, json={"users": {"remove": ["shared"]}}))
    for each in (path, f"{path}/versions", f"{path}/versions/f.bin"):
        assert_error(shared.get(each), "restricted_access_read")
    for api in (other, shared):
        assert ok(api.get(kind))["totalDocs"] == 0


@pytest.mark.promise("users.read", "filter.narrows")
def test_no_list_of_users_words_or_requests_crosses_tenants(world: Any, hidden: dict[str, str]) -> None:
    ok(world.rival.admin.api.post("tags", json={"_id": "rivals-word"}))
    api = world.acme.admin.api
    for path, filter in (
        ("users", {"_id": world.rival.owner.pk}),
        ("tags", {"_id": "rivals-word"}),
        ("tags", {"owner": world.rival.admin.pk}),
        ("metadata", {"owner": world.rival.owner.pk}),
        ("log", {"user": world.rival.owner.pk}),
        ("models", {"owner": world.rival.owner.pk}),
    ):
        assert ok(api.get(path, query={"filter": filter}))["totalDocs"] == 0
