"""The demo in a browser: the steps of docs/pages.md find the best model, compare it and download it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.served import ADMIN_PASSWORD, ROOT, Served

TENANT = "demo-tenant-registry"
SECTION = re.compile(r"## Find the best model in a minute\n(.*?)\n## ", re.DOTALL)
BEST, IN_PRODUCTION = "defect-detection-transformer", "defect-detection-random-forest"


@pytest.fixture
def demo(served: Served) -> Iterator[None]:
    """The demo's tenant."""
    made = served.manage("demo")
    assert made.returncode == 0, made.stderr
    yield
    url, headers = f"{served.base_url}/v1/tenants/{TENANT}", {"Authorization": served.api_token}
    httpx.delete(url, headers=headers, timeout=120).raise_for_status()


@pytest.mark.promise("pages.columns", "compare.page")
def test_the_steps_of_the_documentation_find_compare_and_download_the_best_model(
    page: Page, demo: None, tmp_path: Path
) -> None:
    page.goto("/login.html")
    page.get_by_label("Tenant").select_option(TENANT)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(ADMIN_PASSWORD)
    page.get_by_role("button", name="Log in").click()

    page.get_by_role("link", name="Models", exact=True).first.click()
    page.get_by_text("Columns and order", exact=True).click()
    page.get_by_label("Add a column").fill("accuracy")
    page.get_by_role("button", name="Apply").first.click()
    page.get_by_role("columnheader", name="accuracy").get_by_role("link").click()
    expect(page.locator("tbody tr").first).to_contain_text(BEST)
    rows = page.locator("tbody tr").filter(has=page.locator(".badge.production").get_by_text("3", exact=True))
    expect(rows.first).to_contain_text(IN_PRODUCTION)
    page.get_by_label(f"Compare {BEST}").check()
    page.get_by_label(f"Compare {IN_PRODUCTION}").check()
    page.get_by_role("button", name="Compare", exact=True).click()
    accuracy = page.locator("#matrix").get_by_role("row", name=re.compile("^accuracy"))
    expect(accuracy.locator("strong")).to_have_text("0.97")
    page.get_by_role("link", name=BEST, exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name=f"{BEST}-3.json", exact=True).click()
    download.value.save_as(tmp_path / "best.json")
    assert json.loads((tmp_path / "best.json").read_bytes())["model"] == BEST

    section = SECTION.search((ROOT / "docs/pages.md").read_text())
    assert section
    assert re.findall(r"\*\*(.+?)\*\*", section[1]) == [
        "Models",
        "Columns and order",
        "Add a column",
        "Apply",
        "accuracy",
        f"Compare {BEST}",
        f"Compare {IN_PRODUCTION}",
        "Compare",
        BEST,
        f"{BEST}-3.json",
    ], "the documentation has other steps"
