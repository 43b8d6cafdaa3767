"""Every size has a limit that a variable sets and an error names; a refused request changes nothing."""

import time
from typing import Any

import httpx
import pytest

from tests.answers import assert_error, ok
from tests.catalog.items import KINDS, create, read
from tests.served import Served

TURNING = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]


@pytest.mark.promise("errors.headers")
def test_headers_and_urls_have_a_limit(world: Any, settings: Any) -> None:
    settings.MAX_HEADER_SIZE = 4000
    api = world.acme.owner.api
    ok(api.get("models", headers={"X-Filler": "x" * 1000}))
    details = "Headers and URL have at most 4000 bytes"
    assert_error(api.get("models", headers={"X-Filler": "x" * 4000}), "payload_too_large", details)
    assert_error(api.get("models", query={"select": "x" * 4000}), "payload_too_large", details)
    assert_error(api.get(f"models/{'x' * 4000}"), "payload_too_large", details)


@pytest.mark.promise("errors.headers")
@pytest.mark.parametrize(("header", "longest"), [("Content-Type", 1024), ("Accept", 2048)])
def test_a_parsed_header_has_its_own_limit(served: Served, header: str, longest: int) -> None:
    """Python takes time quadratic in their length to parse them."""
    started = time.monotonic()
    for path in ("/v1/version", "/login.html", "/nothing"):
        for filler in (";", ",", ";a=", "*"):
            value = 'text/html; x="' + filler * (60_000 // len(filler))
            answer = httpx.get(served.base_url + path, headers={header: value})
            assert_error(answer, "payload_too_large", f"{header} has at most {longest} bytes")
    assert time.monotonic() - started < 10
    fits = "text/html; x=" + "y" * (longest - 13)
    assert httpx.get(f"{served.base_url}/v1/version", headers={header: fits}).status_code == 200


@pytest.mark.promise("errors.headers", "errors.shape")
@pytest.mark.parametrize("header", ["Content-Type", "Accept"])
@pytest.mark.parametrize("value", ["a/b; x*=nothing'x'y", "a/b; charset=zip", "a/b; charset=punycode"])
def test_a_header_can_name_any_charset(served: Served, header: str, value: str) -> None:
    for path in ("/v1/version", "/v1/models?x=%ff%00", "/v1/models?x=%ff", "/login.html?x=%ff", "/nothing"):
        for method in ("GET", "POST"):
            headers = {"Accept": "text/html"} | {header: f"text/html, {value}" if header == "Accept" else value}
            answer = httpx.request(method, served.base_url + path, headers=headers)
            assert answer.status_code < 500, (method, path)


@pytest.mark.promise("errors.depth")
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_json_has_a_limited_depth(world: Any, settings: Any, opening: str) -> None:
    settings.MAX_JSON_DEPTH = 5
    api, closing = world.acme.owner.api, {"[": "]", '{"a":': "}"}[opening]
    for depth, refused in ((4, False), (5, True), (500, True)):
        nested = opening * depth + "1" + closing * depth
        response = api.post("models", data=f'{{"name": "m{depth}", "more": {nested}}}', content_type="application/json")
        if refused:
            assert_error(response, "generic_request_error", "A JSON body has at most 5 levels")
        else:
            ok(response)
    flat = {"name": "wide", "metadata": [{"name": str(number), "value": "[{" * 9} for number in range(50)]}
    ok(api.post("models", json=flat))


@pytest.mark.promise("bulk.longest")
@pytest.mark.parametrize("collection", [*KINDS, "tags", "metadata", "users"])
def test_a_list_of_creations_has_a_limited_length(world: Any, settings: Any, collection: str) -> None:
    settings.MAX_BULK_LENGTH = 2
    api = world.acme.admin.api
    rest, name = {"password": "Passw0rd!x"}, {"tags": "_id", "metadata": "_id", "users": "username"}
    bodies = [{name.get(collection, "name"): f"n{n}"} | rest for n in range(3)]
    before = ok(api.get(collection))["totalDocs"]
    assert_error(api.post(collection, json=bodies), "payload_too_large", "A list has at most 2 elements")
    assert ok(api.get(collection))["totalDocs"] == before
    ok(api.post(collection, json=bodies[:2]))


LISTS: dict[str, Any] = {
    "tags": ["a", "b", "c"],
    "metadata": [{"name": name, "value": 1} for name in "abc"],
    "users": ["admin", "shared", "other"],
    "datasets": ["a", "b", "c"],
}


@pytest.mark.promise("items.longest")
@pytest.mark.parametrize("field", LISTS)
def test_lists_of_an_item_have_a_limited_length(world: Any, settings: Any, field: str) -> None:
    api, values = world.acme.owner.api, LISTS[field]
    for name in "abc":
        create(api, "datasets", name=name)
    settings.MAX_LIST_LENGTH = 2
    details = f"{field}: A list has at most 2 elements"
    assert_error(api.post("models", json={"name": "long", field: values}), "post_request_error", details)
    model = create(api, "models", **{field: values[:2]})
    path = f"models/{model['_id']}"
    assert_error(api.put(path, json={field: {"add": values}}), "put_request_error", "A list has at most 2 elements")
    added = api.put(path, json={field: {"add": values[2:]}, "visibility": "public"})
    assert_error(added, "put_request_error", f"An item has at most 2 {field}")
    assert read(api, path) == model
    replaced = ok(api.put(path, json={field: {"remove": values[:1], "add": values[2:]}}))
    assert len(replaced[field]) == 2


@pytest.mark.promise("items.longest")
def test_an_item_fits_on_every_engine(world: Any) -> None:
    api = world.acme.owner.api
    large = [{"name": f"n{number}", "value": "x" * 100_000} for number in range(170)]
    assert_error(api.post("models", json={"name": "large", "metadata": large}), "post_request_error", "bytes")
    path = f"models/{create(api, metadata=large[:80])['_id']}"
    assert_error(api.put(path, json={"metadata": {"add": large[80:]}}), "put_request_error", "bytes")
    assert len(read(api, path)["metadata"]) == 80


@pytest.mark.promise("items.readable-names")
@pytest.mark.parametrize("character", TURNING, ids=ascii)
def test_no_name_changes_the_direction_of_text(world: Any, character: str) -> None:
    api, name = world.acme.admin.api, f"report{character}gpj.exe"
    item = create(api)["_id"]
    bodies = [(kind, {"name": name}) for kind in KINDS] + [("tags", {"_id": name}), ("metadata", {"_id": name})]
    bodies += [("users", {"username": name, "password": "Passw0rd!x"}), ("models", {"name": "m", "tags": [name]})]
    bodies += [("models", {"name": "m", "metadata": [{"name": name, "value": 1}]})]
    for collection, body in bodies:
        assert_error(api.post(collection, json=body), "post_request_error", "direction of reading")
    for change in ({"tags": {"add": [name]}}, {"metadata": {"add": [{"name": name, "value": 1}]}}):
        assert_error(api.put(f"models/{item}", json=change), "put_request_error", "direction of reading")
    raw = {"content_type": "application/octet-stream", "data": b"x"}
    assert_error(api.put(f"models/{item}/versions/{name}", **raw), "post_request_error")
    assert_error(api.put(f"models/{item}/versions/f", query={"ordinal": name}, **raw), "post_request_error")
    assert ok(api.get(f"models/{item}"))["versions"] == []
    (version,) = ok(api.upload(f"models/{item}/versions", name, b"x"))["versions"]
    assert version["original"] == "reportgpj.exe", "a form's name is kept without what cannot be seen"


@pytest.mark.promise("items.readable-names")
@pytest.mark.parametrize("name", ["مرحبا \u200f(1)", "שלום\u200e", "\u061cنموذج", "👩\u200d🔬"])
def test_right_to_left_text_is_accepted(world: Any, name: str) -> None:
    assert create(world.acme.owner.api, name=name, tags=[name])["name"] == name


@pytest.mark.promise("errors.shape")
def test_a_url_holds_no_null_characters(world: Any) -> None:
    api = world.acme.admin.api
    assert_error(api.get("models", query={"filter": {"name": "x"}, "page": "\0"}), "get_request_error", "null")
    assert_error(api.post("tags", query={"verbose": "a\0"}, json={"_id": "x"}), "post_request_error", "null")
    for path in ("models/%00", "users/a%00b", "tags/%00", "models/x/versions/%00"):
        assert_error(api.get(path), "resource_not_found")


@pytest.mark.promise("errors.shape", "browser.errors")
def test_errors_of_middleware_are_pages_for_browsers(world: Any) -> None:
    browser: dict[str, Any] = {"headers": {"Accept": "text/html"}}
    large = {"headers": {"Accept": "text/html", "X-Filler": "x" * 70_000}}
    for path in ("/v1/models", "/", "/docs.html", "/login.html", "/admin/", "/nothing"):
        refusals = {
            404: world.anonymous.get(f"{path.rstrip('/')}/%00", **browser),
            400: world.anonymous.get(f"{path}?page=%00", **browser),
            413: world.anonymous.get(path, **large),
        }
        for status, answer in refusals.items():
            assert (answer.status_code, answer.headers["Content-Type"][:9]) == (status, "text/html"), path
            assert str(status).encode() in answer.body()
