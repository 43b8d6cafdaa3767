"""The page of an item, of a user, and the home page: what they tell, and to whom."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry_site.pages.overview import trends
from tests.answers import ok
from tests.catalog.items import create
from tests.client import BrowserClient

PASSWORD = "Passw0rd!x"
LARGEST = 150 * 1024  # bytes of a page
HOME, ITEM, LIST = 16, 7, 7  # queries of a page, at most; of the list with saved views and counts


@pytest.fixture
def browser(world: Any) -> BrowserClient:
    """A browser where acme's owner is logged in."""
    return BrowserClient("acme", "owner", PASSWORD)


def shown(browser: BrowserClient, path: str) -> str:
    response = browser.page(path)
    assert response.status_code == 200, response
    return response.body().decode()


def section(page: str, id: str) -> str:
    start = page.index(f'id="{id}"')
    return page[start : page.index("<h2", start)] if "<h2" in page[start:] else page[start:]


@pytest.mark.promise("pages.item")
def test_a_dataset_names_the_items_that_use_it_and_says_that_they_block_its_deletion(
    world: Any, browser: BrowserClient
) -> None:
    data = create(browser, "datasets", name="data", visibility="public")["_id"]
    assert "Removes 0 versions" in section(shown(browser, f"datasets/{data}"), "settings")
    for number in range(22):
        create(browser, name=f"model-{number:02}", datasets=["data"])
    create(world.acme.admin.api, "algorithms", name="unreadable", datasets=[data])
    page = shown(browser, f"datasets/{data}")
    lineage = section(page, "lineage")
    assert [f">model-{number:02}<" in lineage for number in range(22)] == [False] * 2 + [True] * 20
    assert "(20+)" in lineage
    assert "(0)" in lineage
    assert "unreadable" not in page
    assert "cannot be deleted while" in section(page, "settings")
    model = ok(browser.get("models", query={"limit": "1"}))["docs"][0]["_id"]
    assert f'href="/v1/datasets/{data}">data<' in section(shown(browser, f"models/{model}"), "lineage")


@pytest.mark.promise("pages.item")
def test_an_item_tells_how_to_use_it_and_what_its_deletion_removes(browser: BrowserClient) -> None:
    model = create(browser, name="churn")["_id"]
    assert "curl -fsS &quot;http" in shown(browser, f"models/{model}")
    for ordinal, value in (("1", 0.5), ("2", 0.75)):
        query = {"ordinal": ordinal, "metadata": [{"name": "acc", "value": value}, {"name": "note", "value": "x"}]}
        ok(browser.put(f"models/{model}/versions/f{ordinal}.bin", data=b"x" * 2048, query=query, content_type="a/b"))
    page = shown(browser, f"models/{model}")
    assert f"/v1/models/{model}/versions/2&quot;" in page
    ok(browser.put(f"models/{model}/aliases/production", json={"version": "1"}))
    page = shown(browser, f"models/{model}")
    assert f"/v1/models/{model}/versions/@production&quot;" in page
    assert "production → 1" in page
    settings = section(page, "settings")
    assert "Removes 2 versions (4.0" in settings
    assert "1 alias" in settings
    assert 'aria-label="acc: version 1 0.5, version 2 0.75"' in page
    other = BrowserClient("acme", "admin", PASSWORD)
    assert 'id="settings"' in shown(other, f"models/{model}")
    ok(browser.put(f"models/{model}", json={"visibility": "public"}))
    reader = shown(BrowserClient("acme", "other", PASSWORD), f"models/{model}")
    assert 'id="settings"' not in reader
    assert 'id="edit"' not in reader


def test_trends_are_of_numbers_that_several_versions_have() -> None:
    versions = [
        {"ordinal": str(number), "metadata": [{"name": "a", "value": number}, {"name": "flag", "value": True}]}
        for number in range(3)
    ]
    versions[0]["metadata"].append({"name": "once", "value": 1})  # type: ignore[attr-defined]
    (trend,) = trends(versions)
    assert (trend.name, trend.points, trend.end) == ("a", "4.0,32.0 80.0,18.0 156.0,4.0", (156.0, 4.0))
    (level,) = trends([{"ordinal": "1", "metadata": [{"name": "a", "value": 10**18}]}] * 2)
    assert level.points == "4.0,32.0 156.0,32.0"


@pytest.mark.promise("pages.user")
def test_a_user_page_lists_their_readable_items(world: Any, browser: BrowserClient) -> None:
    create(browser, name="open-model", visibility="public")
    create(browser, name="closed-model")
    for reader, seen in (("owner", [True, True]), ("other", [True, False]), ("admin", [True, True])):
        page = section(shown(BrowserClient("acme", reader, PASSWORD), "users/owner"), "items")
        assert [name in page for name in ("open-model", "closed-model")] == seen, reader
        assert 'href="/v1/models?q=owner%3Aowner"' in page


@pytest.mark.promise("pages.home")
def test_home_shows_what_is_mine_shared_changed_and_waiting(world: Any, browser: BrowserClient) -> None:
    admin = world.acme.admin.api
    create(browser, name="mine")
    model = create(admin, name="given", users=["owner"])["_id"]
    create(admin, name="concealed")
    ok(admin.upload(f"models/{model}/versions", "a.bin", b"x"))
    body = {"name": "r", "aliases": "production", "roles": ["regular", "admin"], "approvals": 1}
    ok(admin.post("protection", json=body))
    ok(admin.post(f"models/{model}/aliases/production/proposals", json={"version": "1", "reason": "good"}))
    page = shown(browser, "/")
    assert "concealed" not in page
    for title, name in (
        ("Yours", ">mine<"),
        ("Shared with you", ">given<"),
        ("Waits for you", "given: production to version 1"),
    ):
        start = page.index(title)
        assert name in page[start : page.index("</section>", start)], title
    changed = page[page.index("Recently changed") :]
    assert "owner created model mine" in changed
    assert "admin" in changed
    assert "Waits for you" not in shown(BrowserClient("acme", "admin", PASSWORD), "/")
    assert browser.get("/").json()["name"] == "Model Registry"
    assert "Log in" in BrowserClient().page("/").body().decode()


@pytest.mark.promise("pages.small")
def test_pages_are_small_and_their_queries_do_not_grow(world: Any, browser: BrowserClient) -> None:
    def measured(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert len(shown(browser, path)) < LARGEST, path
        return len(captured)

    few: dict[str, int] = {}
    for number in range(14):
        metadata = [{"name": f"metric_{place}", "value": place / 7} for place in range(40)]
        model = create(browser, name=f"m{number}", tags=[f"t{place}" for place in range(40)], metadata=metadata)["_id"]
        ok(browser.upload(f"models/{model}/versions", "f.bin", b"x"))
        if number in (10, 13):  # more than a page
            paths = {"/": HOME, f"models/{model}": ITEM, "models": LIST, "models?facets=tags,owner": LIST + 1}
            counts = [measured(path) for path in paths]
            few = few or dict(enumerate(counts))  # type: ignore[arg-type]
            assert all(count <= most for count, most in zip(counts, paths.values(), strict=True)), counts
            assert counts == list(few.values())
