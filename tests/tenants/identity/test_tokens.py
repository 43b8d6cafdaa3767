"""Token claims, lifetimes and revocation."""

import base64
import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from django.core import mail

from tenants.identity import authentication, outbox, services
from tenants.models import User
from tests.answers import assert_error, login, ok
from tests.client import ApiClient, BrowserClient

PASSWORD = "Passw0rd!x"


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def _signed(settings: Any, claims: dict[str, Any], secret: str = "", algorithm: str = "HS256") -> str:
    return "JWT " + jwt.encode(claims, secret or settings.JWT_SECRET, algorithm=algorithm)


def _aged(settings: Any, token: str, age: timedelta) -> str:
    """Return the token as if it had been issued `age` earlier."""
    claims = _claims(token)
    for claim in ("iat", "exp"):
        claims[claim] -= age.total_seconds()
    return _signed(settings, claims)


@pytest.mark.promise("login.token-claims")
def test_the_token_holds_user_tenant_and_role_and_no_password(world: Any, settings: Any) -> None:
    token = ok(login(world.anonymous, "acme", "admin", PASSWORD))["token"].removeprefix("JWT ")
    claims = jwt.decode(token, settings.JWT_SECRET, algorithms=["HS256"])
    assert {world.acme.admin.pk, "acme", "admin"} <= {value for value in claims.values() if isinstance(value, str)}
    world.acme.admin.refresh_from_db()
    text = json.dumps(claims)
    assert PASSWORD not in text
    assert "argon2" not in text
    assert world.acme.admin.password not in text


@pytest.mark.promise("login.expiration")
def test_a_token_is_valid_until_it_expires(world: Any, settings: Any) -> None:
    token = world.acme.owner.api.token
    claims = _claims(token)
    assert claims["exp"] - claims["iat"] == pytest.approx(settings.JWT_LIFETIME.total_seconds(), abs=1)
    ok(ApiClient(_aged(settings, token, settings.JWT_LIFETIME - timedelta(seconds=30))).get("models"))
    late = ApiClient(_aged(settings, token, settings.JWT_LIFETIME + timedelta(seconds=1)))
    assert_error(late.get("models"), "authentication_error")


@pytest.mark.promise("login.renew")
def test_a_token_is_exchanged_for_a_new_one(world: Any, settings: Any) -> None:
    old = _aged(settings, world.acme.owner.api.token, timedelta(seconds=60))
    answer = ok(ApiClient(old).put("login"))
    assert set(answer) == {"user", "token", "token_expiration_time"}
    assert answer["user"]["_id"] == world.acme.owner.pk
    assert _claims(answer["token"])["exp"] > _claims(old)["exp"]
    ok(ApiClient(answer["token"]).get("models"))


@pytest.mark.promise("login.renew", "login.renew-too-old")
def test_an_expired_token_is_renewed_while_it_is_younger_than_the_renewal_time(world: Any, settings: Any) -> None:
    settings.JWT_LIFETIME, settings.JWT_RENEW_LIFETIME = timedelta(minutes=30), timedelta(hours=2)
    token = authentication.issue_token(world.acme.owner)
    young = ApiClient(_aged(settings, token, timedelta(hours=1, minutes=59)))
    old = ApiClient(_aged(settings, token, timedelta(hours=2, minutes=1)))
    assert_error(young.get("models"), "authentication_error")
    assert ok(young.put("login"))["token"]
    assert_error(old.put("login"), "authentication_error")


@pytest.mark.promise("login.renew")
def test_a_renewed_token_has_the_current_role(world: Any) -> None:
    world.acme.owner.role = "admin"
    world.acme.owner.save()
    assert _claims(ok(world.acme.owner.api.put("login"))["token"])["role"] == "admin"


@pytest.mark.promise("token.revoked")
@pytest.mark.parametrize("end", ["user", "tenant", "password", "own password", "reset"])
def test_a_token_ends_with_its_user_their_tenant_and_their_password(world: Any, end: str) -> None:
    shared = world.acme.shared
    if end == "user":
        ok(world.acme.admin.api.delete("users/shared"))
    elif end == "tenant":
        ok(world.operator.delete("tenants/acme"))
    elif end == "password":
        ok(world.acme.admin.api.put("users/shared", json={"password": "Another1!x"}))
    elif end == "own password":
        another = ApiClient(ok(login(world.anonymous, "acme", "shared", PASSWORD))["token"])
        ok(another.put("users/shared", json={"password": "Another1!x"}))
    else:
        services.update_user(user=shared, password="Another1!x")
    assert_error(shared.api.get("models"), "authentication_error")
    assert_error(shared.api.put("login"), "authentication_error")
    if end != "tenant":
        ok(world.acme.other.api.get("models"))


def _logged_in(world: Any, username: str, password: str = PASSWORD) -> ApiClient:
    return ApiClient(ok(login(world.anonymous, "acme", username, password))["token"])


