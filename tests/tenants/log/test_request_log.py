"""The request log: contents, secrets, access, failures of the database."""

import json
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from django.db import OperationalError

from tenants.identity.machine_tokens import create_token
from tenants.log import recording as request_log
from tenants.log.entries import URL_LIMIT, Answered, contents_of
from tenants.models import PasswordReset, RequestLog
from tenants.rows.fields import now
from tests.answers import assert_error, login, ok
from tests.catalog.items import create
from tests.client import ApiClient

PASSWORD = "Passw0rd!x"
FIELDS = {"_id", "date", "user", "method", "url", "status", "duration_ms", "contents"}
Entries = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def entries(world: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Entries:
    """Enable the log; a call writes the waiting entries and returns those of acme, newest first."""
    settings.LOG = True
    writer = request_log.Writer()
    monkeypatch.setattr(writer, "start", lambda: None)
    monkeypatch.setattr(request_log, "writer", writer)
    monkeypatch.setattr(request_log, "close_old_connections", lambda: None)

    def read(api: ApiClient | None = None, **query: Any) -> list[dict[str, Any]]:
        writer.flush()
        docs: list[dict[str, Any]] = ok((api or world.acme.admin.api).get("log", query=query))["docs"]
        return docs

    return read


@pytest.mark.promise("log.entries")
def test_an_entry_has_user_request_status_and_time(world: Any, entries: Entries) -> None:
    before = now()
    created = create(world.acme.owner.api, name="logged")
    ok(world.acme.owner.api.get("models", query={"limit": "5"}))
    world.acme.owner.api.delete("models/nothing")
    deleted, listed, made = entries()
    who = {"_id": world.acme.owner.pk, "username": "owner"}
    assert set(made) >= FIELDS
    assert [(e["method"], e["url"], e["status"]) for e in (made, listed, deleted)] == [
        ("POST", "/v1/models", 200),
        ("GET", "/v1/models?limit=5", 200),
        ("DELETE", "/v1/models/nothing", 404),
    ]
    assert [entry["user"] for entry in (made, listed, deleted)] == [who] * 3
    assert before.isoformat()[:19] <= made["date"][:19] <= now().isoformat()[:19]
    assert 0 < made["duration_ms"] < 10_000
    assert created["name"] in made["contents"]


@pytest.mark.promise("log.entries")
def test_entries_are_newest_first_and_include_reads_of_the_log(world: Any, entries: Entries) -> None:
    for number in range(3):
        world.acme.owner.api.get("models", query={"page": number + 1})
    assert [entry["url"][-6:] for entry in entries()] == ["page=3", "page=2", "page=1"]
    assert entries()[0]["url"] == "/v1/log"


@pytest.mark.promise("log.entries")
def test_health_checks_are_not_logged(world: Any, entries: Entries) -> None:
    for path in ("/healthz", "/healthz/"):
        world.anonymous.get(path)
    assert entries() == []
    assert RequestLog.objects.count() == 0


@pytest.mark.promise("log.entries", "filter.other-fields")
@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"method": "POST"}, 1),
        ({"status": {"$gte": 400}}, 1),
        ({"url": {"$regex": "^/v1/models"}}, 3),
        ({"url": "/v1/models"}, 2),
        ({"date": {"$gt": "2020-01-01T00:00:00.000Z"}}, 3),
        ({"date": {"$lt": "2020-01-01T00:00:00.000Z"}}, 0),
    ],
)
def test_the_log_is_filtered(world: Any, entries: Entries, filter: dict[str, Any], found: int) -> None:
    create(world.acme.owner.api)
    world.acme.owner.api.get("models")
    world.acme.owner.api.get("models/nothing")
    assert len(entries(filter=filter)) == found


@pytest.mark.promise("log.entries", "filter.other-fields")
def test_the_log_is_filtered_by_user(world: Any, entries: Entries) -> None:
    world.acme.owner.api.get("models")
    world.acme.other.api.get("models")
    found = entries(filter={"user": world.acme.other.pk})
    assert [entry["user"]["username"] for entry in found] == ["other"]
    response = world.acme.admin.api.get("log", query={"filter": {"contents": "x"}})
    assert_error(response, "get_request_error", "contents")


