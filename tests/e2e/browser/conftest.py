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
# The shell has no windows, which take a third of the time; Debian's Chromium has the same engine.
PROGRAMS = ("chromium-headless-shell", "chromium", "google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
OPTIONS += ["--process-per-site"]  # starting a process for each page takes longer than drawing it
WIDE: Any
PHONE: Any
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# Wait for layout and transitions: a button that moves while it is pressed is not clicked.
STEADY = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
  .then(() => Promise.all(document.getAnimations().map((each) => each.finished))).then(() => null)"""
HAS_AXE = "typeof axe === 'object'"
# How far the page is wider than the window, and what axe finds: by every rule but contrast if `whole`, and the contrast
# of elements with text that differ from all `known` ones in colours, size or in what they are within: it takes most
# of axe's time, and most elements are alike. Returns the new ones too, unless axe could not tell (as under a dialog).
CHECK = """async ([whole, known]) => {
  const seen = new Set(known.split(" ")), keys = new Map(), fresh = new Map();
  const LOOKS = ["color", "backgroundColor", "backgroundImage", "fontSize", "fontWeight", "opacity", "position",
    "textShadow", "filter"];
  const hash = (text) => {
    let [high, low] = [0xdeadbeef, 0x41c6ce57];
    for (let place = 0; place < text.length; place++) {
      high = Math.imul(high ^ text.charCodeAt(place), 2654435761);
      low = Math.imul(low ^ text.charCodeAt(place), 1597334677);
    }
    return ((high >>> 0) * 2097152 + (low >>> 11)).toString(36);
  };
  for (const element of document.querySelectorAll("html, body, body *")) {
    const style = getComputedStyle(element);
    const key = hash([keys.get(element.parentElement), element.localName, element.getAttribute("class"),
      element.disabled, ...LOOKS.map((look) => style[look])].join());
    keys.set(element, key);
    const text = element.value || [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (text && !seen.has(key) && !fresh.has(key) && element.checkVisibility()) fresh.set(key, element);
  }
  const rules = { "color-contrast": { enabled: false } };
  const options = { preload: false, selectors: false };
  const { violations } = whole
    ? await axe.run(document, { ...options, rules, resultTypes: ["violations"] })
    : { violations: [] };
  if (fresh.size) {
    const contrast = { runOnly: ["color-contrast"], resultTypes: ["violations", "incomplete"], elementRef: true };
    const found = await axe.run({ include: [...fresh.values()] }, { ...options, ...contrast });
    violations.push(...found.violations);
    for (const { element } of found.incomplete.flatMap(({ nodes }) => nodes)) fresh.delete(keys.get(element));
  }
  const bad = violations.map(({ id, help, nodes }) => [id, help, nodes.map(({ html }) => html)]);
  const { scrollWidth, clientWidth } = document.documentElement;
  return [scrollWidth - clientWidth, bad, [...fresh.keys()]];
}"""
# Of each look: where, and whether axe checks the whole page. Only one thing changes from each to the next. The schemes
# differ in colours only, so every rule is checked in both widths and contrast in both widths and both schemes.
STATES: tuple[tuple[str, Any, Any, bool], ...] = (
    ("wide", WIDE, "light", True),
    ("phone", PHONE, "light", False),
    ("phone", PHONE, "dark", True),
    ("wide", WIDE, "dark", False),
)
# `make screenshots` saves a picture of each look, and other runs of those that fail; compressed quickly, not well.
PICTURES = "SCREENSHOTS" in os.environ
PICTURE = {"format": "png", "captureBeyondViewport": True, "optimizeForSpeed": True}

TENANT = "registry-default-tenant"
Look = Callable[..., None]
logins: dict[tuple[str, str], Any] = {}  # cookies of logins, by form and username
known: set[str] = set()  # kinds of elements whose contrast is sufficient


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, for this folder only: while it runs, Django mistakes every call for one from a coroutine."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if path is None:
        cannot_run("no Chromium on this machine: apt-get install chromium-headless-shell, or name it in CHROMIUM")
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


def check(page: Page, engine: str, name: str, *, whole: bool, foreign: frozenset[str] = frozenset()) -> None:
    """Fail on any accessibility problem of the page as it is, and on horizontal overflow; save a picture if so.

    `foreign` are axe's rules that a page of another project breaks, which we do not write.
    """
    page.evaluate(STEADY)
    if not page.evaluate(HAS_AXE):
        page.evaluate(AXE_SCRIPT)
    beyond, violations, fresh = page.evaluate(CHECK, [whole, " ".join(known)])
    bad = [each for each in violations if each[0] not in foreign]
    if bad or beyond > 0 or PICTURES:
        save(page, ARTIFACTS / engine / f"{name}.png")
    assert not bad, f"{name}: {bad}"
    assert beyond <= 0, f"{name} does not fit the window"
    known.update(fresh)


def save(page: Page, file: Path) -> None:
    """Save a picture of the whole page."""
    file.parent.mkdir(parents=True, exist_ok=True)
    session = page.context.new_cdp_session(page)
    file.write_bytes(b64decode(session.send("Page.captureScreenshot", PICTURE)["data"]))
    session.detach()


def inspect(page: Page, engine: str, name: str) -> None:
    """Check the window as it is."""
    check(page, engine, name, whole=True)


@pytest.fixture
def look(engine: str) -> Look:
    """Return a check of a page in both widths and colour schemes."""

    def at(page: Page, name: str, foreign: frozenset[str] = frozenset()) -> None:
        shown = "light"
        for width, size, colours, whole in STATES:
            if page.viewport_size != size:
                page.set_viewport_size(size)
            if shown != colours:
                page.emulate_media(color_scheme=colours)
                shown = colours
            check(page, engine, f"{name}-{width}-{colours}", whole=whole, foreign=foreign)
        page.emulate_media(color_scheme="light")
        page.evaluate(STEADY)

    return at
