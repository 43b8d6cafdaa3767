"""Folders as versions: several files that are uploaded, listed, downloaded and deleted together."""

import hashlib
import json
import zlib
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest

from tests.answers import assert_error, ok
from tests.catalog.items import KINDS, read
from tests.versions.files import CONTENT, copies, new_item, newest, post_file, put_file, send_bytes, sha256, stored
from tests.versions.tus import sent
from versions import folders, removal
from versions.models import Blob, LooseFolder, VersionFile

FILES = {"model/MLmodel": b"flavor: sklearn", "model/data/a.bin": CONTENT, "README.md": b"# Churn", "é/ü.txt": b""}
PATHS = sorted(FILES)


def form(files: dict[str, bytes], field: str = "files", **texts: str) -> dict[str, Any]:
    """Return the options of a request with a form of several files."""
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in texts.items()
    ]
    for path, content in files.items():
        head = f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="{path}"\r\n\r\n'
        parts.append(head.encode() + content + b"\r\n")
    return {"data": b"".join(parts) + b"--b--\r\n", "content_type": "multipart/form-data; boundary=b"}


def send(api: Any, path: str, files: dict[str, bytes], **texts: str) -> Any:
    return api.post(f"{path}/versions", **form(files, **texts))


def post_folder(api: Any, path: str, files: dict[str, bytes] = FILES, original: str = "churn", **texts: str) -> Any:
    """Upload a folder and return the new version."""
    return newest(ok(send(api, path, files, original=original, **texts)))


