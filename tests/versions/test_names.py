"""File names: valid and invalid ones, and lookup by name."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.answers import assert_error, ok
from tests.catalog.items import KINDS, read
from tests.versions.files import new_item, newest, post_file, put_file, saved_name, send_bytes

NAMES = (
    "plain.bin",
    "with space.bin",
    "it's.bin",
    "été 日本語 🧪.onnx",
    "a;b=c,d&e+f#g?h%20.bin",
    "plus+and&amp=.txt",
    "&lt;&#47;%22.bin",
    "no-extension",
    ".hidden",
    "..dots..",
    "~tilde",
    "a" * 255,
    "é" * 127 + "a",
)
QUOTED = ('say "hi".bin', "back\\slash.bin")


@pytest.mark.promise("versions.names", "versions.put", "versions.lookup")
@pytest.mark.parametrize("name", [*NAMES, *QUOTED], ids=lambda name: name[:12])
def test_a_name_in_the_path_is_stored_and_found(world: Any, name: str) -> None:
    path = new_item(world.acme.owner.api)
    assert put_file(world.acme.owner.api, path, name)["original"] == name
    response = world.acme.owner.api.get(f"{path}/versions/{quote(name)}")
    assert response.status_code == 200
    assert saved_name(response) == name
    ok(world.acme.owner.api.delete(f"{path}/versions/{quote(name)}"))


@pytest.mark.promise("versions.names", "versions.post", "versions.lookup")
@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:12])
def test_a_name_in_a_form_is_stored_and_found(world: Any, name: str) -> None:
    path = new_item(world.acme.owner.api)
    assert post_file(world.acme.owner.api, path, name)["original"] == name
    assert saved_name(world.acme.owner.api.get(f"{path}/versions/{quote(name)}")) == name


@pytest.mark.promise("versions.names")
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("folder/a.bin", "a.bin"),
        ("../../a.bin", "a.bin"),
        ("/etc/a.bin", "a.bin"),
        ('say \\"hi\\".bin', 'say "hi".bin'),
    ],
)
def test_a_form_keeps_the_last_part_of_a_path(world: Any, sent: str, kept: str) -> None:
    path = new_item(world.acme.owner.api)
    assert post_file(world.acme.owner.api, path, sent)["original"] == kept


@pytest.mark.promise("versions.names", "versions.lookup")
def test_a_name_in_the_path_can_contain_folders(world: Any) -> None:
    path = new_item(world.acme.owner.api)
    assert put_file(world.acme.owner.api, path, "saved model/variables/a.bin", b"deep")["original"] == (
        "saved model/variables/a.bin"
    )
    response = world.acme.owner.api.get(f"{path}/versions/saved%20model/variables/a.bin")
    assert response.body() == b"deep"
    assert "/" not in saved_name(response)
    assert_error(world.acme.owner.api.get(f"{path}/versions/a.bin"), "resource_not_found")


@pytest.mark.promise("versions.names")
@pytest.mark.parametrize(
    "name",
    [
        "..",
        "../a.bin",
        "a/../b.bin",
        "a/..",
        "./a.bin",
        "a//b.bin",
        "/a.bin",
        "a\x00b",
        "a\nb",
        "a\r\nSet-Cookie: x",
        "é" * 128,
    ],
    ids=ascii,
)
def test_an_unsafe_name_is_refused(world: Any, name: str) -> None:
    path = new_item(world.acme.owner.api)
    response = send_bytes(world.acme.owner.api, path, name)
    assert response.status_code in (400, 404), response
    assert set(response.json()) == {"status", "value", "message", "details"}
    assert read(world.acme.owner.api, path)["versions"] == []


@pytest.mark.promise("versions.names")
@pytest.mark.parametrize("name", ["", "..", ".", "folder/", "a" * 256], ids=lambda name: name[:12])
def test_a_form_whose_file_has_no_usable_name_is_refused(world: Any, name: str) -> None:
    path = new_item(world.acme.owner.api)
    assert_error(world.acme.owner.api.upload(f"{path}/versions", name, b"x"), "post_request_error")
    assert read(world.acme.owner.api, path)["versions"] == []


@pytest.mark.promise("versions.lookup")
@pytest.mark.parametrize("kind", KINDS)
def test_a_version_is_found_by_name_first_and_then_by_ordinal(world: Any, kind: str) -> None:
    api = world.acme.owner.api
    path = new_item(api, kind)
    put_file(api, path, "2", b"named two")
    put_file(api, path, "a.bin", b"ordinal two")
    put_file(api, path, "a.bin", b"named a, newest")
    for version, content in {
        "1": b"named two",
        "2": b"named two",
        "3": b"named a, newest",
        "a.bin": b"named a, newest",
    }.items():
        assert api.get(f"{path}/versions/{version}").body() == content
    ok(api.delete(f"{path}/versions/1"))
    assert api.get(f"{path}/versions/2").body() == b"ordinal two"


@pytest.mark.promise("versions.lookup")
@pytest.mark.parametrize("version", ["ghost.bin", "2", "0", "01", "A.BIN", "a"])
def test_an_unknown_version_is_not_found(world: Any, version: str) -> None:
    path = new_item(world.acme.owner.api)
    put_file(world.acme.owner.api, path, "a.bin")
    for method in ("get", "delete"):
        assert_error(world.acme.owner.api.request(method, f"{path}/versions/{version}"), "resource_not_found")


@pytest.mark.promise("versions.delete-ambiguous", "versions.delete")
def test_a_name_of_several_versions_is_not_deleted_but_their_ordinals_are(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    for ordinal in ("1", "70", "rc-1"):
        put_file(api, path, "a.bin", ordinal=ordinal)
    response = api.delete(f"{path}/versions/a.bin")
    assert_error(response, "delete_request_error")
    assert all(ordinal in response.json()["details"] for ordinal in ("1", "70", "rc-1"))
    assert len(read(api, path)["versions"]) == 3
    for version in ("70", "rc-1", "a.bin"):
        ok(api.delete(f"{path}/versions/{version}"))
    assert read(api, path)["versions"] == []


@pytest.mark.promise("versions.list")
@pytest.mark.parametrize("kind", KINDS)
def test_the_collection_lists_versions_newest_first_in_pages(world: Any, kind: str) -> None:
    api = world.acme.owner.api
    path = new_item(api, kind)
    made = [put_file(api, path, f"{number}.bin", ordinal=ordinal) for number, ordinal in enumerate(["5", "x", "3"])]
    envelope = read(api, f"{path}/versions")
    assert envelope["docs"] == made[::-1]
    assert (envelope["totalDocs"], envelope["limit"], envelope["page"], envelope["totalPages"]) == (3, 10, 1, 1)
    second = read(api, f"{path}/versions?limit=2&page=2")
    assert (second["docs"], second["hasPrevPage"], second["pagingCounter"]) == (made[:1], True, 3)
    assert newest(read(api, path)) == made[-1]
