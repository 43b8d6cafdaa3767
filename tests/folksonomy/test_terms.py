"""Tags and metadata names: all users read them, administrators suggest them."""

from typing import Any
from urllib.parse import quote

import pytest

from folksonomy.models import MetadataName, Tag
from tenants.rows.fields import iso
from tests.answers import assert_error, ok
from tests.catalog.items import create

MODELS: dict[str, Any] = {"tags": Tag, "metadata": MetadataName}
COLLECTIONS = tuple(MODELS)
both = pytest.mark.parametrize("collection", COLLECTIONS)


def _using(collection: str, *names: str) -> dict[str, Any]:
    return (
        {"tags": list(names)} if collection == "tags" else {"metadata": [{"name": name, "value": 1} for name in names]}
    )


def _found(api: Any, collection: str, filter: Any) -> set[str]:
    return {term["_id"] for term in ok(api.get(collection, query={"filter": filter}))["docs"]}


@both
@pytest.mark.promise("terms.read", "filter.other-fields")
def test_all_users_find_terms_by_usage_and_by_part_of_their_name(world: Any, collection: str) -> None:
    ok(world.acme.admin.api.post(collection, json=[{"_id": "Folded"}, {"_id": "other"}]))
    create(world.acme.owner.api, **_using(collection, "Folk", "folly"))
    api = world.acme.other.api
    assert _found(api, collection, {"usage": "default"}) == {"Folded", "other"}
    assert _found(api, collection, {"usage": "folk"}) == {"Folk", "folly"}
    assert _found(api, collection, {"_id": {"$regex": "Fol"}}) == {"Folded", "Folk"}
    assert _found(api, collection, {"_id": {"$regex": "^fol", "$options": "i"}}) == {"Folded", "Folk", "folly"}
    for owner in (world.acme.owner.pk, "owner", {"$in": ["owner", "nobody"]}, {"$ne": "admin"}):
        assert _found(api, collection, {"owner": owner}) == {"Folk", "folly"}, owner
    assert _found(api, collection, {"timestamp": {"$gt": "2020-01-01T00:00:00.000Z"}, "usage": "folk"}) == {
        "Folk",
        "folly",
    }


@both
@pytest.mark.promise("terms.read")
def test_all_users_of_a_tenant_read_its_terms(world: Any, collection: str) -> None:
    ok(world.acme.admin.api.post(collection, json={"_id": "word"}))
    assert ok(world.acme.other.api.get(f"{collection}/word"))["_id"] == "word"
    assert_error(world.rival.admin.api.get(f"{collection}/word"), "resource_not_found")
    assert ok(world.rival.admin.api.get(collection))["totalDocs"] == 0
    assert_error(world.anonymous.get(f"{collection}/word"), "authentication_error")


@both
@pytest.mark.promise("terms.answer", "terms.create")
def test_an_administrator_creates_default_terms(world: Any, collection: str) -> None:
    owner = {"owner": world.acme.admin.pk, "owner_username": "admin"}
    created = ok(world.acme.admin.api.post(collection, json={"_id": "word"}))
    assert created.pop("timestamp") == iso(MODELS[collection].objects.get().timestamp)
    better = {"better": None} if collection == "metadata" else {}
    text = {"description": "", "synonyms": []}
    assert created == {"_id": "word", "id": "word", "usage": "default"} | text | owner | better
    created = ok(world.acme.other.api.get(f"{collection}/word"))
    assert ok(world.acme.admin.api.get(f"{collection}/word")) == created
    assert ok(world.acme.admin.api.get(collection))["docs"] == [created]


@both
@pytest.mark.promise("terms.create")
@pytest.mark.parametrize("name", ["with blank", "slash/inside", "città", "per%cent", "a?b#c", "x" * 200, "...", '"q"'])
def test_a_term_may_be_any_text(world: Any, collection: str, name: str) -> None:
    api = world.acme.admin.api
    assert ok(api.post(collection, json={"_id": name}))["_id"] == name
    path = f"{collection}/{quote(name, safe='')}"
    assert ok(api.get(path))["_id"] == name
    ok(api.delete(path))
    assert ok(api.get(collection))["totalDocs"] == 0


@both
@pytest.mark.promise("terms.create")
@pytest.mark.parametrize(
    "body", [{"usage": "default"}, {"_id": ""}, {"_id": None}, {"_id": 5}, {"_id": ["x"]}, {"name": "x"}]
)
def test_a_term_without_a_name_is_refused(world: Any, collection: str, body: dict[str, Any]) -> None:
    assert_error(world.acme.admin.api.post(collection, json=body), "post_request_error", "_id")


@both
@pytest.mark.promise("terms.usage")
@pytest.mark.parametrize("usage", ["", "other", "Default", "Folk", 5, None, True, ["folk"], {}])
def test_an_invalid_usage_is_refused(world: Any, collection: str, usage: Any) -> None:
    api = world.acme.admin.api
    assert_error(api.post(collection, json={"_id": "word", "usage": usage}), "post_request_error", "usage")
    assert ok(api.get(collection))["totalDocs"] == 0
    for known in ("default", "folk"):
        assert ok(api.post(collection, json={"_id": known, "usage": known}))["usage"] == known


@both
@pytest.mark.promise("terms.create")
def test_regular_users_cannot_create_terms(world: Any, collection: str) -> None:
    assert_error(world.acme.owner.api.post(collection, json={"_id": "word"}), "only_administrator")
    assert_error(world.acme.owner.api.get(f"{collection}/word"), "resource_not_found")


