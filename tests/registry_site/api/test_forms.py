"""Bodies that are forms, which the original's clients may send instead of a flat JSON object."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tenants.log import recording
from tenants.models import RequestLog
from tests.answers import assert_error, login, ok
from tests.client import ApiResponse, BrowserClient

FORM = "application/x-www-form-urlencoded"


def _send(api: Any, method: str, path: str, fields: Any) -> ApiResponse:
    data = fields if isinstance(fields, bytes) else urlencode(fields)
    answer: ApiResponse = api.request(method, path, data=data, content_type=FORM)
    return answer


@pytest.mark.promise("bodies.forms", "login.answer")
@pytest.mark.parametrize("path", ["login", "/login"])
def test_a_login_can_be_sent_as_a_form(world: Any, path: str) -> None:
    fields = {"tenant": "acme", "username": "owner", "password": world.password}
    answer = ok(_send(world.anonymous, "post", path, fields))
    assert answer["user"]["_id"] == world.acme.owner.pk
    ok(world.anonymous.get("models", headers={"Authorization": answer["token"]}))


@pytest.mark.promise("bodies.forms")
def test_users_tags_tenants_and_items_without_lists_can_be_sent_as_forms(world: Any) -> None:
    admin, owner = world.acme.admin.api, world.acme.owner.api
    user = {"username": "né w+&=", "password": "Passw0rd!x", "email": "new@acme.example", "role": "admin"}
    assert ok(_send(admin, "post", "users", user))["role"] == "admin"
    ok(login(world.anonymous, "acme", user["username"], user["password"]))
    assert ok(_send(admin, "post", "tags", {"_id": "5"}))["_id"] == "5"
    model = ok(_send(owner, "post", "models", {"name": "true", "visibility": "public", "status": "test"}))
    assert (model["name"], model["visibility"], model["status"]) == ("true", "public", "test")
    assert ok(_send(owner, "put", f"models/{model['_id']}", {"visibility": "private"}))["visibility"] == "private"
    tenant = {"_id": "formal", "email": "f@formal.example", "passwordhash": "true", "phone": ""}
    assert ok(_send(world.operator, "post", "tenants", tenant))["passwordhash"] is True


@pytest.mark.promise("bodies.forms")
def test_values_of_a_form_stay_texts(world: Any) -> None:
    user = {"username": "late", "password": "Passw0rd!x", "validityPasswordDays": "5"}
    assert_error(_send(world.acme.admin.api, "post", "users", user), "post_request_error", "validityPasswordDays")
    assert_error(
        _send(world.acme.owner.api, "post", "models", {"name": "m", "tags": "t"}), "post_request_error", "tags"
    )


@pytest.mark.promise("bodies.forms", "errors.any-body")
@pytest.mark.parametrize(
    ("body", "error", "details"),
    [
        (b"name=a&name=b", "generic_request_error", "each field only once"),
        (b"name=%FF", "generic_request_error", "UTF-8"),
        (b"name=\xff", "generic_request_error", "UTF-8"),
        (b"&".join(b"%d=" % number for number in range(50_001)), "generic_request_error", "fields"),
        (b'{"name": "m"}', "unsupported_media_type", "application/json"),
        (b'[{"name": "m"}]', "unsupported_media_type", "application/json"),
        (b"", "missing_info", ""),
        (b"=x", "post_request_error", "`name`"),
        (b"colour=red", "post_request_error", "`name`"),
        (b"name=%00", "post_request_error", "name"),
    ],
)
def test_a_malformed_form_is_refused(world: Any, body: bytes, error: str, details: str) -> None:
    assert_error(_send(world.acme.owner.api, "post", "models", body), error, details)


@pytest.mark.promise("bodies.forms", "errors.too-large")
def test_a_form_above_the_limit_is_refused(world: Any, settings: Any) -> None:
    settings.MAX_BODY_SIZE = 1000
    ok(_send(world.acme.owner.api, "post", "models", {"name": "small"}))
    assert_error(_send(world.acme.owner.api, "post", "models", {"name": "x" * 1000}), "payload_too_large")


@pytest.mark.promise("bodies.forms", "log.secrets")
def test_the_log_has_no_secret_of_a_form(world: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LOG = True
    writer = recording.Writer()
    monkeypatch.setattr(writer, "start", lambda: None)
    monkeypatch.setattr(recording, "writer", writer)
    monkeypatch.setattr(recording, "close_old_connections", lambda: None)
    ok(_send(world.anonymous, "post", "login", {"tenant": "acme", "username": "owner", "password": world.password}))
    writer.flush()
    told = RequestLog.objects.get(url="/v1/login").contents
    assert '"username": "owner"' in told
    assert world.password not in told


@pytest.mark.promise("bodies.forms", "browser.csrf")
def test_a_form_from_another_site_changes_nothing(world: Any) -> None:
    browser = BrowserClient("acme", "owner", world.password)
    for headers in ({"X-CSRFToken": ""}, {"Origin": "https://evil.example"}):
        data = urlencode({"name": "forged", "csrfmiddlewaretoken": browser.csrf_token * (not headers.get("Origin"))})
        answer = browser.post("models", data=data, content_type=FORM, headers=headers)
        assert_error(answer, "restricted_access_create", "CSRF")
    assert ok(browser.get("models"))["totalDocs"] == 0