@pytest.mark.promise("log.who")
def test_administrators_see_the_requests_of_their_tenant_only(world: Any, entries: Entries) -> None:
    create(world.acme.owner.api, name="ours")
    create(world.rival.owner.api, name="theirs")
    world.anonymous.get("models")
    world.operator.get("tenants")
    login(world.anonymous, "rival", "owner", "wrong")
    assert ["ours" in entry["contents"] for entry in entries()] == [True]
    theirs = entries(world.rival.admin.api)
    assert {entry["url"] for entry in theirs} == {"/v1/models", "/v1/login"}
    assert not any("ours" in entry["contents"] for entry in theirs)


@pytest.mark.promise("log.who")
def test_failed_logins_are_logged_in_the_tenant_that_they_named(world: Any, entries: Entries) -> None:
    login(world.anonymous, "acme", "owner", "wr0ng-guess")
    (entry,) = entries()
    assert (entry["url"], entry["status"]) == ("/v1/login", 401)
    assert "wr0ng-guess" not in str(entry)


@pytest.mark.promise("log.who")
def test_only_administrators_read_the_log(world: Any) -> None:
    assert_error(world.acme.owner.api.get("log"), "only_administrator")
    assert_error(world.anonymous.get("log"), "authentication_error")
    assert_error(world.operator.get("log"), "authentication_error")


@pytest.mark.promise("log.secrets")
def test_secrets_are_blanked(world: Any, entries: Entries) -> None:
    secret = "S3cret!inside"
    token = world.acme.owner.api.token.removeprefix("JWT ")
    login(world.anonymous, "acme", "owner", secret)
    login(world.anonymous, "acme", "owner", PASSWORD)
    users = [{"username": "a", "password": secret}, {"username": "b", "PASSWORD": secret}]
    world.acme.admin.api.post("users", json=users)
    world.acme.shared.api.put("users/shared", json={"password": secret})
    world.acme.owner.api.get(f"models?token={token}&password={secret}")
    world.acme.owner.api.get(f"models?access_token={secret}&%70assword={secret}")
    world.operator.post("tenants", json={"_id": "new", "email": "a@b.example", "admin_password": secret})
    world.anonymous.put("self", json={"tenant": "acme", "reset": secret, "password": secret})
    world.acme.owner.api.post("models", json={"name": "x", "nested": [{"token": secret, "deep": {"reset": secret}}]})
    entries()
    kept = str(list(RequestLog.objects.values()))
    assert RequestLog.objects.count() >= 9
    for word in (secret, PASSWORD, token):
        assert word not in kept
    assert '"username"' in kept


@pytest.mark.promise("log.secrets", "tokens.secret")
def test_a_machine_token_is_blanked_wherever_it_was_sent_by_mistake(world: Any, entries: Entries) -> None:
    made = create_token(by=world.acme.owner, name="ci", scopes=["models:read"], expires=None)
    api, secret = ApiClient(f"Bearer {made.secret}"), made.secret
    ok(api.get("models", headers={"X-Token": secret, "Referer": f"http://x/{secret}"}))
    api.get(f"models/{secret}", query={"select": [secret], "filter": {"name": secret}, "page": secret})
    world.acme.owner.api.post("models", json={"name": secret, "tags": [f"x{secret}", secret], secret: secret})
    world.acme.owner.api.post("models", json={"description": "x" * 1960 + secret})
    entries()
    kept = str(list(RequestLog.objects.values()))
    assert RequestLog.objects.count() >= 4
    assert secret[3:23] not in kept


@pytest.mark.promise("log.secrets")
def test_bodies_that_are_not_json_are_not_logged(world: Any, entries: Entries) -> None:
    broken = b'{"username": "owner", "password": "S3cret!inside"'
    world.anonymous.post("login", data=broken, content_type="application/json")
    world.anonymous.post("login", data=broken, content_type="text/plain")
    path = f"models/{create(world.acme.owner.api)['_id']}/versions"
    world.acme.owner.api.upload(path, "f.bin", b"S3cret!inside")
    entries()
    assert RequestLog.objects.count() >= 4
    assert "S3cret!inside" not in str(list(RequestLog.objects.values()))


@pytest.mark.promise("log.cut")
def test_contents_are_truncated(world: Any, entries: Entries, settings: Any) -> None:
    settings.LOG_CONTENTS_LIMIT = 100
    create(world.acme.owner.api, tags=["x" * 200])
    create(world.acme.owner.api, name="other", tags=["è" * 200])
    assert [len(entry["contents"]) <= 100 for entry in entries()] == [True, True]
    settings.LOG_CONTENTS_LIMIT = 0
    create(world.acme.owner.api, name="third")
    assert entries()[0]["contents"] in ("", None) or entries()[1]["contents"] == ""


