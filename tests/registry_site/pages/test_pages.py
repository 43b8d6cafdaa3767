"""Browsers get pages; all other clients get JSON."""

import json
from typing import Any

import pytest

from registry_site.api import errors
from tests.answers import ERRORS, assert_error, ok
from tests.catalog.items import KINDS, create
from tests.client import BrowserClient

PASSWORD = "Passw0rd!x"
HTML = "text/html; charset=utf-8"
# `Accept` headers that no browser sends when it opens a page.
PROGRAMS = [
    "*/*",
    "",
    "application/json",
    "application/json, text/plain, */*",
    "application/json, text/html",
    "application/json, text/html;q=0.9",
    "text/*",
    "text/html;q=0",
    "nonsense",
]
BROWSERS = [
    "text/html",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "text/html, */*",
    "text/html, application/json;q=0.5",
]


@pytest.fixture
def browser(world: Any) -> BrowserClient:
    """A browser where acme's owner is logged in."""
    return BrowserClient("acme", "owner", PASSWORD)


@pytest.fixture
def admin(world: Any) -> BrowserClient:
    """A browser where acme's administrator is logged in."""
    return BrowserClient("acme", "admin", PASSWORD)


def seen(response: Any, status: int = 200) -> str:
    """Return the page; fail if it has another status or is none."""
    assert response.status_code == status, response
    assert response.headers["Content-Type"] == HTML
    assert response.headers["Cache-Control"] == "no-store"
    text: str = response.body().decode()
    return text


@pytest.mark.promise("browser.pages")
@pytest.mark.parametrize("accept", BROWSERS)
def test_a_browser_gets_a_page(browser: BrowserClient, accept: str) -> None:
    create(browser, name="thing to see")
    page = browser.get("models", headers={"Accept": accept})
    assert "thing to see" in seen(page)
    assert "Accept" in page.headers["Vary"]
    assert "Cookie" in page.headers["Vary"]


@pytest.mark.promise("browser.pages")
def test_a_list_shows_six_tags_of_an_item_and_the_number_of_others(browser: BrowserClient) -> None:
    item = create(browser, name="tagged", tags=[f"tag{number:02}" for number in range(40)])
    listed = seen(browser.get("models", headers={"Accept": "text/html"}, query={"select": ["name", "tags"]}))
    table = listed[listed.index("<table") : listed.index("</table>")]
    assert [f"tag{number:02}" in table for number in range(40)] == [True] * 6 + [False] * 34
    assert ">+34<" in table
    assert "tag39" in seen(browser.get(f"models/{item['_id']}", headers={"Accept": "text/html"}))


@pytest.mark.promise("browser.pages")
def test_a_page_shows_the_beginning_of_a_long_answer(browser: BrowserClient) -> None:
    create(browser, metadata=[{"name": str(number), "value": "x" * 50_000} for number in range(5)])
    shown = seen(browser.get("models", headers={"Accept": "text/html"}))
    assert len(shown) < 150_000
    assert "more characters, which programs get" in shown


@pytest.mark.promise("browser.pages", "json.utf-8")
@pytest.mark.parametrize("accept", PROGRAMS)
def test_clients_without_a_browsers_accept_get_json(browser: BrowserClient, accept: str) -> None:
    response = browser.get("models", headers={"Accept": accept})
    assert ok(response)["totalDocs"] == 0
    assert response.headers["Content-Type"] == "application/json"
    assert_error(browser.get("models/nothing", headers={"Accept": accept}), "resource_not_found")


@pytest.mark.promise("browser.pages", "json.utf-8")
@pytest.mark.parametrize("accept", BROWSERS)
def test_requests_with_a_token_get_json(world: Any, accept: str) -> None:
    headers = {"Accept": accept}
    assert ok(world.acme.owner.api.get("models", headers=headers))["totalDocs"] == 0
    assert_error(world.acme.owner.api.get("/nowhere", headers=headers), "resource_not_found")


