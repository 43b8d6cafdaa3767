"""Finding things in the pages: search, counts, columns, saved views, keys, colours, times, and the way home."""

from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.e2e.browser.conftest import WIDE, Look, log_in
from tests.served import Served
from tests.talk import created

NARROW = {"width": 390, "height": 844}
FOCUSED = """(({ ariaLabel, labels, textContent }) =>
  (ariaLabel || labels?.[0]?.textContent || textContent || "").trim())(document.activeElement)"""
TALLEST_CARD = 120  # pixels


@pytest.fixture
def mark() -> str:
    """A word that only this test's names contain: all tests share one registry."""
    return f"find{uuid4().hex[:6]}"


@pytest.fixture
def models(api: httpx.Client, mark: str) -> str:
    """Six models with metrics and many tags; returns their mark."""
    data = created(api, "datasets", name=f"{mark}-data", description="# Rows\n\nof *customers*")
    for number in range(6):
        tags = [mark, f"group-{number % 2}", *(f"tag-{place}" for place in range(10))]
        metadata = [{"name": "accuracy", "value": 0.9 + number / 100}, {"name": "framework", "value": "onnx"}]
        model = created(api, "models", name=f"{mark}-{number}", tags=tags, metadata=metadata, datasets=[data])
        for ordinal in ("1", "2", "3"):
            query = {"ordinal": ordinal, "metadata": f'[{{"name": "accuracy", "value": 0.{number}{ordinal}}}]'}
            assert api.put(f"/models/{model}/versions/m-{ordinal}.onnx", params=query, content=b"x").status_code == 200
    return mark


@pytest.mark.promise("pages.search", "pages.columns", "lists.facets", "views.pages")
def test_the_best_model_is_found_by_search_counts_and_columns(page: Page, look: Look, models: str) -> None:
    log_in(page)
    page.get_by_role("searchbox", name="Search").fill(f"tag:{models} accuracy>0.91")
    page.keyboard.press("Enter")
    expect(page.get_by_text("4 models found")).to_be_visible()
    page.get_by_text("Counts", exact=True).click()
    page.locator(".facets").get_by_role("link", name="group-1").click()
    expect(page.get_by_text("2 models found")).to_be_visible()
    page.get_by_role("link", name="Remove accuracy > 0.91").click()
    expect(page.get_by_text("3 models found")).to_be_visible()
    page.get_by_text("Add a condition").click()
    page.get_by_label("Field", exact=True).fill("framework")
    page.get_by_label("Value", exact=True).fill("onnx")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("searchbox", name="Search")).to_have_value(f"tag:{models} tag:group-1 framework:onnx")
    page.get_by_text("Columns and order").click()
    page.get_by_label("Add a column").fill("accuracy")
    page.get_by_role("button", name="Apply").first.click()
    page.get_by_role("columnheader", name="accuracy").get_by_role("link").click()
    expect(page.locator("tbody tr").first).to_contain_text("0.95")
    expect(page.get_by_role("columnheader", name="accuracy")).to_have_attribute("aria-sort", "descending")
    look(page, "find-columns")
    page.get_by_text("Save this view").click()
    page.get_by_label("Name of the view").fill(f"{models} view")
    page.get_by_label("Share with the tenant").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#flash")).to_have_text("The view was saved")
    page.goto("/v1/models")
    page.get_by_role("navigation", name="Saved views").get_by_role("link", name=f"{models} view").click()
    expect(page.locator("tbody tr").first).to_contain_text("0.95")
    page.goto("/v1/views")
    look(page, "find-views")
    page.get_by_role("link", name=f"{models} view").click()
    expect(page.get_by_role("definition").filter(has_text="with the tenant")).to_be_visible()
    look(page, "find-view")


@pytest.mark.promise("pages.keys")
def test_the_keys_of_a_list_move_open_and_explain(page: Page, look: Look, models: str) -> None:
    log_in(page, then=f"/v1/models?q=tag:{models}")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name=f"{models}-4", exact=True)).to_be_focused()
    page.keyboard.press("k")
    expect(page.get_by_role("link", name=f"{models}-5", exact=True)).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    look(page, "find-keys")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("x?j")
    expect(page.get_by_role("searchbox", name="Search")).to_have_value(f"tag:{models}x?j")


def test_rows_become_low_cards_on_a_phone(page: Page, models: str) -> None:
    log_in(page, then=f"/v1/models?q=tag:{models}")
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    cards = page.locator("table.cards tbody tr")
    expect(cards).to_have_count(6)
    for place in range(6):
        box = cards.nth(place).bounding_box()
        assert box is not None
        assert box["height"] <= TALLEST_CARD
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


