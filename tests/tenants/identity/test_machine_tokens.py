"""Tokens for machines: creation, use, end and revocation. tests/test_scopes.py tests what they may do."""

import base64
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.identity.deletions import delete_tenant, delete_user
from tenants.identity.machine_tokens import MAX_TOKENS, create_token, is_well_formed, new_secret
from tenants.models import Event, FailedAttempt, MachineToken, User
from tenants.rows.fields import iso, now
from tests.answers import assert_error, login, ok
from tests.catalog.items import create
from tests.client import ApiClient
from tests.desk import Desk, messages, text_of

SCANNED = re.compile(r"\bmr_[0-9A-Za-z]{38}\b")  # as docs/tokens.md gives it to secret scanners
FIELDS = {"_id", "id", "name", "scopes", "expires", "owner", "owner_username"}
FIELDS |= {"last_used", "last_address", "timestamp"}


@pytest.fixture
def issue(world: Any) -> Callable[..., dict[str, Any]]:
    """Return a function that creates a token, by default acme's owner's for reading models."""

    def create_for(user: Any = None, **fields: Any) -> dict[str, Any]:
        body = {"name": f"ci-{MachineToken.objects.count()}", "scopes": ["models:read"]} | fields
        answer: dict[str, Any] = ok((user or world.acme.owner).api.post("tokens", json=body))
        return answer

    return create_for


def _client(token: dict[str, Any]) -> ApiClient:
    return ApiClient(token["token"])


def _basic(username: str, password: str) -> ApiClient:
    return ApiClient(f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}")


# --- Creation -------------------------------------------------------------------------------------------------------


@pytest.mark.promise("tokens.create", "tokens.once")
def test_a_token_is_returned_once_and_only_its_hash_is_stored(world: Any, issue: Any) -> None:
    made = issue(scopes=["models:read", "models:write:churn-*", "models:read"], expires="90d")
    assert set(made) == {*FIELDS, "token"}
    assert made["scopes"] == ["models:read", "models:write:churn-*"]
    assert (made["owner"], made["owner_username"]) == (world.acme.owner.pk, "owner")
    assert SCANNED.fullmatch(made["token"])
    shown = ok(world.acme.owner.api.get(f"tokens/{made['_id']}"))
    assert set(shown) == FIELDS
    stored = str(MachineToken.objects.values().get())
    assert made["token"] not in stored
    assert made["token"][3:] not in stored


@pytest.mark.promise("tokens.form")
def test_a_secret_scanner_can_tell_a_token_by_its_checksum() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    for secret in secrets:
        assert SCANNED.fullmatch(secret)
        assert is_well_formed(secret)
        changed = "b" if secret[10] == "a" else "a"
        assert not is_well_formed(secret[:10] + changed + secret[11:])


@pytest.mark.promise("tokens.create")
def test_a_list_of_tokens_is_created_each_on_its_own(world: Any) -> None:
    bodies = [{"name": "a", "scopes": ["models:read"]}, {"name": "b", "scopes": ["nothing"]}]
    answer = ok(world.acme.owner.api.post("tokens", json=bodies), 202)
    assert [token["name"] for token in answer["tokens"]] == ["a"]
    assert ApiClient(answer["tokens"][0]["token"]).get("models").status_code == 200
    assert answer["errors"] == ["Index: 1 (scopes: Unknown kind of scope in `nothing`: one of models, datasets, "
                                "algorithms, tags, metadata, users, events, aliases)"]  # fmt: skip


@pytest.mark.promise("tokens.create")
def test_a_user_has_one_token_of_a_name(world: Any, issue: Any) -> None:
    issue(name="ci")
    body = {"name": "ci", "scopes": ["models:read"]}
    assert_error(world.acme.owner.api.post("tokens", json=body), "post_request_error", "already exists")
    issue(world.acme.other, name="ci")


