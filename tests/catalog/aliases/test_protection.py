"""Protected aliases move only as the rules say, and nobody gets round a rule."""

from typing import Any

import pytest

from catalog.aliases.models import ProtectionRule
from catalog.curation import rename_term
from folksonomy.models import Tag
from tests.answers import assert_error, ok
from tests.catalog.items import create
from tests.remembered import remembered


@pytest.fixture
def item(world: Any) -> str:
    """The path of a model, tagged, shared with one user, with two versions of different accuracy."""
    path: str = remembered(_model, world.acme.owner.api)
    return path


def _model(api: Any) -> str:
    path = f"models/{create(api, users=['shared'], tags=['regulated'])['_id']}"
    for ordinal, accuracy in (("1", 0.95), ("2", 0.5)):
        ok(api.upload(f"{path}/versions", f"{ordinal}.bin", ordinal.encode()))
        changes = {"metadata": {"add": [{"name": "accuracy", "value": accuracy}]}}
        ok(api.patch(f"{path}/versions/{ordinal}", json=changes))
    return path


def rule(world: Any, **fields: Any) -> str:
    """Create a rule for `production`, and return its path."""
    body = {"name": "Release", "aliases": "production"} | fields
    return f"protection/{ok(world.acme.admin.api.post('protection', json=body))['_id']}"


def moves(api: Any, item: str, version: str = "1", alias: str = "production") -> Any:
    return api.put(f"{item}/aliases/{alias}", json={"version": version})


def propose(api: Any, item: str, version: str | None = "1", alias: str = "production") -> Any:
    return ok(api.post(f"{item}/aliases/{alias}/proposals", json={"version": version, "reason": "why"}))


def decide(api: Any, item: str, proposal: Any, verb: str, **body: Any) -> Any:
    return api.post(f"{item}/aliases/{proposal['alias']}/proposals/{proposal['_id']}/{verb}", json=body)


@pytest.mark.promise("protection.rules")
def test_a_rule_is_created_read_changed_and_deleted(world: Any) -> None:
    api = world.acme.admin.api
    condition = {"metadata.accuracy": {"$gte": 0.9}}
    path = rule(world, kinds=["model"], tags=["x"], roles=["admin"], users=["shared"], condition=condition, approvals=2)
    document = ok(api.get(path))
    assert document == {
        "_id": document["_id"],
        "id": document["_id"],
        "name": "Release",
        "aliases": "production",
        "kinds": ["model"],
        "tags": ["x"],
        "roles": ["admin"],
        "users": [{"_id": world.acme.shared.pk, "username": "shared"}],
        "condition": condition,
        "approvals": 2,
        "timestamp": document["timestamp"],
        "lastmod": document["lastmod"],
    }
    changed = ok(api.put(path, json={"approvals": 0, "condition": None, "users": []}))
    assert (changed["approvals"], changed["condition"], changed["users"], changed["tags"]) == (0, None, [], ["x"])
    assert ok(api.get("protection", query={"filter": {"aliases": "production"}}))["docs"] == [changed]
    assert_error(api.post("protection", json={"name": "Release", "aliases": "*"}), "post_request_error", "same name")
    ok(api.delete(path))
    assert_error(api.get(path), "resource_not_found")


@pytest.mark.promise("protection.rules")
@pytest.mark.parametrize(
    "fields",
    [
        {"aliases": "a b"},
        {"aliases": ""},
        {"aliases": "x" * 65},
        {"kinds": ["car"]},
        {"roles": ["operator"]},
        {"users": ["nobody"]},
        {"condition": {"unknown": 1}},
        {"condition": {"metadata.x": {"$where": "1"}}},
        {"condition": "x"},
        {"condition": 7},
        {"condition": {"original": "x" * 10_001}},
        {"approvals": -1},
        {"approvals": 11},
        {"approvals": True},
        {"name": ""},
    ],
)
def test_an_invalid_rule_is_refused(world: Any, fields: dict[str, Any]) -> None:
    body = {"name": "r", "aliases": "production"} | fields
    assert_error(world.acme.admin.api.post("protection", json=body), "post_request_error")
    path = rule(world)
    assert_error(world.acme.admin.api.put(path, json=fields), "put_request_error")


