"""Description, tags and metadata of versions: set with the upload, changed by PATCH, part of the folksonomy."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from catalog import curation
from catalog.arrays import count_uses
from folksonomy.models import MetadataName, Tag
from tests.answers import assert_error, ok
from tests.catalog.items import KINDS, pairs, read, terms
from tests.served import Served
from tests.talk import administrator, created
from tests.versions.files import CONTENT, new_item, put_file, send_bytes, sha256
from versions.models import Version

METADATA = [
    {"name": "acc", "value": 0.5},
    {"name": "n", "value": 3},
    {"name": "framework", "value": "sk\nlearn"},
    {"name": "yes", "value": True},
]


def _patch(api: Any, path: str, version: str = "a.bin", **changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = ok(api.patch(f"{path}/versions/{version}", json=changes))
    return document


def _version(api: Any, path: str, ordinal: str = "1") -> dict[str, Any]:
    return next(each for each in read(api, path)["versions"] if each["ordinal"] == ordinal)


@pytest.fixture
def path(world: Any) -> str:
    """The path of a model with one version, `a.bin`, which has tags and metadata."""
    path = new_item(world.acme.owner.api)
    put_file(world.acme.owner.api, path, "a.bin", tags='["x", "y"]', metadata='[{"name": "acc", "value": 0.5}]')
    return path


@pytest.mark.promise("versions.words")
@pytest.mark.parametrize("kind", KINDS)
def test_an_upload_sets_tags_and_metadata(world: Any, kind: str) -> None:
    api = world.acme.owner.api
    path = new_item(api, kind)
    query = {"tags": ["x", "y", "x"], "metadata": METADATA, "description": "d"}
    streamed = ok(send_bytes(api, path, "a.bin", query=query))["versions"][-1]
    fields = {"tags": '["x", "y"]', "metadata": '[{"name": "acc", "value": 0.25}]', "description": "e"}
    sent = ok(api.upload(f"{path}/versions", "b.bin", CONTENT, fields=fields))["versions"][-1]
    plain = put_file(api, path, "c.bin")
    assert (streamed["tags"], streamed["metadata"], streamed["description"]) == (["x", "y"], METADATA, "d")
    assert (sent["tags"], sent["metadata"], sent["description"]) == (["x", "y"], [{"name": "acc", "value": 0.25}], "e")
    assert (plain["tags"], plain["metadata"]) == ([], [])
    assert read(api, f"{path}/versions")["docs"] == [plain, sent, streamed]
    assert terms(api, "tags") == {"x": "folk", "y": "folk"}
    assert set(terms(api, "metadata")) == {"acc", "n", "framework", "yes"}
    assert read(api, path)["tags"] == []


BAD_WORDS: list[dict[str, Any]] = [
    {"tags": "x"},
    {"tags": '"x"'},
    {"tags": "[1]"},
    {"tags": '["bad/"]'},
    {"tags": '["a\\u0000"]'},
    {"tags": '["\\ud800"]'},
    {"tags": "[" * 5000},
    {"tags": '["' + "x" * 256 + '"]'},
    {"metadata": "{}"},
    {"metadata": '[{"name": "a"}]'},
    {"metadata": '[{"name": "a", "value": 1}, {"name": "a", "value": 2}]'},
    {"metadata": '[{"name": "a", "value": [1]}]'},
    {"metadata": '[{"name": "a", "value": NaN}]'},
    {"metadata": '[{"name": "a", "value": 1e999}]'},
    {"metadata": '[{"name": "a", "value": 99999999999999999999}]'},
    {"metadata": '[{"name": "a", "value": "\\ud800"}]'},
]


@pytest.mark.promise("versions.words-refused")
@pytest.mark.parametrize("words", BAD_WORDS, ids=lambda words: str(words)[:40])
def test_an_upload_with_invalid_words_stores_nothing(world: Any, words: dict[str, Any]) -> None:
    api = world.acme.owner.api
    path = new_item(api)
    before = read(api, path)
    for response in (
        send_bytes(api, path, "a.bin", query=words),
        api.upload(f"{path}/versions", "a", b"x", fields=words),
    ):
        assert_error(response, "post_request_error")
    assert read(api, path) == before
    assert terms(api, "tags") == terms(api, "metadata") == {}


@pytest.mark.promise("versions.longest")
def test_a_version_has_a_bounded_number_and_size_of_words(world: Any, path: str, settings: Any) -> None:
    api = world.acme.owner.api
    before = read(api, path)
    large = [{"name": f"m{number}", "value": "x" * 900} for number in range(80)]
    many = [str(number) for number in range(settings.MAX_LIST_LENGTH + 1)]
    lists: dict[str, list[Any]] = {"metadata": large, "tags": many}
    for name, elements in lists.items():
        response = api.upload(f"{path}/versions", "b.bin", b"x", fields={name: json.dumps(elements)})
        assert_error(response, "post_request_error", "at most")
        assert_error(api.patch(f"{path}/versions/1", json={name: {"add": elements}}), "put_request_error", "at most")
    settings.MAX_LIST_LENGTH = 2
    assert_error(api.patch(f"{path}/versions/1", json={"tags": {"add": ["z"]}}), "put_request_error", "A version has")
    assert read(api, path) == before


@pytest.mark.promise("versions.patch")
@pytest.mark.parametrize("kind", KINDS)
def test_a_patch_changes_words_as_a_put_of_an_item_does_and_keeps_the_bytes(world: Any, kind: str) -> None:
    api = world.acme.owner.api
    path = new_item(api, kind, tags=["of the item"])
    first = put_file(api, path, "a.bin")
    changed = _patch(api, path, description="text", tags={"add": ["x", "y", "x"]}, metadata={"add": METADATA})
    assert changed == first | {"description": "text", "tags": ["x", "y"], "metadata": METADATA}
    update = {"update": [{"old": "x", "new": "y"}, {"old": "y", "new": "x"}], "remove": [], "add": ["z"]}
    renamed = {"update": [{"name": "acc", "new": {"name": "accuracy", "value": 1}}], "remove": [{"name": "yes"}]}
    changed = _patch(api, path, "1", tags=update, metadata=renamed | {"add": [{"name": "n", "value": "three"}]})
    assert changed["tags"] == ["y", "x", "z"]
    assert pairs(changed) == {"accuracy": 1, "n": "three", "framework": "sk\nlearn"}
    assert changed["description"] == "text"
    assert _version(api, path) == changed == read(api, f"{path}/versions")["docs"][0]
    assert api.get(f"{path}/versions/a.bin").body() == CONTENT
    assert changed["sha256"] == sha256(CONTENT) and changed["timestamp"] == first["timestamp"]
    assert read(api, path)["tags"] == ["of the item"]
    assert {"x", "y", "z"} <= set(terms(api, "tags")) and {"accuracy", "n"} <= set(terms(api, "metadata"))
    assert _patch(api, path, description="")["description"] == ""


@pytest.mark.promise("versions.patch-refused")
@pytest.mark.parametrize(
    ("body", "error", "details"),
    [
        ({}, "missing_info", ""),
        ({"nothing": 1}, "incorrect_info", "description, tags, metadata"),
        ({"original": "b"}, "put_request_error", "Request field cannot be updated (original)"),
        ({"sha256": "0" * 64, "description": "x"}, "put_request_error", "(sha256)"),
        ({"files": []}, "incorrect_info", ""),
        ({"description": None}, "put_request_error", "description"),
        ({"description": "x" * 10_001}, "put_request_error", "description"),
        ({"description": "a\x00"}, "put_request_error", "description"),
        ({"tags": ["x"]}, "put_request_error", ""),
        ({"tags": {"set": ["x"]}}, "put_request_error", "set"),
        ({"tags": {"remove": ["never"]}}, "put_request_error", "Resource to be removed from list not found: never"),
        ({"tags": {"update": [{"old": "z", "new": "w"}]}}, "put_request_error", "updated in list not found: z"),
        ({"tags": {"update": [{"old": "x", "new": "y"}]}}, "put_request_error", "Already in the list: y"),
        ({"tags": {"add": ["bad/"]}, "description": "x"}, "put_request_error", ""),
        ({"metadata": {"add": [{"name": "a", "value": None}]}, "description": "x"}, "put_request_error", ""),
        ({"metadata": {"add": {"name": "a", "value": 1}}}, "put_request_error", ""),
    ],
    ids=str,
)
def test_an_invalid_patch_changes_nothing(world: Any, path: str, body: Any, error: str, details: str) -> None:
    api = world.acme.owner.api
    before, words = read(api, path), (terms(api, "tags"), terms(api, "metadata"))
    assert_error(api.patch(f"{path}/versions/a.bin", json=body), error, details)
    assert read(api, path) == before
    assert (terms(api, "tags"), terms(api, "metadata")) == words


@pytest.mark.promise("versions.patch-refused")
def test_a_patch_names_one_version(world: Any, path: str) -> None:
    api = world.acme.owner.api
    put_file(api, path, "a.bin", b"more")
    assert_error(api.patch(f"{path}/versions/a.bin", json={"description": "x"}), "put_request_error", "1, 2")
    assert _patch(api, path, "2", description="x")["ordinal"] == "2"
    assert_error(api.patch(f"{path}/versions/3", json={"description": "x"}), "resource_not_found")
    text = api.patch(f"{path}/versions/2", data=b"x", content_type="text/plain")
    assert_error(text, "unsupported_media_type")
    assert _patch(api, path, "1", description="y")["description"] == "y"


@pytest.mark.promise("versions.words-in-use", "terms.used-stays")
def test_a_word_of_a_version_is_in_use_counted_and_curated(world: Any, path: str) -> None:
    api, admin = world.acme.owner.api, world.acme.admin.api
    second = new_item(api, name="second", tags=["x"], metadata=[{"name": "acc", "value": 1}])
    for ordinal in ("a", "b"):
        put_file(api, second, "f.bin", ordinal=ordinal, tags='["x"]', metadata='[{"name": "acc", "value": 2}]')
    third = new_item(api, name="third", tags=["z"], metadata=[{"name": "kept", "value": 9}])
    both = '[{"name": "acc", "value": 3}, {"name": "kept", "value": 4}]'
    put_file(api, third, "f.bin", tags='["z", "x"]', metadata=both)
    for collection, word in (("tags", "x"), ("metadata", "acc")):
        assert_error(admin.delete(f"{collection}/{word}"), "delete_request_error", "in use")
    tag, name = Tag.objects.get(tenant="acme", name="x"), MetadataName.objects.get(tenant="acme", name="acc")
    assert count_uses([tag]) == {tag.pk: 3} and count_uses([name]) == {name.pk: 3}
    assert curation.count_with_both(term=tag, name="z") == 1
    before = {each: read(api, each)["lastmod"] for each in (path, second, third)}
    assert curation.rename_term(term=tag, name="z", by=None)[1].items == 3
    assert curation.rename_term(term=name, name="kept", by=None)[1].items == 3
    assert [_version(api, each, ordinal)["tags"] for each, ordinal in ((path, "1"), (second, "b"), (third, "1"))] == [
        ["z", "y"],
        ["z"],
        ["z"],
    ]
    assert pairs(_version(api, path)) == {"kept": 0.5}
    assert pairs(_version(api, second, "a")) == {"kept": 2} and pairs(_version(api, third)) == {"kept": 4}
    assert all(read(api, each)["lastmod"] > before[each] for each in before)
    assert set(terms(api, "tags")) == {"y", "z"} and set(terms(api, "metadata")) == {"kept"}


@pytest.mark.promise("versions.words-in-use")
def test_a_word_is_free_again_once_its_version_is_deleted(world: Any, path: str) -> None:
    ok(world.acme.owner.api.delete(f"{path}/versions/1"))
    for word in ("tags/x", "tags/y", "metadata/acc"):
        ok(world.acme.admin.api.delete(word))


def test_words_of_other_tenants_stay(world: Any, path: str) -> None:
    rival = new_item(world.rival.owner.api)
    put_file(world.rival.owner.api, rival, "a.bin", tags='["x"]')
    curation.rename_term(term=Tag.objects.get(tenant="acme", name="x"), name="renamed", by=None)
    assert _version(world.rival.owner.api, rival)["tags"] == ["x"]


@pytest.mark.promise("versions.patch-concurrent")
def test_no_change_of_concurrent_patches_is_lost(served: Served) -> None:
    with administrator(served) as client:
        path = f"/models/{created(client, 'models', name=uuid4().hex)}"
        assert client.put(f"{path}/versions/a.bin", content=b"x").status_code == 200

        def change(number: int) -> httpx.Response:
            if number == 5:
                return client.put(path, json={"tags": {"add": ["of-the-item"]}})
            body = {"tags": {"add": [f"t{number}"]}, "metadata": {"add": [{"name": f"m{number}", "value": number}]}}
            return client.patch(f"{path}/versions/a.bin", json=body)

        with ThreadPoolExecutor(11) as threads:
            assert {response.status_code for response in threads.map(change, range(11))} == {200}
        item = client.get(path).json()
        wanted = {number for number in range(11) if number != 5}
        assert set(item["versions"][0]["tags"]) == {f"t{number}" for number in wanted}
        assert pairs(item["versions"][0]) == {f"m{number}": number for number in wanted}
        assert item["tags"] == ["of-the-item"]


def test_a_change_writes_only_words(world: Any, path: str) -> None:
    before = Version.objects.values().get()
    _patch(world.acme.owner.api, path, description="d", tags={"remove": ["x"]})
    changed = {"description": "d", "tags": ["y"]}
    assert Version.objects.values().get() == before | changed