REFUSED_SCOPES = [
    [],
    ["models"],
    ["models:"],
    ["models:execute"],
    ["models:*"],
    ["*"],
    ["*:read"],
    ["models:read:churn-*"],
    ["models:write:"],
    ["models:write:a\nb"],
    ["models:write:" + "x" * 256],
    ["users:write"],
    ["tokens:write"],
    ["tenants:read"],
    ["log:read"],
    ["aliases:"],
    ["tags:write:a*"],
    [None],
    [1],
    [["models:read"]],
    ["models:read"] * 51,
    "models:read",
    None,
]


@pytest.mark.promise("tokens.scopes")
@pytest.mark.parametrize("scopes", REFUSED_SCOPES, ids=lambda scopes: str(scopes)[:40])
def test_scopes_outside_the_grammar_are_refused(world: Any, scopes: Any) -> None:
    body = {"name": "ci", "scopes": scopes}
    assert_error(world.acme.owner.api.post("tokens", json=body), "post_request_error", "scopes")
    assert not MachineToken.objects.exists()


@pytest.mark.promise("tokens.create")
@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 256, None, 7])
def test_a_token_has_a_readable_name(world: Any, name: Any) -> None:
    body = {"name": name, "scopes": ["models:read"]}
    assert_error(world.acme.owner.api.post("tokens", json=body), "post_request_error")


@pytest.mark.promise("tokens.expires")
def test_a_token_ends_when_its_request_says(world: Any, issue: Any) -> None:
    start = now()
    for expires, days in ({"90d": 90, "12w": 84, "24h": 1, "1440m": 1, "86400s": 1} | {"366d": 366}).items():
        end = MachineToken.objects.get(pk=issue(expires=expires)["_id"]).expires
        assert end is not None
        left = end - start
        assert timedelta(days=days) <= left < timedelta(days=days, minutes=5)
    date = (start + timedelta(days=10)).date()
    assert issue(expires=str(date))["expires"] == f"{date}T00:00:00.000Z"
    assert issue(expires=f"{date}T12:00:00+02:00")["expires"] == f"{date}T10:00:00.000Z"
    assert issue()["expires"][:10] == str((now() + timedelta(days=90)).date())


OUT_OF_BOUNDS = ["367d", "999999w", "9999999d", "0d", "-1d", "d", "", "tomorrow", "2001-01-01", "9999-12-31"]
OUT_OF_BOUNDS += ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "90D", "\u0661d", None, 90, True, ["90d"]]


@pytest.mark.promise("tokens.expires")
@pytest.mark.parametrize("expires", OUT_OF_BOUNDS, ids=str)
def test_an_end_out_of_bounds_is_refused(world: Any, expires: Any) -> None:
    body = {"name": "ci", "scopes": ["models:read"], "expires": expires}
    assert_error(world.acme.owner.api.post("tokens", json=body), "post_request_error", "expires")
    assert not MachineToken.objects.exists()


@pytest.mark.promise("tokens.expires")
def test_a_token_has_no_end_only_if_the_registry_has_no_limit(world: Any, issue: Any, settings: Any) -> None:
    settings.TOKEN_MAX_LIFETIME = None
    endless = issue(expires=None)
    assert endless["expires"] is None
    ok(_client(endless).get("models"))
    assert issue(expires="30000d")["expires"]
    assert_error(
        world.acme.owner.api.post("tokens", json={"name": "ci", "scopes": ["models:read"], "expires": "40000d"}),
        "post_request_error",
    )
    settings.TOKEN_MAX_LIFETIME = timedelta(days=7)
    assert issue()["expires"][:10] == str((now() + timedelta(days=7)).date())


@pytest.mark.promise("tokens.bound")
def test_a_user_has_at_most_a_hundred_tokens(world: Any, issue: Any) -> None:
    owner = world.acme.owner
    names = map(str, range(MAX_TOKENS))
    rows = [MachineToken(tenant_id="acme", owner=owner, name=name, digest=name) for name in names]
    MachineToken.objects.bulk_create(rows)
    body = {"name": "one more", "scopes": ["models:read"]}
    assert_error(owner.api.post("tokens", json=body), "post_request_error", "at most 100 tokens")
    issue(world.acme.other)
    ok(owner.api.delete(f"tokens/{rows[0].pk}"))
    issue()


