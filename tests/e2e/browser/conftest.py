"""A real Chromium, and checks of each page: at desktop and phone width, and for accessibility with axe."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.missing import cannot_run
from tests.served import Served

ARTIFACTS = Path(__file__).resolve().parents[3] / "artifacts" / "screenshots"
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WIDE: Any
PHONE: Any
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# Wait for layout: a button that moves while it is pressed is not clicked.
LAID_OUT = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
TRANSITIONS_ENDED = "() => Promise.all(document.getAnimations().map((each) => each.finished)).then(() => null)"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

# The schemes differ in colours only.
RULES: dict[Any, dict[str, Any]] = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
VIOLATIONS = """(rules) => axe.run({ ...rules, resultTypes: ["violations"] }).then((found) => found.violations)"""

Look = Callable[..., None]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, for one module only: while it runs, Django mistakes every call for one from a coroutine."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        cannot_run("no Chromium on this machine: apt-get install chromium, or name it in CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def errors() -> list[str]:
    """The errors in the page's console; a test removes those that it causes."""
    return []


@pytest.fixture
def page(chromium: Browser, served: Served, errors: list[str]) -> Iterator[Page]:
    """A page of a new browser context, relative to the served registry; its console must stay free of errors."""
    context = chromium.new_context(base_url=served.base_url, viewport=WIDE, accept_downloads=True)
    context.set_default_timeout(15_000)
    expect.set_options(timeout=15_000)
    page = context.new_page()

    def note(message: ConsoleMessage) -> None:
        # Expected errors of the API (4xx) are in the console too.
        if message.type == "error" and "the server responded with a status of 4" not in message.text:
            errors.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not errors, f"the browser's console: {errors}"


@pytest.fixture
def look(engine: str) -> Look:
    """Return a check of a page: saves screenshots; fails on any accessibility problem and horizontal overflow.

    `foreign` are axe's rules that a page of another project breaks, which we do not write. Such a page is large, so it
    is looked at once in each width and each colour.
    """

    def at(page: Page, name: str, foreign: frozenset[str] = frozenset()) -> None:
        folder = ARTIFACTS / engine
        folder.mkdir(parents=True, exist_ok=True)
        page.evaluate(AXE_SCRIPT)
        for width, size in (("wide", WIDE), ("phone", PHONE)):
            page.set_viewport_size(size)
            for colours, rules in RULES.items():
                page.emulate_media(color_scheme=colours)
                page.evaluate(LAID_OUT)
                page.evaluate(TRANSITIONS_ENDED)
                page.screenshot(path=folder / f"{name}-{width}-{colours}.png", full_page=True)
                found = [each for each in page.evaluate(VIOLATIONS, rules) if each["id"] not in foreign]
                bad = [(each["id"], each["help"], each["nodes"][0]["html"]) for each in found]
                assert not bad, f"{name}, {width}, {colours}: {bad}"
            assert page.evaluate(OVERFLOW) <= 0, f"{name} does not fit a {width} window"
        page.set_viewport_size(WIDE)
        page.emulate_media(color_scheme="light")
        page.evaluate(LAID_OUT)

    return at
