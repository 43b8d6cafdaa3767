"""The registry's own pages work under the policy that keeps foreign scripts out: the console tells what it stops."""

import pytest
from playwright.sync_api import Page, expect


@pytest.mark.promise("browser.headers", "about.docs-page")
def test_the_documentation_is_shown_and_tries_a_route(page: Page) -> None:
    page.goto("/docs.html")
    page.locator("#operations-about-retrieve_version").get_by_role("button").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".responses-table.live-responses-table")).to_contain_text("200")


@pytest.mark.promise("browser.headers")
def test_the_door_of_the_admin_site_is_shown(page: Page) -> None:
    page.goto("/admin/login/")
    expect(page.get_by_label("Username")).to_be_visible()