def digest(files: dict[str, bytes]) -> str:
    """Return the digest of a folder, as the documentation computes it."""
    rows = [[path, hashlib.sha256(content).hexdigest(), len(content)] for path, content in files.items()]
    rows.sort(key=lambda row: str(row[0]).encode())
    return hashlib.sha256(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def named(path: str, *entries: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"json": {"files": list(entries)} | more}


@pytest.fixture(autouse=True)
def committed(transactional_db: None) -> None:
    """Folders are stored in several transactions."""


@pytest.mark.promise("folders.post", "folders.digest")
@pytest.mark.parametrize("kind", KINDS)
def test_the_files_of_a_form_become_one_version(world: Any, kind: str) -> None:
    api = world.acme.owner.api
    path = new_item(api, kind)
    answer = ok(send(api, path, FILES, original="churn", description="first"))
    (version,) = answer["versions"]
    assert (version["ordinal"], version["original"], version["description"]) == ("1", "churn", "first")
    assert (version["mimetype"], version["encoding"]) == ("inode/directory", "binary")
    assert (version["size"], version["sha256"]) == (sum(map(len, FILES.values())), digest(FILES))
    assert read(api, path) == answer
    for file, content in FILES.items():
        assert copies(content) == 1, file


@pytest.mark.promise("folders.files")
def test_the_files_are_listed_in_the_order_of_their_paths(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    post_folder(api, path)
    page = ok(api.get(f"{path}/versions/1/files"))
    assert [file["path"] for file in page["docs"]] == PATHS
    assert page["totalDocs"] == len(FILES)
    file = page["docs"][1]
    assert file == {
        "_id": file["_id"],
        "path": "model/MLmodel",
        "size": 15,
        "sha256": sha256(FILES["model/MLmodel"]),
        "mimetype": "application/octet-stream",
    }
    assert page["docs"][0]["mimetype"] == "text/markdown"
    found = ok(api.get(f"{path}/versions/churn/files", query={"prefix": "model/", "limit": "1"}))
    assert [file["path"] for file in found["docs"]] == ["model/MLmodel"]
    assert (found["totalDocs"], found["hasNextPage"]) == (2, True)
    after = ok(api.get(f"{path}/versions/1/files", query={"after": found["docs"][0]["_id"], "prefix": "model"}))
    assert [file["path"] for file in after["docs"]] == ["model/data/a.bin"]
    large = ok(api.get(f"{path}/versions/1/files", query={"filter": {"size": {"$gte": 15}}, "sort": {"size": "desc"}}))
    assert [file["path"] for file in large["docs"]] == ["model/data/a.bin", "model/MLmodel"]
    exact = ok(api.get(f"{path}/versions/1/files", query={"filter": {"path": "é/ü.txt"}, "select": ["size"]}))
    assert exact["docs"] == [{"_id": exact["docs"][0]["_id"], "size": 0}]
    assert_error(api.get(f"{path}/versions/1/files", query={"filter": {"crc32": 1}}), "get_request_error")


@pytest.mark.promise("folders.files")
def test_a_version_of_one_file_lists_it(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    put_file(api, path, "folder/a.bin")
    page = ok(api.get(f"{path}/versions/1/files"))
    about = {"path": "folder/a.bin", "size": 26, "sha256": sha256(CONTENT), "mimetype": "application/octet-stream"}
    assert [{name: file[name] for name in about} for file in page["docs"]] == [about]
    assert ok(api.get(f"{path}/versions/1/files", query={"prefix": "b"}))["docs"] == []
    assert ok(api.get(f"{path}/versions/1/files", query={"filter": {"path": {"$regex": "^folder"}}}))["totalDocs"] == 1
    assert api.get(f"{path}/versions/1/files/folder/a.bin").body() == CONTENT
    assert_error(api.get(f"{path}/versions/1/files/a.bin"), "resource_not_found", "No such file: a.bin")


@pytest.mark.promise("folders.file")
def test_a_file_is_downloaded_as_a_version_of_one_file_is(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    post_folder(api, path)
    for file, content in FILES.items():
        response = api.get(f"{path}/versions/1/files/{file}")
        assert response.body() == content
        assert response.headers["ETag"] == f'"{sha256(content)}"'
        assert response.headers["Content-Length"] == str(len(content))
        assert "Repr-Digest" in response.headers
    address = f"{path}/versions/churn/files/model/data/a.bin"
    part = api.get(address, headers={"Range": "bytes=3-5"})
    assert (part.status_code, part.body()) == (206, b"def")
    etag = f'"{sha256(CONTENT)}"'
    assert api.get(address, headers={"If-None-Match": etag}).status_code == 304
    assert_error_412(api.get(address, headers={"If-Match": '"other"'}))
    head = api.head(address)
    assert (head.body(), head.headers["Content-Length"], head.headers["ETag"]) == (b"", "26", etag)
    assert_error(api.get(f"{path}/versions/1/files/model"), "resource_not_found", "No such file: model")


def assert_error_412(response: Any) -> None:
    assert (response.status_code, response.json()["value"]) == (412, 6)


UNFIT = {
    "absolute": "/a",
    "empty part": "a//b",
    "folder": "a/",
    "dot": "a/./b",
    "dots": "../a",
    "backslash": "a\\b",
    "control": "a\tb",
    "direction": "a\u202eb",
    "blank": "a/ /b",
    "decomposed": "e\u0301",
    "long": "a" * 200 + "/" + "b" * 200 + "/" + "c" * 200 + "/" + "d" * 200 + "/" + "e" * 221,
    "long part": "é" * 128,
}


@pytest.mark.promise("folders.paths")
@pytest.mark.parametrize("unfit", UNFIT)
def test_a_path_that_breaks_the_rules_is_refused_and_nothing_is_kept(world: Any, unfit: str) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    put_file(api, path, "source.bin")
    before = read(api, path), stored()
    assert_error(send(api, path, {UNFIT[unfit]: b"x", "b": b"y"}, original="o"), "post_request_error")
    entry = {"path": UNFIT[unfit], "version": "1", "from": "source.bin"}
    assert_error(api.post(f"{path}/versions", **named(path, entry)), "post_request_error")
    assert (read(api, path), stored()) == before


@pytest.mark.promise("folders.paths")
@pytest.mark.parametrize(
    ("paths", "why"),
    [
        (["a/B.txt", "a/b.TXT"], "differ in case alone"),
        (["a", "a/b"], "A file is also a folder"),
        (["A/b/c", "a/B"], "A file is also a folder"),
        (["a", "a"], "given twice"),
        (["straße", "STRASSE"], "differ in case alone"),
    ],
)
def test_paths_that_clash_are_refused(world: Any, paths: list[str], why: str) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    put_file(api, path, "source.bin")
    entries = [{"path": each, "version": "1", "from": "source.bin"} for each in paths]
    assert_error(api.post(f"{path}/versions", **named(path, *entries, original="o")), "post_request_error", why)


@pytest.mark.promise("folders.paths")
def test_the_longest_path_and_unusual_characters_are_kept(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    longest = "/".join("é" * 127 + "x" for _ in range(4))
    assert len(longest.encode()) == 1023
    files = {longest: b"1", "a b/%2f?#&+;=@.txt": b"2", "🧪/日本": b"3", ".hidden": b"4"}
    version = post_folder(api, path, files)
    assert version["sha256"] == digest(files)
    listed = ok(api.get(f"{path}/versions/1/files"))["docs"]
    assert [file["path"] for file in listed] == sorted(files, key=str.encode)


@pytest.mark.promise("folders.post")
def test_other_files_of_a_form_are_refused(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    both = form({"a": b"1"})["data"].removesuffix(b"--b--\r\n") + form({"b": b"2"}, "file")["data"]
    twice = form({"a": b"1"}, "file")["data"].removesuffix(b"--b--\r\n") + form({"b": b"2"}, "weights")["data"]
    for data, why in ((both, "one `file`, or several"), (twice, "not `weights`")):
        response = api.post(f"{path}/versions", data=data, content_type="multipart/form-data; boundary=b")
        assert_error(response, "post_request_error", why)
    unnamed = '--b\r\nContent-Disposition: form-data; name="files"\r\n\r\nx\r\n--b--\r\n'
    response = api.post(f"{path}/versions", data=unnamed.encode(), content_type="multipart/form-data; boundary=b")
    assert_error(response, "post_request_error", "has no file name")
    assert read(api, path)["versions"] == []
    assert stored() == {}


@pytest.mark.promise("folders.name")
def test_a_folder_is_named_by_the_form_or_by_the_folder_that_contains_all(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    version = newest(ok(send(api, path, {"top/a": b"1", "top/b/c": b"2"})))
    assert version["original"] == "top"
    assert_error(send(api, path, {"a": b"1", "b": b"2"}), "post_request_error", "`original` is required")


@pytest.mark.promise("folders.one-file")
def test_one_file_is_a_version_of_one_file_with_its_path(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    version = newest(ok(send(api, path, {"model/a.csv": CONTENT}, original="churn")))
    assert (version["original"], version["sha256"], version["mimetype"]) == ("churn", sha256(CONTENT), "text/csv")
    assert api.get(f"{path}/versions/churn").body() == CONTENT
    (file,) = ok(api.get(f"{path}/versions/churn/files"))["docs"]
    assert file["path"] == "model/a.csv"
    assert api.get(f"{path}/versions/1/files/model/a.csv").body() == CONTENT
    unnamed = newest(ok(send(api, path, {"model/a.csv": b"2"})))
    assert unnamed["original"] == "model/a.csv"
    assert ok(api.get(f"{path}/versions/1/info"))["digest"] == digest({"model/a.csv": CONTENT})


@pytest.mark.promise("folders.json")
def test_a_version_is_made_of_files_of_versions_that_the_caller_may_read(world: Any) -> None:
    owner, other = world.acme.owner.api, world.acme.other.api
    source = new_item(owner, "datasets", visibility="public")
    post_folder(owner, source)
    put_file(owner, source, "one.bin", b"one")
    path = new_item(other)
    item = source.partition("/")[2]
    entries = [
        {"path": "a/copy.bin", "item": item, "version": "churn", "from": "model/data/a.bin"},
        {"path": "README.md", "item": item, "version": "1"},
        {"path": "one.bin", "item": item, "version": "2"},
        {"path": "again.bin", "item": item, "version": "2", "from": "one.bin"},
    ]
    body = named(path, *entries, original="mixed", description="of two")
    version = newest(ok(other.post(f"{path}/versions", **body)))
    files = {"a/copy.bin": CONTENT, "README.md": b"# Churn", "one.bin": b"one", "again.bin": b"one"}
    assert (version["sha256"], version["description"]) == (digest(files), "of two")
    ok(owner.delete(source))
    for name, content in files.items():
        assert other.get(f"{path}/versions/mixed/files/{name}").body() == content
        assert copies(content) == 1
    ok(other.delete(path))
    assert stored() == {}
    assert not VersionFile.objects.exists()
    assert not LooseFolder.objects.exists()
    assert not Blob.objects.exists()


@pytest.mark.promise("folders.json")
def test_knowing_a_digest_or_an_unreadable_version_hands_out_no_bytes(world: Any) -> None:
    owner, other, rival = world.acme.owner.api, world.acme.other.api, world.rival.owner.api
    source = new_item(owner, visibility="private")
    put_file(owner, source, "secret.bin", b"secret")
    item = source.partition("/")[2]
    for api in (other, rival):
        path = new_item(api)
        for entry in (
            {"path": "a", "sha256": sha256(b"secret")},
            {"path": "a", "upload": sha256(b"secret")},
            {"path": "a", "version": sha256(b"secret")},
            {"path": "a", "item": item, "version": "1", "from": "secret.bin"},
            {"path": "a", "item": item, "version": "secret.bin", "from": "secret.bin"},
        ):
            assert_error(api.post(f"{path}/versions", **named(path, entry)), "post_request_error")
        assert read(api, path)["versions"] == []


BODIES: dict[str, Any] = {
    "nothing": {},
    "list": [{"path": "a", "version": "1"}],
    "no files": {"files": []},
    "no list": {"files": {"path": "a"}},
    "no object": {"files": ["a"]},
    "no path": {"files": [{"version": "1"}]},
    "no text": {"files": [{"path": 1, "version": "1"}]},
    "null": {"files": [{"path": "a", "version": None}]},
    "no source": {"files": [{"path": "a"}]},
    "two sources": {"files": [{"path": "a", "version": "1", "upload": "x"}]},
    "unknown field": {"files": [{"path": "a", "version": "1", "length": "1"}]},
    "part of a version": {"files": [{"path": "source.bin", "version": "1", "offset": 0, "size": 1}]},
    "offset alone": {"files": [{"path": "a", "upload": "x", "offset": 0}]},
    "negative offset": {"files": [{"path": "a", "upload": "x", "offset": -1, "size": 1}]},
    "text as a size": {"files": [{"path": "a", "upload": "x", "offset": 0, "size": "1"}]},
    "boolean as a size": {"files": [{"path": "a", "upload": "x", "offset": 0, "size": True}]},
    "huge size": {"files": [{"path": "a", "upload": "x", "offset": 0, "size": 2**70}]},
    "unknown field of all": {"files": [{"path": "a", "version": "1"}], "sha256": "x"},
    "unknown version": {"files": [{"path": "a", "version": "7"}]},
    "unknown file": {"files": [{"path": "a", "version": "1", "from": "b"}]},
    "unknown item": {"files": [{"path": "a", "version": "1", "item": "x"}]},
    "original": {"files": [{"path": "source.bin", "version": "1"}], "original": 7},
    "original with dots": {"files": [{"path": "source.bin", "version": "1"}], "original": "../a"},
    "long description": {"files": [{"path": "source.bin", "version": "1"}], "description": "x" * 10_001},
}


@pytest.mark.promise("folders.json")
@pytest.mark.parametrize("body", BODIES)
def test_a_malformed_body_is_refused(world: Any, body: str) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    put_file(api, path, "source.bin")
    assert_error(api.post(f"{path}/versions", json=BODIES[body]), "post_request_error")
    assert read(api, path)["versions_count"] == 1


@pytest.mark.promise("folders.most")
def test_the_number_of_files_is_limited(world: Any, settings: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    put_file(api, path, "source.bin")
    settings.MAX_FILES = 2
    entries = [{"path": str(number), "version": "1", "from": "source.bin"} for number in range(3)]
    assert_error(api.post(f"{path}/versions", **named(path, *entries, original="o")), "payload_too_large", "2 files")
    assert_error(send(api, path, {"a": b"1", "b": b"2", "c": b"3"}, original="o"), "payload_too_large")
    settings.MAX_UPLOAD_SIZE = 5
    assert_error(send(api, path, {"a": b"123", "b": b"456"}, original="o"), "payload_too_large")
    settings.MAX_UPLOAD_SIZE, settings.MAX_FORM_FILES = 0, 3
    files = {f"{number}": b"" for number in range(200)}
    assert_error(send(api, path, files, original="o"), "generic_request_error", "at most 100 parts and 3 `files`")
    assert read(api, path)["versions_count"] == 1


@pytest.mark.promise("folders.post")
def test_a_folder_of_more_files_than_one_transaction_takes(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "BATCH", 20)
    monkeypatch.setattr(removal, "BATCH", 5)
    api = world.acme.owner.api
    path = new_item(api)
    files = {f"f/{number:04}.txt": str(number % 7).encode() for number in range(50)}
    version = post_folder(api, path, files, sha256="")
    assert version["sha256"] == digest(files)
    page = ok(api.get(f"{path}/versions/1/files", query={"limit": "100"}))
    assert [file["path"] for file in page["docs"]] == sorted(files)
    assert sorted(Blob.objects.values_list("references", flat=True)) == [7] * 6 + [8]
    ok(api.delete(f"{path}/versions/1"))
    assert stored() == {}
    assert not Blob.objects.exists()
    assert not LooseFolder.objects.exists()


@pytest.mark.promise("versions.digest")
def test_the_digest_of_a_folder_is_checked_before_anything_is_stored(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    options = form(FILES, original="churn")
    assert_error(
        api.post(f"{path}/versions", query={"sha256": "0" * 64}, **options), "post_request_error", digest(FILES)
    )
    assert stored() == {}
    ok(api.post(f"{path}/versions", query={"sha256": digest(FILES)}, **options))


@pytest.mark.promise("folders.info")
def test_a_version_is_described_as_json(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    version = post_folder(api, path)
    creator = {"_id": world.acme.owner.pk, "username": "owner"}
    more = {"files_count": 4, "digest": digest(FILES), "created_by": creator}
    assert ok(api.get(f"{path}/versions/1/info")) == version | more
    single = post_file(api, path, "a.bin")
    more |= {"files_count": 1, "digest": digest({"a.bin": CONTENT})}
    assert ok(world.acme.admin.api.get(f"{path}/versions/a.bin/info")) == single | more


@pytest.mark.promise("folders.diff")
def test_two_versions_are_compared_file_by_file(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    post_folder(api, path, {"a": b"1", "b": b"2", "c/d": b"3", "z": b"same"})
    post_folder(api, path, {"b": b"22", "c/d": b"3", "c/e": b"4", "z": b"same"})
    found = ok(api.get(f"{path}/versions/2/diff", query={"from": "1"}))
    assert found["added"] == [{"path": "c/e", "size": 1, "sha256": sha256(b"4")}]
    assert found["removed"] == [{"path": "a", "size": 1, "sha256": sha256(b"1")}]
    assert found["changed"] == [{"path": "b", "size": [1, 2], "sha256": [sha256(b"2"), sha256(b"22")]}]
    assert (found["from"], found["to"]) == ("1", "2")
    assert [found[f"{kind}_count"] for kind in ("added", "removed", "changed")] == [1, 1, 1]
    same = ok(api.get(f"{path}/versions/2/diff", query={"from": "2"}))
    assert (same["added"], same["removed"], same["changed"]) == ([], [], [])
    assert found["metadata"] == {}
    assert ok(api.get(f"{path}/versions/2/diff")) == found
    for ordinal, value in (("1", 0.9), ("2", 0.95)):
        pairs = [
            {"name": "accuracy", "value": value},
            {"name": "same", "value": 1},
            {"name": f"of {ordinal}", "value": "x"},
        ]
        ok(api.patch(f"{path}/versions/{ordinal}", json={"metadata": {"add": pairs}}))
    differing = {"accuracy": [0.9, 0.95], "of 1": ["x", None], "of 2": [None, "x"]}
    assert ok(api.get(f"{path}/versions/2/diff"))["metadata"] == differing
    first = ok(api.get(f"{path}/versions/1/diff", query={"from": ""}))
    assert (first["from"], first["added_count"], first["removed_count"]) == (None, 4, 0)
    assert_error(api.get(f"{path}/versions/2/diff", query={"from": "7"}), "get_request_error", "from")


@pytest.mark.promise("folders.longest-name")
def test_a_url_whose_whole_rest_names_a_version_wins(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    post_folder(api, path, {"b": b"a file", "c": b""}, original="a")
    assert api.get(f"{path}/versions/a/files/b").body() == b"a file"
    names = ("a/files/b", "a/files", "a/info", "a/diff", "a/events", "a/files/info", "a/files/events")
    for name in names:
        put_file(api, path, name, name.encode())
        assert api.get(f"{path}/versions/{name}").body() == name.encode()
        ok(api.get(f"{path}/versions/1/info"))
    assert ok(api.get(f"{path}/versions/a/files/info/info"))["original"] == "a/files/info"
    assert api.get(f"{path}/versions/a/files/b/files/a/files/b").body() == b"a/files/b"
    ok(api.patch(f"{path}/versions/a/events", json={"description": "changed by its name"}))
    assert ok(api.get(f"{path}/versions/a/events/info"))["description"] == "changed by its name"
    assert [event["version"] for event in ok(api.get(f"{path}/versions/a/events/events"))["docs"]] == ["6", "6"]
    for name in names:
        ok(api.delete(f"{path}/versions/{name}"))
    assert api.get(f"{path}/versions/a/files/b").body() == b"a file"
    assert ok(api.get(f"{path}/versions/a/info"))["ordinal"] == "1"
    assert ok(api.get(f"{path}/versions/a/events"))["docs"][0]["version"] == "1"
    assert_error(api.get(f"{path}/versions/x/files/b"), "resource_not_found")
    assert_error(api.get(f"{path}/versions/x" + "/files" * 500), "resource_not_found")


@pytest.mark.promise("versions.ordinal-once")
def test_an_ordinal_is_never_given_again(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    for number in ("1", "2"):
        assert put_file(api, path, "a.bin")["ordinal"] == number
    assert put_file(api, path, "named.bin", ordinal="named")["ordinal"] == "named"
    for ordinal in ("2", "named"):
        ok(api.delete(f"{path}/versions/{ordinal}"))
    for ordinal in ("2", "named"):
        response = send_bytes(api, path, "b", query={"ordinal": ordinal})
        assert_error(response, "post_request_error", "Ordinal value duplicated")
    assert put_file(api, path, "a.bin")["ordinal"] == "3"
    assert put_file(api, new_item(api, name="other"), "a.bin", ordinal="named")["ordinal"] == "named"


def _refuse(key: str) -> None:
    raise AssertionError("bytes are read once more")


@pytest.mark.promise("folders.json")
def test_a_stored_file_is_read_once_for_its_checksum(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    put_file(api, path, "one.bin", CONTENT)
    copies = [{"path": f"{number}.bin", "version": "one.bin", "from": "one.bin"} for number in range(2)]
    first = newest(ok(api.post(f"{path}/versions", **named(path, *copies, original="a"))))
    monkeypatch.setattr(folders, "_read_crc32", _refuse)
    second = newest(ok(api.post(f"{path}/versions", **named(path, *copies, original="b"))))
    assert second["sha256"] == first["sha256"]
    assert set(VersionFile.objects.values_list("crc32", flat=True)) == {zlib.crc32(CONTENT)}


@pytest.mark.promise("folders.json")
def test_uploads_of_the_caller_become_files_of_a_version_once(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_read_crc32", _refuse)
    api = world.acme.owner.api
    path = new_item(api)
    ids = [sent(api, content).rpartition("/")[2] for content in (CONTENT, b"second", CONTENT)]
    entries = [{"path": f"up/{number}.csv", "upload": id} for number, id in enumerate(ids)]
    entries.append({"path": "again.bin", "upload": ids[0]})
    body = named(path, *entries, original="churn", tags=["onnx"], metadata=[{"name": "accuracy", "value": 0.9}])
    other = new_item(world.acme.other.api)
    assert_error(world.acme.other.api.post(f"{other}/versions", **body), "post_request_error")
    assert_error(api.post(f"{path}/versions", query={"ordinal": ".."}, **body), "post_request_error")
    version = newest(ok(api.post(f"{path}/versions", **body)))
    files = {"up/0.csv": CONTENT, "up/1.csv": b"second", "up/2.csv": CONTENT, "again.bin": CONTENT}
    assert (version["sha256"], version["tags"]) == (digest(files), ["onnx"])
    assert version["metadata"] == [{"name": "accuracy", "value": 0.9}]
    assert api.get(f"{path}/versions/1/files/up/1.csv").body() == b"second"
    assert dict(VersionFile.objects.values_list("path", "crc32")) == {
        path: zlib.crc32(content) for path, content in files.items()
    }
    assert_error(api.post(f"{path}/versions", **body), "post_request_error")
    single = sent(api, b"single").rpartition("/")[2]
    one = newest(ok(api.post(f"{path}/versions", **named(path, {"path": "one.csv", "upload": single}))))
    assert (one["original"], one["sha256"], one["mimetype"]) == ("one.csv", sha256(b"single"), "text/csv")
    assert sorted(Blob.objects.values_list("references", flat=True)) == [1, 1, 3]
    for ordinal in ("1", "2"):
        ok(api.delete(f"{path}/versions/{ordinal}"))
    assert stored() == {}


PARTS = {"a.txt": (0, 3), "deep/empty": (3, 0), "deep/b.bin": (3, 5), "c": (10, 2)}  # offset and size in the bundle
BUNDLE = b"aaabbbbb--cc"


def parts(id: str, of: Any = PARTS) -> list[dict[str, Any]]:
    """Return the entries of files that one upload has."""
    return [{"path": path, "upload": id, "offset": at, "size": size} for path, (at, size) in of.items()]


@pytest.mark.promise("folders.bundles")
def test_small_files_are_sent_together_in_one_upload(world: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    id, alone = (sent(api, content).rpartition("/")[2] for content in (BUNDLE, b"alone"))
    entries = [{"path": "alone", "upload": alone}, *parts(id)]
    version = newest(ok(api.post(f"{path}/versions", **named(path, *entries, original="churn"))))
    files = {name: BUNDLE[at : at + size] for name, (at, size) in PARTS.items()} | {"alone": b"alone"}
    assert version["sha256"] == digest(files)
    with ZipFile(BytesIO(api.get(f"{path}/versions/1").body())) as archive:
        assert archive.testzip() is None
    assert sorted(stored().values()) == sorted(files.values()), "the bundle is left"
    assert_error(api.post(f"{path}/versions", **named(path, *parts(id), original="again")), "post_request_error")


@pytest.mark.promise("folders.bundles")
@pytest.mark.parametrize(
    "of",
    [{"a": (0, 3), "b": (2, 3)}, {"a": (0, 12), "b": (0, 12)}, {"a": (0, 13)}, {"a": (13, 0)}, {"a": (2**52, 2**52)}],
)
def test_parts_that_overlap_or_exceed_their_upload_are_refused(world: Any, of: Any) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    id = sent(api, BUNDLE).rpartition("/")[2]
    assert_error(api.post(f"{path}/versions", **named(path, *parts(id, of), original="o")), "post_request_error")
    other = world.acme.other.api
    theirs = new_item(other)
    assert_error(other.post(f"{theirs}/versions", **named(theirs, *parts(id), original="o")), "post_request_error")
    assert list(stored().values()) == [BUNDLE], "files are left, or the bundle is gone"
