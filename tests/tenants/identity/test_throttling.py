"""Failed attempts at passwords and tokens are limited."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.identity.login import PENDING_TIMEOUT
from tenants.models import FailedAttempt
from tenants.rows.fields import now
from tests.answers import assert_error, login, ok
from tests.client import ApiClient
from tests.engines import Server
from tests.served import ADMIN_PASSWORD, Served
from tests.talk import UNSHARED, administrator, at_once

PASSWORD = "Passw0rd!x"
WRITES = re.compile("insert|update|delete", re.IGNORECASE)


@pytest.mark.promise("login.throttle-account")
def test_failed_logins_block_the_account_for_a_while(world: Any, settings: Any) -> None:
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
def test_the_account_is_unblocked_after_the_window(world: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LOGIN_FAILURES_LIMIT = 1
    login(world.anonymous, "acme", "owner", "wrong")
    assert_error(login(world.anonymous, "acme", "owner", PASSWORD), "too_many_requests")
    later = now() + timedelta(seconds=settings.LOGIN_FAILURES_WINDOW + 1)
    monkeypatch.setattr("tenants.identity.login.now", lambda: later)
    ok(login(world.anonymous, "acme", "owner", PASSWORD))


@pytest.mark.promise("login.throttle-address")
def test_failed_logins_block_the_address_for_a_while(world: Any, settings: Any) -> None:
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


@pytest.mark.promise("login.throttle-account")
def test_a_throttled_login_takes_no_lock(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT = 1
    assert_error(login(world.anonymous, "acme", "owner", "wrong"), "authentication_error")
    with CaptureQueriesContext(connection) as captured:
        assert_error(login(world.anonymous, "acme", "owner", "wrong"), "too_many_requests")
    assert len(captured.captured_queries) == 1
    assert not WRITES.search(captured.captured_queries[0]["sql"])


@pytest.mark.promise("tenants.api-token-stays")
def test_failures_of_an_address_do_not_block_the_operator(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_ADDRESS_LIMIT = 3
    for _ in range(4):
        login(world.anonymous, "acme", "owner", "wrong")
    assert_error(ApiClient("guess").get("tenants"), "too_many_requests")
    with CaptureQueriesContext(connection) as captured:
        ok(world.operator.get("tenants"))
    writes = [query["sql"] for query in captured.captured_queries if WRITES.search(query["sql"])]
    assert captured.captured_queries
    assert writes == []


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
def test_an_ipv6_network_counts_as_one_address(world: Any, settings: Any, first: str, second: str, same: bool) -> None:
    settings.LOGIN_FAILURES_ADDRESS_LIMIT = 1
    assert ApiClient("guess").get("tenants", REMOTE_ADDR=first).status_code == 401
    assert ApiClient("guess").get("tenants", REMOTE_ADDR=second).status_code == (429 if same else 401)


@pytest.mark.promise("login.throttle-account", "login.throttle-address")
def test_successful_logins_do_not_count(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT = settings.LOGIN_FAILURES_ADDRESS_LIMIT = 1
    for _ in range(3):
        ok(login(world.anonymous, "acme", "owner", PASSWORD))
        ok(world.operator.get("tenants"))


@pytest.mark.promise("login.throttle-account")
def test_only_an_invalid_link_counts_as_a_failed_reset(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_ADDRESS_LIMIT = 1
    weak = {"tenant": "acme", "reset": "x", "password": "weak"}
    for _ in range(2):
        assert_error(world.anonymous.put("self", json=weak), "put_request_error")
    assert_error(world.anonymous.put("self", json=weak | {"password": PASSWORD}), "reset_invalid")
    assert_error(world.anonymous.put("self", json=weak | {"password": PASSWORD}), "too_many_requests")


@pytest.mark.promise("login.throttle-account")
def test_an_attempt_interrupted_by_a_crash_counts_as_failed(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT = 1
    begun = now() - PENDING_TIMEOUT
    FailedAttempt.objects.create(key="account acme/owner", place=0, pending=True, timestamp=begun)
    assert_error(login(world.anonymous, "acme", "owner", PASSWORD), "too_many_requests")


MANY, LIMIT, ADDRESS_LIMIT = 30, 3, 8


@pytest.fixture(scope="module")
def guessed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A registry with low limits that trusts the addresses that tests send, and has MANY users.

    Passwords of existing users take the longest to check.
    """
    limits = {"LOGIN_FAILURES_LIMIT": str(LIMIT), "LOGIN_FAILURES_ADDRESS_LIMIT": str(ADDRESS_LIMIT)}
    folder: Path = tmp_path_factory.mktemp("guessed")
    with Served.on(server, folder, TRUSTED_PROXIES="127.0.0.1", WORKERS="2", **limits) as registry:
        with administrator(registry) as client:
            ok(client.post("/users", json=[{"username": f"user-{n}", "password": PASSWORD} for n in range(MANY)]))
        yield registry


def _burst(registry: Served, method: str, path: str, address: str, *tries: dict[str, Any]) -> Counter[int]:
    """Send the request MANY times concurrently, cycling through `tries`; count the statuses of the answers."""
    together = Barrier(MANY)

    def send(index: int) -> int:
        options = {"headers": {}} | tries[index % len(tries)]
        options["headers"] = options["headers"] | {"X-Forwarded-For": address.format(index)}
        together.wait()
        return client.request(method, f"/v1/{path}", **options).status_code

    limits = httpx.Limits(max_connections=MANY)
    with httpx.Client(base_url=registry.base_url, headers=UNSHARED, timeout=120, limits=limits) as client:
        return Counter(at_once(send, MANY))


def _login(username: str, password: str) -> dict[str, Any]:
    return {"json": {"username": username, "password": password}}


@pytest.mark.promise("login.throttle-account")
def test_concurrent_wrong_logins_count_toward_the_limit_of_the_account(guessed: Served) -> None:
    answers = _burst(guessed, "POST", "login", "198.51.100.{}", _login("user-0", "wrong"))
    assert answers == {401: LIMIT, 429: MANY - LIMIT}


@pytest.mark.promise("login.throttle-address")
@pytest.mark.parametrize(
    ("method", "path", "tries", "status"),
    [
        ("POST", "login", [_login(f"user-{n}", "wrong") for n in range(MANY)], 401),
        ("GET", "tenants", [{"headers": {"Authorization": f"guess-{n}"}} for n in range(MANY)], 401),
        ("PUT", "self", [{"json": {"reset": f"guess-{n}", "password": PASSWORD}} for n in range(MANY)], 403),
        ("POST", "self/reset", [{"json": {"email": f"u{n}@x.example"}} for n in range(MANY)], 200),
    ],
    ids=["logins", "api-tokens", "resets", "mails"],
)
def test_concurrent_guesses_count_toward_the_limit_of_the_address(
    guessed: Served, method: str, path: str, tries: list[dict[str, Any]], status: int
) -> None:
    address = f"203.0.113.{len(method + path)}"
    assert _burst(guessed, method, path, address, *tries) == {status: ADDRESS_LIMIT, 429: MANY - ADDRESS_LIMIT}


@pytest.mark.promise("login.throttle-account", "login.throttle-address")
def test_concurrent_right_secrets_wait_for_each_other_and_do_not_count(guessed: Served) -> None:
    answers = _burst(guessed, "POST", "login", "192.0.2.1", _login("admin", ADMIN_PASSWORD))
    assert answers == {200: MANY}, guessed.output[-5000:]
    token = {"headers": {"Authorization": guessed.api_token}}
    assert _burst(guessed, "GET", "tenants", "192.0.2.1", token) == {200: MANY}
