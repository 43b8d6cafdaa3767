"""Exports of lists as CSV and NDJSON: complete, as the list shows them, streamed in constant memory."""

import csv
import json
import time
import tracemalloc
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.http import StreamingHttpResponse

from catalog.models import Item
from tenants.exceptions import Refused
from tenants.rest import exports
from tenants.rest.exports import cell
from tenants.rest.querying.query import BATCH
from tests.answers import assert_error, ok
from tests.catalog.items import create
from tests.client import ApiClient, ApiResponse
from tests.remembered import remembered
from tests.tenants.rest.querying.test_bounded import search_slowly

LISTS = ("models", "datasets", "algorithms", "tags", "metadata", "users", "log", "types/tenants")
MANY = 10_000
TRACED = 4_000_000  # bytes of an export


def lines(response: ApiResponse) -> list[dict[str, Any]]:
    """Return the documents of an export as NDJSON."""
    assert response.status_code == 200, response
    return [json.loads(line) for line in response.body().splitlines()]


def table(response: ApiResponse) -> tuple[list[str], list[dict[str, str]]]:
    """Return the header and the rows of an export as CSV."""
    assert response.status_code == 200, response
    reader = csv.DictReader(StringIO(response.body().decode(), newline=""))
    rows = list(reader)
    assert reader.fieldnames is not None
    return list(reader.fieldnames), rows


def export(api: ApiClient, path: str, form: str = "ndjson", **query: Any) -> ApiResponse:
    return api.get(path, query=query | {"format": form})


@pytest.fixture
def filled(world: Any) -> Any:
    """A world whose lists of acme all have documents, some of which only their owner reads."""
    world.item = remembered(_fill, world)
    return world


def _fill(world: Any) -> Any:
    api = world.acme.owner.api
    create(api, "datasets", name="d")
    for number in range(3):
        body = {"tags": ["t", f"t{number}"], "metadata": [{"name": "accuracy", "value": number / 2}], "datasets": ["d"]}
        item = create(api, "models", name=f"m{number}", visibility=("public", "private")[number % 2], **body)
        ok(api.upload(f"models/{item['_id']}/versions", "f.bin", b"x"))
    create(world.acme.other.api, "algorithms", name="a", visibility="public")
    create(world.rival.owner.api, "models", name="theirs", visibility="public")
    return item


@pytest.mark.promise("exports.lists")
@pytest.mark.parametrize("caller", ["owner", "other", "admin"])
def test_an_export_has_the_documents_of_the_list_that_the_caller_reads(filled: Any, caller: str) -> None:
    api = getattr(filled.acme, caller).api
    paths = [*LISTS, f"models/{filled.item['_id']}/versions"]
    for path in paths if caller == "admin" else [path for path in paths if path != "log"]:
        listed = ok(api.get(path, query={"limit": "100"}))["docs"]
        assert lines(export(api, path)) == listed, path
        header, rows = table(export(api, path, "csv"))
        assert rows == [{name: cell(document.get(name)) for name in header} for document in listed], path
        assert all(set(document) <= set(header) for document in listed), path
    assert_error(export(filled.acme.other.api, "log", "csv"), "only_administrator")
    assert_error(export(filled.anonymous, "models", "csv"), "authentication_error")


@pytest.mark.promise("exports.lists")
def test_the_operator_exports_the_tenants(filled: Any) -> None:
    listed = ok(filled.operator.get("tenants"))["docs"]
    assert lines(export(filled.operator, "tenants")) == listed
    assert table(export(filled.operator, "tenants", "csv"))[0] == list(listed[0])


@pytest.mark.promise("exports.forms", "json.utf-8")
@pytest.mark.parametrize(
    ("accept", "type"),
    [
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/csv;q=0.9, application/json;q=0.5", "text/csv; charset=utf-8"),
        ("application/x-ndjson", "application/x-ndjson; charset=utf-8"),
        ("application/json, text/csv;q=0.9", "application/json"),
        ("*/*", "application/json"),
        ("*/*, text/csv;q=0.5", "application/json"),
        ("text/csv;charset=nonsense", "application/json"),
        ("application/xml", "application/json"),
    ],
)
def test_the_form_is_the_one_that_accept_prefers(filled: Any, accept: str, type: str) -> None:
    response = filled.acme.owner.api.get("models", headers={"Accept": accept})
    assert response.headers["Content-Type"] == type
    assert "Accept" in response.headers["Vary"]
    ok(filled.acme.owner.api.get(f"models/{filled.item['_id']}", headers={"Accept": accept}))