@pytest.mark.promise("protection.who")
@pytest.mark.parametrize(
    ("fields", "movers"),
    [
        ({}, {"owner", "admin"}),
        ({"roles": ["admin"]}, {"admin"}),
        ({"users": ["shared"]}, {"shared"}),
        ({"users": ["shared"], "roles": ["admin"]}, {"shared", "admin"}),
        ({"users": ["other"]}, set()),
        ({"users": ["shared"], "aliases": "prod*"}, {"shared"}),
        ({"users": ["shared"], "aliases": "*"}, {"shared"}),
        ({"users": ["shared"], "aliases": "staging"}, {"owner", "admin"}),
        ({"users": ["shared"], "kinds": ["dataset"]}, {"owner", "admin"}),
        ({"users": ["shared"], "tags": ["regulated", "x"]}, {"shared"}),
        ({"users": ["shared"], "tags": ["x"]}, {"owner", "admin"}),
    ],
)
def test_those_whom_the_rule_names_move_the_alias(
    world: Any, item: str, fields: dict[str, Any], movers: set[str]
) -> None:
    rule(world, **fields)
    for name in ("owner", "admin", "shared", "other"):
        for method in ("put", "delete"):
            response = world.acme.__dict__[name].api.request(
                method, f"{item}/aliases/production", **({"json": {"version": "1"}} if method == "put" else {})
            )
            if name in movers:
                ok(response)
            else:
                named = "" if name == "other" or movers == {"owner", "admin"} else "Release"
                assert_error(response, "restricted_access_modify", named)


@pytest.mark.promise("protection.condition")
def test_the_version_must_meet_the_condition(world: Any, item: str) -> None:
    rule(world, condition={"metadata.accuracy": {"$gte": 0.9}, "size": {"$lt": 100}})
    owner = world.acme.owner.api
    assert_error(moves(owner, item, "2"), "put_request_error", "Release")
    assert_error(
        owner.post(f"{item}/aliases/production/proposals", json={"version": "2"}), "post_request_error", "Release"
    )
    ok(moves(owner, item, "1"))
    ok(moves(owner, item, "2", "staging"))
    assert_error(moves(owner, item, "@staging"), "put_request_error", "Release")


@pytest.mark.promise("protection.all-rules")
def test_all_rules_that_cover_an_alias_must_be_met(world: Any, item: str) -> None:
    rule(world, users=["shared"], roles=["admin"])
    rule(world, name="Good", aliases="*", condition={"metadata.accuracy": {"$gte": 0.9}})
    rule(world, name="Mine", aliases="p*", roles=["admin"])
    assert_error(moves(world.acme.shared.api, item), "restricted_access_modify", "Good")
    assert_error(moves(world.acme.admin.api, item, "2"), "put_request_error", "Good")
    ok(moves(world.acme.admin.api, item, "1"))


@pytest.mark.promise("protection.proposals")
def test_a_proposal_moves_by_itself_when_enough_others_approved(world: Any, item: str) -> None:
    rule(world, users=["shared", "owner"], roles=["admin"], approvals=2)
    owner, admin, shared = (world.acme.__dict__[name].api for name in ("owner", "admin", "shared"))
    assert_error(moves(admin, item), "restricted_access_modify", "2 approvals")
    proposal = propose(owner, item)
    assert (proposal["status"], proposal["version"], proposal["author"]["username"]) == ("open", "1", "owner")
    assert_error(decide(owner, item, proposal, "approve"), "restricted_access_create", "others")
    assert_error(decide(world.acme.other.api, item, proposal, "approve"), "restricted_access_create")
    once = ok(decide(admin, item, proposal, "approve", reason="fine"))
    again = ok(decide(admin, item, proposal, "approve"))
    assert (once["status"], again["status"], len(again["decisions"])) == ("open", "open", 1)
    assert ok(owner.get(item))["aliases"] == {}
    moved = ok(decide(shared, item, proposal, "approve"))
    assert moved["status"] == "moved"
    assert [each["user"]["username"] for each in moved["decisions"]] == ["admin", "shared"]
    alias = ok(owner.get(f"{item}/aliases/production"))
    assert (alias["version"], alias["proposal"], alias["reason"]) == ("1", proposal["_id"], "why")
    assert_error(decide(admin, item, proposal, "approve"), "post_request_error", "moved")
    assert ok(owner.get(f"{item}/aliases/production/proposals"))["docs"] == [moved]


