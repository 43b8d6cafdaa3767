"""Who did what, when and with which result, for the administrators of the tenant."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tenants import request_log
from tenants.fields import now
from tenants.models import RequestLog
from tests.answers import assert_error, login, ok
from tests.catalog.items import create
from tests.client import ApiClient

PASSWORD = "Passw0rd!x"
FIELDS = {"_id", "date", "user", "method", "url", "status", "duration_ms", "contents"}
Entries = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def entries(world: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Entries:
    """Turn the log on, written only when this is called; answers the entries of acme, newest first."""
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
def test_an_entry_tells_who_what_result_and_time(world: Any, entries: Entries) -> None:
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
def test_the_newest_come_first_and_reading_the_log_is_logged_too(world: Any, entries: Entries) -> None:
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
def test_the_log_is_closed_to_all_others(world: Any) -> None:
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


@pytest.mark.promise("log.secrets")
def test_bodies_that_are_not_json_are_not_kept(world: Any, entries: Entries) -> None:
    broken = b'{"username": "owner", "password": "S3cret!inside"'
    world.anonymous.post("login", data=broken, content_type="application/json")
    world.anonymous.post("login", data=broken, content_type="text/plain")
    path = f"models/{create(world.acme.owner.api)['_id']}/versions"
    world.acme.owner.api.upload(path, "f.bin", b"S3cret!inside")
    entries()
    assert RequestLog.objects.count() >= 4
    assert "S3cret!inside" not in str(list(RequestLog.objects.values()))


@pytest.mark.promise("log.cut")
def test_contents_are_cut(world: Any, entries: Entries, settings: Any) -> None:
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
def test_entries_are_forgotten_after_their_days(world: Any, entries: Entries, settings: Any) -> None:
    settings.LOG_RETENTION_DAYS = 7
    for page in (1, 2):
        world.acme.owner.api.get("models", query={"page": page})
    newer, older = entries()
    RequestLog.objects.filter(pk=older["_id"]).update(date=now() - timedelta(days=7, minutes=1))
    RequestLog.objects.filter(pk=newer["_id"]).update(date=now() - timedelta(days=6, hours=23))
    request_log.writer.clean()
    assert set(RequestLog.objects.values_list("pk", flat=True)) & {newer["_id"], older["_id"]} == {newer["_id"]}


@pytest.mark.promise("log.harmless")
def test_a_log_that_cannot_be_written_fails_no_request(
    world: Any, entries: Entries, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr("tenants.request_log.RequestLog.objects.bulk_create", fail)
        patched.setattr("tenants.request_log.connection.close", lambda: None)
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
