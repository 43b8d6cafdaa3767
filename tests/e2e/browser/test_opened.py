"""Filters, pickers and dialogs are accessible while they are open."""

from uuid import uuid4

from playwright.sync_api import Page, expect

from tests.e2e.browser.conftest import inspect, log_in
from tests.e2e.browser.test_admin import _log_in as log_in_to_admin
from tests.served import Served
from tests.talk import administrator, created

OPEN = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"


def test_open_filters_and_pickers_of_the_admin_site_are_accessible(page: Page, served: Served, engine: str) -> None:
    mark = uuid4().hex[:6]
    with administrator(served) as api:
        model = created(api, "models", name=mark, tags=[mark])
    log_in_to_admin(page, "/admin/catalog/model/")
    page.evaluate(OPEN)
    expect(page.locator("#changelist-filter")).to_be_visible()
    inspect(page, engine, "opened-admin-filters")
    page.goto(f"/admin/catalog/model/{model}/change/")
    page.locator(".select2-selection").first.click()
    expect(page.locator(".select2-results__option").first).to_be_visible()
    inspect(page, engine, "opened-admin-picker")


def test_the_question_before_a_deletion_is_accessible(page: Page, served: Served, engine: str) -> None:
    with administrator(served) as api:
        model = created(api, "models", name=uuid4().hex[:6])
    log_in(page, then=f"/v1/models/{model}")
    page.evaluate(OPEN)
    page.get_by_role("button", name="Delete").first.click()
    expect(page.locator("#confirm")).to_be_visible()
    inspect(page, engine, "opened-confirm")
