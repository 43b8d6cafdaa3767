"""Conventions of all routes: prefix, slashes, JSON, ids, dates, references, tokens."""

import json
import re
from typing import Any

import pytest

from tests.answers import assert_error, ok
from tests.catalog.items import KINDS, create
from tests.routes import ROUTES

ID = re.compile(r"[0-9a-f]{24}")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LOGIN = {"tenant": "acme", "username": "owner", "password": "Passw0rd!x"}


@pytest.mark.promise("routes.prefix")
@pytest.mark.parametrize("path", ["/models", "/users", "/v2/models", "/version"])
def test_routes_of_the_api_exist_only_below_the_prefix(world: Any, path: str) -> None:
    assert_error(world.acme.owner.api.get(path), "resource_not_found")


@pytest.mark.promise("routes.login-alias", "routes.trailing-slash")
@pytest.mark.parametrize("path", ["/login", "/login/", "/v1/login", "/v1/login/"])
def test_login_has_an_alias_outside_the_prefix(world: Any, path: str) -> None:
    assert ok(world.anonymous.post(path, json=LOGIN))["user"]["username"] == "owner"
    assert ok(world.acme.owner.api.put(path))["token"].startswith("JWT ")


@pytest.mark.promise("routes.trailing-slash")
@pytest.mark.parametrize("path", sorted({route.example for route in ROUTES}))
def test_a_trailing_slash_changes_nothing_on_any_route(world: Any, path: str) -> None:
    for method in ("get", "post", "put", "delete"):
        plain, slashed = (world.anonymous.request(method, each) for each in (path, f"{path}/"))
        assert slashed.status_code == plain.status_code
        assert slashed.headers.get("Location") == plain.headers.get("Location")
        # These redirect to the documentation, and to the page before.
        assert not 300 <= slashed.status_code < 400 or path in ("/v1", "/theme.html")


@pytest.mark.promise("routes.trailing-slash", "status.success")
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_post_keeps_its_body_with_or_without_a_slash(world: Any, slash: str) -> None:
    api = world.acme.owner.api
    created = ok(api.post(f"models{slash}", json={"name": "kept"}))
    assert created["name"] == "kept"
    assert ok(api.get(f"models/{created['_id']}{slash}")) == created
    assert ok(api.put(f"models/{created['_id']}{slash}", json={"visibility": "public"}))["visibility"] == "public"
    assert ok(api.delete(f"models/{created['_id']}{slash}"))["_id"] == created["_id"]


@pytest.mark.promise("json.utf-8")
@pytest.mark.parametrize("text", ["città", "モデル", "🧪", 'q"uote', "back\\slash", "no\u00a0break", "\u200fright"])
def test_text_is_returned_as_it_was_sent(world: Any, text: str) -> None:
    value = f"line\u2028{text}"
    created = create(world.acme.owner.api, name=text, tags=[text], metadata=[{"name": "m", "value": value}])
    response = world.acme.owner.api.get(f"models/{created['_id']}")
    document = json.loads(response.body().decode("utf-8"))
    assert (document["name"], document["tags"], document["metadata"][0]["value"]) == (text, [text], value)


@pytest.mark.promise("json.utf-8")
@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/xml", "application/octet-stream", "nonsense", ""])
def test_json_is_returned_for_any_accept_header(world: Any, accept: str) -> None:
    headers = {"Accept": accept}
    response = world.acme.owner.api.get("models", headers=headers)
    assert ok(response)["totalDocs"] == 0
    assert response.headers["Content-Type"].startswith("application/json")
    assert_error(world.acme.owner.api.get("models/nothing", headers=headers), "resource_not_found")


@pytest.mark.promise("json.utf-8")
@pytest.mark.parametrize("format", ["json", "xml", "api"])
def test_no_parameter_changes_the_format_of_responses(world: Any, format: str) -> None:
    assert ok(world.acme.owner.api.get("models", query={"format": format}))["totalDocs"] == 0


