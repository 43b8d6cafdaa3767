"""Aliases in a browser: set, compare, move, roll back, propose, approve, and the rules of administrators."""

import re
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser.conftest import Look, log_in
from tests.e2e.browser.test_browsing import GRACE
from tests.served import Served
from tests.talk import administrator, created


@pytest.fixture
def grace(served: Served, api: httpx.Client) -> Iterator[httpx.Client]:
    """An API client of a regular user."""
    api.post("/users", json={"username": "grace", "password": GRACE})
    with administrator(served, {"username": "grace", "password": GRACE}) as client:
        yield client


def with_versions(client: httpx.Client, name: str) -> str:
    """Create a model with three versions, which differ in their metadata; return its path."""
    path = f"/models/{created(client, 'models', name=name, visibility='public')}"
    for number, accuracy in (("1", 0.91), ("2", 0.94), ("3", 0.97)):
        client.put(f"{path}/versions/churn-{number}.onnx", content=number.encode() * 1000).raise_for_status()
        changes = {
            "description": f"Trained on day {number}",
            "metadata": {"add": [{"name": "accuracy", "value": accuracy}]},
        }
        client.patch(f"{path}/versions/churn-{number}.onnx", json=changes).raise_for_status()
    return path


def opened(page: Page, name: str, button: str) -> None:
    """Open the dialog that moves the alias."""
    page.get_by_role("button", name=button).click()
    expect(page.get_by_role("dialog", name=name)).to_be_visible()


def test_an_alias_is_set_moved_with_a_comparison_and_rolled_back(page: Page, api: httpx.Client, look: Look) -> None:
    name = f"churn-{uuid4().hex[:6]}"
    path = with_versions(api, name)
    log_in(page, then=f"/v1{path}")
    page.get_by_text("Set an alias").click()
    expect(page.get_by_label("Alias", exact=True)).to_have_value("production")
    page.locator("#alias-version").select_option("1")
    page.locator("#alias-reason").fill("First release")
    page.get_by_role("button", name="Set alias").click()
    page.wait_for_url(f"**{path}/aliases/production")
    expect(page.get_by_role("status")).to_have_text("production points at version 1")
    opened(page, "Move production", "Move …")
    page.get_by_label("From version 1 to").select_option("3")
    changes = page.get_by_role("table", name="What changes")
    expect(changes.get_by_role("row", name="Metadata accuracy 0.91 0.97")).to_be_visible()
    expect(changes.get_by_role("row", name="Description Trained on day 1 Trained on day 3")).to_be_visible()
    expect(changes.get_by_role("row", name="Size")).to_have_count(0)
    files = page.get_by_role("list", name="Files that change")
    expect(files).to_contain_text("added: churn-3.onnx")
    expect(files).to_contain_text("removed: churn-1.onnx")
    look(page, "alias-move")
    page.locator("#move-reason").fill("More accurate")
    page.get_by_role("dialog").get_by_role("button", name="Move").click()
    expect(page.get_by_role("status")).to_have_text("production points at version 3")
    opened(page, "Move production", "Roll back to version 1 …")
    expect(page.get_by_label("From version 3 to")).to_have_value("1")
    page.locator("#move-reason").fill("Too slow")
    page.get_by_role("dialog").get_by_role("button", name="Move").click()
    expect(page.get_by_role("status")).to_have_text("production points at version 1")
    expect(page.get_by_role("row", name=re.compile("3 1 admin Too slow"))).to_be_visible()
    assert page.locator(".timeline svg").count() == 2
    look(page, "alias")
    page.goto(f"/v1{path}")
    expect(
        page.get_by_role("row", name=re.compile("churn-1.onnx")).get_by_role("link", name="production")
    ).to_be_visible()
    look(page, "item-aliases")


def test_lists_show_and_filter_what_is_in_production(page: Page, api: httpx.Client, look: Look) -> None:
    mark = f"churn{uuid4().hex[:6]}"
    path = with_versions(api, f"{mark}-live")
    created(api, "models", name=f"{mark}-idle")
    api.put(f"{path}/aliases/production", json={"version": "2"}).raise_for_status()
    log_in(page)
    page.get_by_role("searchbox", name="Search").fill(f"{mark} alias:production")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("row", name=re.compile(f"{mark}-live"))).to_contain_text("2")
    expect(page.get_by_role("link", name=f"{mark}-idle")).to_have_count(0)
    expect(page.get_by_role("link", name="Remove alias production")).to_be_visible()
    look(page, "list-production")
    page.get_by_label("Registry").get_by_role("link", name="Production").click()
    expect(page.get_by_role("heading", name="Production")).to_be_visible()
    page.get_by_role("searchbox", name="Search").fill(mark)
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name=f"{mark}-live")).to_be_visible()
    look(page, "production")
    page.get_by_text("Columns and order").click()
    page.get_by_label("As of (UTC)").fill("2020-01-01T00:00")
    page.get_by_role("button", name="Apply").first.click()
    expect(page.get_by_text("Nothing found.")).to_be_visible()


def test_a_protected_alias_is_proposed_and_approved(
    page: Page, api: httpx.Client, grace: httpx.Client, look: Look
) -> None:
    mark = f"r{uuid4().hex[:6]}"
    path = with_versions(grace, mark)
    log_in(page, then="/v1/protection", again=True)
    page.get_by_text("New rule").click()
    page.get_by_label("Name", exact=True).fill(f"Rule {mark}")
    page.get_by_label("Aliases", exact=True).fill(mark)
    page.get_by_label("Approvals of others").fill("1")
    page.get_by_label("Roles that move").fill("admin")
    page.get_by_label("Condition on the version").fill('{"metadata.accuracy": {"$gte": 0.9}}')
    look(page, "rule-new")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name=f"Rule {mark}")).to_be_visible()
    look(page, "rule")
    page.goto("/v1/protection")
    look(page, "rules")
    proposed = grace.post(f"{path}/aliases/{mark}/proposals", json={"version": "1", "reason": "Reviewed"})
    api.post(f"{path}/aliases/{mark}/proposals/{proposed.json()['_id']}/approve").raise_for_status()
    page.get_by_role("button", name="Log out").click()
    log_in(page, "grace", GRACE, then=f"/v1{path}/aliases/{mark}", again=True)
    opened(page, f"Propose to move {mark}", "Propose a move …")
    page.get_by_label("From version 1 to").select_option("2")
    page.locator("#move-reason").fill("Better")
    page.get_by_role("dialog").get_by_role("button", name="Propose").click()
    expect(page.get_by_role("status")).to_have_text("The move was proposed")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    page.get_by_role("button", name="Log out").click()
    log_in(page, then=f"/v1{path}/aliases/{mark}")
    look(page, "proposal")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("status")).to_have_text("The proposal is moved")
    assert api.get(path).json()["aliases"] == {mark: "2"}
