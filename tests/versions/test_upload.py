"""Uploads by form and as a request body, with ordinals, digests and descriptions."""

import base64
import hashlib
import re
from typing import Any

import pytest

from tests.answers import assert_error, ok
from tests.catalog.items import KINDS, read
from tests.versions.files import CONTENT, copies, new_item, post_file, put_file, send_bytes, sha256
from versions.models import Version

FIELDS = {
    "ordinal",
    "original",
    "mimetype",
    "encoding",
    "size",
    "sha256",
    "description",
    "timestamp",
    "tags",
    "metadata",
}
WAYS = ("form", "bytes")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def send(way: str, api: Any, path: str, name: str = "a.bin", content: bytes = CONTENT, **options: Any) -> Any:
    """Upload by form or as a body and return the response."""
    if way == "form":
        return api.upload(f"{path}/versions", name, content, **options)
    return send_bytes(api, path, name, content, **options)


def content_digest(content: bytes) -> dict[str, str]:
    return {"Content-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"}


@pytest.mark.promise("versions.post", "versions.put")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_an_upload_answers_the_item_with_the_version(world: Any, kind: str, way: str) -> None:
    path = new_item(world.acme.owner.api, kind)
    before = read(world.acme.owner.api, path)
    answer = ok(send(way, world.acme.owner.api, path, content_type="text/csv"))
    (version,) = answer["versions"]
    assert set(version) == FIELDS
    assert (version["ordinal"], version["original"], version["mimetype"]) == ("1", "a.bin", "text/csv")
    assert (version["size"], version["sha256"], version["description"]) == (26, sha256(CONTENT), "")
    assert INSTANT.fullmatch(version["timestamp"])
    assert isinstance(version["encoding"], str)
    assert answer["versions_count"] == 1
    assert {**answer, "versions": [], "versions_count": 0, "lastmod": ""} == {**before, "lastmod": ""}
    assert read(world.acme.owner.api, path) == answer


@pytest.mark.promise("versions.post")
def test_a_form_can_describe_its_file(world: Any) -> None:
    path = new_item(world.acme.owner.api)
    for before, after in (("first", ""), ("", "last")):
        fields = [
            f'--b\r\nContent-Disposition: form-data; name="description"\r\n\r\n{text}\r\n' for text in (before, after)
        ]
        file = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\nx\r\n'
        form = (fields[0] if before else "") + file + (fields[1] if after else "") + "--b--\r\n"
        options = {"data": form.encode(), "content_type": "multipart/form-data; boundary=b"}
        ok(world.acme.owner.api.post(f"{path}/versions", **options))
    versions = read(world.acme.owner.api, f"{path}/versions")["docs"]
    assert [version["description"] for version in versions] == ["last", "first"]


@pytest.mark.promise("versions.put")
def test_query_parameters_describe_a_raw_body(world: Any) -> None:
    path = new_item(world.acme.owner.api)
    version = put_file(world.acme.owner.api, path, "a.bin", description="été 🧪", ordinal="70", sha256=sha256(CONTENT))
    assert (version["description"], version["ordinal"]) == ("été 🧪", "70")


@pytest.mark.promise("versions.put")
@pytest.mark.parametrize(
    "content_type",
    ["application/octet-stream", "application/json", "multipart/form-data; boundary=b", "text/plain", "odd"],
)
def test_a_raw_body_of_any_content_type_is_stored_unchanged(world: Any, content_type: str) -> None:
    content = b'{"not": "read", \xff\x00\r\n--b'
    path = new_item(world.acme.owner.api)
    ok(send_bytes(world.acme.owner.api, path, "a.bin", content, content_type=content_type))
    assert world.acme.owner.api.get(f"{path}/versions/a.bin").body() == content


@pytest.mark.promise("versions.ordinal")
@pytest.mark.parametrize("way", WAYS)
def test_ordinals_count_from_1_above_the_highest_numeric_one(world: Any, way: str) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    asked = [None, None, "70", None, "rc-1", None, "9", "100", None]
    for ordinal in asked:
        ok(send(way, api, path, query={"ordinal": ordinal} if ordinal else {}))
    given = [version["ordinal"] for version in reversed(read(api, f"{path}/versions?limit=100")["docs"])]
    assert given == ["1", "2", "70", "71", "rc-1", "72", "9", "100", "101"]


