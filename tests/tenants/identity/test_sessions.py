"""Browser sessions: the same rights as a token, and separate for the API and the admin site."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session

from tenants.identity import deletions, services
from tenants.models import User
from tenants.rows.fields import now
from tests.answers import assert_error, ok
from tests.catalog.items import create
from tests.client import ApiClient, BrowserClient

PASSWORD = "Passw0rd!x"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def browser(world: Any) -> BrowserClient:
    """A browser in which acme's owner logged in."""
    return BrowserClient("acme", "owner", PASSWORD)


@pytest.mark.promise("browser.login")
def test_a_browser_that_logged_in_uses_the_api_as_the_user(world: Any, browser: BrowserClient) -> None:
    item = create(browser, name="made in a browser")
    assert item["owner_username"] == "owner"
    ok(browser.put(f"models/{item['_id']}", json={"tags": {"add": ["t"]}}))
    ok(browser.upload(f"models/{item['_id']}/versions", "a.bin", b"form"))
    ok(browser.put(f"models/{item['_id']}/versions/b.bin", data=b"body", content_type="application/octet-stream"))
    assert browser.get(f"models/{item['_id']}/versions/a.bin").body() == b"form"
    ok(browser.delete(f"models/{item['_id']}"))


@pytest.mark.promise("browser.login")
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"password": "wrong"}, "Incorrect username or password"),
        ({"username": "nobody"}, "Incorrect username or password"),
        ({"tenant": "rival", "username": "shared"}, "Incorrect username or password"),
        ({"tenant": "nowhere"}, "Incorrect tenant"),
    ],
)
def test_a_wrong_login_shows_the_message_of_the_api(world: Any, fields: dict[str, str], words: str) -> None:
    browser = BrowserClient()
    answer = browser.log_in(**({"tenant": "acme", "username": "owner", "password": PASSWORD} | fields))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"]
    assert words in answer.body().decode()
    assert_error(browser.get("models"), "authentication_error")


@pytest.mark.promise("browser.login")
def test_an_empty_form_shows_an_error(world: Any) -> None:
    answer = BrowserClient().log_in("acme", "", "")
    assert answer.status_code == 401
    assert "Path `username` is required" in answer.body().decode()


