"""Rules of protection, moves of aliases and proposals at the admin site."""

from typing import Any

import pytest

from catalog.aliases.models import Proposal, ProtectionRule
from tests.answers import assert_error, ok
from tests.catalog.items import create
from tests.desk import Desk, errors, messages, text_of

RULE = {
    "tenant": "acme",
    "name": "release",
    "aliases": "production",
    "kinds": ["model"],
    "roles": ["admin"],
    "users": ["shared"],
    "condition": '{"metadata.accuracy": {"$gte": 0.9}}',
    "approvals": "1",
}


def _rules(world: Any) -> Any:
    return ok(world.acme.admin.api.get("protection"))["docs"]


def _page(rule: dict[str, Any]) -> str:
    return f"catalog/protectionrule/{rule['_id']}/change/"


@pytest.mark.promise("events.admin-site", "protection.admin-site")
def test_a_superuser_creates_changes_and_deletes_a_rule(desk: Desk, world: Any) -> None:
    assert "added successfully" in messages(desk.post("catalog/protectionrule/add/", **RULE))
    (rule,) = _rules(world)
    assert (rule["kinds"], rule["roles"], rule["approvals"]) == (["model"], ["admin"], 1)
    assert (rule["users"][0]["username"], rule["condition"]) == ("shared", {"metadata.accuracy": {"$gte": 0.9}})
    initial = desk.get(_page(rule)).context["adminform"].form.initial
    form = {field: initial[field] for field in RULE if field not in ("tenant", "approvals")} | {"tags": ["regulated"]}
    ok(world.acme.admin.api.put(f"protection/{rule['_id']}", json={"name": "renamed meanwhile"}))
    shown = {"initial-name": "release"} | form | {"name": "renamed meanwhile", "approvals": "2"}
    assert "changed successfully" in messages(desk.post(_page(rule), **shown))
    (after,) = _rules(world)
    assert (after["name"], after["tags"], after["approvals"]) == ("renamed meanwhile", ["regulated"], 2)
    messages(desk.post(f"catalog/protectionrule/{rule['_id']}/delete/", post="yes"))
    assert _rules(world) == []
    told = ok(world.acme.admin.api.get("events", query={"filter": {"type": {"$regex": "^protection"}}}))["docs"]
    assert [(event["type"].partition(".")[2], event["actor"]["username"]) for event in told] == [
        ("deleted", desk.user.username),
        ("updated", desk.user.username),
        ("updated", "admin"),
        ("created", desk.user.username),
    ]


@pytest.mark.promise("protection.rules")
@pytest.mark.parametrize(
    "wrong",
    [
        {"condition": "{"},
        {"condition": '{"nothing": 1}'},
        {"users": ["nobody"]},
        {"aliases": "a b"},
        {"name": ""},
        {"approvals": "11"},
        {"tenant": "nowhere"},
    ],
    ids=str,
)
def test_an_invalid_rule_is_refused_with_its_reason(desk: Desk, world: Any, wrong: dict[str, Any]) -> None:
    assert errors(desk.post("catalog/protectionrule/add/", **RULE | wrong))
    assert not ProtectionRule.objects.exists()


@pytest.mark.promise("events.admin-site", "protection.admin-site")
def test_a_superuser_sees_moves_and_withdraws_proposals(desk: Desk, world: Any) -> None:
    owner = world.acme.owner.api
    ok(world.acme.admin.api.post("protection", json={"name": "r", "aliases": "production", "approvals": 1}))
    path = f"models/{create(owner, name='churn')['_id']}"
    ok(owner.upload(f"{path}/versions", "a.bin", b"a"))
    ok(owner.put(f"{path}/aliases/staging", json={"version": "1", "reason": "to be tried"}))
    proposal = ok(owner.post(f"{path}/aliases/production/proposals", json={"version": "1"}))
    assert "churn" in text_of(desk.get("catalog/aliasmove/", alias="staging"))
    assert "churn" not in text_of(desk.get("catalog/aliasmove/", alias="production"))
    move = desk.get("catalog/aliasmove/").context["cl"].result_list[0]
    assert "to be tried" in text_of(desk.get(f"catalog/aliasmove/{move.pk}/change/"))
    row = Proposal.objects.get(pk=proposal["_id"])
    assert "1 proposals were withdrawn" in messages(desk.act("catalog/proposal", "withdraw", [row]))
    assert "0 proposals were withdrawn" in messages(desk.act("catalog/proposal", "withdraw", [row]))
    event = ok(owner.get(f"{path}/events"))["docs"][0]
    assert (event["type"], event["actor"]["username"]) == ("proposal.withdrawn", desk.user.username)
    approved = world.acme.admin.api.post(f"{path}/aliases/production/proposals/{proposal['_id']}/approve")
    assert_error(approved, "post_request_error", "withdrawn")
