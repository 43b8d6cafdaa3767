"""Downloads: headers, ranges, conditions and HEAD."""

import base64
import hashlib
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import pytest

from tests.answers import ERRORS, ok
from tests.catalog.items import KINDS
from tests.versions.files import CONTENT, new_item, post_file, put_file, saved_name, sha256

Get = Callable[..., Any]
ETAG = f'"{sha256(CONTENT)}"'
DESCRIBING = ("ETag", "Last-Modified", "Accept-Ranges", "Repr-Digest")


@pytest.fixture
def get(world: Any) -> Get:
    """Send a request for 26 letters in the file `été.csv`, with headers."""
    api = world.acme.owner.api
    path = new_item(api)
    post_file(api, path, "été.csv", CONTENT, content_type="text/csv")

    def send(headers: dict[str, str] | None = None, method: str = "get") -> Any:
        return api.request(method, f"{path}/versions/1", headers=headers or {})

    return send


def later(date: str, seconds: int) -> str:
    """Return an HTTP date that many seconds after another."""
    return format_datetime(parsedate_to_datetime(date) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.promise("versions.download")
def test_a_download_describes_its_bytes(get: Get) -> None:
    response = get()
    assert (response.status_code, response.body()) == (200, CONTENT)
    headers = response.headers
    assert headers["Content-Type"].split(";")[0] == "text/csv"
    assert headers["Content-Length"] == "26"
    assert headers["ETag"] == ETAG
    assert headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()}:"
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Last-Modified"].endswith(" GMT")
    assert saved_name(response) == "été.csv"
    assert "filename*=UTF-8''%C3%A9t%C3%A9.csv" in headers["Content-Disposition"]


@pytest.mark.promise("versions.download")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_item_has_downloads(world: Any, kind: str) -> None:
    path = new_item(world.acme.owner.api, kind)
    put_file(world.acme.owner.api, path, "a.bin")
    assert world.acme.owner.api.get(f"{path}/versions/a.bin").body() == CONTENT


@pytest.mark.promise("versions.download")
def test_an_uploaded_page_cannot_run_as_a_page_of_the_registry(world: Any) -> None:
    path = new_item(world.acme.owner.api)
    post_file(world.acme.owner.api, path, "a.html", b"<script>1</script>", content_type="text/html")
    headers = world.acme.owner.api.get(f"{path}/versions/a.html").headers
    assert headers["Content-Disposition"].startswith("attachment")
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.promise("versions.ranges")
@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-4", 0, 5),
        ("bytes=0-0", 0, 1),
        ("bytes=25-25", 25, 26),
        ("bytes=5-", 5, 26),
        ("bytes=0-", 0, 26),
        ("bytes=20-999", 20, 26),
        ("bytes=-5", 21, 26),
        ("bytes=-999", 0, 26),
        ("bytes=5-99999999999999999", 5, 26),
    ],
)
def test_a_range_returns_that_part(get: Get, asked: str, start: int, stop: int) -> None:
    response = get({"Range": asked})
    assert (response.status_code, response.body()) == (206, CONTENT[start:stop])
    assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/26"
    assert response.headers["Content-Length"] == str(stop - start)
    assert response.headers["ETag"] == ETAG


@pytest.mark.promise("versions.ranges")
@pytest.mark.parametrize("asked", ["bytes=26-", "bytes=26-30", "bytes=999-", "bytes=-0"])
def test_a_range_beyond_the_end_is_416_with_the_size(get: Get, asked: str) -> None:
    response = get({"Range": asked})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == "bytes */26"
    assert CONTENT not in response.body()


@pytest.mark.promise("versions.ranges", "errors.shape")
def test_a_range_beyond_the_end_is_an_error_of_the_contracts_shape(get: Get) -> None:
    assert set(get({"Range": "bytes=26-"}).json()) == {"status", "value", "message", "details"}


@pytest.mark.promise("versions.ranges")
@pytest.mark.parametrize("asked", ["bytes=abc", "bytes=5-2", "bytes=-", "bytes=", "items=0-1", "0-1", "bytes=1.5-2"])
def test_a_malformed_range_is_ignored(get: Get, asked: str) -> None:
    response = get({"Range": asked})
    assert (response.status_code, response.body()) == (200, CONTENT)


@pytest.mark.promise("versions.ranges")
def test_several_ranges_return_the_whole_file_or_parts(get: Get) -> None:
    response = get({"Range": "bytes=0-1,4-5"})
    if response.status_code == 206:
        assert response.headers["Content-Type"].startswith("multipart/byteranges")
        assert b"\r\nab\r\n" in response.body()
    else:
        assert (response.status_code, response.body()) == (200, CONTENT)


