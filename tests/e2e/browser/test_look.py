"""The checks of pages find what they look for, also where only one width and colour scheme has it."""

import pytest
from playwright.sync_api import Page

from tests.e2e.browser.conftest import Look

ADD = """(html) => {
  document.querySelector("main").insertAdjacentHTML("beforeend", html);
  document.adoptedStyleSheets = [new CSSStyleSheet()];
}"""
STYLE = "(css) => document.adoptedStyleSheets[0].replaceSync(css)"
IN_ONE = "@media (max-width: 500px) and (prefers-color-scheme: dark) { #extra { color: #444 } }"


def test_pale_text_an_image_without_text_and_a_page_that_is_too_wide_are_found(page: Page, look: Look) -> None:
    page.goto("/forgot.html")
    look(page, "look")
    page.evaluate(ADD, '<p id="extra">words</p>')
    page.evaluate(STYLE, IN_ONE)
    with pytest.raises(AssertionError, match=r"phone-dark: \[\['color-contrast'.*extra"):
        look(page, "look")
    page.evaluate(STYLE, "#extra { width: 1000px }")
    with pytest.raises(AssertionError, match="phone-light does not fit"):
        look(page, "look")
    page.evaluate(ADD, '<img src="data:,">')
    page.evaluate(STYLE, "")
    with pytest.raises(AssertionError, match="image-alt"):
        look(page, "look")
