"""Every error has the contract's shape and reveals nothing internal."""

import errno
import json
from typing import Any

import pytest
from django.db import DatabaseError

from tests.answers import ERRORS, assert_error, ok
from tests.catalog.items import create
from tests.routes import METHODS, OVERRIDES, ROUTES

SECRET = "postgres://user:hunter2@db/registry"
MALFORMED = [
    b"{",
    b"{'name': 1}",
    b"[1,",
    b"nonsense",
    b'{"name": NaN}',
    b"\xff\xfe",
    b'{"name": "\\ud800"}',
    b"[" * 60_000,
]
BODIES = [
    ("post", "models"),
    ("post", "datasets"),
    ("post", "algorithms"),
    ("post", "users"),
    ("post", "tags"),
    ("post", "metadata"),
    ("put", "users/owner"),
    ("post", "login"),
    ("post", "self/reset"),
    ("put", "self"),
]


@pytest.mark.promise("errors.table")
def test_the_error_table_is_public_and_equals_the_contracts(world: Any) -> None:
    assert ok(world.anonymous.get("errors")) == ERRORS
    assert len(ERRORS) == 29


@pytest.mark.promise("errors.unknown-route", "errors.shape")
@pytest.mark.parametrize("path", ["/v2", "/v1/nothing", "/nothing/at/all", "/v1/%00", "/%ff"])
@pytest.mark.parametrize("method", METHODS[:1] + METHODS[2:])
def test_an_unknown_route_is_not_found_for_any_method(world: Any, path: str, method: str) -> None:
    assert_error(world.anonymous.request(method, path), "resource_not_found")


@pytest.mark.promise("errors.shape")
@pytest.mark.parametrize("query", [{"filter": '{"\\ud800": null}'}, {"sort": '{"\\ud800": 1}'}])
def test_an_error_can_quote_input_that_is_not_text(world: Any, query: dict[str, str]) -> None:
    assert_error(world.acme.owner.api.get("models", query=query), "get_request_error", "\\ud800")


@pytest.mark.promise("errors.method", "errors.shape")
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_an_unsupported_method_is_405_with_the_supported_ones(world: Any, route: Any) -> None:
    caller = world.operator if "tenants" in route.template else world.acme.admin.api
    for method in set(METHODS) - set(route.methods) - {"head", "options"}:
        response = caller.request(method, route.example)
        assert_error(response, "method_not_allowed")
        allowed = {each.strip().lower() for each in response.headers["Allow"].split(",")}
        assert set(route.methods) - OVERRIDES.get(route.name, set()) <= allowed
        assert method not in allowed


@pytest.mark.promise("errors.malformed-json", "errors.shape")
@pytest.mark.parametrize("content", MALFORMED, ids=lambda content: repr(content[:20]))
@pytest.mark.parametrize(("method", "path"), BODIES)
def test_malformed_json_is_refused(world: Any, method: str, path: str, content: bytes) -> None:
    response = world.acme.admin.api.request(method, path, data=content, content_type="application/json")
    assert_error(response, "generic_request_error")


@pytest.mark.promise("errors.malformed-json", "errors.shape")
@pytest.mark.parametrize("body", ["text", 5, True, 1.5, [[]], ["x"], [None], {"name": {}}, {"name": []}, {"_id": {}}])
@pytest.mark.parametrize(("method", "path"), BODIES)
def test_json_of_another_type_is_a_request_error_and_never_a_crash(
    world: Any, method: str, path: str, body: Any
) -> None:
    response = world.acme.admin.api.request(method, path, json=body)
    assert response.status_code in (202, 400, 401), response
    if response.status_code != 202:
        assert set(response.json()) == {"status", "value", "message", "details"}


@pytest.mark.promise("errors.shape")
@pytest.mark.parametrize("text", ["nul \x00 inside", "\x00"])
def test_text_that_a_database_cannot_store_is_refused(world: Any, text: str) -> None:
    api = world.acme.admin.api
    assert_error(api.post("models", json={"name": text}), "post_request_error")
    assert_error(api.post("tags", json={"_id": text}), "post_request_error")
    assert_error(api.post("users", json={"username": text, "password": "Passw0rd!x"}), "post_request_error")
    assert_error(api.post("models", json={"name": "m", "tags": [text]}), "post_request_error")
    assert_error(
        api.post("models", json={"name": "m", "metadata": [{"name": "n", "value": text}]}), "post_request_error"
    )


@pytest.mark.promise("errors.media-type")
@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data"])
def test_a_body_of_an_unsupported_type_is_refused(world: Any, content_type: str) -> None:
    for method, path in BODIES:
        response = world.acme.admin.api.request(method, path, data=b"name=x", content_type=content_type)
        assert_error(response, "unsupported_media_type")


@pytest.mark.promise("errors.too-large")
def test_a_body_above_the_limit_is_refused(world: Any, settings: Any) -> None:
    settings.MAX_BODY_SIZE = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    ok(world.acme.owner.api.post("models", json={"name": "small"}))
    assert_error(world.acme.owner.api.post("models", json={"name": "x" * 1000}), "payload_too_large")