@pytest.mark.promise("versions.ranges")
@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=-5", "bytes=0-0"])
def test_a_range_of_an_empty_file_is_empty(world: Any, asked: str) -> None:
    path = new_item(world.acme.owner.api)
    put_file(world.acme.owner.api, path, "empty", b"")
    response = world.acme.owner.api.get(f"{path}/versions/empty", headers={"Range": asked})
    assert response.status_code in (200, 416)
    assert response.status_code == 416 or response.body() == b""


@pytest.mark.promise("versions.ranges")
def test_if_range_applies_the_range_only_to_the_same_file(get: Get) -> None:
    date = get().headers["Last-Modified"]
    expected = {ETAG: 206, date: 206, '"other"': 200, f"W/{ETAG}": 200, later(date, -60): 200, "nonsense": 200}
    for condition, status in expected.items():
        response = get({"Range": "bytes=0-4", "If-Range": condition})
        assert (condition, response.status_code) == (condition, status)
        assert response.body() == (CONTENT[:5] if status == 206 else CONTENT)


@pytest.mark.promise("versions.not-modified")
@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("condition", [ETAG, f"W/{ETAG}", f'"other", {ETAG}', "*"])
def test_a_client_that_has_the_bytes_gets_304(get: Get, method: str, condition: str) -> None:
    response = get({"If-None-Match": condition}, method)
    assert (response.status_code, response.body()) == (304, b"")
    assert response.headers["ETag"] == ETAG


@pytest.mark.promise("versions.not-modified")
@pytest.mark.parametrize("condition", ['"other"', 'W/"other"', "nonsense", sha256(CONTENT)])
def test_a_client_that_has_other_bytes_gets_the_file(get: Get, condition: str) -> None:
    assert get({"If-None-Match": condition}).body() == CONTENT


@pytest.mark.promise("versions.not-modified")
def test_dates_are_compared_if_the_request_has_no_etag(get: Get) -> None:
    date = get().headers["Last-Modified"]
    assert get({"If-Modified-Since": date}).status_code == 304
    assert get({"If-Modified-Since": later(date, 60)}).status_code == 304
    assert get({"If-Modified-Since": later(date, -60)}).status_code == 200
    assert get({"If-Modified-Since": "nonsense"}).status_code == 200
    assert get({"If-Modified-Since": date, "If-None-Match": '"other"'}).status_code == 200


@pytest.mark.promise("versions.not-modified", "versions.ranges")
def test_a_range_that_the_client_has_is_not_modified(get: Get) -> None:
    assert get({"If-None-Match": ETAG, "Range": "bytes=0-4"}).status_code == 304


@pytest.mark.promise("versions.head")
def test_head_returns_the_headers_of_get_without_the_bytes(get: Get) -> None:
    whole, head = get(), get(method="head")
    assert (head.status_code, head.body()) == (200, b"")
    for header in (*DESCRIBING, "Content-Type", "Content-Length", "Content-Disposition"):
        assert head.headers[header] == whole.headers[header]


@pytest.mark.promise("versions.download")
def test_the_same_bytes_have_the_same_etag_under_any_name(world: Any) -> None:
    path = new_item(world.acme.owner.api)
    for name in ("a.bin", "b.bin"):
        put_file(world.acme.owner.api, path, name)
        response = world.acme.owner.api.get(f"{path}/versions/{name}")
        assert (response.headers["ETag"], saved_name(response)) == (ETAG, name)


@pytest.mark.promise("versions.head")
def test_head_of_an_unknown_version_is_not_found(world: Any) -> None:
    path = new_item(world.acme.owner.api)
    ok(world.acme.owner.api.get(path))
    assert world.acme.owner.api.head(f"{path}/versions/1").status_code == 404


@pytest.mark.promise("versions.precondition")
@pytest.mark.parametrize("condition", ["If-Match", "If-Unmodified-Since"])
def test_a_failed_precondition_is_an_error_of_the_contracts_shape(get: Get, condition: str) -> None:
    headers = {condition: '"other"' if condition == "If-Match" else "Mon, 01 Jan 2001 00:00:00 GMT"}
    response = get(headers)
    assert response.status_code == 412
    assert response.headers["ETag"] == get().headers["ETag"]
    assert response.headers["Content-Type"].startswith("application/json")
    assert response.json() == ERRORS["get_request_error"] | {"status": 412, "details": response.json()["details"]}
    assert condition in response.json()["details"]
    assert get(headers, "head").status_code == 412
    assert get(headers, "head").body() == b""