# --- Use ------------------------------------------------------------------------------------------------------------


@pytest.mark.promise("tokens.use", "token.schemes")
def test_a_token_is_accepted_wherever_a_logins_token_is(world: Any, issue: Any) -> None:
    secret = issue()["token"]
    for sent in (secret, f"Bearer {secret}", f"bearer  {secret}", f"JWT {secret}"):
        ok(ApiClient(sent).get("models"))
    for query in ({"token": secret}, {"access_token": secret}):
        assert_error(world.anonymous.get("models", query=query), "authentication_error")


@pytest.mark.promise("tokens.basic")
def test_a_token_is_the_password_of_http_basic(world: Any, issue: Any) -> None:
    secret = issue()["token"]
    for username in ("owner", "acme/owner"):
        ok(_basic(username, secret).get("models"))
    for username in ("", "admin", "rival/owner", "acme/", "ACME/owner", "acme/owner/", "acme"):
        assert_error(_basic(username, secret).get("models"), "authentication_error")
    User.objects.filter(pk=world.acme.owner.pk).update(username="ci:owner")
    for username in ("ci:owner", "acme/ci:owner"):
        ok(_basic(username, secret).get("models"))
    assert_error(_basic("ci", secret).get("models"), "authentication_error")


@pytest.mark.promise("tokens.basic")
def test_http_basic_accepts_neither_passwords_nor_logins_tokens(world: Any) -> None:
    for password in (world.password, world.acme.owner.api.token.removeprefix("JWT "), "", ":"):
        assert_error(_basic("owner", password).get("models"), "authentication_error")
    for malformed in ("", " ", " !", " /w==", " b3duZXI", " b3duZXI6", " " + "A" * 9999):
        assert_error(ApiClient(f"Basic{malformed}").get("models"), "authentication_error")


@pytest.mark.promise("tokens.role")
def test_a_token_may_do_no_more_than_its_user(world: Any, issue: Any) -> None:
    hidden = create(world.acme.other.api, name="hidden")["_id"]
    scopes = ["models:read", "models:write", "models:delete", "tags:write", "tags:delete", "users:read"]
    api = _client(issue(scopes=scopes))
    assert ok(api.get("models"))["docs"] == []
    assert_error(api.get(f"models/{hidden}"), "restricted_access_read")
    assert_error(api.delete(f"models/{hidden}"), "restricted_access_delete")
    assert_error(api.post("tags", json={"_id": "new"}), "only_administrator")
    assert {frozenset(user) for user in ok(api.get("users"))["docs"]} == {frozenset({"_id", "id", "username"})}
    User.objects.filter(pk=world.acme.owner.pk).update(role="admin")
    ok(api.post("tags", json={"_id": "new"}))


@pytest.mark.promise("tokens.closed")
def test_a_token_neither_renews_itself_nor_creates_others(world: Any, issue: Any) -> None:
    token = issue(world.acme.admin, scopes=["users:read", "models:read", "models:write"])
    for api in (_client(token), _basic("admin", token["token"])):
        assert_error(api.put("login"), "authentication_error")
        assert_error(api.post("tokens", json={"name": "x", "scopes": ["models:read"]}), "restricted_access_create")
        assert_error(api.put("users/admin", json={"password": "N3w-passw0rd"}), "restricted_access_modify")
        assert_error(api.put("users/other", json={"email": "a@b.example"}), "restricted_access_modify")
        assert_error(api.get("tenants"), "authentication_error")
    ok(login(world.anonymous, "acme", "admin", world.password))


@pytest.mark.promise("tokens.last-used")
def test_the_day_and_the_address_of_the_last_use_are_noted_once_a_day(world: Any, issue: Any) -> None:
    made = issue()
    api, path = _client(made), f"tokens/{made['_id']}"
    assert ok(world.acme.owner.api.get(path))["last_used"] is None
    ok(api.get("models", REMOTE_ADDR="192.0.2.7"))
    ok(api.get("models", REMOTE_ADDR="192.0.2.8"))
    shown = ok(world.acme.owner.api.get(path))
    assert (shown["last_used"], shown["last_address"]) == (str(now().date()), "192.0.2.7")
    MachineToken.objects.update(last_used=now() - timedelta(days=1))
    ok(api.get("models", REMOTE_ADDR="2001:db8::1"))
    shown = ok(world.acme.owner.api.get(path))
    assert (shown["last_used"], shown["last_address"]) == (str(now().date()), "2001:db8::/64")


