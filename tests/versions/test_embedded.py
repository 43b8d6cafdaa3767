"""The versions in an item's document: the newest hundred, oldest first, and the total count."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.rows.fields import new_id, now
from tests.answers import ok
from tests.catalog.items import KINDS, create, read
from versions.models import Version

COUNTS = {"none": 0, "one": 1, "few": 99, "hundred": 100, "more": 101, "many": 250}


def _give_versions(path: str, count: int) -> None:
    """Create rows of versions without bytes, oldest first."""
    subject, time = path.rpartition("/")[2], now()
    fields = {"tenant_id": "acme", "subject": subject, "original": "f.bin", "mimetype": "a/b", "encoding": "7bit"}
    times = [time + timedelta(milliseconds=number // 2) for number in range(count)]  # two with the same timestamp
    ids = sorted(new_id() for _ in range(count))
    Version.objects.bulk_create(
        Version(pk=id, ordinal=str(number), number=number, size=number, sha256="0" * 64, timestamp=at, **fields)
        for number, (id, at) in enumerate(zip(ids, times, strict=True), start=1)
    )


@pytest.fixture
def items(world: Any) -> dict[str, str]:
    """The paths of models, one for each number of versions in COUNTS."""
    paths = {name: f"models/{create(world.acme.owner.api, name=name)['_id']}" for name in COUNTS}
    for name, path in paths.items():
        _give_versions(path, COUNTS[name])
    return paths


def _ordinals(document: dict[str, Any]) -> list[int]:
    return [int(version["ordinal"]) for version in document["versions"]]


def _shown(count: int) -> list[int]:
    return list(range(max(1, count - 99), count + 1))


def _queries_on_versions(call: Any) -> tuple[list[str], Any]:
    with CaptureQueriesContext(connection) as captured:
        answer = ok(call())
    return [query["sql"] for query in captured.captured_queries if Version._meta.db_table in query["sql"]], answer


@pytest.mark.promise("items.versions-order", "versions.list")
@pytest.mark.parametrize("kind", KINDS)
def test_an_item_lists_its_versions_oldest_first_and_their_collection_newest_first(world: Any, kind: str) -> None:
    api = world.acme.owner.api
    path = f"{kind}/{create(api, kind)['_id']}"
    for number in (1, 2, 3):
        answer = ok(api.upload(f"{path}/versions", f"{number}.bin", b"x"))
        assert _ordinals(answer) == list(range(1, number + 1))
        assert answer["versions_count"] == number
    assert read(api, path) == answer
    assert [version["ordinal"] for version in read(api, f"{path}/versions")["docs"]] == ["3", "2", "1"]


@pytest.mark.promise("items.versions-order", "items.versions-newest")
def test_an_item_shows_its_newest_hundred_versions_and_their_count(world: Any, items: dict[str, str]) -> None:
    for name, count in COUNTS.items():
        document = read(world.acme.owner.api, items[name])
        assert (_ordinals(document), document["versions_count"]) == (_shown(count), count), name


@pytest.mark.promise("items.versions-order", "items.versions-newest")
def test_a_list_shows_each_item_as_a_single_request_does(world: Any, items: dict[str, str]) -> None:
    for document in read(world.acme.owner.api, "models")["docs"]:
        count = COUNTS[document["name"]]
        assert (_ordinals(document), document["versions_count"]) == (_shown(count), count), document["name"]


@pytest.mark.promise("items.versions-newest")
def test_a_page_takes_three_queries_for_any_number_of_versions(world: Any, items: dict[str, str]) -> None:
    few, _ = _queries_on_versions(lambda: world.acme.owner.api.get("models", query={"filter": {"name": "few"}}))
    assert len(few) == 1
    many, page = _queries_on_versions(lambda: world.acme.owner.api.get("models"))
    assert page["totalDocs"] == len(COUNTS)
    assert len(many) <= 3


@pytest.mark.promise("lists.select", "items.versions-newest")
@pytest.mark.parametrize("path", ["models", "one"])
def test_versions_that_are_not_selected_are_not_loaded(world: Any, items: dict[str, str], path: str) -> None:
    path = path if path == "models" else items["many"]
    for names, most in ((["name", "owner"], 0), (["versions_count"], 1), (["versions"], 3), (["versions.ordinal"], 3)):
        query = {"select": names}
        queries, answer = _queries_on_versions(lambda query=query: world.acme.owner.api.get(path, query=query))
        assert len(queries) <= most, names
        for document in answer.get("docs", [answer]):
            assert set(document) == {"_id", *(name.partition(".")[0] for name in names)}
            name = next(name for name, item in items.items() if item.endswith(document["_id"]))
            if "versions_count" in document:
                assert document["versions_count"] == COUNTS[name]
            if "versions" in document:
                assert _ordinals(document) == _shown(COUNTS[name])
