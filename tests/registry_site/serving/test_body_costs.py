"""The cost of a body: it is bounded before it is parsed, and its memory is freed."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from tests.answers import assert_error, ok
from tests.versions.files import new_item

PUBLIC = [("post", "login"), ("put", "login"), ("post", "/login"), ("post", "self/reset"), ("put", "self")]
KIB = 1024
PAGES = ("login", "logout", "forgot", "theme")
FORM = "multipart/form-data; boundary=b"
FIELD = b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\nx\r\n'
MARK = 12_347  # elements of a list; no other list has this many


@pytest.mark.promise("bodies.public")
@pytest.mark.parametrize(("method", "path"), [each for each in PUBLIC if each != ("put", "login")])
def test_a_route_that_needs_no_login_reads_64_kib(world: Any, method: str, path: str) -> None:
    send, details = world.anonymous.request, "at most 65536 bytes"
    large = b'{"username": "' + b"x" * (64 * KIB) + b'"}'
    assert_error(send(method, path, data=large, content_type="application/json"), "payload_too_large", details)
    fits = b'{"username": "' + b"x" * (64 * KIB - 16) + b'"}'
    assert send(method, path, data=fits, content_type="application/json").status_code in (400, 401)


@pytest.mark.promise("bodies.public")
@pytest.mark.parametrize("path", [*(f"/{page}.html" for page in PAGES), "/admin/login/", "/nothing"])
@pytest.mark.parametrize("content_type", [FORM, "application/x-www-form-urlencoded"])
def test_a_page_that_needs_no_login_reads_64_kib(world: Any, path: str, content_type: str) -> None:
    answer = world.anonymous.post(path, data=FIELD * 2000 + b"--b--\r\n", content_type=content_type)
    assert_error(answer, "payload_too_large", "at most 65536 bytes")


@pytest.mark.promise("bodies.elements")
@pytest.mark.parametrize("element", ["[]", "{}", "0", '""', '{"a":0}', '"\\""'])
def test_json_has_a_limited_number_of_names_and_values(world: Any, settings: Any, element: str) -> None:
    settings.MAX_JSON_ELEMENTS = 1000
    api, details = world.acme.owner.api, "at most 1000 names and values"
    body = f'{{"name": "m", "more": [{",".join([element] * 1001)}]}}'
    assert_error(api.post("models", data=body, content_type="application/json"), "payload_too_large", details)
    fits = f'{{"name": "m", "more": [{",".join([element] * 300)}]}}'
    ok(api.post("models", data=fits, content_type="application/json"))


@pytest.mark.promise("bodies.elements")
@pytest.mark.parametrize("text", [",[{:" * 1000, '\\",' * 1000, "\\\\" * 999 + "," * 2000, '\\\\\\",' * 1000])
def test_separators_inside_texts_do_not_count(world: Any, settings: Any, text: str) -> None:
    settings.MAX_JSON_ELEMENTS = 1000
    body = f'{{"name": "m", "metadata": [{{"name": "csv", "value": "{text}"}}]}}'
    ok(world.acme.owner.api.post("models", data=body, content_type="application/json"))


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Disable the garbage collector, so that only reference counting frees memory."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.promise("bodies.elements")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "models", {"name": "kept"}),
        ("post", "models", {"nothing": "refused"}),
        ("put", "models/nothing", {"tags": {"add": ["t"]}}),
        ("post", "models", [{"name": "first"}, {"name": 1}]),
        ("post", "tags", {"_id": 1}),
        ("post", "users", {"username": "new"}),
        ("post", "login", {"username": "nobody", "password": "x"}),
        ("put", "self", {"reset": "x", "password": "y"}),
    ],
)
@pytest.mark.usefixtures("uncollected")
def test_the_memory_of_a_body_is_freed_with_the_response(world: Any, method: str, path: str, body: Any) -> None:
    marked = [[]] * MARK
    body = [*body, {"more": marked}] if isinstance(body, list) else body | {"more": marked}
    answer = world.acme.admin.api.request(method, path, json=body)
    assert answer.status_code < 500
    del marked, body, answer
    assert not [each for each in gc.get_objects() if type(each) is list and len(each) == MARK]


@pytest.mark.promise("json.utf-8", "errors.media-type")
@pytest.mark.parametrize("charset", ["latin-1", "utf-16", "zip", "no-such-charset"])
def test_json_in_another_charset_is_refused(world: Any, charset: str) -> None:
    def announced(charset: str) -> Any:
        body = f'{{"_id": "{len(charset)}"}}'.encode()
        return world.acme.admin.api.post("tags", data=body, content_type=f"application/json; charset={charset}")

    assert_error(announced(charset), "unsupported_media_type", "UTF-8")
    for same in ("utf-8", "UTF8", '"UTF-8"'):
        ok(announced(same))


@pytest.mark.promise("errors.media-type")
@pytest.mark.parametrize("coding", ["gzip", "br", "x", "identity, gzip"])
def test_an_encoded_body_is_refused(world: Any, coding: str) -> None:
    api, encoded = world.acme.owner.api, {"headers": {"Content-Encoding": coding}}
    assert_error(api.post("models", json={"name": "m"}, **encoded), "unsupported_media_type")
    path = new_item(api)
    assert_error(api.upload(f"{path}/versions", "f.bin", b"x", **encoded), "unsupported_media_type")
    raw = {"data": b"x", "content_type": "application/octet-stream"}
    assert_error(api.put(f"{path}/versions/f.bin", **raw, **encoded), "unsupported_media_type")
    ok(api.get("models", headers={"Content-Encoding": "identity"}))


@pytest.mark.promise("versions.form-parts")
def test_a_form_has_a_limited_number_of_parts(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f.bin"\r\n\r\nbytes\r\n'
    for fields, refused in ((99, False), (100, True), (60_000, True)):
        answer = api.post(f"{path}/versions", data=FIELD * fields + file + b"--b--\r\n", content_type=FORM)
        if refused:
            assert_error(answer, "generic_request_error", "A form has at most 100 parts")
        else:
            ok(answer)
    without_lines = api.post(f"{path}/versions", data=b"--b" * 20_000, content_type=FORM)
    assert_error(without_lines, "generic_request_error", "A form has at most 100 parts")
    assert len(ok(api.get(path))["versions"]) == 1


@pytest.mark.promise("versions.form-parts")
def test_a_form_has_one_file(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f.bin"\r\n\r\nbytes\r\n'
    answer = api.post(f"{path}/versions", data=file * 2 + b"--b--\r\n", content_type=FORM)
    assert_error(answer, "post_request_error", "A form has one `file`")
    assert ok(api.get(path))["versions"] == []