def test_a_token_costs_one_query_more_than_a_login(world: Any, issue: Any) -> None:
    api, counts = _client(issue()), []
    ok(api.get("models"))
    for each in (world.acme.owner.api, api):
        with CaptureQueriesContext(connection) as captured:
            ok(each.get("models"))
        counts.append(len(captured))
    assert counts[1] - counts[0] == 1


# --- The end --------------------------------------------------------------------------------------------------------


@pytest.mark.promise("tokens.expires")
def test_an_expired_token_is_refused(world: Any, issue: Any) -> None:
    api = _client(issue())
    MachineToken.objects.update(expires=now())
    assert_error(api.get("models"), "authentication_error", "expired")
    assert not FailedAttempt.objects.exists()


@pytest.mark.promise("tokens.end")
def test_a_token_ends_with_its_user(world: Any, issue: Any) -> None:
    disabled, deleted, leaving = (issue(user) for user in (world.acme.owner, world.acme.other, world.acme.shared))
    User.objects.filter(pk=world.acme.owner.pk).update(is_active=False)
    User.objects.filter(pk=world.acme.shared.pk).update(leaving=now())
    delete_user(user=world.acme.other)
    for token in (disabled, deleted, leaving):
        assert_error(_client(token).get("models"), "authentication_error")
    assert not MachineToken.objects.filter(pk=deleted["_id"]).exists()


@pytest.mark.promise("tokens.end")
def test_a_token_ends_with_its_tenant(world: Any, issue: Any) -> None:
    token = issue(world.rival.owner)
    delete_tenant(tenant=world.rival.tenant)
    assert_error(_client(token).get("models"), "authentication_error")
    assert not MachineToken.objects.exists()


@pytest.mark.promise("tokens.password")
def test_a_token_outlives_a_change_of_password_and_its_expiry(world: Any, issue: Any) -> None:
    api = _client(issue())
    ok(world.acme.admin.api.put("users/owner", json={"password": "An0ther-one"}))
    ok(api.get("models"))
    User.objects.filter(username="owner").update(validity_days=1, password_changed=now() - timedelta(days=9))
    ok(api.get("models"))


@pytest.mark.promise("tokens.list", "tokens.revoke")
def test_users_see_and_revoke_their_own_tokens(world: Any, issue: Any) -> None:
    mine, others, rivals = issue(), issue(world.acme.other), issue(world.rival.owner)
    page = ok(world.acme.owner.api.get("tokens"))
    assert ([token["_id"] for token in page["docs"]], page["totalDocs"]) == ([mine["_id"]], 1)
    for token in (others, rivals):
        assert_error(world.acme.owner.api.get(f"tokens/{token['_id']}"), "resource_not_found")
        assert_error(world.acme.owner.api.delete(f"tokens/{token['_id']}"), "resource_not_found")
    assert set(ok(world.acme.owner.api.delete(f"tokens/{mine['_id']}"))) == FIELDS
    assert_error(_client(mine).get("models"), "authentication_error")
    assert_error(world.acme.owner.api.delete(f"tokens/{mine['_id']}"), "resource_not_found")
    ok(_client(others).get("models"))


