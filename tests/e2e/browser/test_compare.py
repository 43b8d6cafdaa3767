"""Comparisons in a browser: tick rows, read the matrix, draw charts, keep the view in the URL, save it."""

import re
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser.conftest import WIDE, Look, log_in
from tests.served import Served
from tests.talk import created

METRICS = {
    "first": {"accuracy": 0.91, "loss": 0.4, "seconds": 12, "optimizer": "adam"},
    "second": {"accuracy": 0.95, "loss": 0.31, "seconds": 40, "optimizer": "adam"},
    "third": {"accuracy": 0.93, "loss": 0.35, "seconds": 9, "optimizer": "adam", "<b>note</b>": "<script>x</script>"},
}


@pytest.fixture
def mark() -> str:
    return f"run{uuid4().hex[:6]}"


@pytest.fixture
def models(api: httpx.Client, mark: str) -> dict[str, str]:
    """Three models whose metrics differ, one of them with versions; their ids by name."""
    ids = {}
    for name, values in METRICS.items():
        metadata = [{"name": metric, "value": value} for metric, value in values.items()]
        ids[name] = created(api, "models", name=f"{mark}-{name}", metadata=metadata, tags=[mark])
    for metric, better in (("accuracy", "higher"), ("loss", "lower")):
        api.put(f"/metadata/{metric}", json={"better": better}).raise_for_status()
    path = f"/models/{ids['first']}"
    for ordinal, accuracy in (("1", 0.7), ("2", 0.85), ("3", 0.91)):
        api.put(f"{path}/versions/f{ordinal}.bin", content=b"x" * int(ordinal)).raise_for_status()
        changes = {"metadata": {"add": [{"name": "accuracy", "value": accuracy}]}}
        api.patch(f"{path}/versions/f{ordinal}.bin", json=changes).raise_for_status()
    return ids


@pytest.mark.promise("compare.page")
def test_ticked_rows_are_compared_with_charts_and_the_url_keeps_the_view(
    page: Page, models: dict[str, str], mark: str, look: Look, tmp_path: Path
) -> None:
    log_in(page)
    page.goto(f"/v1/models?filter=%7B%22tags%22%3A%22{mark}%22%7D")
    expect(page.get_by_role("button", name="Compare")).to_be_disabled()
    for name in ("first", "second", "third"):
        page.get_by_label(f"Compare {mark}-{name}").check()
    expect(page.get_by_text("3 ticked")).to_be_visible()
    look(page, "list-ticked")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="Compare")).to_be_visible()
    matrix = page.locator("#matrix")
    accuracy = matrix.get_by_role("row", name=re.compile("^accuracy"))
    expect(accuracy.locator("strong")).to_have_text("0.95")
    expect(matrix.get_by_role("row", name=re.compile("^loss")).locator("strong")).to_have_text("0.31")
    expect(matrix.get_by_role("row", name=re.compile("^seconds")).locator("strong")).to_have_count(0)
    expect(matrix.locator("tr.differs td.n").first).to_have_css("text-align", "right")
    expect(matrix.get_by_role("row", name="<b>note</b>")).to_contain_text("<script>x</script>")
    expect(page.locator("[data-chart=scatter] svg circle")).to_have_count(3)
    expect(page.locator("[data-chart=parallel] svg g[stroke-linejoin] path[stroke]")).to_have_count(3)
    look(page, "compare")
    optimizer = matrix.get_by_role("row", name=re.compile("^optimizer"))
    page.get_by_label("Only differences").check()
    expect(optimizer).to_be_hidden()
    page.get_by_label("Across").select_option("seconds")
    page.get_by_role("checkbox", name="seconds").uncheck()
    expect(page.locator("[data-chart=scatter] figcaption")).to_contain_text("by seconds")
    page.goto(page.url)
    expect(page.get_by_label("Only differences")).to_be_checked()
    expect(optimizer).to_have_count(0)
    expect(page.get_by_label("Across")).to_have_value("seconds")
    expect(page.get_by_role("checkbox", name="seconds")).not_to_be_checked()
    page.get_by_label("Only differences").uncheck()
    expect(optimizer).to_be_visible()
    scatter = page.locator("[data-chart=scatter]")
    scatter.get_by_text("As a table").click()
    expect(scatter.get_by_role("row", name=f"{mark}-second")).to_be_visible()
    for form, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as saved:
            scatter.get_by_role("button", name=f"Save as {form}").click()
        saved.value.save_as(tmp_path / form)
        assert (tmp_path / form).read_bytes().startswith(start)
    with page.expect_download() as saved:
        page.get_by_role("link", name="CSV").click()
    assert saved.value.suggested_filename == "comparison.csv"
    page.get_by_label(f"Without {mark}-third").click()
    expect(matrix.get_by_role("columnheader", name=f"{mark}-third")).to_have_count(0)
    expect(matrix.get_by_role("columnheader")).to_have_count(2)


