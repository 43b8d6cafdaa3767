"""Aliases point at versions: set, moved, read, followed and removed."""

from typing import Any

import pytest

from catalog.aliases.models import AliasMove
from catalog.models import Item
from tests.answers import ERRORS, assert_error, ok
from tests.catalog.items import KINDS, create
from tests.remembered import remembered
from tests.versions.files import sha256

CONTENTS = {"1": b"first", "2": b"second", "3": b"third"}


@pytest.fixture
def item(world: Any) -> str:
    """The path of a public model with three versions, each of its own file."""
    path: str = remembered(_model, world.acme.owner.api)
    return path


def _model(api: Any) -> str:
    path = f"models/{create(api, visibility='public')['_id']}"
    for ordinal, content in CONTENTS.items():
        ok(api.upload(f"{path}/versions", f"{ordinal}.bin", content))
    return path


def move(api: Any, item: str, version: str, alias: str = "production", **options: Any) -> Any:
    return ok(api.put(f"{item}/aliases/{alias}", json={"version": version} | options))


@pytest.mark.promise("aliases.put", "aliases.get")
@pytest.mark.parametrize("kind", KINDS)
def test_an_alias_points_at_the_version_that_it_was_moved_to(world: Any, kind: str) -> None:
    api = world.acme.owner.api
    item = f"{kind}/{create(api, kind)['_id']}"
    for content in (b"first", b"second"):
        ok(api.upload(f"{item}/versions", "model.onnx", content))
    first = move(api, item, "1", reason="Passed the review")
    assert first == {
        "_id": "production",
        "id": "production",
        "version": "1",
        "sha256": sha256(b"first"),
        "previous": None,
        "sequence": 1,
        "actor": {"_id": world.acme.owner.pk, "username": "owner"},
        "reason": "Passed the review",
        "proposal": None,
        "timestamp": first["timestamp"],
    }
    assert ok(api.get(f"{item}/aliases/production")) == first
    second = move(api, item, "model.onnx")
    assert (second["version"], second["previous"], second["sequence"]) == ("2", "1", 2), "the newest of that name"
    assert ok(api.get(f"{item}/aliases"))["docs"] == [second]
    assert ok(api.get(item))["aliases"] == {"production": "2"}
    assert move(api, item, "2", reason="again") == second, "nothing is moved"


@pytest.mark.promise("aliases.put")
@pytest.mark.parametrize(
    ("version", "expected"),
    [("3", "3"), ("1.bin", "1"), ("@production", "2"), ("@production~1", "1"), ("@latest", "3"), ("@latest~2", "1")],
)
def test_a_move_names_a_version_as_a_url_does(world: Any, item: str, version: str, expected: str) -> None:
    api = world.acme.owner.api
    move(api, item, "1")
    move(api, item, "2")
    assert move(api, item, version, "other")["version"] == expected


@pytest.mark.promise("aliases.put")
@pytest.mark.parametrize("version", ["4", "@staging", "@production~1", "@latest~3", "", "@", "\u202e"])
def test_a_move_to_what_does_not_exist_is_refused(world: Any, item: str, version: str) -> None:
    api = world.acme.owner.api
    move(api, item, "1")
    assert_error(api.put(f"{item}/aliases/production", json={"version": version}), "put_request_error")
    assert ok(api.get(item))["aliases"] == {"production": "1"}


@pytest.mark.promise("aliases.names")
@pytest.mark.parametrize("name", ["latest", "1", "007", "x" * 65, "a.b", "é", "a b", "@a", "a~1"])
def test_an_ambiguous_name_is_refused_as_an_alias(world: Any, item: str, name: str) -> None:
    assert_error(
        world.acme.owner.api.put(f"{item}/aliases/{name}", json={"version": "1"}), "put_request_error", "alias"
    )