@pytest.mark.promise("browser.pages")
@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_only_get_and_head_return_pages(browser: BrowserClient, method: str) -> None:
    item = create(browser)
    path = "models" if method == "post" else f"models/{item['_id']}"
    body = {"post": {"name": "new"}, "put": {"visibility": "public"}, "delete": {}}[method]
    ok(browser.request(method, path, json=body, headers={"Accept": BROWSERS[1]}))


@pytest.mark.promise("browser.pages", "versions.download")
def test_a_download_is_never_a_page(browser: BrowserClient) -> None:
    path = f"models/{create(browser)['_id']}/versions"
    ok(browser.upload(path, "a.html", b"<b>bytes</b>", content_type="text/html"))
    response = browser.page(f"{path}/a.html")
    assert response.body() == b"<b>bytes</b>"
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert "No such version" in seen(browser.page(f"{path}/b.html"), 404)


@pytest.mark.promise("browser.pages")
@pytest.mark.parametrize("path", ["/healthz", "docs"])
def test_routes_for_programs_always_return_json(browser: BrowserClient, path: str) -> None:
    assert browser.page(path).headers["Content-Type"] == "application/json"


@pytest.mark.promise("browser.errors")
def test_errors_are_pages_with_the_status_and_words_of_the_api(world: Any, browser: BrowserClient) -> None:
    hidden = create(world.acme.admin.api, name="hidden")["_id"]
    cases = [
        (BrowserClient().page("models"), "authentication_error", "Log in"),
        (browser.page("models/nothing"), "resource_not_found", "No such resource: nothing"),
        (browser.page(f"models/{hidden}"), "restricted_access_read", "open only to its owner"),
        (browser.page("log"), "only_administrator", "Your role does not allow this"),
        (browser.page("tenants"), "authentication_error", "Log in"),
        (browser.page("login"), "method_not_allowed", "not allowed"),
        (browser.page("models", query={"filter": {"nope": 1}}), "get_request_error", "nope"),
        (browser.page("/nowhere"), "resource_not_found", "No such route: /nowhere"),
        (browser.page("/logout.html"), "method_not_allowed", "not allowed"),
    ]
    for response, name, words in cases:
        page = seen(response, ERRORS[name]["status"])
        assert ERRORS[name]["message"] in page
        assert words in page
        assert "Accept" in response.headers["Vary"]


@pytest.mark.promise("browser.errors", "errors.crash")
def test_a_crash_is_a_page_without_details(browser: BrowserClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*args: Any) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr("catalog.viewsets.ItemViewSet.get_queryset", crash)
    page = browser.page("models")
    assert page.status_code == 500
    assert errors.ERRORS["internal_server_error"].message in page.body().decode()
    assert "secret words" not in page.body().decode()


@pytest.mark.promise("browser.pages")
@pytest.mark.parametrize("kind", KINDS)
def test_user_content_is_always_escaped(browser: BrowserClient, kind: str) -> None:
    evil = "<script>alert('x')</script>\"'&"
    item = create(
        browser, kind, name=evil, tags=[evil], metadata=[{"name": evil, "value": evil}, {"name": "n", "value": 1}]
    )
    ok(browser.upload(f"{kind}/{item['_id']}/versions?ordinal=1", "a<b>.bin", b"x"))
    for path in (kind, f"{kind}/{item['_id']}", f"{kind}/{item['_id']}/versions", "tags", "metadata"):
        page = seen(browser.page(path))
        assert "<script>alert" not in page
        assert "a<b>" not in page
    query = {"filter": json.dumps({"name": evil}), "select": evil, "sort": '{"name":"asc"}'}
    assert "<script>alert" not in seen(browser.page(kind, query=query))
    assert "<script>alert" not in seen(browser.page(f"/{evil}"), 404)


@pytest.mark.promise("browser.pages")
def test_pages_have_no_script_and_no_style_of_their_own(browser: BrowserClient) -> None:
    item = create(browser, tags=["t"], metadata=[{"name": "n", "value": 1}])
    ok(browser.upload(f"models/{item['_id']}/versions", "a.bin", b"x"))
    for path in ("models", f"models/{item['_id']}", "users/owner", "info", "/login.html", "/nowhere"):
        page = browser.page(path).body().decode()
        assert "<style" not in page
        assert " style=" not in page
        assert " onclick=" not in page
        assert page.count("<script") == page.count('<script type="module" src="/static/registry/')


