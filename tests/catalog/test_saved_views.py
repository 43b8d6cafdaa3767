"""Saved views: searches that users keep and share."""

from typing import Any

import pytest

from catalog.saved.models import SavedView
from tenants.rows.fences import edition_of
from tests.answers import assert_error, ok
from tests.catalog.items import create
from tests.client import BrowserClient

GOOD = {"name": "good", "list": "models", "query": "q=accuracy%3E0.9+tag%3Anlp&columns=name&columns=metadata.accuracy"}
BAD_QUERIES = [
    "q=created>soon",
    'filter={"nope":1}',
    "filter=[",
    "sort=nonsense",
    "page=2",
    "format=csv",
    "=",
    "q",
    "q=%ff",
]


@pytest.mark.promise("views.saved", "views.access")
def test_a_view_is_saved_shared_and_read_by_those_who_may(world: Any) -> None:
    api, other, rival = world.acme.owner.api, world.acme.other.api, world.rival.owner.api
    view = ok(api.post("views", json=GOOD))
    path = f"views/{view['_id']}"
    assert {field: view[field] for field in GOOD} == GOOD
    assert (view["shared"], view["owner"], view["owner_username"]) == (False, world.acme.owner.pk, "owner")
    assert ok(api.get("views", query={"filter": {"list": "models"}}))["docs"] == [view]
    for reader in (other, rival, world.acme.admin.api):
        assert ok(reader.get("views"))["docs"] == []
        assert_error(reader.get(path), "resource_not_found")
    shared = ok(api.put(path, json={"shared": True, "name": "best"}))
    assert ok(other.get(path)) == shared
    assert_error(rival.get(path), "resource_not_found")
    for reader in (other, world.acme.admin.api):
        assert_error(reader.put(path, json={"name": "mine"}), "restricted_access_modify")
    assert_error(other.delete(path), "restricted_access_delete")
    assert_error(api.put(path, json={"list": "datasets"}), "put_request_error", "list")
    assert ok(world.acme.admin.api.delete(path)) == shared
    assert_error(api.get(path), "resource_not_found")
    assert_error(api.delete(path), "resource_not_found")


@pytest.mark.promise("views.saved")
def test_a_view_with_a_bad_query_or_a_taken_name_is_refused(world: Any) -> None:
    api = world.acme.owner.api
    view = ok(api.post("views", json=GOOD))
    for query in BAD_QUERIES:
        assert_error(api.post("views", json=GOOD | {"name": "other", "query": query}), "post_request_error", "query")
        assert_error(api.put(f"views/{view['_id']}", json={"query": query}), "put_request_error", "query")
    assert_error(api.post("views", json=GOOD), "post_request_error", "good")
    assert_error(api.post("views", json=GOOD | {"list": "users"}), "post_request_error")
    assert_error(api.post("views", json=GOOD | {"name": "a\nb"}), "post_request_error")
    assert_error(api.post("views", json=GOOD | {"query": "q=" + "x" * 4000}), "post_request_error")
    ok(api.post("views", json=GOOD | {"list": "datasets", "query": ""}))
    ok(world.acme.other.api.post("views", json=GOOD))
    again = ok(api.post("views", json=GOOD | {"name": "again"}))
    assert_error(api.put(f"views/{again['_id']}", json={"name": "good"}), "put_request_error", "good")
    assert ok(api.get("views"))["totalDocs"] == 3


@pytest.mark.promise("views.most")
def test_a_user_has_at_most_100_views(world: Any) -> None:
    owner = world.acme.owner
    rows = [SavedView(tenant_id="acme", owner_id=owner.pk, list="models", name=str(number)) for number in range(100)]
    SavedView.objects.bulk_create(rows)
    assert_error(owner.api.post("views", json=GOOD), "post_request_error", "at most 100")
    ok(world.acme.other.api.post("views", json=GOOD))


def test_a_view_changes_no_items(world: Any) -> None:
    """So creations take turns at one fence, which makes their number exact, and totals of items stay cached."""
    owner, before = world.acme.owner.api, edition_of("acme")
    view = ok(owner.post("views", json=GOOD))["_id"]
    ok(owner.put(f"views/{view}", json={"shared": True}))
    ok(owner.delete(f"views/{view}"))
    assert edition_of("acme") == before


@pytest.mark.promise("views.users", "views.events")
def test_the_views_of_a_deleted_user_go(world: Any) -> None:
    admin = world.acme.admin.api
    ok(world.acme.other.api.post("views", json=GOOD | {"shared": True}))
    ok(admin.delete("users/other"))
    assert ok(admin.get("views"))["docs"] == []
    events = ok(admin.get("events", query={"filter": {"kind": "view"}}))["docs"]
    assert [(event["type"], event["item"]["name"]) for event in events] == [
        ("view.deleted", "good"),
        ("view.created", "good"),
    ]
    assert events[1]["changes"]["query"] == [None, GOOD["query"]]
    assert ok(world.acme.owner.api.get("events", query={"filter": {"kind": "view"}}))["docs"] == []


@pytest.mark.promise("views.pages")
def test_a_list_shows_the_views_of_the_caller_and_shared_ones(world: Any) -> None:
    create(world.acme.owner.api, name="m")
    ok(world.acme.owner.api.post("views", json=GOOD | {"name": "own"}))
    ok(world.acme.other.api.post("views", json=GOOD | {"name": "for all", "shared": True}))
    ok(world.acme.other.api.post("views", json=GOOD | {"name": "hidden"}))
    browser = BrowserClient("acme", "owner", "Passw0rd!x")
    page = browser.page("/v1/models?q=m&limit=5&page=1").body().decode()
    views = page[page.index('aria-label="Saved views"') : page.index("</nav>", page.index('aria-label="Saved views"'))]
    assert [name in views for name in ("own", "for all", "hidden")] == [True, True, False]
    assert "of other" in views
    assert f'href="/v1/models?{GOOD["query"]}"'.replace("&", "&amp;") in views
    assert 'name="query" value="q=m&amp;limit=5"' in page
    assert "Saved views" not in browser.page("/v1/datasets").body().decode()
    for view in ok(browser.get("views"))["docs"]:
        one = browser.page(f"/v1/views/{view['_id']}").body().decode()
        assert ("data-changes" in one) == (view["name"] == "own")