@pytest.mark.promise("aliases.names")
@pytest.mark.parametrize("name", ["production", "x" * 64, "a-b_C9", "-", "1a", "Latest"])
def test_letters_digits_and_dashes_make_an_alias(world: Any, item: str, name: str) -> None:
    api = world.acme.owner.api
    assert move(api, item, "2", name)["_id"] == name
    assert api.get(f"{item}/versions/@{name}").body() == b"second"


@pytest.mark.promise("aliases.address")
@pytest.mark.parametrize(
    ("version", "content"),
    [("@production", b"third"), ("@production~1", b"first"), ("@latest", b"third"), ("@latest~1", b"second")],
)
def test_a_version_is_downloaded_by_its_alias(world: Any, item: str, version: str, content: bytes) -> None:
    api = world.acme.owner.api
    move(api, item, "1")
    move(api, item, "3")
    for method in ("get", "head"):
        response = api.request(method, f"{item}/versions/{version}")
        assert response.status_code == 200
        place = response.headers["Content-Location"]
        assert api.get(place).body() == content
        assert place == f"/v1/{item}/versions/{next(key for key, each in CONTENTS.items() if each == content)}"
    assert "Content-Location" not in api.get(f"{item}/versions/1.bin").headers


@pytest.mark.promise("aliases.address")
def test_no_file_takes_the_place_of_an_alias(world: Any, item: str) -> None:
    api = world.acme.owner.api
    ok(api.upload(f"{item}/versions", "@production", b"other"))
    assert_error(api.get(f"{item}/versions/@production"), "resource_not_found")
    move(api, item, "1")
    assert api.get(f"{item}/versions/@production").body() == b"first"
    assert api.get(f"{item}/versions/4").body() == b"other"
    streamed = api.put(f"{item}/versions/@staging", data=b"x", content_type="application/octet-stream")
    assert_error(streamed, "put_request_error", "alias")


@pytest.mark.promise("aliases.address")
def test_the_parts_of_a_version_are_read_by_its_alias(world: Any, item: str) -> None:
    api = world.acme.owner.api
    move(api, item, "1")
    move(api, item, "3")
    for part in ("files", "files/3.bin", "info", "diff"):
        response, by_ordinal = (api.get(f"{item}/versions/{name}/{part}") for name in ("@production", "3"))
        assert response.status_code == 200
        assert response.body() == by_ordinal.body()
        assert response.headers["Content-Location"] == f"/v1/{item}/versions/3/{part}"
    assert ok(api.get(f"{item}/versions/@production/events"))["docs"][0]["version"] == "3"
    assert ok(api.get(f"{item}/versions/@production/diff?from=@production~1"))["from"] == "1"
    assert ok(api.get(f"{item}/versions/@production~1/info"))["ordinal"] == "1"
    assert_error(api.get(f"{item}/versions/@nowhere/info"), "resource_not_found")
    ok(api.upload(f"{item}/versions", "@production/info", b"a file of this name"))
    assert ok(api.get(f"{item}/versions/@production/info"))["ordinal"] == "3"
    streamed = api.put(f"{item}/versions/@production/info", data=b"x", content_type="application/octet-stream")
    assert_error(streamed, "put_request_error", "alias")


@pytest.mark.promise("aliases.address")
def test_a_version_is_changed_copied_and_deleted_by_its_alias(world: Any, item: str) -> None:
    api = world.acme.owner.api
    move(api, item, "1")
    move(api, item, "3")
    for name, ordinal in (("@production", "3"), ("@production~1", "1"), ("@latest~1", "2")):
        assert ok(api.patch(f"{item}/versions/{name}", json={"tags": {"add": [name]}}))["ordinal"] == ordinal
        assert ok(api.get(f"{item}/versions/{ordinal}/info"))["tags"] == [name]
    entries = [
        {"path": "new", "version": "@production", "from": "3.bin"},
        {"path": "old", "version": "@production~1", "from": "1.bin"},
    ]
    ok(api.post(f"{item}/versions", json={"original": "both", "files": entries}))
    assert [api.get(f"{item}/versions/@latest/files/{path}").body() for path in ("new", "old")] == [b"third", b"first"]
    unknown = {"original": "none", "files": [{"path": "a", "version": "@nowhere"}]}
    assert_error(api.post(f"{item}/versions", json=unknown), "post_request_error", "@nowhere")
    for name, gone in (("@latest", "4"), ("@production~1", "1")):
        ok(api.delete(f"{item}/versions/{name}"))
        assert_error(api.get(f"{item}/versions/{gone}/info"), "resource_not_found")