@both
@pytest.mark.promise("terms.promote")
def test_posting_a_folk_term_makes_it_default(world: Any, collection: str) -> None:
    create(world.acme.owner.api, **_using(collection, "word"))
    assert ok(world.acme.admin.api.post(collection, json={"_id": "word"}))["usage"] == "default"
    assert [term["usage"] for term in ok(world.acme.owner.api.get(collection))["docs"]] == ["default"]
    create(world.acme.owner.api, name="again", **_using(collection, "word"))
    assert ok(world.acme.owner.api.get(f"{collection}/word"))["usage"] == "default"


@both
@pytest.mark.promise("terms.create", "terms.duplicate", "terms.promote")
def test_an_administrator_creates_folk_terms_and_promotes_them(world: Any, collection: str) -> None:
    api = world.acme.admin.api
    made = ok(
        api.post(collection, json=[{"_id": "a", "usage": "folk"}, {"_id": "b", "usage": "default"}, {"_id": "c"}])
    )
    assert [term["usage"] for term in next(iter(made.values()))] == ["folk", "default", "default"]
    for name in ("a", "b"):
        response = api.post(collection, json={"_id": name, "usage": "folk"})
        assert_error(response, "post_request_error", f"the _id is already used ({name})")
    assert ok(api.get(f"{collection}/b"))["usage"] == "default"
    assert ok(api.post(collection, json={"_id": "a", "usage": "default"}))["usage"] == "default"


@both
@pytest.mark.promise("terms.duplicate")
def test_posting_a_default_term_again_is_refused(world: Any, collection: str) -> None:
    ok(world.acme.admin.api.post(collection, json={"_id": "word"}))
    response = world.acme.admin.api.post(collection, json={"_id": "word"})
    assert_error(response, "post_request_error", "the _id is already used (word)")
    ok(world.rival.admin.api.post(collection, json={"_id": "word"}))


@both
@pytest.mark.promise("terms.delete")
def test_only_administrators_delete_terms(world: Any, collection: str) -> None:
    ok(world.acme.admin.api.post(collection, json={"_id": "word"}))
    assert_error(world.acme.owner.api.delete(f"{collection}/word"), "only_administrator")
    assert_error(world.rival.admin.api.delete(f"{collection}/word"), "resource_not_found")
    assert ok(world.acme.admin.api.delete(f"{collection}/word"))["_id"] == "word"
    assert_error(world.acme.admin.api.get(f"{collection}/word"), "resource_not_found")


@both
@pytest.mark.promise("terms.used-stays")
@pytest.mark.parametrize("kind", ["models", "datasets", "algorithms"])
def test_a_term_in_use_is_not_deleted(world: Any, collection: str, kind: str) -> None:
    item = create(world.acme.owner.api, kind, **_using(collection, "word"))
    assert_error(world.acme.admin.api.delete(f"{collection}/word"), "delete_request_error", "word")
    ok(world.acme.owner.api.delete(f"{kind}/{item['_id']}"))
    ok(world.acme.admin.api.delete(f"{collection}/word"))


@both
@pytest.mark.promise("terms.used-stays")
def test_a_term_that_only_another_tenant_uses_is_deleted(world: Any, collection: str) -> None:
    create(world.rival.owner.api, **_using(collection, "word"))
    ok(world.acme.admin.api.post(collection, json={"_id": "word"}))
    ok(world.acme.admin.api.delete(f"{collection}/word"))


@pytest.mark.promise("terms.better")
def test_an_administrator_says_which_values_of_a_metric_are_better(world: Any) -> None:
    admin, api = world.acme.admin.api, world.acme.owner.api
    create(api, metadata=[{"name": "loss", "value": 1}])
    assert ok(api.get("metadata/loss"))["better"] is None
    for better in ("lower", "higher", None, "lower"):
        assert ok(admin.put("metadata/loss", json={"better": better}))["better"] == better
        assert ok(api.get("metadata/loss"))["better"] == better
    assert _found(api, "metadata", {"better": "lower"}) == {"loss"}
    event = ok(api.get("events", query={"filter": {"type": "metadata.updated"}, "limit": "1"}))["docs"][0]
    assert (event["item"]["name"], event["changes"]) == ("loss", {"better": [None, "lower"]})
    changed = ok(api.get("events", query={"filter": {"type": "metadata.updated"}}))["totalDocs"]
    ok(admin.put("metadata/loss", json={"better": "lower"}))
    assert ok(api.get("events", query={"filter": {"type": "metadata.updated"}}))["totalDocs"] == changed == 4
    exported = api.get("metadata", query={"format": "csv"}).body().decode()
    assert exported.splitlines() == [
        "_id,id,usage,description,owner,owner_username,timestamp,synonyms,better",
        f"loss,loss,folk,,{world.acme.owner.pk},owner,{ok(api.get('metadata/loss'))['timestamp']},[],lower",
    ]


@pytest.mark.promise("terms.better")
def test_other_directions_are_refused(world: Any) -> None:
    admin = world.acme.admin.api
    for words in ("tags", "metadata"):
        ok(admin.post(words, json={"_id": "loss"}))
    for better in ("up", "", 1, True, ["lower"], {}):
        assert_error(admin.put("metadata/loss", json={"better": better}), "put_request_error")
    assert_error(admin.put("metadata/loss", json={"usage": "folk"}), "put_request_error")
    assert_error(admin.put("metadata/loss", json={"colour": "red"}), "incorrect_info")
    assert_error(admin.put("metadata/loss", json={}), "missing_info")
    assert_error(admin.put("metadata/none", json={"better": "lower"}), "resource_not_found")
    assert_error(world.acme.owner.api.put("metadata/loss", json={"better": "lower"}), "only_administrator")
    assert_error(admin.put("tags/loss", json={"better": "lower"}), "incorrect_info")
    assert ok(admin.get("metadata/loss"))["better"] is None