@pytest.mark.promise("tokens.list", "tokens.revoke")
def test_administrators_see_and_revoke_the_tokens_of_their_tenant(world: Any, issue: Any) -> None:
    made = {issue(user)["_id"]: user.username for user in (world.acme.owner, world.acme.other, world.acme.admin)}
    rivals = issue(world.rival.owner)
    page = ok(world.acme.admin.api.get("tokens", query={"sort": {"name": 1}}))
    assert {token["_id"]: token["owner_username"] for token in page["docs"]} == made
    found = ok(world.acme.admin.api.get("tokens", query={"filter": {"owner": "other"}}))["docs"]
    assert [token["owner_username"] for token in found] == ["other"]
    ok(world.acme.owner.api.get("models"))
    for filter, count in (({"last_used": {"$exists": False}}, 3), ({"last_used": {"$lt": "2999-01-01"}}, 0)):
        assert ok(world.acme.admin.api.get("tokens", query={"filter": filter}))["totalDocs"] == count
    assert_error(world.acme.admin.api.delete(f"tokens/{rivals['_id']}"), "resource_not_found")
    for id in made:
        ok(world.acme.admin.api.delete(f"tokens/{id}"))
    ok(_client(rivals).get("models"))


@pytest.mark.promise("tokens.revoke")
def test_a_revoked_token_is_refused_by_a_process_that_just_used_it(world: Any, issue: Any) -> None:
    api = _client(issue())
    ok(api.get("models"))
    MachineToken.objects.all().delete()  # as another process does
    assert_error(api.get("models"), "authentication_error")


@pytest.mark.promise("tokens.events")
def test_creation_and_revocation_are_events_without_the_secret(world: Any, issue: Any) -> None:
    made = issue()
    ok(world.acme.admin.api.delete(f"tokens/{made['_id']}"))
    first, second = Event.objects.filter(item_id=made["_id"]).order_by("pk")
    assert [(each.type, each.actor_name, each.item_kind, each.item_name) for each in (first, second)] == [
        ("token.created", "owner", "token", "ci-0"),
        ("token.revoked", "admin", "token", "ci-0"),
    ]
    for each in (first, second):
        assert "models:read" in each.changes
        assert made["token"][3:] not in str(vars(each))


# --- Guesses and leaks ----------------------------------------------------------------------------------------------


@pytest.mark.promise("tokens.throttle")
def test_wrong_tokens_count_as_failures_of_the_address(world: Any, issue: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_ADDRESS_LIMIT = 4
    token = issue()
    for sent in (new_secret(), "mr_", "mr_" + "x" * 5000):
        assert_error(ApiClient(sent).get("models"), "authentication_error")
    assert_error(_basic("other", token["token"]).get("models"), "authentication_error")
    for sent in (new_secret(), "mr_guess"):
        assert_error(ApiClient(sent).get("models"), "too_many_requests")
    assert_error(login(world.anonymous, "acme", "owner", world.password), "too_many_requests")
    ok(_client(token).get("models"))
    ok(ApiClient(new_secret()).get("version"))
    assert_error(ApiClient(new_secret()).get("models", REMOTE_ADDR="192.0.2.9"), "authentication_error")


@pytest.mark.promise("tokens.secret")
def test_a_tokens_representation_hides_it(world: Any) -> None:
    created = create_token(by=world.acme.owner, name="ci", scopes=["models:read"], expires=None)
    for shown in (repr(created), repr(created.token), str(created.token)):
        assert created.secret[3:] not in shown
        assert created.token.digest not in shown
    assert iso(created.token.expires) is None


# --- The admin site -------------------------------------------------------------------------------------------------


@pytest.mark.promise("tokens.admin")
def test_superusers_see_and_revoke_tokens_of_all_tenants(desk: Desk, world: Any, issue: Any) -> None:
    made, rivals = issue(), issue(world.rival.owner, name="nightly")
    shown = text_of(desk.get("tenants/machinetoken/"))
    assert "nightly" in shown
    assert "models:read" in shown
    row = MachineToken.objects.get(pk=rivals["_id"])
    page = text_of(desk.get(f"tenants/machinetoken/{row.pk}/change/"))
    assert row.digest not in page
    assert desk.get("tenants/machinetoken/add/").status_code == 403
    assert "deleted" in messages(desk.post(f"tenants/machinetoken/{row.pk}/delete/", post="yes"))
    assert_error(_client(rivals).get("models"), "authentication_error")
    assert Event.objects.get(type="token.revoked").actor_name == desk.user.username
    ok(_client(made).get("models"))
