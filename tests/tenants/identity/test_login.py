"""Login: from a username and a password to a token."""

from datetime import timedelta
from typing import Any

import pytest

from tenants.identity import authentication
from tenants.identity.login import ImportedHasher, PasswordHasher
from tenants.identity.services import create_user
from tenants.rows.fields import now
from tests.answers import assert_error, login, ok
from tests.client import ApiClient

PASSWORD = "Passw0rd!x"
INCORRECT = "Incorrect username or password"
EXPIRED = "Password validity expired, please reset password"


@pytest.mark.promise("login.answer")
@pytest.mark.parametrize("username", ["owner", "admin"])
def test_login_returns_user_token_and_lifetime(world: Any, settings: Any, username: str) -> None:
    response = login(world.anonymous, "acme", username, PASSWORD)
    answer = ok(response)
    assert set(answer) == {"user", "token", "token_expiration_time"}
    assert answer["user"]["username"] == username
    assert answer["user"]["_id"] == getattr(world.acme, username).pk
    assert answer["token"].startswith("JWT ey")
    assert answer["token_expiration_time"] == settings.JWT_EXPIRATIONTIME
    ok(ApiClient(answer["token"]).get("models"))


@pytest.mark.promise("login.answer", "users.no-password")
def test_login_returns_no_password(world: Any) -> None:
    response = login(world.anonymous, "acme", "owner", PASSWORD)
    world.acme.owner.refresh_from_db()
    text = response.body().decode()
    assert "password" not in response.json()["user"]
    assert PASSWORD not in text
    assert "argon2" not in text
    assert world.acme.owner.password not in text


@pytest.mark.promise("login.default-tenant")
@pytest.mark.parametrize("named", [{}, {"tenant": ""}])
def test_login_without_a_tenant_uses_the_default_tenant(world: Any, settings: Any, named: dict[str, str]) -> None:
    body = {"username": "owner", "password": PASSWORD} | named
    settings.DEFAULT_TENANT = "rival"
    assert ok(world.anonymous.post("login", json=body))["user"]["_id"] == world.rival.owner.pk


@pytest.mark.promise("login.refused")
@pytest.mark.parametrize(
    ("tenant", "username", "password", "details"),
    [
        ("acme", "owner", "wrong", INCORRECT),
        ("acme", "owner", PASSWORD.lower(), INCORRECT),
        ("acme", "owner", PASSWORD + " ", INCORRECT),
        ("acme", "Owner", PASSWORD, INCORRECT),
        ("acme", "nobody", PASSWORD, INCORRECT),
        ("rival", "shared", PASSWORD, INCORRECT),
        ("nowhere", "owner", PASSWORD, "Incorrect tenant"),
        ("ACME", "owner", PASSWORD, "Incorrect tenant"),
    ],
)
def test_a_login_with_any_wrong_field_is_refused(
    world: Any, tenant: str, username: str, password: str, details: str
) -> None:
    response = login(world.anonymous, tenant, username, password)
    assert_error(response, "authentication_error")
    assert response.json()["details"] == details


@pytest.mark.promise("login.incomplete")
@pytest.mark.parametrize(("missing", "field"), [("username", "username"), ("password", "password")])
def test_a_login_without_a_field_names_the_field(world: Any, missing: str, field: str) -> None:
    body = {"tenant": "acme", "username": "owner", "password": PASSWORD}
    del body[missing]
    for sent in (body, body | {missing: ""}, body | {missing: None}):
        response = world.anonymous.post("login", json=sent)
        assert_error(response, "authentication_error", f"Path `{field}` is required")


@pytest.mark.promise("login.incomplete")
def test_a_login_without_a_body_is_refused_as_one_without_a_username(world: Any) -> None:
    for options in ({}, {"json": {}}, {"json": None}):
        assert_error(world.anonymous.post("login", **options), "authentication_error", "`username`")
    for body in ([], "x", 5, {"username": 5, "password": "x"}):
        assert_error(world.anonymous.post("login", json=body), "post_request_error")


@pytest.mark.promise("login.password-validity")
def test_an_expired_password_gives_no_access(world: Any) -> None:
    body = {"username": "brief", "password": PASSWORD, "validityPasswordDays": 2}
    ok(world.acme.admin.api.post("users", json=body))
    api = ApiClient(ok(login(world.anonymous, "acme", "brief", PASSWORD))["token"])
    ok(api.get("models"))
    user = type(world.acme.owner).objects.get(username="brief")
    user.password_changed = now() - timedelta(days=2, seconds=1)
    user.save()
    assert_error(login(world.anonymous, "acme", "brief", PASSWORD), "authentication_error", EXPIRED)
    assert_error(ApiClient(authentication.issue_token(user)).get("models"), "authentication_error", EXPIRED)
    assert_error(ApiClient(authentication.issue_token(user)).put("login"), "authentication_error", EXPIRED)
    assert_error(login(world.anonymous, "acme", "brief", "wrong"), "authentication_error", INCORRECT)
    ok(world.acme.admin.api.put("users/brief", json={"password": "Another1!x"}))
    ok(login(world.anonymous, "acme", "brief", "Another1!x"))


@pytest.mark.promise("login.password-validity")
def test_a_password_without_a_validity_never_expires(world: Any) -> None:
    owner = world.acme.owner
    owner.password_changed = now() - timedelta(days=20_000)
    owner.save()
    ok(login(world.anonymous, "acme", "owner", PASSWORD))


@pytest.mark.promise("login.refused", "login.unknown-user")
@pytest.mark.parametrize("username", ["owner", "imported", "nobody"])
def test_a_refused_login_hashes_equally_for_every_username(world: Any, monkeypatch: Any, username: str) -> None:
    hashed = ImportedHasher().encode("Another1!x", ImportedHasher().salt())  # type: ignore[arg-type]
    kept = {"password": hashed}
    create_user(tenant=world.acme.tenant, username="imported", password="", check_strength=False, kept=kept)
    done: list[str] = []
    for hasher, methods in {PasswordHasher: ("encode", "verify"), ImportedHasher: ("encode",)}.items():
        for method in methods:
            monkeypatch.setattr(hasher, method, _noted(getattr(hasher, method), done))
    assert_error(login(world.anonymous, "acme", username, "wrong"), "authentication_error")
    assert sorted(done) == ["argon2", "bcrypt"]


def _noted(method: Any, done: list[str]) -> Any:
    def noting(self: Any, *args: Any, **kwargs: Any) -> Any:
        done.append(self.algorithm)
        return method(self, *args, **kwargs)

    return noting
