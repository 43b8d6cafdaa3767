"""A tenant's administrator curates words in the pages."""

from uuid import uuid4

import httpx
from playwright.sync_api import Page, expect

from tests.e2e.browser.conftest import Look, log_in
from tests.talk import created


def test_an_administrator_merges_a_duplicate_by_keyboard_and_undoes_it(
    page: Page, look: Look, api: httpx.Client
) -> None:
    mark = uuid4().hex[:6]
    good, typo = f"segmentation-{mark}", f"Segmantation_{mark}"
    for number, tags in enumerate(([good], [good], [typo])):
        item = created(api, "models", name=f"{mark} {number}", tags=tags)
    log_in(page, then="/v1/tags")
    page.get_by_role("link", name="Duplicates").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Duplicate tags")).to_be_visible()
    look(page, "words-duplicates")
    group = page.locator("form.cluster", has_text=typo)
    group.get_by_role("radio", name=good).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    expect(group.get_by_role("radio", name=good)).to_be_checked()
    for _ in range(5):  # a link and a box for each word, and the button
        page.keyboard.press("Tab")
    expect(group.get_by_role("button", name="Merge")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text=f"Merged “{typo}” into “{good}” in 1 item.")).to_be_visible()
    assert api.get(f"/models/{item}").json()["tags"] == [good]
    look(page, "words-merged")
    page.get_by_role("button", name=f"Undo: {typo} became {good}").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text=f"“{typo}” is a word again, in 1 item.")).to_be_visible()
    assert api.get(f"/models/{item}").json()["tags"] == [typo]


def test_a_merge_that_loses_values_asks_for_their_number(page: Page, look: Look, api: httpx.Client) -> None:
    mark = uuid4().hex[:6]
    short, long = f"acc-{mark}", f"accuracy-{mark}"
    for number in range(12):
        metadata = [{"name": short, "value": number / 20}, {"name": long, "value": 0.9}]
        item = created(api, "models", name=f"loses {mark} {number}", metadata=metadata)
    log_in(page, then=f"/v1/metadata/{short}")
    page.get_by_text("Describe", exact=True).click()
    page.get_by_label("Description").fill("The share of right answers")
    page.get_by_label("Synonyms").fill(f"hits-{mark}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The share of right answers").first).to_be_visible()
    page.get_by_text("Merge or rename").click()
    look(page, "words-word")
    page.get_by_label("Merge into").fill(long)
    page.get_by_role("button", name="Merge").click()
    expect(page.get_by_role("alert")).to_contain_text("12 values would be lost.")
    look(page, "words-lossy")
    typed = page.get_by_label("To lose them, type their number: 12")
    expect(typed).to_be_focused()
    page.keyboard.type("10")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This is not the number")).to_be_visible()
    assert short in str(api.get(f"/models/{item}").json()["metadata"])
    page.keyboard.type("12")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="in 12 items.")).to_be_visible()
    assert api.get(f"/models/{item}").json()["metadata"] == [{"name": long, "value": 0.9}]
    page.goto("/v1/metadata?uses=most")
    look(page, "words-by-use")
