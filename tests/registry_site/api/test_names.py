"""The rules for names, for every input: a name that breaks them is refused, and nothing changes."""

from typing import Any
from urllib.parse import quote

import pytest
from django.core.exceptions import ValidationError

from tenants.models import User
from tests.answers import assert_error, ok
from tests.catalog.items import KINDS, create
from tests.client import ApiClient

CONTROLS = ("\n", "\r", "\t", "\x01", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u2029")
BLANK = ("  ", "\u00a0", "\u3000", "\u200b", "\ufeff", "\u2060 \u00ad", "\u3164", "\u2800")
UNFIT = (*(f"a{control}b" for control in CONTROLS), *BLANK)
STEPS = (".", "..", "a/..", "../a", "a/./b")
WELCOME = (
    " a ",
    "a  b",
    "…",
    "-",
    "#",
    "?",
    "%2F",
    "%00",
    "a;b",
    '"',
    "'",
    "<b>",
    "\\",
    "a/b",
    "a//b",
    ".a",
    "a.",
    "{}",
)
PASSWORD = "Passw0rd!x"
ORDINALS = ("..", ".", "  ", "a b", "a/b", '{"$ne": 1}', "é", "１", "a\n", "x" * 65)


def _creations(name: str) -> list[tuple[str, dict[str, Any]]]:
    """Return every creation whose body contains the name, with its collection."""
    bodies: list[tuple[str, dict[str, Any]]] = [(kind, {"name": name}) for kind in KINDS]
    return bodies + _creations_of_words(name)


def _creations_of_words(name: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the creations whose name becomes part of a URL."""
    return [
        ("tags", {"_id": name}),
        ("metadata", {"_id": name}),
        ("users", {"username": name, "password": PASSWORD}),
        ("models", {"name": "m", "tags": [name]}),
        ("datasets", {"name": "m", "metadata": [{"name": name, "value": 1}]}),
    ]


@pytest.mark.promise("names.readable", "names.visible")
@pytest.mark.parametrize("name", UNFIT, ids=ascii)
def test_a_name_that_is_blank_or_has_control_characters_is_refused(world: Any, name: str) -> None:
    api = world.acme.admin.api
    item = create(api)["_id"]
    for collection, body in _creations(name):
        assert_error(api.post(collection, json=body), "post_request_error")
        assert api.post(collection, json=[body]).status_code == 202
    for change in ({"tags": {"add": [name]}}, {"metadata": {"add": [{"name": name, "value": 1}]}}):
        assert_error(api.put(f"models/{item}", json=change), "put_request_error")
    raw = {"content_type": "application/octet-stream", "data": b"x"}
    assert api.put(f"models/{item}/versions/{quote(name)}", **raw).status_code in (400, 404)
    assert ok(api.get("models"))["totalDocs"] == 1
    assert [ok(api.get(path))["totalDocs"] for path in ("tags", "metadata", "datasets")] == [0, 0, 0]
    assert ok(api.get(f"models/{item}"))["versions"] == []


@pytest.mark.promise("names.readable")
@pytest.mark.parametrize("name", ["a\nb", "a\u2028b", "a\x1b[31mb"], ids=ascii)
def test_one_line_fields_of_a_tenant_have_no_control_characters(world: Any, name: str) -> None:
    tenant = {"_id": "fresh", "email": "info@fresh.example", "admin_password": PASSWORD}
    for field in ("organization", "phone", "database", "admin_username"):
        assert_error(world.operator.post("tenants", json=tenant | {field: name}), "post_request_error", "control")
    for field in ("organization", "phone"):
        assert_error(world.operator.put("tenants/acme", json={field: name}), "put_request_error", "control")
    ok(world.operator.post("tenants", json=tenant | {"address": "Via Opera Pia\n16145 Genova", "organization": ""}))


@pytest.mark.promise("terms.names")
@pytest.mark.parametrize("name", STEPS)
def test_a_name_in_a_url_has_no_dot_segments(world: Any, name: str) -> None:
    for collection, body in _creations_of_words(name):
        assert_error(world.acme.admin.api.post(collection, json=body), "post_request_error", "part of a name")
    assert create(world.acme.owner.api, name=name)["name"] == name


@pytest.mark.promise("names.kept")
@pytest.mark.parametrize("name", WELCOME)
def test_any_other_name_is_stored_found_and_shown_as_sent(world: Any, name: str) -> None:
    api = world.acme.admin.api
    item = create(api, name=name, tags=[name], metadata=[{"name": name, "value": "two\n\tlines"}])
    assert (item["name"], item["tags"]) == (name, [name])
    assert item["metadata"] == [{"name": name, "value": "two\n\tlines"}]
    assert ok(api.post("users", json={"username": name, "password": PASSWORD}))["username"] == name
    for path in ("tags", "metadata", "users"):
        assert ok(api.get(f"{path}/{quote(name, safe='')}"))
    assert ok(ApiClient().post("login", json={"username": name, "password": PASSWORD, "tenant": "acme"}))["token"]
    ok(api.delete(f"users/{quote(name, safe='')}"))
    ok(api.delete(f"models/{item['_id']}"))
    ok(api.delete(f"tags/{quote(name, safe='')}"))


@pytest.mark.promise("versions.ordinal")
@pytest.mark.parametrize("ordinal", ORDINALS, ids=ascii)
def test_an_invalid_ordinal_is_refused(world: Any, ordinal: str) -> None:
    api, raw = world.acme.owner.api, {"content_type": "application/octet-stream", "data": b"x"}
    path = f"models/{create(api)['_id']}/versions"
    assert_error(api.put(f"{path}/f", query={"ordinal": ordinal}, **raw), "post_request_error", "An ordinal has")
    assert_error(api.upload(path, "f", b"x", query={"ordinal": ordinal}), "post_request_error", "An ordinal has")
    assert ok(api.get(path))["docs"] == []


def test_an_empty_ordinal_is_as_good_as_none(world: Any) -> None:
    api = world.acme.owner.api
    raw = {"content_type": "application/octet-stream", "data": b"x"}
    item = ok(api.put(f"models/{create(api)['_id']}/versions/f", query={"ordinal": ""}, **raw))
    assert [version["ordinal"] for version in item["versions"]] == ["1"]


@pytest.mark.promise("versions.ordinal")
@pytest.mark.parametrize("ordinal", ["1", "0", "v1.2.3-rc_1", "...", "-", "x" * 64])
def test_an_ordinal_of_letters_digits_dots_and_dashes_is_stored(world: Any, ordinal: str) -> None:
    api, raw = world.acme.owner.api, {"content_type": "application/octet-stream", "data": b"x"}
    path = f"models/{create(api)['_id']}/versions"
    (version,) = ok(api.put(f"{path}/f", query={"ordinal": ordinal}, **raw))["versions"]
    assert version["ordinal"] == ordinal
    assert api.get(f"{path}/{ordinal}").body() == b"x"


@pytest.mark.promise("names.readable")
@pytest.mark.parametrize("name", ["root\n", "\u200b", "a/"], ids=ascii)
def test_a_superusers_name_follows_the_rules(db: None, name: str) -> None:
    with pytest.raises(ValidationError):
        User.objects.create_superuser(name, PASSWORD)
