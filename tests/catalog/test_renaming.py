"""Items get new names; pages still find them by the old ones."""

from typing import Any

import pytest

from catalog.models import FormerName
from tests.answers import assert_error, ok
from tests.catalog.items import KINDS, create, read
from tests.client import ApiClient, BrowserClient


@pytest.mark.promise("items.rename", "items.put-values")
@pytest.mark.parametrize("kind", KINDS)
def test_an_item_is_renamed_and_its_event_tells_both_names(world: Any, kind: str) -> None:
    api = world.acme.owner.api
    path = f"{kind}/{create(api, kind, name='old')['_id']}"
    renamed = ok(api.put(path, json={"name": "new", "visibility": "public"}))
    assert (renamed["name"], renamed["visibility"]) == ("new", "public")
    assert read(api, path) == renamed
    event = ok(api.get(f"{path}/events"))["docs"][0]
    assert event["changes"]["name"] == ["old", "new"]
    create(api, kind, name="old")
    assert_error(api.put(path, json={"name": "old"}), "put_request_error", "with the same name already exists")
    for name in ("", "x" * 256, "a\nb", None, 5):
        assert_error(api.put(path, json={"name": name}), "put_request_error")
    assert read(api, path) == renamed
    ok(api.put(path, json={"name": "new"}))
    ok(world.acme.admin.api.put(path, json={"name": "by an administrator"}))
    assert_error(world.acme.other.api.put(path, json={"name": "x"}), "restricted_access_modify")


@pytest.mark.promise("items.rename", "tokens.scopes")
def test_a_token_renames_only_within_its_scope(world: Any) -> None:
    api = world.acme.owner.api
    path = f"models/{create(api, name='churn-a')['_id']}"
    token = ok(api.post("tokens", json={"name": "t", "scopes": ["models:write:churn-*", "models:read"]}))["token"]
    machine = ApiClient(f"Bearer {token}")
    ok(machine.put(path, json={"name": "churn-b"}))
    assert_error(machine.put(path, json={"name": "fraud"}), "restricted_access_modify")


@pytest.mark.promise("items.rename")
def test_pages_lead_from_a_name_to_the_item(world: Any) -> None:
    api = world.acme.owner.api
    item = create(api, name="first")["_id"]
    hidden = create(world.acme.admin.api, name="hidden")["_id"]
    browser = BrowserClient("acme", "owner", "Passw0rd!x")

    def leads(name: str) -> str:
        response = browser.page(f"/v1/models/{name}")
        return response.headers["Location"] if response.status_code == 302 else str(response.status_code)

    for name in ("second", "third", "first", "fourth"):
        ok(api.put(f"models/{item}", json={"name": name}))
    for name in ("first", "second", "third", "fourth"):
        assert leads(name) == f"/v1/models/{item}", name
    assert [leads(name) for name in ("hidden", "fifth")] == ["404", "404"]
    ok(world.acme.admin.api.put(f"models/{hidden}", json={"name": "still hidden"}))
    assert leads("hidden") == "404"
    other = create(api, name="first")["_id"]
    assert leads("first") == f"/v1/models/{other}"
    assert_error(api.get("models/first"), "resource_not_found")  # programs use ids
    assert browser.page("/v1/datasets/first").status_code == 404
    ok(api.delete(f"models/{item}"))
    assert leads("third") == "404"
    assert not FormerName.objects.filter(item=item).exists()


@pytest.mark.promise("items.rename")
def test_the_20_latest_former_names_are_kept(world: Any) -> None:
    api = world.acme.owner.api
    item = create(api, name="n0")["_id"]
    for number in range(1, 23):
        ok(api.put(f"models/{item}", json={"name": f"n{number}"}))
    names = set(FormerName.objects.filter(item=item).values_list("name", flat=True))
    assert names == {f"n{number}" for number in range(2, 22)}
