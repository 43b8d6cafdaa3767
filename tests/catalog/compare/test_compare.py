"""Comparisons of items and versions: which columns, which rows, typed values, and what the caller may not read."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.compare import columns, fields
from tenants.identity.machine_tokens import create_token
from tests.answers import assert_error, ok
from tests.catalog.items import create
from tests.client import ApiClient
from tests.remembered import remembered
from tests.test_query_counts import NO_QUERY, TIMEOUT, USER, WEIGHT
from tests.versions.test_folders import post_folder


def pairs(**values: Any) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def compared(api: Any, *ids: str, **query: Any) -> Any:
    return ok(api.get("compare", query={"ids": ",".join(ids)} | query))


def values_of(answer: Any) -> dict[str, Any]:
    return {row["field"]: row["values"] for row in answer["rows"]}


def with_version(api: Any, path: str, name: str, content: bytes = b"x", **values: Any) -> None:
    ok(api.upload(f"{path}/versions", name, content))
    if values:
        ok(api.patch(f"{path}/versions/{name}", json={"metadata": {"add": pairs(**values)}}))


@pytest.fixture
def models(world: Any) -> list[str]:
    """Three models, `a` to `c`, of which the last is private; their ids."""
    ids: list[str] = remembered(_models, world.acme.owner.api)
    return ids


def _models(api: Any) -> list[str]:
    metadata = (
        pairs(acc=0.7, loss=3, note="x", done=True, same=1),
        pairs(acc=0.9, loss=2, note="x", done=1, same=1.0),
        pairs(loss=2, note="y", done=True, same=1),
    )
    return [
        create(api, name=name, metadata=each, tags=[name, "t"], visibility=visibility)["_id"]
        for name, each, visibility in zip("abc", metadata, ("public", "public", "private"), strict=True)
    ]


@pytest.mark.promise("compare.answer", "compare.values", "compare.metadata")
def test_items_are_compared_by_all_metadata_with_typed_values(world: Any, models: list[str]) -> None:
    answer = compared(world.acme.owner.api, *models)
    assert answer["columns"] == [
        {"_id": pk, "kind": "model", "name": name, "version": None} for pk, name in zip(models, "abc", strict=True)
    ]
    assert [row["field"] for row in answer["rows"]] == [
        f"metadata.{n}" for n in ("acc", "done", "loss", "note", "same")
    ]
    assert values_of(answer) == {
        "metadata.acc": [0.7, 0.9, None],
        "metadata.done": [True, 1, True],
        "metadata.loss": [3, 2, 2],
        "metadata.note": ["x", "x", "y"],
        "metadata.same": [1, 1.0, 1],
    }
    assert [type(value) for value in values_of(answer)["metadata.done"]] == [bool, int, bool]
    assert [row["differs"] for row in answer["rows"]] == [True, True, True, True, False]
    assert (answer["same"], answer["differs"]) == (1, 4)
    assert answer["truncated"] == {"columns": False, "rows": False}
    different = compared(world.acme.owner.api, *models, diff="true")
    assert [row["field"] for row in different["rows"]] == [row["field"] for row in answer["rows"] if row["differs"]]
    assert (different["same"], different["differs"]) == (1, 4)


@pytest.mark.promise("compare.best", "terms.better")
def test_the_best_value_is_marked_if_it_is_known_which_is_better(world: Any, models: list[str]) -> None:
    admin, api = world.acme.admin.api, world.acme.owner.api
    assert {row["field"]: (row["better"], row["best"]) for row in compared(api, *models)["rows"]} == {
        f"metadata.{name}": (None, []) for name in ("acc", "done", "loss", "note", "same")
    }
    for name, better in (("acc", "higher"), ("loss", "lower"), ("done", "higher"), ("same", "higher")):
        assert ok(admin.put(f"metadata/{name}", json={"better": better}))["better"] == better
    best = {row["field"].removeprefix("metadata."): row["best"] for row in compared(api, *models)["rows"]}
    assert best == {"acc": [1], "loss": [1, 2], "done": [1], "note": [], "same": []}
    ok(admin.put("metadata/acc", json={"better": None}))
    assert compared(api, *models, fields="metadata.acc")["rows"][0]["better"] is None


@pytest.mark.promise("compare.ids", "compare.versions")
def test_versions_are_named_by_ordinal_alias_and_file_name(world: Any, models: list[str]) -> None:
    api, (a, b, _) = world.acme.owner.api, models
    for number in range(3):
        with_version(api, f"models/{b}", f"f{number}.bin", b"x" * number, acc=number / 10)
    ok(api.put(f"models/{b}/aliases/production", json={"version": "2"}))
    ok(api.put(f"models/{b}/aliases/production", json={"version": "3"}))
    names = ("1", "production", "f1.bin", "latest", "production~1")
    answer = compared(api, a, *(f"{b}@{name}" for name in names), fields="metadata.acc,size,files_count,aliases")
    assert [column["version"] for column in answer["columns"]] == [None, "1", "3", "2", "3", "2"]
    assert values_of(answer) == {
        "metadata.acc": [0.7, 0.0, 0.2, 0.1, 0.2, 0.1],
        "size": [None, 0, 2, 1, 2, 1],
        "files_count": [None, 1, 1, 1, 1, 1],
        "aliases": [[], [], ["production"], [], ["production"], []],
    }
    for missing in (f"{b}@9", f"{b}@staging", f"{a}@1", f"{b}@production~7"):
        assert_error(api.get("compare", query={"ids": missing}), "resource_not_found")


@pytest.mark.promise("compare.readable", "items.other-tenant")
def test_items_that_the_caller_cannot_read_are_not_found(world: Any, models: list[str]) -> None:
    own = ok(world.acme.owner.api.get("compare", query={"ids": models[2]}))
    assert own["columns"][0]["name"] == "c"
    unknown = world.acme.other.api.get("compare", query={"ids": "0" * 24})
    for caller, pk in ((world.acme.other, models[2]), (world.rival.admin, models[0])):
        refused = caller.api.get("compare", query={"ids": pk})
        assert_error(refused, "resource_not_found")
        assert refused.json()["details"] == unknown.json()["details"].replace("0" * 24, pk)
        assert_error(caller.api.get("compare", query={"ids": f"{models[0]},{pk}@1"}), "resource_not_found")
    found = ok(world.acme.other.api.get("compare", query={"kind": "model"}))
    assert {column["name"] for column in found["columns"]} == {"a", "b"}
    assert ok(world.rival.admin.api.get("compare", query={"kind": "model"}))["columns"] == []
    dataset = create(world.acme.owner.api, "datasets", name="secret")["_id"]
    ok(world.acme.owner.api.put(f"models/{models[0]}", json={"datasets": {"add": [dataset]}}))
    shown = {
        api: values_of(compared(api, models[0], fields="datasets"))["datasets"]
        for api in (world.acme.owner.api, world.acme.other.api)
    }
    assert list(shown.values()) == [[[{"_id": dataset, "name": "secret"}]], [[{"_id": dataset}]]]


@pytest.mark.promise("compare.readable", "tokens.scopes")
def test_a_token_compares_only_the_kinds_that_it_may_read(world: Any, models: list[str]) -> None:
    dataset = create(world.acme.owner.api, "datasets", name="d")["_id"]
    api = ApiClient(create_token(by=world.acme.owner, name="ci", scopes=["datasets:read"], expires=None).secret)
    assert compared(api, dataset)["columns"][0]["name"] == "d"
    assert_error(api.get("compare", query={"ids": models[0]}), "resource_not_found")
    assert_error(api.get("compare", query={"kind": "model"}), "restricted_access_read")


@pytest.mark.promise("compare.filter")
def test_a_filter_finds_what_is_compared_in_an_order(world: Any, models: list[str]) -> None:
    api = world.acme.owner.api
    found = ok(api.get("compare", query={"kind": "model", "filter": {"metadata.loss": 2}, "sort": {"name": "asc"}}))
    assert [column["name"] for column in found["columns"]] == ["b", "c"]
    assert [column["name"] for column in ok(api.get("compare", query={"kind": "model"}))["columns"]] == ["c", "b", "a"]
    by_value = ok(api.get("compare", query={"kind": "model", "sort": {"metadata.acc": "desc"}}))
    assert [column["name"] for column in by_value["columns"]] == ["b", "a", "c"]
    assert ok(api.get("compare", query={"kind": "dataset"}))["columns"] == []


@pytest.mark.promise("compare.versions")
def test_a_metric_is_compared_over_the_versions_of_a_model(world: Any, models: list[str]) -> None:
    api = world.acme.owner.api
    for number in range(3):
        with_version(api, f"models/{models[0]}", f"f{number}.bin", acc=number / 10)
    with_version(api, f"models/{models[1]}", "g.bin", acc=1)
    for query in ({"ids": models[0]}, {"kind": "model", "filter": {"_id": models[0]}}):
        answer = ok(api.get("compare", query=query | {"by": "version"}))
        assert [column["version"] for column in answer["columns"]] == ["1", "2", "3"]
        assert values_of(answer) == {"metadata.acc": [0.0, 0.1, 0.2]}
    both = compared(api, models[1], models[0], models[2], by="version")
    assert [column["name"] for column in both["columns"]] == ["b", "a", "a", "a"]


@pytest.mark.promise("compare.fields")
def test_other_fields_are_compared_in_the_order_that_is_asked_for(world: Any, models: list[str]) -> None:
    api, (a, b, _) = world.acme.owner.api, models
    ok(api.put(f"models/{b}", json={"status": "production", "description": "Better"}))
    with_version(api, f"models/{a}", "f.bin", b"12345")
    names = ("tags", "status", "visibility", "owner", "description", "original", "mimetype", "size", "files_count")
    answer = compared(api, a, b, fields=",".join(names))
    assert [row["field"] for row in answer["rows"]] == list(names)
    assert values_of(answer) == {
        "tags": [["a", "t"], ["b", "t"]],
        "status": ["training", "production"],
        "visibility": ["public", "public"],
        "owner": ["owner", "owner"],
        "description": ["", "Better"],
        "original": ["f.bin", None],
        "mimetype": ["application/octet-stream", None],
        "size": [5, None],
        "files_count": [1, None],
    }
    assert_error(api.get("compare", query={"ids": a, "fields": "colour"}), "get_request_error", "colour")
    listed = compared(api, a, b, fields='["metadata.acc", "tags"]')
    assert [row["field"] for row in listed["rows"]] == ["metadata.acc", "tags"]


@pytest.mark.promise("compare.files")
def test_folders_are_compared_file_by_file(
    world: Any, models: list[str], transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, (a, b, c) = world.acme.owner.api, models
    post_folder(api, f"models/{a}", {"m/x": b"one", "m/y": b"two", "z": b"same"})
    post_folder(api, f"models/{b}", {"m/x": b"1", "m/w": b"four", "z": b"same"})
    answer = compared(api, a, b, c, fields="files")
    shown = {field: [each and each["size"] for each in values] for field, values in values_of(answer).items()}
    assert shown == {
        "files.m/w": [None, 4, None],
        "files.m/x": [3, 1, None],
        "files.m/y": [3, None, None],
        "files.z": [4, 4, None],
    }
    two = compared(api, f"{a}@1", b, fields="files", diff="true")
    assert [row["field"] for row in two["rows"]] == ["files.m/w", "files.m/x", "files.m/y"]
    assert (two["same"], two["differs"]) == (1, 3)
    monkeypatch.setattr(fields, "MOST_FOLDERS", 1)
    assert_error(api.get("compare", query={"ids": f"{a},{b}", "fields": "files"}), "get_request_error", "At most 1")


@pytest.mark.promise("compare.bounds")
def test_a_comparison_is_bounded(world: Any, models: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    api = world.acme.owner.api
    monkeypatch.setattr(columns, "MOST_COLUMNS", 2)
    monkeypatch.setattr(fields, "MOST_ROWS", 3)
    assert_error(api.get("compare", query={"ids": ",".join(models)}), "get_request_error", "at most 2 columns")
    found = ok(api.get("compare", query={"kind": "model"}))
    assert (len(found["columns"]), len(found["rows"])) == (2, 3)
    assert found["truncated"] == {"columns": True, "rows": True}
    for number in range(3):
        with_version(api, f"models/{models[0]}", f"f{number}.bin", acc=number)
    newest = compared(api, models[0], by="version")
    assert [column["version"] for column in newest["columns"]] == ["2", "3"]
    assert newest["truncated"]["columns"]
    monkeypatch.setattr(columns, "LIMIT", 0)
    monkeypatch.setattr(columns, "HEAVIEST", 10)
    assert_error(api.get("compare", query={"ids": models[0]}), "get_request_error", "too large")


@pytest.mark.promise("compare.bad")
@pytest.mark.parametrize(
    "query",
    [
        {"ids": "a", "kind": "model"},
        {"kind": "models"},
        {"kind": "model", "filter": "{"},
        {"kind": "model", "sort": "name"},
        {"by": "owner"},
        {"diff": "yes"},
        {"format": "pdf"},
        {"fields": "[1]"},
        {"fields": "[[]]"},
        {"ids": '[{"a": 1}]'},
        {"ids": "[1"},
        {"fields": ",".join(f"metadata.{n}" for n in range(1001))},
    ],
)
def test_a_bad_request_is_refused(world: Any, query: dict[str, str]) -> None:
    assert_error(world.acme.owner.api.get("compare", query=query), "get_request_error")


def _queries(call: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        ok(call())
    sent = [TIMEOUT.sub("", query["sql"]) for query in captured.captured_queries]
    return len([sql for sql in sent if not sql.upper().startswith(NO_QUERY)])


ITEMS, DIRECTIONS, VERSIONS, NEWEST, OWNERS = 1, 1, 1, 2, 1


def test_a_wide_comparison_takes_as_many_queries_as_a_narrow_one(world: Any) -> None:
    api = world.acme.owner.api
    ids = [create(api, name=f"m{n}", metadata=pairs(acc=n))["_id"] for n in range(9)]
    for pk in ids:
        ok(api.upload(f"models/{pk}/versions", "f.bin", b"x"))
        ok(api.put(f"models/{pk}/aliases/production", json={"version": "1"}))
    for some in (ids[:1], ids):
        assert (
            _queries(lambda some=some: api.get("compare", query={"ids": ",".join(some)})) == USER + ITEMS + DIRECTIONS
        )
        named = ",".join(f"{pk}@{name}" for pk, name in zip(some, 5 * ["1", "production"], strict=False))
        query = {"ids": named, "fields": "size,owner"}
        assert _queries(lambda query=query: api.get("compare", query=query)) == USER + ITEMS + VERSIONS + OWNERS
        query = {"ids": ",".join(some), "fields": "size"}
        assert _queries(lambda query=query: api.get("compare", query=query)) == USER + ITEMS + NEWEST
        query = {"ids": ",".join(some), "by": "version"}
        assert _queries(lambda query=query: api.get("compare", query=query)) == USER + ITEMS + WEIGHT + VERSIONS