@pytest.mark.promise("protection.proposals")
def test_a_user_who_may_not_move_an_alias_proposes_the_move(world: Any, item: str) -> None:
    rule(world, roles=["admin"])
    proposal = propose(world.acme.owner.api, item)
    assert proposal["status"] == "open"
    assert ok(decide(world.acme.admin.api, item, proposal, "approve"))["status"] == "moved"
    assert propose(world.acme.admin.api, item, "2")["status"] == "moved", "needs nobody else"
    assert propose(world.acme.admin.api, item, None)["status"] == "moved"
    assert ok(world.acme.owner.api.get(item))["aliases"] == {}
    refused = world.acme.shared.api.post(f"{item}/aliases/production/proposals", json={"version": "1"})
    assert_error(refused, "restricted_access_create")


@pytest.mark.promise("protection.proposals")
@pytest.mark.parametrize(
    ("verb", "status", "who"), [("reject", "rejected", "admin"), ("withdraw", "withdrawn", "owner")]
)
def test_a_rejected_or_withdrawn_proposal_never_moves(world: Any, item: str, verb: str, status: str, who: str) -> None:
    rule(world, roles=["admin"], approvals=1)
    proposal = propose(world.acme.owner.api, item)
    assert_error(decide(world.acme.shared.api, item, proposal, verb), "restricted_access_create")
    decided = ok(decide(world.acme.__dict__[who].api, item, proposal, verb, reason="no"))
    assert (decided["status"], decided["decisions"][0]["reason"]) == (status, "no")
    for again in ("approve", "reject", "withdraw"):
        assert_error(decide(world.acme.admin.api, item, proposal, again), "post_request_error", status)
    assert ok(world.acme.owner.api.get(item))["aliases"] == {}


@pytest.mark.promise("protection.no-way-round")
def test_a_second_name_made_for_it_approves_nothing(world: Any, item: str) -> None:
    rule(world, roles=["admin"], approvals=1)
    proposal = propose(world.acme.admin.api, item)
    body = {"username": "second", "password": "Passw0rd!x", "role": "admin"}
    ok(world.acme.admin.api.post("users", json=body))
    login = ok(world.anonymous.post("login", json={"tenant": "acme", "username": "second", "password": "Passw0rd!x"}))
    second = type(world.anonymous)(login["token"])
    assert_error(decide(second, item, proposal, "approve"), "restricted_access_create", "existed")
    assert propose(second, item)["status"] == "open", "its own proposal needs others as well"


@pytest.mark.promise("protection.no-way-round")
def test_an_owner_neither_retags_nor_deletes_what_a_rule_covers(world: Any, item: str) -> None:
    rule(world, roles=["admin"], tags=["regulated"])
    owner, admin = world.acme.owner.api, world.acme.admin.api
    for change in ({"remove": ["regulated"]}, {"update": [{"old": "regulated", "new": "x"}]}):
        assert_error(owner.put(item, json={"tags": change}), "restricted_access_modify", "Release")
    assert_error(owner.delete(item), "restricted_access_delete", "Release")
    ok(owner.put(item, json={"tags": {"add": ["more"]}}))
    ok(owner.put(item, json={"tags": {"remove": ["more"]}}))
    assert_error(moves(owner, item), "restricted_access_modify", "Release")
    ok(admin.put(item, json={"tags": {"remove": ["regulated"]}}))
    ok(moves(owner, item))
    ok(owner.delete(item))


@pytest.mark.promise("protection.no-way-round")
def test_an_owner_does_not_give_the_name_of_what_a_rule_covers_to_another_item(world: Any, item: str) -> None:
    path = rule(world, roles=["admin"], tags=["regulated"])
    owner, admin = world.acme.owner.api, world.acme.admin.api
    name = ok(owner.get(item))["name"]
    assert_error(owner.put(item, json={"name": "old"}), "restricted_access_modify", "rename")
    both = {"name": "old", "tags": {"remove": ["regulated"]}}
    assert_error(owner.put(item, json=both), "restricted_access_modify", "Release")
    ok(owner.put(item, json={"name": name, "description": "The same name is no renaming."}))
    ok(admin.put(item, json={"name": "old"}))
    ok(admin.put(path, json={"tags": []}))
    ok(owner.put(item, json={"name": name}))  # the rule covers new items as well, so nothing is got round


