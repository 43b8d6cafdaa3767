"""The page that a mailed reset link opens."""

from playwright.sync_api import Page, expect

from tests.e2e.browser.conftest import Look


def test_a_used_or_invented_reset_link_shows_an_error(page: Page, look: Look) -> None:
    page.goto("/reset.html#tenant=registry-default-tenant&reset=invented")
    look(page, "reset")
    page.get_by_label("New password").fill("N3w-Passw0rd")
    page.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("unknown, used or expired")