@pytest.mark.promise("token.own-change", "login.renew")
@pytest.mark.parametrize("username", ["shared", "admin"])
def test_only_the_token_that_changes_its_users_password_stays_valid(world: Any, username: str) -> None:
    changing, other = (_logged_in(world, username) for _ in range(2))
    browser = BrowserClient("acme", username, PASSWORD)
    ok(changing.put(f"users/{username}", json={"password": "Another1!x"}))
    ok(changing.get("models"))
    renewed = ApiClient(ok(changing.put("login"))["token"])
    for ended in (other, browser, getattr(world.acme, username).api):
        assert_error(ended.get("models"), "authentication_error", "log in again")
    assert_error(other.put("login"), "authentication_error")
    ok(renewed.put(f"users/{username}", json={"email": "mine@acme.example"}))
    ok(changing.get("models"))
    ok(renewed.put(f"users/{username}", json={"password": "Athird1!xx"}))
    ok(renewed.get("models"))
    assert_error(changing.get("models"), "authentication_error")


@pytest.mark.promise("token.own-change", "browser.void")
def test_only_the_browser_that_changes_its_users_password_stays_logged_in(world: Any) -> None:
    changing, other = (BrowserClient("acme", "shared", PASSWORD) for _ in range(2))
    token = _logged_in(world, "shared")
    ok(changing.put("users/shared", json={"password": "Another1!x"}))
    ok(changing.get("models"))
    ok(changing.post("models", json={"name": "after"}))
    for ended in (other, token):
        assert_error(ended.get("models"), "authentication_error", "log in again")


@pytest.mark.promise("token.own-change")
@pytest.mark.parametrize("end", ["an administrator", "the site's administrator", "a reset link"])
def test_a_change_by_others_ends_the_kept_token_too(world: Any, end: str) -> None:
    kept = _logged_in(world, "shared")
    ok(kept.put("users/shared", json={"password": "Another1!x"}))
    ok(kept.get("models"))
    if end == "an administrator":
        ok(world.acme.admin.api.put("users/shared", json={"password": "Athird1!xx"}))
        ok(world.acme.admin.api.get("models"))
    elif end == "a reset link":
        ok(world.anonymous.post("self/reset", query={"tenant": "acme"}, json={"email": "shared@acme.example"}))
        outbox.drain()
        secret = parse_qs(urlsplit(re.findall(r"https?://\S+", str(mail.outbox[-1].body))[0]).fragment)["reset"][0]
        ok(world.anonymous.put("self", json={"tenant": "acme", "reset": secret, "password": "Athird1!xx"}))
    else:
        services.update_user(user=User.objects.get(pk=world.acme.shared.pk), password="Athird1!xx")
    assert_error(kept.get("models"), "authentication_error", "log in again")


@pytest.mark.promise("token.own-change", "token.revoked")
def test_a_token_without_a_login_id_survives_no_password_change(world: Any, settings: Any) -> None:
    claims = _claims(world.acme.shared.api.token)
    del claims["login"]
    nameless, emptied = (ApiClient(_signed(settings, each)) for each in (claims, claims | {"login": ""}))
    ok(nameless.get("models"))
    ok(nameless.put("users/shared", json={"password": "Another1!x"}))
    for each in (nameless, emptied):
        assert_error(each.get("models"), "authentication_error")


@pytest.mark.promise("token.revoked")
def test_a_token_does_not_work_for_a_recreated_user(world: Any) -> None:
    ok(world.acme.admin.api.delete("users/shared"))
    ok(world.acme.admin.api.post("users", json={"username": "shared", "password": PASSWORD}))
    assert_error(world.acme.shared.api.get("models"), "authentication_error")


@pytest.mark.promise("token.forged")
def test_a_forged_token_is_refused(world: Any, settings: Any) -> None:
    token = world.acme.owner.api.token.removeprefix("JWT ")
    claims = _claims(token)
    head, payload, signature = token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    forged = [
        _signed(settings, claims, secret="another secret that is just as long as it must be"),
        _signed(settings, claims, algorithm="HS512"),
        f"{none}.{payload}.",
        f"{none}.{payload}.{signature}",
        f"{head}.{payload}.",
        f"{head}.{payload}",
        f"{head}.{payload}.{signature[:-4]}AAAA",
        _signed(settings, claims | {"user": world.acme.admin.pk}, secret="guessed" * 8),
        "." * 3,
        "x" * 10_000,
        "JWT é",
    ]
    for each in forged:
        for response in (ApiClient(each).get("models"), ApiClient(each).put("login")):
            assert_error(response, "authentication_error")


@pytest.mark.promise("token.forged")
@pytest.mark.parametrize(
    "change", [{"user": 5}, {"user": None}, {"user": {}}, {"tenant": []}, {"tenant": "rival"}, {"exp": "x"}]
)
def test_a_signed_token_with_invalid_claims_is_refused(world: Any, settings: Any, change: dict[str, Any]) -> None:
    token = _signed(settings, _claims(world.acme.owner.api.token) | change)
    assert_error(ApiClient(token).get("models"), "authentication_error")


@pytest.mark.promise("token.forged")
@pytest.mark.parametrize("claim", ["exp", "user", "tenant", "password_changed"])
def test_a_signed_token_without_a_claim_is_refused(world: Any, settings: Any, claim: str) -> None:
    claims = _claims(world.acme.owner.api.token)
    assert claim in claims
    del claims[claim]
    assert_error(ApiClient(_signed(settings, claims)).get("models"), "authentication_error")
