"""Guessing passwords and tokens is slowed."""

from datetime import timedelta
from typing import Any

import pytest

from tenants.fields import now
from tests.answers import assert_error, login, ok
from tests.client import ApiClient

PASSWORD = "Passw0rd!x"


@pytest.mark.promise("login.throttle-account")
def test_failed_logins_shut_the_account_for_a_while(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT = 3
    for _ in range(3):
        assert_error(login(world.anonymous, "acme", "owner", "wrong"), "authentication_error")
    assert_error(login(world.anonymous, "acme", "owner", PASSWORD), "too_many_requests")
    for tenant, username in (("acme", "other"), ("rival", "owner")):
        ok(login(world.anonymous, tenant, username, PASSWORD))
    ok(world.acme.owner.api.get("models"))


@pytest.mark.promise("login.throttle-account")
def test_failures_of_an_account_count_from_every_address(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT = 3
    body = {"tenant": "acme", "username": "owner", "password": "wrong"}
    for number in range(3):
        world.anonymous.post("login", json=body, REMOTE_ADDR=f"10.0.0.{number}")
    assert_error(world.anonymous.post("login", json=body, REMOTE_ADDR="10.0.0.9"), "too_many_requests")


@pytest.mark.promise("login.throttle-account")
def test_an_unknown_user_is_throttled_like_a_known_one(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT = 2
    answers = {
        username: [login(world.anonymous, "acme", username, "wrong").status_code for _ in range(3)]
        for username in ("owner", "nobody")
    }
    assert answers == {"owner": [401, 401, 429], "nobody": [401, 401, 429]}


@pytest.mark.promise("login.throttle-account")
def test_the_account_opens_again_after_the_window(world: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LOGIN_FAILURES_LIMIT = 1
    login(world.anonymous, "acme", "owner", "wrong")
    assert_error(login(world.anonymous, "acme", "owner", PASSWORD), "too_many_requests")
    later = now() + timedelta(seconds=settings.LOGIN_FAILURES_WINDOW + 1)
    monkeypatch.setattr("tenants.attempts.now", lambda: later)
    ok(login(world.anonymous, "acme", "owner", PASSWORD))


@pytest.mark.promise("login.throttle-address")
def test_failed_logins_shut_the_address_for_a_while(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_ADDRESS_LIMIT = 4
    for username in ("owner", "shared", "other", "nobody"):
        body = {"tenant": "acme", "username": username, "password": "wrong"}
        assert_error(world.anonymous.post("login", json=body, REMOTE_ADDR="10.0.0.1"), "authentication_error")
    good = {"tenant": "acme", "username": "admin", "password": PASSWORD}
    assert_error(world.anonymous.post("login", json=good, REMOTE_ADDR="10.0.0.1"), "too_many_requests")
    ok(world.anonymous.post("login", json=good, REMOTE_ADDR="10.0.0.2"))


@pytest.mark.promise("login.throttle-address")
def test_guesses_of_the_api_token_are_throttled_too(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_ADDRESS_LIMIT = 2
    answers = [ApiClient(f"guess-{n}").get("tenants", REMOTE_ADDR="10.0.0.1").status_code for n in range(3)]
    assert answers == [401, 401, 429]
    ok(world.operator.get("tenants", REMOTE_ADDR="10.0.0.2"))


@pytest.mark.promise("login.throttle-address")
@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("not an address", "not an address", True),
    ],
)
def test_who_has_one_address_of_ipv6_has_its_network(
    world: Any, settings: Any, first: str, second: str, same: bool
) -> None:
    settings.LOGIN_FAILURES_ADDRESS_LIMIT = 1
    assert ApiClient("guess").get("tenants", REMOTE_ADDR=first).status_code == 401
    assert ApiClient("guess").get("tenants", REMOTE_ADDR=second).status_code == (429 if same else 401)


@pytest.mark.promise("login.throttle-account", "login.throttle-address")
def test_success_costs_nothing(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT = settings.LOGIN_FAILURES_ADDRESS_LIMIT = 1
    for _ in range(3):
        ok(login(world.anonymous, "acme", "owner", PASSWORD))
        ok(world.operator.get("tenants"))
