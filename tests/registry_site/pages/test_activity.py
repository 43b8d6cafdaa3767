"""Activity: events as sentences on the pages of items and users, and the ledger at the admin site."""

from typing import Any

import pytest

from registry_site.pages.activity import sentence
from tests.answers import ok
from tests.catalog.items import create
from tests.client import BrowserClient
from tests.desk import Desk, text_of

ADA = {"_id": "1", "username": "ada"}
CHURN = {"_id": "2", "kind": "model", "name": "churn"}


@pytest.mark.parametrize(
    ("type", "version", "changes", "text"),
    [
        ("model.created", None, {"name": [None, "churn"]}, "ada created model churn"),
        ("model.deleted", None, {"name": ["churn", None]}, "ada deleted model churn"),
        ("version.created", "3", {"size": [None, 4]}, "ada created version 3 of model churn"),
        (
            "model.updated",
            None,
            {"status": ["test", "production"], "lastmod": ["a", "b"]},
            "ada changed model churn: status from “test” to “production”",
        ),
        (
            "model.updated",
            None,
            {"tags": [{"0": "draft"}, {"1": "csv", "0": "onnx"}]},
            "ada changed model churn: tags without “draft”, with “onnx”, “csv”",
        ),
        (
            "model.updated",
            None,
            {"metadata": [{}, {"0": {"name": "accuracy", "value": 0.9}}], "description": ["", "x" * 100]},
            f"ada changed model churn: metadata with accuracy = 0.9; description from nothing to “{'x' * 80}…”",
        ),
        (
            "alias.moved",
            "2",
            {"aliases": [{"a": "1", "production": "1"}, {"a": "1", "production": "2"}], "lastmod": ["a", "b"]},
            "ada moved the alias production of model churn from version 1 to version 2",
        ),
        ("alias.set", "2", {"aliases": [{}, {"a": "2"}]}, "ada set the alias a of model churn to version 2"),
        ("alias.removed", None, {"aliases": [{"a": "2"}, {}]}, "ada removed the alias a of model churn from version 2"),
        (
            "proposal.created",
            "2",
            {"proposals.1": [None, {"alias": "a", "version": "2"}]},
            "ada made a proposal to move the alias a of model churn to version 2",
        ),
        (
            "proposal.withdrawn",
            None,
            {"proposals.1": [None, {"alias": "a", "version": None}]},
            "ada withdrew a proposal to remove the alias a of model churn",
        ),
        ("user.password_changed", None, {"password": [None, None]}, "ada changed the password of model churn"),
    ],
)
def test_an_event_is_a_sentence(type: str, version: str | None, changes: Any, text: str) -> None:
    assert sentence({"type": type, "actor": ADA, "item": CHURN, "version": version, "changes": changes}) == text


@pytest.mark.promise("events.pages")
def test_items_users_and_the_list_of_events_show_what_was_done(world: Any) -> None:
    api, browser = world.acme.owner.api, BrowserClient("acme", "owner", world.password)
    path = f"models/{create(api, name='<b>churn')['_id']}"
    ok(api.put(path, json={"status": "production"}))
    said = "owner changed model &lt;b&gt;churn: status from “training” to “production”"
    for page in (path, f"{path}/events", "events", f"users/{world.acme.owner.pk}"):
        text = browser.page(f"/v1/{page}").body().decode()
        assert said in text, page
        assert "owner created model &lt;b&gt;churn" in text, page
    other = BrowserClient("acme", "other", world.password)
    for page in ("events", f"users/{world.acme.owner.pk}"):
        assert "churn" not in other.page(f"/v1/{page}").body().decode()
    admin = BrowserClient("acme", "admin", world.password)
    for page in ("events", f"users/{world.acme.owner.pk}"):
        assert said in admin.page(f"/v1/{page}").body().decode(), "administrators see the activity of their tenant"


@pytest.mark.promise("events.pages")
def test_the_activity_of_an_item_tells_its_aliases_and_proposals(world: Any) -> None:
    api, browser = world.acme.owner.api, BrowserClient("acme", "owner", world.password)
    ok(world.acme.admin.api.post("protection", json={"name": "release", "aliases": "reviewed", "approvals": 1}))
    path = f"models/{create(api, name='churn')['_id']}"
    for name in ("a.bin", "b.bin"):
        ok(api.upload(f"{path}/versions", name, name.encode()))
    for version in ("1", "2"):
        ok(api.put(f"{path}/aliases/production", json={"version": version, "reason": "It is fair"}))
    ok(api.post(f"{path}/aliases/reviewed/proposals", json={"version": "2"}))
    ok(api.delete(f"{path}/aliases/production"))
    text = browser.page(f"/v1/{path}").body().decode()
    for said in (
        "owner set the alias production of model churn to version 1",
        "owner moved the alias production of model churn from version 1 to version 2 <q>It is fair</q>",
        "owner made a proposal to move the alias reviewed of model churn to version 2",
        "owner removed the alias production of model churn from version 2",
    ):
        assert said in text, said
    admin = BrowserClient("acme", "admin", world.password)
    assert "admin created rule release" in admin.page("/v1/events").body().decode()


@pytest.mark.promise("events.pages")
def test_the_admin_site_shows_the_ledger_and_changes_nothing(desk: Desk, world: Any) -> None:
    create(world.acme.owner.api, name="churn")
    listed = text_of(desk.get("tenants/event/", tenant="acme"))
    assert "model.created" in listed
    assert "churn" in listed
    assert text_of(desk.get("tenants/event/", q="churn"))
    assert desk.get("tenants/event/add/").status_code == 403