FIRST_BEYOND = 10**15  # client-chosen ordinals influence the next one below this


@pytest.mark.promise("versions.ordinal")
@pytest.mark.parametrize("ordinal", [str(2**63 - 1), str(2**63 - 2), str(2**63), str(FIRST_BEYOND), "9" * 64])
def test_ordinals_above_the_limit_are_stored_and_do_not_count(world: Any, ordinal: str) -> None:
    path = new_item(world.acme.owner.api)
    given = [put_file(world.acme.owner.api, path, "a.bin", ordinal=ordinal)["ordinal"]]
    given += [ok(send_bytes(world.acme.owner.api, path, "a.bin"))["versions"][-1]["ordinal"] for _ in range(2)]
    assert given == [ordinal, "1", "2"]


@pytest.mark.promise("versions.ordinal")
def test_counting_continues_above_the_limit_and_skips_taken_ordinals(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    for ordinal in (FIRST_BEYOND + 1, FIRST_BEYOND + 2, FIRST_BEYOND - 1):
        ok(send_bytes(api, path, "a.bin", query={"ordinal": str(ordinal)}))
    given = [ok(send_bytes(api, path, "a.bin"))["versions"][-1]["ordinal"] for _ in range(3)]
    assert given == [str(FIRST_BEYOND + more) for more in (0, 3, 4)]


@pytest.mark.promise("versions.ordinal")
def test_an_item_with_the_largest_ordinals_of_older_data_counts_again(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    for ordinal in ("7", str(2**63 - 1)):
        ok(send_bytes(api, path, "a.bin", query={"ordinal": ordinal}))
    assert Version.objects.filter(number=None).update(number=2**63 - 1) == 1
    assert ok(send_bytes(api, path, "a.bin"))["versions"][-1]["ordinal"] == "8"


@pytest.mark.promise("versions.ordinal")
def test_each_item_counts_its_own_ordinals(world: Any) -> None:
    first, second = (new_item(world.acme.owner.api, name=name) for name in ("first", "second"))
    for path in (first, first, second):
        version = put_file(world.acme.owner.api, path, "a.bin")
    assert version["ordinal"] == "1"


@pytest.mark.promise("versions.ordinal")
@pytest.mark.parametrize("ordinal", ["1/2", "x" * 65, "a\x1f"])
def test_an_ordinal_that_does_not_fit_in_a_path_is_refused(world: Any, ordinal: str) -> None:
    path = new_item(world.acme.owner.api)
    assert_error(send_bytes(world.acme.owner.api, path, "a.bin", query={"ordinal": ordinal}), "post_request_error")


@pytest.mark.promise("versions.ordinal-taken")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ordinal", ["70", "rc-1"])
def test_a_taken_ordinal_is_refused_and_nothing_is_kept(world: Any, way: str, ordinal: str) -> None:
    path = new_item(world.acme.owner.api)
    ok(send(way, world.acme.owner.api, path, query={"ordinal": ordinal}))
    content = f"refused {way}".encode()
    response = send(way, world.acme.owner.api, path, "b.bin", content, query={"ordinal": ordinal})
    words = f"Ordinal value duplicated: {ordinal} , Please choose another value or let default incremental choice"
    assert_error(response, "post_request_error", words)
    assert read(world.acme.owner.api, f"{path}/versions")["totalDocs"] == 1
    assert copies(content) == 0


@pytest.mark.promise("versions.missing-file")
@pytest.mark.parametrize(
    "form",
    [
        "--b--\r\n",
        '--b\r\nContent-Disposition: form-data; name="description"\r\n\r\nx\r\n--b--\r\n',
        '--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nno file, a field\r\n--b--\r\n',
        '--b\r\nContent-Disposition: form-data; name="other"; filename="a.bin"\r\n\r\nx\r\n--b--\r\n',
    ],
    ids=["empty", "no file", "a field", "another name"],
)
def test_a_form_without_the_file_is_refused(world: Any, form: str) -> None:
    path = new_item(world.acme.owner.api)
    options = {"data": form.encode(), "content_type": "multipart/form-data; boundary=b"}
    assert_error(world.acme.owner.api.post(f"{path}/versions", **options), "post_request_error", "Missing file")
    assert read(world.acme.owner.api, f"{path}/versions")["totalDocs"] == 0


@pytest.mark.promise("versions.digest")
@pytest.mark.parametrize("way", WAYS)
def test_bytes_that_match_their_digest_are_stored(world: Any, way: str) -> None:
    path = new_item(world.acme.owner.api)
    ok(send(way, world.acme.owner.api, path, query={"sha256": sha256(CONTENT)}))
    ok(send(way, world.acme.owner.api, path, query={"sha256": sha256(CONTENT).upper()}))
    ok(send(way, world.acme.owner.api, path, headers=content_digest(CONTENT)))
    both = {"Content-Digest": "sha-512=:AAAA:, " + content_digest(CONTENT)["Content-Digest"]}
    ok(send(way, world.acme.owner.api, path, headers=both))


@pytest.mark.promise("versions.digest")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "claim",
    [
        {"query": {"sha256": sha256(b"other")}},
        {"query": {"sha256": "abc"}},
        {"headers": content_digest(b"other")},
        {"headers": {"Content-Digest": "sha-256=:AAAA:"}},
        {"headers": {"Content-Digest": "sha-256=nonsense"}},
        {"query": {"sha256": sha256(b"other")}, "headers": content_digest(b"claimed")},
    ],
    ids=["query", "short query", "header", "short header", "malformed header", "both differ"],
)
def test_bytes_that_do_not_match_their_digest_leave_nothing(world: Any, way: str, claim: dict[str, Any]) -> None:
    content = f"claimed {way}".encode()
    path = new_item(world.acme.owner.api)
    assert_error(send(way, world.acme.owner.api, path, "a.bin", content, **claim), "post_request_error")
    assert read(world.acme.owner.api, path)["versions"] == []
    assert copies(content) == 0


@pytest.mark.promise("versions.post", "versions.put")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("id", ["0" * 24, "ghost"])
def test_an_upload_to_an_unknown_item_is_not_found(world: Any, way: str, id: str) -> None:
    content = f"to nothing {way}".encode()
    assert_error(send(way, world.acme.owner.api, f"models/{id}", "a.bin", content), "resource_not_found")
    assert copies(content) == 0


@pytest.mark.promise("versions.post", "versions.put")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 1_048_576, 3_000_001])
def test_files_of_any_size_are_returned_unchanged(world: Any, way: str, size: int) -> None:
    content = (bytes(range(256)) * (size // 256 + 1))[:size]
    path = new_item(world.acme.owner.api)
    version = ok(send(way, world.acme.owner.api, path, "a.bin", content))["versions"][0]
    assert (version["size"], version["sha256"]) == (size, sha256(content))
    response = world.acme.owner.api.get(f"{path}/versions/a.bin")
    assert response.body() == content
    assert response.headers["Content-Length"] == str(size)


@pytest.mark.promise("versions.immutable")
@pytest.mark.parametrize("way", WAYS)
def test_a_stored_version_never_changes(world: Any, way: str) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    first = post_file(api, path, "a.bin", b"first")
    ok(send(way, api, path, "a.bin", b"second"))
    assert api.get(f"{path}/versions/1").body() == b"first"
    assert api.get(f"{path}/versions/a.bin").body() == b"second"
    assert first in read(api, path)["versions"]
    for method, route in (("patch", "versions/1"), ("post", "versions/1"), ("put", "versions"), ("delete", "versions")):
        response = api.request(method, f"{path}/{route}", data=b"x", content_type="application/octet-stream")
        assert_error(response, "unsupported_media_type" if method == "patch" else "method_not_allowed")
    assert len(read(api, path)["versions"]) == 2