def test_a_metric_is_drawn_over_the_versions_of_a_model(page: Page, models: dict[str, str], look: Look) -> None:
    log_in(page, then=f"/v1/models/{models['first']}")
    page.get_by_label("Compare version 1").check()
    page.get_by_label("Compare version 3").check()
    look(page, "item-ticked")
    page.get_by_role("button", name="Compare", exact=True).click()
    matrix = page.locator("#matrix")
    expect(matrix.get_by_role("row", name=re.compile("^accuracy"))).to_contain_text("0.91")
    expect(matrix.get_by_role("columnheader")).to_have_count(2)
    page.get_by_label("A column for each version").check()
    page.get_by_label("Each file").check()
    page.get_by_role("button", name="Show").click()
    expect(matrix.get_by_role("row", name="files.f2.bin")).to_have_count(0)
    page.goto(f"/v1/models/{models['first']}")
    page.get_by_role("link", name="Compare all versions").click()
    expect(matrix.get_by_role("columnheader")).to_have_count(3)
    expect(page.locator("[data-chart=trend] svg circle")).to_have_count(3)
    look(page, "compare-versions")


@pytest.mark.promise("compare.page")
def test_without_javascript_rows_are_compared_in_plain_pages(
    chromium: Browser, served: Served, page: Page, models: dict[str, str], mark: str
) -> None:
    log_in(page)
    context = chromium.new_context(
        base_url=served.base_url, viewport=WIDE, java_script_enabled=False, storage_state=page.context.storage_state()
    )
    plain = context.new_page()
    plain.goto(f"/v1/models?filter=%7B%22tags%22%3A%22{mark}%22%7D")
    for name in ("first", "second"):
        plain.get_by_label(f"Compare {mark}-{name}").check()
    plain.get_by_role("button", name="Compare").click()
    matrix = plain.locator("#matrix")
    expect(matrix.get_by_role("row", name=re.compile("^accuracy")).locator("strong")).to_have_text("0.95")
    expect(plain.locator("noscript p")).to_contain_text("Charts need JavaScript")
    plain.get_by_label("Only differences").check()
    plain.get_by_role("button", name="Show").click()
    expect(matrix.get_by_role("row", name=re.compile("^optimizer"))).to_have_count(0)
    context.close()


@pytest.mark.promise("terms.better")
def test_an_administrator_says_which_values_are_better(page: Page, models: dict[str, str], look: Look) -> None:
    log_in(page, then="/v1/metadata/seconds")
    page.get_by_text("Describe", exact=True).click()
    page.get_by_label("Better values").select_option("lower")
    look(page, "metadata-name")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved “seconds”.")
    page.goto(f"/v1/compare?ids={models['first']},{models['third']}")
    expect(page.locator("#matrix").get_by_role("row", name=re.compile("^seconds")).locator("strong")).to_have_text("9")


def test_a_page_without_columns_tells_where_to_tick(page: Page, look: Look) -> None:
    log_in(page, then="/v1/compare")
    expect(page.get_by_text("Tick what you want to compare")).to_be_visible()
    look(page, "compare-nothing")
    page.goto(f"/v1/compare?ids={'0' * 24}")
    expect(page.get_by_role("heading", name="Resource Not found")).to_be_visible()