@pytest.mark.promise("exports.forms")
def test_format_names_the_form_and_other_formats_are_ignored(filled: Any) -> None:
    api = filled.acme.owner.api
    response = api.get("models", query={"format": "csv"}, headers={"Accept": "application/json"})
    assert response.headers["Content-Disposition"] == 'attachment; filename="models.csv"'
    assert isinstance(response.response, StreamingHttpResponse)
    assert "Content-Length" not in response.headers
    assert ok(api.get("models", query={"format": "xml"}))["totalDocs"] == 3
    head = api.head("models", query={"format": "csv"})
    assert (head.headers["Content-Type"], head.body()) == ("text/csv; charset=utf-8", b"")


@pytest.mark.promise("exports.parameters")
def test_an_export_has_filter_order_fields_and_a_beginning(filled: Any) -> None:
    api = filled.acme.owner.api
    found = lines(export(api, "models", filter={"metadata.accuracy": {"$gte": 0.5}}, sort={"name": "asc"}))
    assert [item["name"] for item in found] == ["m1", "m2"]
    header, rows = table(export(api, "models", "csv", select=["tags", "name", "users.username"], sort={"name": -1}))
    assert header == ["_id", "name", "users", "tags"]
    assert [row["name"] for row in rows] == ["m2", "m1", "m0"]
    assert [item["name"] for item in lines(export(api, "models", after=found[0]["_id"], sort={"name": 1}))] == ["m2"]
    assert [item["name"] for item in lines(export(api, "models", limit="2", sort={"name": 1}))] == ["m0", "m1"]


@pytest.mark.promise("exports.parameters")
@pytest.mark.parametrize(
    "query", [{"filter": {"nothing": 1}}, {"sort": "x"}, {"page": "2"}, {"limit": "0"}, {"after": "x"}]
)
def test_a_refused_export_is_an_error_of_the_api(filled: Any, query: dict[str, Any]) -> None:
    for form in exports.FORMS:
        assert_error(export(filled.acme.owner.api, "models", form, **query), "get_request_error")


@pytest.mark.promise("exports.csv")
def test_the_header_depends_on_the_query_only(filled: Any) -> None:
    api = filled.acme.owner.api
    assert table(export(api, "models", "csv", filter={"name": "none"})) == (table(export(api, "models", "csv"))[0], [])
    assert table(export(api, "users", "csv"))[0] == ["_id", "id", "username"]
    assert "email" in table(export(filled.acme.admin.api, "users", "csv"))[0]


@pytest.mark.promise("exports.csv")
@pytest.mark.parametrize("start", exports.FORMULA)
def test_no_cell_is_a_formula(world: Any, start: str) -> None:
    api, text = world.acme.owner.api, f'{start}cmd|"a",b\n2'
    item = create(api, metadata=[{"name": "n", "value": text}], tags=["=t"])
    ok(api.upload(f"models/{item['_id']}/versions", "f.bin", b"x", fields={"description": text}))
    (row,) = table(export(api, f"models/{item['_id']}/versions", "csv"))[1]
    assert row["description"] == f"'{text}"
    (row,) = table(export(api, "models", "csv"))[1]
    assert row["tags"] == '["=t"]'
    assert json.loads(row["metadata"]) == [{"name": "n", "value": text}]
    assert (row["status"], row["versions_count"]) == ("training", "1")


@pytest.mark.promise("exports.csv")
def test_values_are_json_and_null_is_empty() -> None:
    assert [cell(value) for value in (None, True, -1, 0.5, "x", [], {"a": "é"})] == [
        "",
        "true",
        "-1",
        "0.5",
        "x",
        "[]",
        '{"a":"é"}',
    ]


def _parts(response: ApiResponse) -> Iterator[bytes]:
    """Return the batches of an export, which are read from the database as they are fetched."""
    assert response.status_code == 200, response
    return iter(response.response)


def _many(world: Any, count: int) -> None:
    owner = world.acme.owner.pk
    fields = {"tenant_id": "acme", "kind": "model", "owner_id": owner, "visibility": "public", "status": "test"}
    fields |= {"readers": ["*", owner], "tags": ["t" * 50] * 20}
    Item.objects.bulk_create([Item(name=f"{number:05}", **fields) for number in range(count)], batch_size=500)