@pytest.mark.promise("browser.login", "login.throttle-account")
def test_failed_attempts_in_the_form_are_limited_as_in_the_api(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT = 3
    browser = BrowserClient()
    for _ in range(3):
        assert browser.log_in("acme", "owner", "wrong").status_code == 401
    answer = browser.log_in("acme", "owner", PASSWORD)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    login = {"tenant": "acme", "username": "owner", "password": PASSWORD}
    assert_error(world.anonymous.post("login", json=login), "too_many_requests")


@pytest.mark.promise("browser.csrf")
@pytest.mark.parametrize("token", ["", "x", "a" * 32, "b" * 64])
def test_a_change_without_a_csrf_token_is_refused(world: Any, browser: BrowserClient, token: str) -> None:
    item = create(browser)
    path, headers = f"models/{item['_id']}", {"X-CSRFToken": token}
    assert_error(browser.post("models", json={"name": "forged"}, headers=headers), "restricted_access_create", "CSRF")
    assert_error(browser.put(path, json={"visibility": "public"}, headers=headers), "restricted_access_modify", "CSRF")
    assert_error(browser.delete(path, headers=headers), "restricted_access_delete", "CSRF")
    assert_error(browser.upload(f"{path}/versions", "a.bin", b"x", headers=headers), "restricted_access_create", "CSRF")
    assert ok(browser.get("models"))["docs"] == [item]


@pytest.mark.promise("browser.csrf")
def test_a_change_from_another_site_is_refused(world: Any, browser: BrowserClient) -> None:
    headers = {"Origin": "https://evil.example"}
    assert_error(browser.post("models", json={"name": "forged"}, headers=headers), "restricted_access_create", "Origin")
    ok(browser.post("models", json={"name": "ours"}, headers={"Origin": "http://testserver"}))


@pytest.mark.promise("browser.csrf")
@pytest.mark.parametrize("path", ["/login.html", "/logout.html"])
def test_login_and_logout_forms_need_a_csrf_token(world: Any, browser: BrowserClient, path: str) -> None:
    answer = browser.submit(path, csrfmiddlewaretoken="", tenant="rival", username="owner", password=PASSWORD)
    assert answer.status_code == 403
    assert "reload it" in answer.body().decode()
    assert ok(browser.get("users/owner"))["_id"] == world.acme.owner.pk


@pytest.mark.promise("browser.session-key")
def test_a_login_gets_a_new_session_and_csrf_token(world: Any) -> None:
    browser = BrowserClient()
    browser.client.session.save()
    planted = browser.client.session
    planted["planted"] = True
    planted.save()
    browser.client.cookies["sessionid"] = str(planted.session_key)
    browser.page("/login.html")
    before = browser.csrf_token
    browser.log_in("acme", "owner", PASSWORD)
    assert browser.client.cookies["sessionid"].value != planted.session_key
    assert browser.csrf_token != before
    victim = BrowserClient()
    victim.client.cookies["sessionid"] = str(planted.session_key)
    assert_error(victim.get("models"), "authentication_error")


@pytest.mark.promise("browser.session-key", "errors.any-body")
@pytest.mark.parametrize("key", ['"\\000bcdefghijklmnop"', "x" * 32 + "/", "X" * 32, "\u00e9" * 32, "x" * 5000])
@pytest.mark.parametrize("path", ["/v1/models", "/login.html", "/admin/"])
def test_a_malformed_session_id_is_ignored(world: Any, key: str, path: str) -> None:
    answers = [world.anonymous.get(path, HTTP_COOKIE=cookie) for cookie in ("", f"sessionid={key}")]
    assert answers[0].status_code == answers[1].status_code < 500


@pytest.mark.promise("browser.session-key")
def test_cookies_are_inaccessible_to_scripts_and_other_sites(world: Any, browser: BrowserClient) -> None:
    cookie = browser.client.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


@pytest.mark.promise("browser.void")
def test_a_new_password_ends_the_login(world: Any, browser: BrowserClient) -> None:
    ok(browser.get("models"))
    services.update_user(user=world.acme.owner, password="An0ther-one!")
    assert_error(browser.get("models"), "authentication_error", "log in again")


@pytest.mark.promise("browser.void")
def test_an_expired_password_ends_the_login(world: Any, browser: BrowserClient) -> None:
    changed = now() - timedelta(days=3)
    User.objects.filter(pk=world.acme.owner.pk).update(password_changed=changed)
    late = BrowserClient("acme", "owner", PASSWORD)
    User.objects.filter(pk=world.acme.owner.pk).update(validity_days=2)
    assert_error(late.get("models"), "authentication_error", "Password validity expired")


@pytest.mark.promise("browser.void")
def test_the_login_ends_with_the_user_and_with_the_tenant(world: Any) -> None:
    other, rival = BrowserClient("acme", "other", PASSWORD), BrowserClient("rival", "owner", PASSWORD)
    User.objects.filter(pk=world.acme.other.pk).update(is_active=False)
    deletions.delete_tenant(tenant=world.rival.tenant)
    for browser in (other, rival):
        assert_error(browser.get("models"), "authentication_error", "log in again")


@pytest.mark.promise("browser.logout")
def test_logging_out_ends_the_login_even_with_a_kept_cookie(world: Any, browser: BrowserClient) -> None:
    kept = browser.client.cookies["sessionid"].value
    assert "You are logged out" in browser.submit("/logout.html").body().decode()
    assert_error(browser.get("models"), "authentication_error")
    thief = BrowserClient()
    thief.client.cookies["sessionid"] = kept
    assert_error(thief.get("models"), "authentication_error")


@pytest.mark.promise("browser.next")
@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/v1/datasets?filter=%7B%7D", "/v1/datasets?filter=%7B%7D"),
        ("", "/v1/models"),
        ("https://evil.example/", "/v1/models"),
        ("//evil.example/", "/v1/models"),
        ("/\\evil.example", "/v1/models"),
        ("///evil.example", "/v1/models"),
        ("javascript:alert(1)", "/v1/models"),
        ("v1/datasets", "/v1/models"),
    ],
)
def test_a_login_redirects_only_within_the_registry(world: Any, wanted: str, target: str) -> None:
    assert BrowserClient().log_in("acme", "owner", PASSWORD, next=wanted).headers["Location"] == target


