"""The pages in a narrow window."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser.conftest import PHONE, inspect, log_in
from tests.e2e.browser.test_finding import tab_to
from tests.served import Served

HIGHEST_BAR = 60  # pixels


@pytest.mark.promise("pages.menu")
def test_the_menu_of_a_narrow_window_opens_by_keyboard_without_javascript(chromium: Browser, served: Served) -> None:
    context = chromium.new_context(base_url=served.base_url, viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    log_in(page)
    bar = page.get_by_role("banner").bounding_box()
    assert bar is not None
    assert bar["height"] <= HIGHEST_BAR
    places = page.get_by_role("navigation", name="Registry").get_by_role("link")
    expect(places.first).to_be_hidden()
    tab_to(page, "Menu")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Menu")).to_be_focused()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(places.first).to_be_hidden()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(places.first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Models")).to_be_visible()
    context.close()


@pytest.mark.promise("pages.menu")
def test_the_open_menu_of_a_narrow_window_is_accessible(page: Page, engine: str) -> None:
    page.set_viewport_size(PHONE)
    log_in(page)
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    inspect(page, engine, "narrow-menu")