@pytest.mark.promise("versions.download")
@pytest.mark.parametrize("accept", ["application/octet-stream", "text/csv", "image/*", "*/*"])
def test_bytes_are_returned_for_any_accept_header(world: Any, accept: str) -> None:
    api = world.acme.owner.api
    path = f"models/{create(api)['_id']}/versions"
    ok(api.upload(path, "file.bin", b"bytes"))
    assert api.get(f"{path}/file.bin", headers={"Accept": accept}).body() == b"bytes"


@pytest.mark.promise("json.dates")
def test_dates_are_iso_8601_in_utc_with_milliseconds(world: Any) -> None:
    item = create(world.acme.owner.api)
    user = ok(world.acme.admin.api.get("users/owner"))
    info = ok(world.acme.owner.api.get("info"))
    for date in (item["timestamp"], item["lastmod"], user["createdPassword"], info["timestamp"]):
        assert DATE.fullmatch(date), date


@pytest.mark.promise("json.ids")
@pytest.mark.parametrize("kind", KINDS)
def test_items_have_the_same_24_hex_characters_as_both_ids(world: Any, kind: str) -> None:
    item = create(world.acme.owner.api, kind)
    assert ID.fullmatch(item["_id"])
    assert item["id"] == item["_id"]


@pytest.mark.promise("json.ids")
def test_users_have_the_same_24_hex_characters_as_both_ids(world: Any) -> None:
    for api in (world.acme.admin.api, world.acme.owner.api):
        for user in ok(api.get("users"))["docs"]:
            assert ID.fullmatch(user["_id"])
            assert user["id"] == user["_id"]


@pytest.mark.promise("json.ids")
def test_tenants_tags_and_metadata_names_are_their_own_id(world: Any) -> None:
    tenant = ok(world.operator.get("tenants/acme"))
    tag = ok(world.acme.admin.api.post("tags", json={"_id": "vision"}))
    name = ok(world.acme.admin.api.post("metadata", json={"_id": "accuracy"}))
    assert (tenant["_id"], tenant["id"]) == ("acme", "acme")
    assert (tag["_id"], tag["id"]) == ("vision", "vision")
    assert (name["_id"], name["id"]) == ("accuracy", "accuracy")


@pytest.mark.promise("json.references")
def test_references_have_only_an_id_and_a_name(world: Any) -> None:
    api, owner, shared = world.acme.owner.api, world.acme.owner, world.acme.shared
    data = create(api, "datasets", name="data")
    model = create(api, "models", users=["shared"], datasets=["data"], tags=["t"])
    assert (model["owner"], model["owner_username"]) == (owner.pk, "owner")
    assert model["users"] == [{"_id": shared.pk, "username": "shared"}]
    assert model["datasets"] == [{"_id": data["_id"], "name": "data"}]
    tag = ok(api.get("tags/t"))
    assert (tag["owner"], tag["owner_username"]) == (owner.pk, "owner")


@pytest.mark.promise("token.schemes")
@pytest.mark.parametrize("scheme", ["JWT ", "Bearer ", ""])
def test_a_token_is_accepted_with_either_scheme_and_bare(world: Any, scheme: str) -> None:
    token = world.acme.owner.api.token.removeprefix("JWT ")
    ok(world.anonymous.get("models", headers={"Authorization": scheme + token}))


@pytest.mark.promise("token.schemes")
def test_the_api_token_is_accepted_with_a_scheme_too(world: Any) -> None:
    for scheme in ("Bearer ", ""):
        ok(world.anonymous.get("tenants", headers={"Authorization": scheme + world.operator.token}))


@pytest.mark.promise("token.header-only")
@pytest.mark.parametrize("name", ["token", "access_token", "jwt", "Authorization", "api_token"])
def test_a_token_in_a_url_or_a_body_is_not_accepted(world: Any, name: str) -> None:
    token = world.acme.owner.api.token
    assert_error(world.anonymous.get("models", query={name: token}), "authentication_error")
    assert_error(world.anonymous.post("models", json={"name": "x", name: token}), "authentication_error")
    assert_error(world.anonymous.get("tenants", query={name: world.operator.token}), "authentication_error")