@pytest.mark.promise("log.cut")
def test_a_very_long_url_does_not_lose_the_entry(world: Any, entries: Entries) -> None:
    world.acme.owner.api.get("models", query={"filter": {"name": "x" * 20_000}})
    assert len(entries()) == 1


@pytest.mark.promise("log.kept")
def test_old_entries_are_deleted(world: Any, entries: Entries, settings: Any) -> None:
    settings.LOG_RETENTION_DAYS = 7
    for page in (1, 2):
        world.acme.owner.api.get("models", query={"page": page})
    newer, older = entries()
    RequestLog.objects.filter(pk=older["_id"]).update(date=now() - timedelta(days=7, minutes=1))
    RequestLog.objects.filter(pk=newer["_id"]).update(date=now() - timedelta(days=6, hours=23))
    request_log.writer.clean()
    assert set(RequestLog.objects.values_list("pk", flat=True)) & {newer["_id"], older["_id"]} == {newer["_id"]}


@pytest.mark.promise("log.harmless")
def test_an_error_of_the_log_fails_no_request(world: Any, entries: Entries, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr("tenants.log.recording.insert_rows", fail)
        patched.setattr("tenants.log.recording.connection.close", lambda: None)
        create(world.acme.owner.api)
        request_log.writer.flush()
    ok(world.acme.owner.api.get("models"))
    assert [entry["method"] for entry in entries()] == ["GET"]


@pytest.mark.promise("log.off")
def test_nothing_is_logged_when_the_log_is_off(world: Any, entries: Entries, settings: Any) -> None:
    settings.LOG = False
    create(world.acme.owner.api)
    assert entries() == []
    assert not ok(world.acme.owner.api.get("info"))["log"]


@pytest.mark.promise("log.entries", "log.who")
def test_a_login_to_an_unknown_tenant_is_logged(world: Any, entries: Entries) -> None:
    nowhere = [*(f"nowhere-{number}" for number in range(9)), "no tenant's name " + "x" * 200]
    for tenant in nowhere:
        login(world.anonymous, tenant, "owner", "wrong")
    world.anonymous.get("version")
    create(world.acme.owner.api, name="ours")
    create(world.rival.owner.api, name="theirs")
    assert ["ours" in entry["contents"] for entry in entries()] == [True]
    kept = RequestLog.objects.exclude(url="/v1/log").values_list("tenant_id", flat=True)
    assert sorted(kept, key=str) == [None] * 11 + ["acme", "rival"]


@pytest.mark.promise("log.entries")
def test_entries_of_a_tenant_that_is_deleted_concurrently_are_kept(world: Any, entries: Entries) -> None:
    create(world.rival.owner.api, name="theirs")
    create(world.acme.owner.api, name="ours")
    ok(world.operator.delete("tenants/rival"))
    assert [entry["method"] for entry in entries()] == ["POST"]
    kept = RequestLog.objects.exclude(url="/v1/log").values_list("method", "tenant_id")
    assert sorted(kept, key=str) == [("DELETE", None), ("POST", "acme"), ("POST", None)]


def _entry(**fields: Any) -> Answered:
    plain: dict[str, Any] = {"user_id": None, "username": "", "date": now(), "method": "GET", "path": "/", "query": ""}
    return Answered(**plain | {"status": 200, "duration_ms": 1.0, "contents": ""} | fields)


@pytest.mark.promise("log.entries")
@pytest.mark.parametrize("tenant", ["acme", None])
def test_an_invalid_entry_loses_no_other_entry(world: Any, entries: Entries, tenant: str | None) -> None:
    for number in range(9):
        request_log.writer.put(
            _entry(tenant_id=tenant, path=f"/{number}", duration_ms="no number" if number == 4 else 1)
        )
    request_log.writer.flush()
    kept = RequestLog.objects.filter(tenant_id=tenant).values_list("url", flat=True)
    assert sorted(kept) == [f"/{number}" for number in range(9) if number != 4]


@pytest.mark.promise("log.entries")
def test_entries_wait_while_the_database_is_unavailable(world: Any, entries: Entries, monkeypatch: Any) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("the server closed the connection")

    create(world.acme.owner.api)
    with monkeypatch.context() as patched:
        patched.setattr("tenants.log.recording.insert_rows", away)
        patched.setattr("tenants.log.recording.connection.close", lambda: None)
        request_log.writer.flush()
        assert len(request_log.writer.waiting) == 1
    assert [entry["method"] for entry in entries()] == ["POST"]


@pytest.mark.promise("log.entries")
@pytest.mark.parametrize(
    ("path", "kept"), [("models/a%00b", "%00"), ("models/a%0Ab", "%0A"), ("models/a%E2%80%AEb", "%E2%80%AE")]
)
def test_unprintable_characters_of_a_path_are_percent_encoded(
    world: Any, entries: Entries, path: str, kept: str
) -> None:
    create(world.acme.owner.api)
    world.acme.owner.api.get(path)
    entries()
    urls = list(RequestLog.objects.exclude(url="/v1/log").values_list("url", flat=True))
    assert sorted(urls) == ["/v1/models", f"/v1/models/a{kept}b"]


NAMES: tuple[str, ...] = (
    "newPassword",
    "new_password",
    "passwd",
    "PASSWD",
    "api_key",
    "apiKey",
    "API-KEY",
    "x-api-key",
    "secret",
)
NAMES += ("client_secret", "clientSecret", "refresh_token", "pwd", "passphrase", "Cookie", "sessionid", "pass", "auth")
NAMES += ("private_key", "aws_secret_access_key", "X-Amz-Signature", "sig", "Authorization", "\uff50assword")


@pytest.mark.promise("log.secrets")
@pytest.mark.parametrize("name", NAMES)
def test_secrets_are_recognized_by_parts_of_their_names(world: Any, entries: Entries, name: str) -> None:
    secret = "S3cret!inside"
    api = world.acme.owner.api
    api.post("models", json={"name": "visible", "nested": [{name: secret}, {"a": {name: {"inner": secret}}}]})
    api.put("users/owner", json={name: [secret]})
    for query in ({name: secret}, {"filter": {name: secret}}, {"filter": json.dumps({name: secret}) + "broken"}):
        api.get("models", query=query)
    api.get("models?" + "".join(f"%{byte:02X}" for byte in name.encode()) + "=S3cret!inside")
    login_form = {"tenant": "acme", "username": "owner", "password": "wrong", name: secret}
    world.anonymous.post("login", data=urlencode(login_form).encode(), content_type="application/x-www-form-urlencoded")
    entries()
    kept = str(list(RequestLog.objects.values()))
    assert RequestLog.objects.count() >= 7
    assert "S3cret" not in kept
    assert "visible" in kept


@pytest.mark.promise("log.secrets")
def test_values_that_are_not_secret_are_logged(world: Any, entries: Entries) -> None:
    query = {"filter": {"name": {"$regex": "secret"}}, "sort": {"name": 1}, "select": ["name", "owner"], "limit": "5"}
    world.acme.owner.api.get("models", query=query)
    (entry,) = entries()
    assert parse_qs(entry["url"].partition("?")[2])["filter"] == ['{"name": {"$regex": "secret"}}']


@pytest.mark.promise("log.cut")
def test_a_url_is_truncated(world: Any, entries: Entries) -> None:
    world.anonymous.get("models/" + "x" * 50_000)
    world.acme.owner.api.get("models", query={"filter": {"name": "x" * 50_000}})
    entries()
    assert [len(entry.url) for entry in RequestLog.objects.all()][:2] == [URL_LIMIT] * 2


@pytest.mark.promise("log.cut")
def test_a_long_text_is_processed_only_up_to_the_limit(settings: Any) -> None:
    settings.LOG_CONTENTS_LIMIT = 100
    body = {"x" * 10_000_000: "x" * 10_000_000, "more": ["y" * 10_000_000] * 50}
    tracemalloc.start()
    assert len(contents_of(SimpleNamespace(parsed=SimpleNamespace(contents=body)))) == 100  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


@pytest.mark.promise("self.purged")
def test_expired_reset_links_are_deleted_with_old_entries(world: Any) -> None:
    for digest, minutes in (("old", -1), ("good", 1)):
        expires = now() + timedelta(minutes=minutes)
        PasswordReset(digest=digest, user=world.acme.owner, expires=expires).save(force_insert=True)
    request_log.Writer().clean()
    assert list(PasswordReset.objects.values_list("digest", flat=True)) == ["good"]