@pytest.mark.promise("aliases.if-match")
@pytest.mark.parametrize(
    ("present", "header", "moves"),
    [
        ("2", '"2"', True),
        ("2", '"1", "2"', True),
        ("2", "*", True),
        ("2", '"3"', False),
        ("2", "2", False),
        ("2", 'W/"2"', False),
        ("", '"2"', False),
        ("", "*", False),
    ],
)
def test_a_condition_guards_a_move(world: Any, item: str, present: str, header: str, moves: bool) -> None:
    api = world.acme.owner.api
    if present:
        move(api, item, present)
        assert api.get(f"{item}/aliases/production").headers["ETag"] == f'"{present}"'
    for method, error in (("put", "put_request_error"), ("delete", "delete_request_error")):
        body = {"json": {"version": "3"}} if method == "put" else {}
        response = api.request(method, f"{item}/aliases/production", headers={"If-Match": header}, **body)
        if moves:
            ok(response)
            move(api, item, present)
        elif method == "put" or present:
            row = ERRORS[error] | {"status": 412}
            assert response.json() == row | {"details": response.json()["details"]}
            assert response.status_code == 412
            assert response.headers.get("ETag", "") == (f'"{present}"' if present else "")
    assert ok(api.get(item))["aliases"] == ({"production": present} if present else {})


@pytest.mark.promise("aliases.delete")
def test_a_removed_alias_is_gone_and_its_history_stays(world: Any, item: str) -> None:
    api = world.acme.owner.api
    assert_error(api.delete(f"{item}/aliases/production"), "resource_not_found")
    moved = move(api, item, "1")
    assert ok(api.delete(f"{item}/aliases/production")) == moved
    assert ok(api.get(item))["aliases"] == {}
    assert ok(api.get(f"{item}/aliases"))["docs"] == []
    for path in ("aliases/production", "versions/@production"):
        assert_error(api.get(f"{item}/{path}"), "resource_not_found")
    assert move(api, item, "@production~1")["sequence"] == 3
    history = ok(api.get(f"{item}/aliases/production/history"))["docs"]
    assert [(each["from"], each["to"]) for each in history] == [(None, "1"), ("1", None), (None, "1")]


@pytest.mark.promise("aliases.history")
def test_the_history_tells_every_move(world: Any, item: str) -> None:
    api = world.acme.owner.api
    for version, reason in (("1", "first"), ("3", "second"), ("@production~1", "rollback")):
        move(api if reason != "second" else world.acme.admin.api, item, version, reason=reason)
    move(api, item, "2", "staging")
    page = ok(api.get(f"{item}/aliases/production/history"))
    assert page["totalDocs"] == 3
    assert [(each["sequence"], each["from"], each["to"], each["reason"]) for each in page["docs"]] == [
        (3, "3", "1", "rollback"),
        (2, "1", "3", "second"),
        (1, None, "1", "first"),
    ]
    assert [each["actor"]["username"] for each in page["docs"]] == ["owner", "admin", "owner"]
    for filter, sequences in (({"to": "1"}, [3, 1]), ({"from": None}, [1]), ({"actor": "admin"}, [2])):
        found = ok(api.get(f"{item}/aliases/production/history", query={"filter": filter}))["docs"]
        assert [each["sequence"] for each in found] == sequences
    assert ok(api.get(f"{item}/aliases/unknown/history"))["docs"] == []


