"""Lists of events: of an item, of a version, of all that the caller may read; filters, and following by sequence."""

from typing import Any

import pytest

from tenants.ledger.chains import seal_all
from tests.answers import assert_error, ok
from tests.catalog.items import create
from tests.client import ApiClient


def _types(answer: Any) -> list[str]:
    return [event["type"] for event in ok(answer)["docs"]]


@pytest.mark.promise("events.of-item", "events.of-version")
def test_an_item_and_a_version_have_their_events_newest_first(world: Any) -> None:
    api = world.acme.owner.api
    item = create(api, tags=["new"])
    path = f"models/{item['_id']}"
    ok(api.upload(f"{path}/versions", "a.bin", b"a"))
    ok(api.upload(f"{path}/versions", "b.bin", b"b"))
    ok(api.put(path, json={"tags": {"remove": ["new"]}, "status": "production"}))
    ok(api.delete(f"{path}/versions/1"))
    created = ["version.created", "version.created", "model.created"]
    assert _types(api.get(f"{path}/events")) == ["version.deleted", "model.updated", *created]
    assert _types(api.get(f"{path}/versions/1/events")) == ["version.deleted", "version.created"]
    assert _types(api.get(f"{path}/versions/b.bin/events")) == ["version.created"]
    assert_error(api.get(f"{path}/versions/c.bin/events"), "resource_not_found")
    event = ok(api.get(f"{path}/events", query={"filter": {"type": "model.updated"}}))["docs"][0]
    assert event["changes"]["status"] == ["training", "production"]
    assert event["changes"]["tags"] == [{"0": "new"}, {}]
    assert event["actor"] == {"_id": world.acme.owner.pk, "username": "owner"}
    assert event["item"]["name"] == "thing"


@pytest.mark.promise("events.readable", "events.deleted")
def test_a_caller_reads_the_events_of_what_they_may_read(world: Any) -> None:
    owner, admin = world.acme.owner.api, world.acme.admin.api
    ids = {name: create(owner, name=name, visibility=name)["_id"] for name in ("public", "private")}
    create(owner, name="shared", users=["shared"], tags=["word"])
    ok(owner.put(f"models/{ids['private']}", json={"status": "test"}))
    ok(admin.put("users/shared", json={"email": "new@acme.example"}))
    gone = create(owner, name="gone", visibility="public")["_id"]
    ok(owner.delete(f"models/{gone}"))

    def seen(api: Any) -> set[tuple[str, str]]:
        docs = ok(api.get("events", query={"limit": "100"}))["docs"]
        return {(event["type"], event["item"]["name"]) for event in docs}

    public = {("model.created", "public"), ("tag.created", "word")}
    assert seen(world.acme.other.api) == public
    assert seen(world.acme.shared.api) == public | {("model.created", "shared"), ("user.updated", "shared")}
    mine = public | {("model.created", name) for name in ("private", "shared")} | {("model.updated", "private")}
    assert seen(owner) == mine
    every = mine | {("user.updated", "shared"), ("model.created", "gone"), ("model.deleted", "gone")}
    assert seen(admin) == every
    assert seen(world.rival.admin.api) == set()
    assert_error(owner.get(f"models/{gone}/events"), "resource_not_found")
    assert _types(admin.get(f"models/{gone}/events")) == ["model.deleted", "model.created"]
    assert_error(world.acme.other.api.get(f"models/{ids['private']}/events"), "restricted_access_read")


@pytest.mark.promise("events.readable")
def test_a_token_for_machines_needs_the_scope_of_events(world: Any) -> None:
    path = f"models/{create(world.acme.owner.api)['_id']}/events"
    for scope, opens in (("events:read", True), ("models:read", False)):
        body = {"name": scope, "scopes": [scope], "expires": "1d"}
        machine = ApiClient(ok(world.acme.owner.api.post("tokens", json=body))["token"])
        for each in (path, "events"):
            assert (machine.get(each).status_code == 200) == opens, (scope, each)


@pytest.mark.promise("events.follow")
def test_events_are_followed_by_their_sequence(world: Any) -> None:
    api = world.acme.admin.api
    for number in range(5):
        create(api, name=f"n{number}")
    assert ok(api.get("events", query={"after": "0"}))["docs"] == [], "none is sealed yet"
    seal_all()
    first = ok(api.get("events", query={"after": "0", "limit": "3"}))
    assert [event["sequence"] for event in first["docs"]] == [1, 2, 3]
    assert (first["totalDocs"], first["hasNextPage"]) == (5, True)
    rest = ok(api.get("events", query={"after": "3", "filter": {"name": {"$ne": "n3"}}}))["docs"]
    assert [event["sequence"] for event in rest] == [5]
    assert ok(api.get("events", query={"after": "5"}))["docs"] == []
    assert_error(api.get("events", query={"after": "1", "sort": {"type": "asc"}}), "get_request_error")
    assert_error(api.get("events", query={"after": "1", "page": "2"}), "get_request_error")
    by_id = ok(api.get("events", query={"after": first["docs"][2]["_id"]}))["docs"]
    assert [event["sequence"] for event in by_id] == [2, 1]


@pytest.mark.promise("events.of-item")
def test_events_are_filtered_sorted_and_selected(world: Any) -> None:
    api, owner = world.acme.admin.api, world.acme.owner
    ids = [create(owner.api, name=name)["_id"] for name in ("a", "b")]
    create(api, "datasets", name="c")
    for condition, names in (
        ({"item": ids[0]}, ["a"]),
        ({"kind": "dataset"}, ["c"]),
        ({"actor": "owner"}, ["b", "a"]),
        ({"actor": owner.pk, "name": {"$regex": "^b"}}, ["b"]),
        ({"timestamp": {"$gt": "2100-01-01"}}, []),
        ({"sequence": {"$exists": False}}, ["c", "b", "a"]),
    ):
        assert [each["item"]["name"] for each in ok(api.get("events", query={"filter": condition}))["docs"]] == names
    oldest = ok(api.get("events", query={"sort": {"timestamp": "asc"}, "limit": "1", "select": ["type"]}))
    assert oldest["docs"][0].keys() == {"_id", "type"}
    for bad in ({"changes": "x"}, {"hash": "x"}, {"sequence": "x"}):
        assert_error(api.get("events", query={"filter": bad}), "get_request_error")
