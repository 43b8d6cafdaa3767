"""Drafts in a browser: find a run, pin it, promote it to a version, and throw it away."""

from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser.conftest import Look
from tests.e2e.browser.test_browsing import log_in
from tests.served import Served
from tests.talk import administrator


def logged_run(served: Served, name: str) -> str:
    """Log a run of the administrator as MLflow's clients do, with a course of a metric and a file; return its id."""
    with administrator(served) as client:

        def post(route: str, **sent: object) -> httpx.Response:
            address = f"{served.base_url}/api/2.0/mlflow/{route}"
            return client.post(address, json=sent).raise_for_status()

        id = post("runs/create", experiment_id="0", run_name=name).json()["run"]["info"]["run_id"]
        points = [{"key": "loss", "value": 1 / (1 + step), "timestamp": step, "step": step} for step in range(20)]
        post("runs/log-batch", run_id=id, metrics=points, params=[{"key": "depth", "value": "3"}])
        files = f"{served.base_url}/api/2.0/mlflow-artifacts/artifacts/drafts/{id}"
        client.put(f"{files}/model/MLmodel", content=b"flavors:\n  python_function: {}\n").raise_for_status()
        return str(id)


@pytest.mark.promise("drafts.pages", "mlflow.links")
def test_a_run_is_found_pinned_promoted_and_thrown_away(page: Page, served: Served, look: Look) -> None:
    name, model = f"run-{uuid4().hex[:6]}", f"churn-{uuid4().hex[:6]}"
    id = logged_run(served, name)
    log_in(page, then="/v1/drafts")
    expect(page.get_by_role("row", name=name)).to_contain_text("loss 0.05")
    look(page, "drafts")
    page.goto(f"/#/experiments/0/runs/{id}")  # as MLflow's clients print it
    page.wait_for_url(f"**/v1/drafts/{id}")
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    page.get_by_text("Edit", exact=True).click()
    page.get_by_label("Pinned").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("pinned", exact=True)).to_be_visible()
    draft = page.url
    page.get_by_text("Promote to a version").click()
    page.get_by_label("Model", exact=True).fill(model)
    page.get_by_label("Create the model").check()
    page.get_by_label("Folder").fill("model")
    look(page, "draft")
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_text("1 version was made of it")).to_be_visible()
    page.get_by_role("button", name="Throw away …").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/v1/drafts")
    expect(page.get_by_role("link", name=name)).to_have_count(0)
    page.goto(draft)
    expect(page.get_by_text("404", exact=True)).to_be_visible()
    page.goto(f"/#/models/{model}/versions/1")
    page.wait_for_url("**/v1/models/*/versions/1/info")
    expect(page.get_by_role("link", name=model)).to_be_visible()
    page.goto("/#/experiments/0?workspace=acme")
    page.wait_for_url("**/v1/drafts?filter=*")