@pytest.mark.promise("browser.token-wins")
def test_a_token_takes_precedence_over_the_session(world: Any, browser: BrowserClient) -> None:
    token = world.rival.owner.api.token
    found = ok(browser.get("users/owner", headers={"Authorization": token}))
    assert found["_id"] == world.rival.owner.pk
    assert_error(browser.get("models", headers={"Authorization": "nonsense"}), "authentication_error")


@pytest.mark.promise("browser.token-wins", "browser.cookies")
def test_a_call_with_a_token_neither_reads_nor_sets_a_cookie(world: Any, browser: BrowserClient) -> None:
    browser.client.cookies["csrftoken"] = "malformed"
    for path in ("models", "version", "models/nothing", "nothing"):
        answer = browser.get(path, headers={"Authorization": world.acme.owner.api.token})
        assert "Cookie" not in answer.headers["Vary"]
        assert not answer.response.cookies, path
    create(ApiClient(world.acme.owner.api.token), name="needs no CSRF token")


@pytest.mark.promise("browser.csrf", "browser.token-wins")
@pytest.mark.parametrize("empty", ["", " ", "Bearer ", "JWT  "])
def test_an_authorization_without_a_token_leaves_the_session_and_its_csrf_check(
    world: Any, browser: BrowserClient, empty: str
) -> None:
    headers = {"Authorization": empty}
    answer = browser.get("models", headers=headers)
    assert ok(answer)["totalDocs"] == 0
    assert "Cookie" in answer.headers["Vary"]
    refused = browser.post("models", json={"name": "forged"}, headers=headers | {"X-CSRFToken": ""})
    assert_error(refused, "restricted_access_create", "CSRF")


@pytest.mark.promise("browser.csrf")
@pytest.mark.parametrize("path", ["/admin/", "/login.html", "/logout.html", "/reset.html"])
def test_a_token_does_not_switch_off_the_checks_of_a_page(world: Any, browser: BrowserClient, path: str) -> None:
    token = {"Authorization": world.acme.owner.api.token}
    plain, sent = (browser.post(path, data=b"a=b", content_type=FORM, headers=more) for more in ({}, token))
    assert (plain.status_code, plain.headers["Vary"]) == (sent.status_code, sent.headers["Vary"])


@pytest.mark.promise("browser.api-token")
def test_a_login_gives_no_access_to_the_operators_routes(world: Any) -> None:
    browser = BrowserClient("acme", "admin", PASSWORD)
    assert_error(browser.get("tenants"), "authentication_error")
    assert_error(browser.delete("tenants/rival"), "authentication_error")
    assert_error(browser.put("login"), "authentication_error")


@pytest.fixture
def superuser(world: Any) -> User:
    user: User = User.objects.create_superuser("root", PASSWORD)
    return user


@pytest.mark.promise("browser.admin-apart")
def test_a_login_to_the_admin_site_gives_no_access_to_the_api(superuser: User) -> None:
    browser = BrowserClient()
    browser.client.force_login(superuser)
    assert browser.client.get("/admin/").status_code == 200
    assert_error(browser.get("models"), "authentication_error")
    assert_error(browser.post("models", json={"name": "x"}), "authentication_error")


@pytest.mark.promise("browser.admin-apart")
def test_a_tenants_administrator_has_no_access_to_the_admin_site(world: Any) -> None:
    browser = BrowserClient("acme", "admin", PASSWORD)
    assert browser.client.get("/admin/").status_code == 302
    forced = BrowserClient()
    forced.client.force_login(world.acme.admin)
    assert forced.client.get("/admin/").status_code == 302


@pytest.mark.promise("browser.admin-apart")
def test_a_superuser_does_not_log_in_as_a_user_of_a_tenant(superuser: User) -> None:
    assert BrowserClient().log_in("acme", "root", PASSWORD).status_code == 401
    assert BrowserClient().log_in("", "root", PASSWORD).status_code == 401


@pytest.mark.promise("browser.void")
def test_the_session_expires(world: Any, browser: BrowserClient, settings: Any) -> None:
    session = Session.objects.get(pk=browser.client.cookies["sessionid"].value)
    lasts = session.expire_date - now()
    assert timedelta(0) < lasts <= timedelta(seconds=settings.SESSION_COOKIE_AGE)
    Session.objects.filter(pk=session.pk).update(expire_date=now() - timedelta(seconds=1))
    assert_error(browser.get("models"), "authentication_error")
    BrowserClient("acme", "owner", PASSWORD)
    assert not Session.objects.filter(pk=session.pk).exists()