@pytest.mark.promise("aliases.version-stays")
def test_a_version_with_an_alias_cannot_be_deleted(world: Any, item: str) -> None:
    api = world.acme.owner.api
    move(api, item, "2")
    for name in ("2", "2.bin", "@production"):
        assert_error(api.delete(f"{item}/versions/{name}"), "delete_request_error", "production")
    ok(api.delete(f"{item}/versions/1"))
    move(api, item, "3")
    ok(api.delete(f"{item}/versions/2"))
    assert_error(api.get(f"{item}/versions/@production~1"), "resource_not_found")


@pytest.mark.promise("aliases.deleted-with-item")
def test_a_deleted_item_leaves_no_alias(world: Any, item: str) -> None:
    api = world.acme.owner.api
    move(api, item, "2")
    ok(api.delete(item))
    assert not AliasMove.objects.exists()
    assert ok(api.get("aliases/production"))["docs"] == []


@pytest.mark.promise("aliases.filter")
def test_items_are_filtered_by_their_aliases(world: Any, item: str) -> None:
    api = world.acme.owner.api
    create(api, name="without")
    move(api, item, "2")
    move(api, item, "3", "staging")
    for filter, names in (
        ({"aliases.production": {"$exists": True}}, {"thing"}),
        ({"aliases.production": "2"}, {"thing"}),
        ({"aliases.production": "3"}, set()),
        ({"aliases.other": {"$exists": True}}, set()),
        ({"aliases.production": {"$exists": False}}, {"without"}),
        ({"aliases.name": "staging"}, {"thing"}),
        ({"aliases": {"$size": 2}}, {"thing"}),
    ):
        assert {each["name"] for each in ok(api.get("models", query={"filter": filter}))["docs"]} == names, filter


@pytest.mark.promise("aliases.holders")
@pytest.mark.parametrize("few", [0, 1, 1000])
def test_frequent_and_rare_aliases_are_found(world: Any, item: str, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.models.FEW_MOVES", few)
    api = world.acme.owner.api
    other = f"models/{create(api, name='other')['_id']}"
    ok(api.upload(f"{other}/versions", "a.bin", b"a"))
    for path, version in ((item, "1"), (item, "2"), (other, "1")):
        move(api, path, version)
    move(api, other, "1", alias="staging")
    for alias, held in (("production", {item: "2", other: "1"}), ("staging", {other: "1"}), ("nowhere", {})):
        page = ok(api.get(f"aliases/{alias}"))
        assert {f"models/{row['_id']}": row["version"] for row in page["docs"]} == held
        assert page["totalDocs"] == len(held)


@pytest.mark.promise("aliases.most")
def test_an_item_has_a_bounded_number_of_aliases(world: Any, item: str) -> None:
    api = world.acme.owner.api
    present = [{"name": f"a{number}", "value": "1"} for number in range(99)]
    Item.objects.filter(pk=item.removeprefix("models/")).update(aliases=present)
    move(api, item, "1", "the-hundredth")
    refused = api.put(f"{item}/aliases/one-more", json={"version": "1"})
    assert_error(refused, "put_request_error", "at most 100")
    move(api, item, "2", "a7")


@pytest.mark.promise("aliases.put")
@pytest.mark.parametrize(
    ("body", "error"),
    [
        (None, "missing_info"),
        ({}, "missing_info"),
        ({"reason": "x"}, "put_request_error"),
        ({"version": 3}, "put_request_error"),
        ({"version": None}, "put_request_error"),
        ({"version": "1", "actor": "admin"}, "put_request_error"),
        ({"name": "x"}, "incorrect_info"),
        ({"version": "1", "reason": "x" * 1001}, "put_request_error"),
        ({"version": "1", "reason": "\0"}, "put_request_error"),
    ],
)
def test_a_body_that_is_no_move_is_refused(world: Any, item: str, body: Any, error: str) -> None:
    assert_error(world.acme.owner.api.put(f"{item}/aliases/production", json=body), error)
    assert ok(world.acme.owner.api.get(item))["aliases"] == {}