@pytest.mark.promise("errors.too-large")
def test_a_file_above_the_limit_is_refused_and_nothing_is_stored(world: Any, settings: Any) -> None:
    settings.MAX_UPLOAD_SIZE = 100
    api = world.acme.owner.api
    path = f"models/{create(api)['_id']}"
    ok(api.upload(f"{path}/versions", "small.bin", b"x" * 100))
    assert_error(api.upload(f"{path}/versions", "large.bin", b"x" * 101), "payload_too_large")
    put = api.put(f"{path}/versions/large.bin", data=b"x" * 101, content_type="application/octet-stream")
    assert_error(put, "payload_too_large")
    assert [version["original"] for version in ok(api.get(path))["versions"]] == ["small.bin"]


@pytest.mark.promise("errors.storage")
@pytest.mark.parametrize(
    ("number", "name"),
    [
        (errno.ENOSPC, "insufficient_storage"),
        (errno.EDQUOT, "insufficient_storage"),
        (errno.EIO, "generic_upload_error"),
    ],
)
def test_the_error_of_a_failing_upload_does_not_reveal_the_storage(
    world: Any, settings: Any, monkeypatch: pytest.MonkeyPatch, number: int, name: str
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError(number, "no luck", str(settings.UPLOAD_PATH))

    api = world.acme.owner.api
    path = f"models/{create(api)['_id']}"
    monkeypatch.setattr("versions.storage.IncomingFile.write", fail)
    posted = api.upload(f"{path}/versions", "file.bin", b"bytes")
    put = api.put(f"{path}/versions/file.bin", data=b"bytes", content_type="application/octet-stream")
    for response in (posted, put):
        assert_error(response, name)
        assert str(settings.UPLOAD_PATH) not in response.body().decode()
    assert ok(api.get(path))["versions"] == []


@pytest.mark.promise("errors.storage")
def test_the_error_of_a_failing_download_does_not_reveal_the_storage(
    world: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise FileNotFoundError(errno.ENOENT, "gone", str(settings.UPLOAD_PATH))

    api = world.acme.owner.api
    path = f"models/{create(api)['_id']}/versions"
    ok(api.upload(path, "file.bin", b"bytes"))
    monkeypatch.setattr("versions.storage.ContentStorage.read", fail)
    response = api.get(f"{path}/file.bin")
    assert_error(response, "generic_download_error")
    assert str(settings.UPLOAD_PATH) not in response.body().decode()


@pytest.mark.promise("errors.crash", "errors.shape")
@pytest.mark.parametrize("error", [RuntimeError, DatabaseError, KeyError, ZeroDivisionError, RecursionError])
@pytest.mark.parametrize("method", ["list", "create", "retrieve", "update", "destroy"])
def test_a_crash_is_an_error_of_the_contracts_shape_without_details(
    world: Any, monkeypatch: pytest.MonkeyPatch, error: type[Exception], method: str
) -> None:
    def crash(*args: Any, **kwargs: Any) -> None:
        raise error(SECRET)

    api = world.acme.owner.api
    path = f"models/{create(api)['_id']}"
    monkeypatch.setattr(f"catalog.viewsets.ModelViewSet.{method}", crash)
    verb = {"list": "get", "create": "post", "retrieve": "get", "update": "put", "destroy": "delete"}[method]
    body = {"json": {"name": "x"}} if verb in ("post", "put") else {}
    response = api.request(verb, "models" if method in ("list", "create") else path, **body)
    assert_error(response, "internal_server_error")
    told = response.body().decode() + json.dumps(dict(response.headers))
    for word in ("hunter2", error.__name__, "Traceback", "catalog", ".py"):
        assert word not in told


@pytest.mark.promise("errors.crash")
def test_a_crash_outside_of_views_is_an_error_of_the_contracts_shape(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError(SECRET)

    for part in (
        "tenants.identity.authentication.user_of_token",
        "registry_site.api.middleware.OptionalTrailingSlash.__call__",
    ):
        with monkeypatch.context() as patched:
            patched.setattr(part, crash)
            response = world.acme.owner.api.get("models")
        assert_error(response, "internal_server_error")
        assert "hunter2" not in response.body().decode()


@pytest.mark.promise("errors.www-authenticate")
@pytest.mark.parametrize("token", ["", "nonsense", "JWT nonsense", "Bearer ", "Basic YTpi", "JWT a.b.c"])
def test_every_401_names_the_scheme(world: Any, token: str) -> None:
    headers = {"Authorization": token} if token else {}
    for path in ("models", "users", "tags", "metadata", "log", "info", "demo", "tenants"):
        assert_error(world.anonymous.get(path, headers=headers), "authentication_error")
    assert_error(world.anonymous.put("login", headers=headers), "authentication_error")
    wrong = {"username": "owner", "tenant": "acme", "password": "wrong"}
    assert_error(world.anonymous.post("login", json=wrong), "authentication_error")


@pytest.mark.promise("errors.retry-after")
def test_every_429_has_a_retry_after(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT, settings.LOGIN_FAILURES_WINDOW = 1, 60
    wrong = {"username": "owner", "tenant": "acme", "password": "wrong"}
    world.anonymous.post("login", json=wrong)
    response = world.anonymous.post("login", json=wrong)
    assert_error(response, "too_many_requests")
    assert 1 <= int(response.headers["Retry-After"]) <= 60