@pytest.mark.promise("exports.streamed")
def test_ten_thousand_items_come_once_each_in_constant_memory(world: Any) -> None:
    _many(world, MANY)
    answer = export(world.acme.other.api, "models", "csv", sort={"name": 1}, select=["name", "tags"])
    peaks, number, size = [], -1, 0  # the header comes first
    tracemalloc.start()
    for part in _parts(answer):
        for _, name, _ in csv.reader(StringIO(part.decode())):
            assert name == ("name" if number < 0 else f"{number:05}")
            number += 1
        size += len(part)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
        if size > TRACED:  # which is above the bound on the memory, so that the slow tracing need not continue
            tracemalloc.stop()
    assert number == MANY
    assert len(peaks) >= MANY / BATCH
    assert max(peaks) < size / 5 < TRACED / 1.5


@pytest.mark.promise("exports.streamed")
def test_documents_that_change_during_an_export_move_no_other(world: Any) -> None:
    _many(world, 250)
    read = _parts(export(world.acme.owner.api, "models", sort={"name": 1}))
    found = next(read)
    Item.objects.filter(name__in=["00050", "00099", "00100"]).delete()
    found += b"".join(read)
    names = [json.loads(line)["name"] for line in found.splitlines()]
    assert names == [f"{number:05}" for number in range(250) if number != 100]


@pytest.mark.promise("exports.streamed")
def test_large_documents_are_read_in_small_batches(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "HEAVY", 1000)
    _many(world, 35)
    parts = [len(part.splitlines()) for part in _parts(export(world.acme.owner.api, "models"))]
    assert parts == [10, 10, 10, 5]


@pytest.mark.promise("exports.sort-metadata")
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_an_export_in_the_order_of_a_value_has_the_documents_of_the_list(
    world: Any, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = world.acme.owner.api
    for number in range(25):
        value = [number % 4, f"text {number % 3}", True, None][number % 4]
        metadata = [] if value is None else [{"name": "acc", "value": value}]
        create(api, "models", name=f"m{number}", visibility="public", metadata=metadata)
    monkeypatch.setattr(exports, "BATCH", 4)
    query: dict[str, Any] = {"sort": {"metadata.acc": direction}}
    listed = ok(api.get("models", query=query | {"limit": "100"}))["docs"]
    assert lines(export(world.acme.other.api, "models", **query)) == listed
    assert lines(export(api, "models", **query, limit="9")) == listed[:9]
    for after in (listed[6], listed[-2], listed[-1]):
        followed = listed[listed.index(after) + 1 :]
        assert lines(export(api, "models", **query, after=after["_id"])) == followed
    named: dict[str, Any] = {"filter": {"metadata.acc": {"$gte": 0}}, "select": ["name"]}
    names = [document["name"] for document in ok(api.get("models", query=query | named | {"limit": "100"}))["docs"]]
    assert [row["name"] for row in table(export(api, "models", "csv", **query, **named))[1]] == names
    monkeypatch.setattr(exports, "HEAVY", 1)
    assert [len(part.splitlines()) for part in _parts(export(api, "models", **query))] == [4] * 6 + [1]


@pytest.mark.promise("exports.sort-metadata")
def test_a_value_that_changes_during_an_export_moves_no_other_document(world: Any, monkeypatch: Any) -> None:
    api = world.acme.owner.api
    items = [create(api, name=f"m{n:02}", metadata=[{"name": "acc", "value": n}])["_id"] for n in range(9)]
    monkeypatch.setattr(exports, "BATCH", 3)
    read = _parts(export(api, "models", sort={"metadata.acc": "asc"}))
    found = next(read)
    ok(api.delete(f"models/{items[2]}"))
    ok(api.put(f"models/{items[1]}", json={"metadata": {"remove": [{"name": "acc"}]}}))
    found += b"".join(read)
    assert [json.loads(line)["_id"] for line in found.splitlines()] == [*items, items[1]]


@pytest.mark.promise("exports.time")
def test_each_batch_has_its_own_time(world: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _many(world, 3 * BATCH)
    settings.QUERY_TIMEOUT = 1
    read = _parts(export(world.acme.owner.api, "models"))
    next(read)
    time.sleep(1.2)
    assert len(next(read).splitlines()) == BATCH
    monkeypatch.setattr(exports, "_size", lambda *position: search_slowly())
    with pytest.raises(Refused, match="takes too long"):
        next(read)