@pytest.mark.promise("protection.no-way-round")
def test_an_owner_does_not_delete_an_item_to_be_rid_of_its_protected_alias(world: Any, item: str) -> None:
    rule(world, roles=["admin"])
    owner, admin = world.acme.owner.api, world.acme.admin.api
    ok(moves(admin, item))
    assert_error(owner.delete(item), "restricted_access_delete", "Release")
    assert_error(owner.delete(f"{item}/aliases/production"), "restricted_access_modify", "Release")
    assert_error(owner.delete(f"{item}/versions/1"), "delete_request_error", "production")
    ok(admin.delete(f"{item}/aliases/production"))
    ok(owner.delete(item))
    again = f"models/{create(owner)['_id']}"
    ok(owner.upload(f"{again}/versions", "1.bin", b"x"))
    assert_error(moves(owner, again), "restricted_access_modify", "Release")


@pytest.mark.promise("protection.no-way-round")
def test_an_approval_holds_for_the_version_and_not_for_its_ordinal(world: Any, item: str) -> None:
    rule(world, roles=["admin"])
    owner = world.acme.owner.api
    proposal = propose(owner, item)
    ok(owner.delete(f"{item}/versions/1"))
    owner.upload(f"{item}/versions?ordinal=1", "1.bin", b"other bytes")
    assert_error(decide(world.acme.admin.api, item, proposal, "approve"), "post_request_error", "deleted")
    assert ok(owner.get(item))["aliases"] == {}


@pytest.mark.promise("protection.no-way-round")
def test_the_rules_that_count_are_those_of_the_move(world: Any, item: str) -> None:
    path = rule(world, roles=["admin"], users=["shared", "other"], approvals=1)
    admin = world.acme.admin.api
    proposal = propose(world.acme.owner.api, item)
    ok(admin.put(path, json={"approvals": 2}))
    assert ok(decide(world.acme.shared.api, item, proposal, "approve"))["status"] == "open"
    ok(admin.put(path, json={"users": ["other"], "approvals": 1, "condition": {"metadata.accuracy": 1}}))
    assert_error(decide(world.acme.shared.api, item, proposal, "approve"), "restricted_access_create", "Release")
    assert_error(decide(admin, item, proposal, "approve"), "post_request_error", "Release")
    ok(admin.put(path, json={"condition": None, "approvals": 2}))
    assert ok(decide(admin, item, proposal, "approve"))["status"] == "open", "one of the two may not any more"


@pytest.mark.promise("protection.no-way-round")
def test_a_renamed_tag_stays_protected(world: Any, item: str) -> None:
    path = rule(world, roles=["admin"], tags=["regulated"])
    rename_term(term=Tag.objects.get(name="regulated", tenant="acme"), name="audited", by=None)
    assert ok(world.acme.owner.api.get(item))["tags"] == ["audited"]
    assert ok(world.acme.admin.api.get(path))["tags"] == ["audited"]
    assert_error(moves(world.acme.owner.api, item), "restricted_access_modify", "Release")


@pytest.mark.promise("protection.users-stay")
def test_a_user_whom_a_rule_names_cannot_be_deleted(world: Any) -> None:
    path = rule(world, users=["other"])
    assert_error(world.acme.admin.api.delete("users/other"), "delete_request_error", "Release")
    ok(world.acme.admin.api.put(path, json={"users": ["shared"]}))
    ok(world.acme.admin.api.delete("users/other"))


@pytest.mark.promise("protection.most")
def test_a_tenant_has_a_bounded_number_of_rules(world: Any) -> None:
    tenant = world.acme.tenant
    ProtectionRule.objects.bulk_create([ProtectionRule(tenant=tenant, name=str(n), pattern="x") for n in range(100)])
    body = {"name": "r", "aliases": "production"}
    assert_error(world.acme.admin.api.post("protection", json=body), "post_request_error", "at most 100")