@pytest.mark.promise("browser.pages")
def test_every_version_has_a_link_that_finds_it(browser: BrowserClient) -> None:
    item = create(browser)["_id"]
    names = {"1": "2.bin", "2": "same.bin", "3": "same.bin", "4": "folder/città ?#%.bin"}
    for ordinal, name in names.items():
        path = f"models/{item}/versions/{name.replace('%', '%25').replace('?', '%3F').replace('#', '%23')}"
        ok(browser.put(f"{path}?ordinal={ordinal}", data=ordinal.encode(), content_type="application/octet-stream"))
    for path in (f"models/{item}", f"models/{item}/versions"):
        links = [part.split('"')[0] for part in seen(browser.page(path)).split('href="')[1:] if "download>" in part]
        versions = [link for link in links if "/versions/" in link]
        assert sorted(browser.get(link).body() for link in versions) == [b"1", b"2", b"3", b"4"]


@pytest.mark.promise("browser.forms")
def test_forms_are_shown_to_those_who_may_use_them(world: Any, browser: BrowserClient, admin: BrowserClient) -> None:
    item = create(world.acme.owner.api, visibility="public")["_id"]
    other = BrowserClient("acme", "other", PASSWORD)
    for path in ("users", "tags", "metadata"):
        assert "data-send" not in seen(browser.page(path))
        assert "data-send" in seen(admin.page(path))
    for mark in ("data-upload", "data-changes", "data-delete"):
        assert mark not in seen(other.page(f"models/{item}"))
        assert mark in seen(browser.page(f"models/{item}"))
        assert mark in seen(admin.page(f"models/{item}"))
    assert "data-changes" in seen(other.page("users/other"))
    assert "data-changes" not in seen(other.page("users/owner"))
    assert "data-delete" not in seen(other.page("users/other"))


@pytest.mark.promise("browser.forms", "tokens.pages")
def test_users_create_and_revoke_their_tokens_on_pages(
    world: Any, browser: BrowserClient, admin: BrowserClient
) -> None:
    assert "data-token" in seen(browser.page("tokens"))
    made = ok(browser.post("tokens", json={"name": "nightly", "scopes": ["models:read", "tags:read"]}))
    for reader in (browser, admin):
        for path in ("tokens", f"tokens/{made['_id']}"):
            page = seen(reader.page(path))
            assert "nightly" in page
            assert "tags:read" in page
            assert made["token"][3:] not in page
        assert "Revoke" in seen(reader.page(f"tokens/{made['_id']}"))
    assert "nightly" not in seen(BrowserClient("acme", "other", PASSWORD).page("tokens"))
    ok(browser.delete(f"tokens/{made['_id']}"))


@pytest.mark.promise("browser.pages")
def test_the_list_of_tenants_is_in_the_form_only_where_it_is_public(world: Any, settings: Any) -> None:
    assert "<option>rival</option>" in BrowserClient().page("/login.html").body().decode()
    settings.PUBLIC_TENANT_LIST = False
    page = BrowserClient().page("/login.html").body().decode()
    assert "rival" not in page
    assert 'name="tenant"' in page


@pytest.mark.promise("browser.pages")
@pytest.mark.parametrize(
    "path", ["info", "version", "errors", "types", "types/passwordStrength", "users", "tokens", "tags", "log"]
)
def test_every_readable_route_has_a_page(admin: BrowserClient, path: str) -> None:
    assert "Raw request and response" in seen(admin.page(path))


@pytest.mark.promise("browser.pages")
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_of_selected_fields_shows_them(browser: BrowserClient, kind: str) -> None:
    item = create(browser, kind, tags=["picked"])["_id"]
    for path in (kind, f"{kind}/{item}"):
        assert "picked" in seen(browser.page(path, query={"select": ["tags"]}))
        assert item in seen(browser.page(path, query={"select": []}))
