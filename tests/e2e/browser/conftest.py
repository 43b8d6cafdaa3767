"""A real Chromium, and checks of each page: at desktop and phone width, and for accessibility with axe."""

import os
import shutil
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.missing import cannot_run
from tests.served import ADMIN_PASSWORD, Served
from tests.talk import administrator

ARTIFACTS = Path(__file__).resolve().parents[3] / "artifacts" / "screenshots"
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WIDE: Any
PHONE: Any
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# Wait for layout and transitions: a button that moves while it is pressed is not clicked.
STEADY = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
  .then(() => Promise.all(document.getAnimations().map((each) => each.finished))).then(() => null)"""
HAS_AXE = "typeof axe === 'object'"
# How far the page is wider than the window, and what axe finds: in the whole page, or the contrast of those elements
# that the last check did not see because the window was wider or narrower.
CHECK = """async (whole) => {
  const last = window.shown;
  const elements = [...document.body.querySelectorAll("*")].filter((each) => each.checkVisibility());
  window.shown = new Set(elements);
  const others = whole ? [] : elements.filter((each) => !last.has(each));
  const options = { resultTypes: ["violations"], ...(whole ? {} : { runOnly: ["color-contrast"] }) };
  const found = whole || others.length ? await axe.run(whole ? document : { include: others }, options) : null;
  const { scrollWidth, clientWidth } = document.documentElement;
  return [scrollWidth - clientWidth, found?.violations ?? []];
}"""
# Of each look: where, and whether axe checks the whole page. Only one thing changes from each to the next. The schemes
# differ in colours only, so every rule is checked in both widths and every element's contrast in both schemes.
STATES: tuple[tuple[str, Any, Any, bool], ...] = (
    ("wide", WIDE, "light", True),
    ("phone", PHONE, "light", False),
    ("phone", PHONE, "dark", True),
    ("wide", WIDE, "dark", False),
)
# A whole page, compressed quickly rather than well.
PICTURE = {"format": "png", "captureBeyondViewport": True, "optimizeForSpeed": True}

TENANT = "registry-default-tenant"
Look = Callable[..., None]
logins: dict[tuple[str, str], Any] = {}  # cookies of logins, by form and username


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, for this folder only: while it runs, Django mistakes every call for one from a coroutine."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        cannot_run("no Chromium on this machine: apt-get install chromium, or name it in CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def window(chromium: Browser, served: Served) -> Iterator[BrowserContext]:
    """A browser context for all tests, relative to the served registry: a new one for each takes longer than a page."""
    context = chromium.new_context(base_url=served.base_url, viewport=WIDE, accept_downloads=True)
    context.set_default_timeout(15_000)
    expect.set_options(timeout=15_000)
    context.new_page().goto("/reset.html")  # it stays open, so that the process that draws pages does too
    yield context
    context.close()


@pytest.fixture
def errors() -> list[str]:
    """The errors in the page's console; a test removes those that it causes."""
    return []


@pytest.fixture
def page(window: BrowserContext, served: Served, errors: list[str]) -> Iterator[Page]:
    """A new page without cookies and stored data; its console must stay free of errors."""
    page = window.new_page()

    def note(message: ConsoleMessage) -> None:
        # Expected errors of the API (4xx) are in the console too.
        if message.type == "error" and "the server responded with a status of 4" not in message.text:
            errors.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    everything = {"origin": served.base_url, "storageTypes": "all"}
    window.new_cdp_session(page).send("Storage.clearDataForOrigin", everything)
    page.close()
    window.clear_cookies()
    window.clear_permissions()
    assert not errors, f"the browser's console: {errors}"


@pytest.fixture(scope="package")
def api(served: Served) -> Iterator[httpx.Client]:
    """The API, as the administrator of the default tenant."""
    with administrator(served) as client:
        yield client


def enter(page: Page, path: str, *, again: bool = False, **form: str) -> None:
    """Log in as the form at `path` does, but with requests, or with the cookies of an earlier login.

    Passwords take long to check. Those who log out log in `again`, because that ends the session.
    """
    known = path, form["username"]
    if known in logins and not again:
        page.context.add_cookies(logins[known])
        return
    page.request.get(path)
    (token,) = (str(cookie.get("value")) for cookie in page.context.cookies() if cookie.get("name") == "csrftoken")
    sent: Any = form | {"csrfmiddlewaretoken": token}
    assert page.request.post(path, form=sent, max_redirects=0).status == httpx.codes.FOUND
    if not again:
        logins[known] = page.context.cookies()


def log_in(
    page: Page,
    username: str = "admin",
    password: str = ADMIN_PASSWORD,
    then: str = "/v1/models",
    *,
    again: bool = False,
) -> None:
    """Log in to the pages, without drawing the form, and open one of them."""
    enter(page, "/login.html", again=again, tenant=TENANT, username=username, password=password)
    page.goto(then)


def inspect(page: Page, engine: str, name: str) -> None:
    """Save a screenshot of the window as it is; fail on any accessibility problem."""
    (ARTIFACTS / engine).mkdir(parents=True, exist_ok=True)
    page.evaluate(STEADY)
    page.screenshot(path=ARTIFACTS / engine / f"{name}.png")
    page.evaluate(AXE_SCRIPT)
    _, violations = page.evaluate(CHECK, True)
    bad = [(each["id"], [node["html"] for node in each["nodes"]]) for each in violations]
    assert not bad, f"{name}: {bad}"


@pytest.fixture
def look(engine: str) -> Look:
    """Return a check of a page: saves screenshots; fails on any accessibility problem and horizontal overflow.

    `foreign` are axe's rules that a page of another project breaks, which we do not write.
    """

    def at(page: Page, name: str, foreign: frozenset[str] = frozenset()) -> None:
        folder = ARTIFACTS / engine
        folder.mkdir(parents=True, exist_ok=True)
        session = page.context.new_cdp_session(page)
        if not page.evaluate(HAS_AXE):
            page.evaluate(AXE_SCRIPT)
        for width, size, colours, whole in STATES:
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=colours)
            page.evaluate(STEADY)
            picture = session.send("Page.captureScreenshot", PICTURE)["data"]
            (folder / f"{name}-{width}-{colours}.png").write_bytes(b64decode(picture))
            beyond, violations = page.evaluate(CHECK, whole)
            found = [each for each in violations if each["id"] not in foreign]
            bad = [(each["id"], each["help"], each["nodes"][0]["html"]) for each in found]
            assert not bad, f"{name}, {width}, {colours}: {bad}"
            assert beyond <= 0, f"{name} does not fit a {width} window"
        page.emulate_media(color_scheme="light")
        page.evaluate(STEADY)
        session.detach()

    return at
