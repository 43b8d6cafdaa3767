"""What all pages share: colours, times, errors that help, and the way to a new password."""

from typing import Any

import pytest

from tenants.models import OutgoingMail
from tests.answers import ok
from tests.catalog.items import create
from tests.client import ApiResponse, BrowserClient

PASSWORD = "Passw0rd!x"
PAGES = ("/", "/login.html", "/forgot.html", "/reset.html", "/v1/models", "/nowhere")


@pytest.fixture
def browser(world: Any) -> BrowserClient:
    """A browser where acme's owner is logged in."""
    return BrowserClient("acme", "owner", PASSWORD)


def text(response: ApiResponse, status: int = 200) -> str:
    assert response.status_code == status, response
    return response.body().decode()


@pytest.mark.promise("pages.colours")
def test_the_chosen_colours_are_remembered_on_every_page(world: Any, browser: BrowserClient) -> None:
    for page in PAGES:
        assert "data-theme" not in browser.page(page).body().decode(), page
    chosen = browser.submit("/theme.html", theme="dark", next="/v1/models?limit=5")
    assert (chosen.status_code, chosen.headers["Location"]) == (302, "/v1/models?limit=5")
    cookie = browser.client.cookies["theme"]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 365 * 24 * 3600)
    for page in PAGES:
        assert '<html lang="en" data-theme="dark"' in browser.page(page).body().decode(), page
    assert "theme-dark" in text(browser.page("/admin/login/"))
    browser.submit("/theme.html", theme="", next="/")
    assert "data-theme" not in text(browser.page("/v1/models"))


@pytest.mark.promise("pages.colours", "browser.next")
@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "", "\\\\evil"])
def test_the_switch_leads_only_to_pages_of_the_registry(world: Any, wanted: str) -> None:
    browser = BrowserClient()
    answer = browser.submit("/theme.html", theme='dark" onload="x', next=wanted)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert "theme" not in browser.client.cookies
    browser.client.cookies["theme"] = "dark onload"
    assert "onload" not in text(browser.page("/login.html"))


@pytest.mark.promise("pages.errors-help")
def test_an_unknown_address_offers_a_search_and_a_missing_login_the_way_in(browser: BrowserClient) -> None:
    missing = text(browser.page("models/000000000000000000000000"), 404)
    assert 'name="q"' in missing
    assert 'href="/v1/events"' in missing
    anonymous = text(BrowserClient().page("models", query={"limit": "5"}), 401)
    assert 'href="/login.html?next=%2Fv1%2Fmodels%3Flimit%3D5"' in anonymous
    assert 'href="/forgot.html"' in anonymous
    assert 'name="q"' not in text(BrowserClient().page("/nowhere"), 404)


@pytest.mark.promise("pages.beyond-the-last")
def test_a_page_beyond_the_last_leads_back(browser: BrowserClient) -> None:
    for number in range(12):
        create(browser, name=f"m{number}")
    beyond = text(browser.page("models", query={"page": "7", "sort": '{"name":"asc"}'}))
    assert "There is no page 7" in beyond
    last = beyond.split('There is no page 7: <a href="')[1].split('"')[0].replace("&amp;", "&")
    assert "the last page is 2" in beyond
    assert "m9" in text(browser.page(f"/v1/models{last}"))


@pytest.mark.promise("pages.forgot-password")
@pytest.mark.parametrize("email", ["ada@example.org", "nobody@example.org"])
def test_a_forgotten_password_is_asked_for_on_a_page(world: Any, email: str) -> None:
    ok(world.acme.admin.api.put("users/owner", json={"email": "ada@example.org"}))
    browser = BrowserClient()
    assert "/forgot.html" in text(browser.page("/login.html"))
    assert 'name="email"' in text(browser.page("/forgot.html?tenant=acme"))
    sent = text(browser.submit("/forgot.html", tenant="acme", email=email))
    assert "a mail with a link is on its way" in sent
    assert [(mail.tenant_id, mail.email) for mail in OutgoingMail.objects.all()] == [("acme", email)]


@pytest.mark.promise("pages.forgot-password")
def test_a_forgotten_password_is_asked_for_a_few_times_only(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT = 2
    browser = BrowserClient()
    browser.page("/forgot.html")
    for tenant in ("acme", "acme"):
        assert browser.submit("/forgot.html", tenant=tenant, email="ada@example.org").status_code == 200
    refused = browser.submit("/forgot.html", tenant="acme", email="ada@example.org")
    assert "Too many" in text(refused, 429)
    assert refused.headers["Retry-After"]
    for body in ({"email": "no address"}, {"email": ""}, {}):
        assert "valid email" in (shown := text(browser.submit("/forgot.html", **body), 400)) or "required" in shown
    assert browser.submit("/forgot.html", tenant="a\0b", email="ada@example.org").status_code == 200
    assert OutgoingMail.objects.count() == 2