@pytest.mark.promise("pages.colours", "pages.times")
def test_colours_follow_the_system_or_the_switch_and_times_the_reader(
    chromium: Browser, served: Served, models: str
) -> None:
    context = chromium.new_context(
        base_url=served.base_url, viewport=WIDE, color_scheme="dark", timezone_id="Asia/Tokyo", locale="en-GB"
    )
    page = context.new_page()
    log_in(page, then=f"/v1/models?q=tag:{models}")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    time = page.locator("tbody time").first
    exact = str(time.get_attribute("datetime"))
    shown = page.evaluate(
        "(text) => new Date(new Date(text).getTime() + 9 * 3600e3).toISOString().slice(0, 16).replace('T', ' ')",
        exact,
    )
    expect(time).to_have_text(shown)
    expect(time).to_have_attribute("title", f"{exact.replace('T', ' ').replace('Z', ' UTC')}; shown in Asia/Tokyo")
    page.get_by_role("button", name="Colours: automatic").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    light = page.evaluate(ground)
    assert light != dark
    page.goto("/admin/login/")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    page.goto("/v1/models")
    page.get_by_role("button", name="Colours: light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate(ground) == dark
    context.close()


@pytest.mark.promise("pages.home", "pages.item")
def test_home_leads_to_an_item_that_tells_its_story(page: Page, look: Look, api: httpx.Client, models: str) -> None:
    log_in(page, then="/v1/models")
    page.get_by_role("link", name="Model Registry").click()
    expect(page.get_by_role("heading", name="Recently changed")).to_be_visible()
    look(page, "find-home")
    page.get_by_role("link", name=f"{models}-5", exact=True).first.click()
    expect(page.get_by_role("img", name="accuracy: version 1 0.51, version 2 0.52, version 3 0.53")).to_be_visible()
    page.get_by_text("Use this model").click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy for curl").click()
    expect(page.get_by_role("button", name="Copy for curl")).to_have_text("Copied")
    assert "/versions/3" in page.evaluate("navigator.clipboard.readText()")
    look(page, "find-item")
    page.get_by_text("Edit", exact=True).first.click()
    page.locator("#edit").get_by_label("Name", exact=True).first.fill(f"{models}-best")
    page.locator("#edit").get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name=f"{models}-best")).to_be_visible()
    page.goto(f"/v1/models/{models}-5")
    expect(page.get_by_role("heading", name=f"{models}-best")).to_be_visible()
    page.get_by_role("link", name=f"{models}-data").click()
    expect(page.get_by_text("It cannot be deleted while")).to_be_visible()
    look(page, "find-dataset")
    page.goto("/v1/models?page=900")
    look(page, "find-beyond")
    page.goto("/v1/models/nothing-here")
    look(page, "find-missing")
    page.goto("/forgot.html")
    look(page, "find-forgot")


OPEN = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"


def test_lists_and_items_with_every_part_open_are_accessible(
    page: Page, look: Look, api: httpx.Client, models: str
) -> None:
    log_in(page, then=f"/v1/models?q=tag:{models}")
    page.evaluate(OPEN)
    expect(page.locator(".facets").get_by_role("link", name="group-1")).to_be_visible()
    look(page, "open-list")
    model = api.get("/models", params={"q": f"tag:{models}", "limit": "1"}).json()["docs"][0]["_id"]
    page.goto(f"/v1/models/{model}")
    page.evaluate(OPEN)
    look(page, "open-item")
    page.goto(f"/v1/models/{model}/versions/1/info")
    page.evaluate(OPEN)
    look(page, "open-version")
    for name, address in {
        "events": "events",
        "item-events": f"models/{model}/events",
        "metadata": "metadata",
        "files": f"models/{model}/versions/1/files",
    }.items():
        page.goto(f"/v1/{address}")
        look(page, f"list-{name}")


def tab_to(page: Page, name: str, key: str = "Tab") -> None:
    """Press Tab, or another key, until the element with this label has the focus."""
    for _ in range(80):
        if page.evaluate(FOCUSED) == name:
            return
        page.keyboard.press(key)
    raise AssertionError(f"{name} is not reached with the keyboard")


def test_a_model_is_created_and_a_file_uploaded_by_keyboard_alone(page: Page, api: httpx.Client, mark: str) -> None:
    page.on("filechooser", lambda chooser: None)  # from the start: the key may be faster than what intercepts choosers
    log_in(page)
    tab_to(page, "New model")
    page.keyboard.press("Enter")
    tab_to(page, "Name")
    page.keyboard.type(mark)
    tab_to(page, "Create")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=mark)).to_be_visible()
    page.wait_for_load_state("networkidle")  # the scripts change the form, also when they know of unfinished uploads
    tab_to(page, "File")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files([FilePayload(name="m.onnx", mimeType="application/octet-stream", buffer=b"bytes")])
    tab_to(page, "Upload")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("m.onnx was uploaded")
    (version,) = api.get("/models", params={"q": mark}).json()["docs"][0]["versions"]
    assert version["original"] == "m.onnx"


@pytest.mark.promise("pages.keys")
def test_two_models_are_found_and_compared_by_keyboard_alone(page: Page, models: str) -> None:
    log_in(page)
    page.keyboard.press("/")
    page.keyboard.type(f"tag:{models}")
    page.keyboard.press("Enter")
    expect(page.get_by_text("6 models found")).to_be_visible()
    expect(page.get_by_role("button", name="Compare", exact=True)).to_be_disabled()  # the page's scripts run
    for key in "jxjx":
        page.keyboard.press(key)
    expect(page.get_by_text("2 ticked")).to_be_visible()
    tab_to(page, "Compare", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#matrix").get_by_role("columnheader")).to_have_count(2)
    tab_to(page, "Only differences")
    page.keyboard.press("Space")
    expect(page.locator("#matrix").get_by_role("row", name="framework")).to_be_hidden()
    tab_to(page, "Across")
