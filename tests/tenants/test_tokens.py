"""What tokens hold, how long they are good, and what ends them."""

import base64
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest

from tenants import services, tokens
from tests.answers import assert_error, login, ok
from tests.client import ApiClient

PASSWORD = "Passw0rd!x"


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def _signed(settings: Any, claims: dict[str, Any], secret: str = "", algorithm: str = "HS256") -> str:
    return "JWT " + jwt.encode(claims, secret or settings.JWT_SECRET, algorithm=algorithm)


def _aged(settings: Any, token: str, age: timedelta) -> str:
    """Return the token as it would be had it been issued so long ago."""
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
def test_a_token_is_good_for_its_time_and_no_longer(world: Any, settings: Any) -> None:
    token = world.acme.owner.api.token
    claims = _claims(token)
    assert claims["exp"] - claims["iat"] == pytest.approx(settings.JWT_LIFETIME.total_seconds(), abs=1)
    ok(ApiClient(_aged(settings, token, settings.JWT_LIFETIME - timedelta(seconds=30))).get("models"))
    late = ApiClient(_aged(settings, token, settings.JWT_LIFETIME + timedelta(seconds=1)))
    assert_error(late.get("models"), "authentication_error")


@pytest.mark.promise("login.renew")
def test_a_token_is_exchanged_for_a_fresh_one(world: Any, settings: Any) -> None:
    old = _aged(settings, world.acme.owner.api.token, timedelta(seconds=60))
    answer = ok(ApiClient(old).put("login"))
    assert set(answer) == {"user", "token", "token_expiration_time"}
    assert answer["user"]["_id"] == world.acme.owner.pk
    assert _claims(answer["token"])["exp"] > _claims(old)["exp"]
    ok(ApiClient(answer["token"]).get("models"))


@pytest.mark.promise("login.renew", "login.renew-too-old")
def test_an_expired_token_is_renewed_while_it_is_younger_than_the_renewal_time(world: Any, settings: Any) -> None:
    settings.JWT_LIFETIME, settings.JWT_RENEW_LIFETIME = timedelta(minutes=30), timedelta(hours=2)
    token = tokens.issue(world.acme.owner)
    young = ApiClient(_aged(settings, token, timedelta(hours=1, minutes=59)))
    old = ApiClient(_aged(settings, token, timedelta(hours=2, minutes=1)))
    assert_error(young.get("models"), "authentication_error")
    assert ok(young.put("login"))["token"]
    assert_error(old.put("login"), "authentication_error")


@pytest.mark.promise("login.renew")
def test_a_renewal_tells_the_role_of_now(world: Any) -> None:
    world.acme.owner.role = "admin"
    world.acme.owner.save()
    assert _claims(ok(world.acme.owner.api.put("login"))["token"])["role"] == "admin"


@pytest.mark.promise("token.revoked")
@pytest.mark.parametrize("end", ["user", "tenant", "password", "own password", "reset"])
def test_a_token_ends_with_its_user_his_tenant_and_his_password(world: Any, end: str) -> None:
    shared = world.acme.shared
    if end == "user":
        ok(world.acme.admin.api.delete("users/shared"))
    elif end == "tenant":
        ok(world.operator.delete("tenants/acme"))
    elif end == "password":
        ok(world.acme.admin.api.put("users/shared", json={"password": "Another1!x"}))
    elif end == "own password":
        ok(shared.api.put("users/shared", json={"password": "Another1!x"}))
    else:
        services.update_user(user=shared, password="Another1!x")
    assert_error(shared.api.get("models"), "authentication_error")
    assert_error(shared.api.put("login"), "authentication_error")
    if end != "tenant":
        ok(world.acme.other.api.get("models"))


@pytest.mark.promise("token.revoked")
def test_a_token_does_not_outlive_a_user_who_is_made_anew(world: Any) -> None:
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
def test_a_signed_token_of_odd_contents_is_refused(world: Any, settings: Any, change: dict[str, Any]) -> None:
    token = _signed(settings, _claims(world.acme.owner.api.token) | change)
    assert_error(ApiClient(token).get("models"), "authentication_error")


@pytest.mark.promise("token.forged")
@pytest.mark.parametrize("claim", ["exp", "user", "tenant", "password_changed"])
def test_a_signed_token_that_lacks_a_part_is_refused(world: Any, settings: Any, claim: str) -> None:
    claims = _claims(world.acme.owner.api.token)
    assert claim in claims
    del claims[claim]
    assert_error(ApiClient(_signed(settings, claims)).get("models"), "authentication_error")
