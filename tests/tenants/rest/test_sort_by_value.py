"""Lists sorted by a value of metadata, and filtered by tags and metadata of versions."""

import random
from typing import Any

import pytest

from tenants.rest.querying import by_value
from tests.answers import assert_error, ok
from tests.catalog.items import create
from tests.remembered import remembered
from tests.versions.files import put_file

VALUES: list[Any] = [
    0.5,
    0.25,
    -1,
    3,
    3,
    1e300,
    2**40,
    "a",
    "b",
    "B",
    "é",
    "",
    "10",
    "x" * 300,
    True,
    False,
    None,
    None,
    None,
]
NAME = "the metric."


def _rank(value: Any) -> Any:
    kind = 2 if isinstance(value, bool) else 1 if isinstance(value, str) else 0
    return kind, 0 if kind == 1 else value, value if kind == 1 else ""


def _expected(rows: list[tuple[str, Any]], descending: bool) -> list[str]:
    """Return the ids in order; rows without the value come last."""
    present = sorted(((_rank(value), key) for key, value in rows if value is not None), reverse=descending)
    return [key for _, key in present] + sorted((key for key, value in rows if value is None), reverse=descending)


@pytest.fixture
def models(world: Any) -> dict[str, tuple[Any, ...]]:
    """Name, value and visibility of models of two owners, in random order, by id."""
    made: dict[str, tuple[Any, ...]] = remembered(_make_models, world)
    return made


def _make_models(world: Any) -> dict[str, tuple[Any, ...]]:
    made: dict[str, tuple[Any, ...]] = {}
    values = list(enumerate(VALUES))
    random.Random(7).shuffle(values)
    for number, value in values:
        pairs = [{"name": "other", "value": number}] + ([] if value is None else [{"name": NAME, "value": value}])
        owner = world.acme.owner if number % 3 else world.acme.other
        visibility = "public" if number % 2 else "private"
        tags = ["third"] * (number % 3 == 0)
        item = create(owner.api, name=f"m{number}", metadata=pairs, visibility=visibility, tags=tags)
        made[item["_id"]] = (owner.username, visibility, tags, value)
    create(world.acme.owner.api, "datasets", name="d", metadata=[{"name": NAME, "value": 0.3}], visibility="public")
    create(world.rival.owner.api, name="r", metadata=[{"name": NAME, "value": 0.3}], visibility="public")
    return made


def _ids(api: Any, path: str = "models", **query: Any) -> list[str]:
    return [document["_id"] for document in ok(api.get(path, query={"limit": "100"} | query))["docs"]]


@pytest.mark.promise("lists.sort-metadata")
@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("walked", [1000, 3], ids=lambda walked: f"walked {walked}")
def test_items_are_sorted_by_a_value_on_every_page(
    world: Any, models: Any, direction: str, walked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_value, "WALKED", walked)
    sort = {f"metadata.{NAME}": direction}
    for caller, filter in (
        ("admin", ""),
        ("owner", ""),
        ("shared", ""),
        ("admin", {"tags": "third"}),
        ("owner", {"metadata.other": {"$gt": 5}}),
    ):
        api = getattr(world.acme, caller).api
        readable = set(_ids(api, filter=filter))
        rows = [(key, value) for key, (_, _, _, value) in models.items() if key in readable]
        expected = _expected(rows, direction == "desc")
        assert len(expected) == len(readable) > 2
        assert _ids(api, sort=sort, filter=filter) == expected
        pages, followed, total = [], [], None
        for number in range(1, len(expected) // 4 + 3):
            page = ok(api.get("models", query={"limit": "4", "page": str(number), "sort": sort, "filter": filter}))
            pages += [document["_id"] for document in page["docs"]]
            total = page["totalDocs"]
            assert page["hasNextPage"] == (number * 4 < len(expected))
        assert (pages, total) == (expected, len(expected))
        while len(followed) < len(expected):
            after = {"after": followed[-1]} if followed else {}
            page = ok(api.get("models", query={"limit": "3", "sort": sort, "filter": filter} | after))
            assert page["totalDocs"] == len(expected)
            followed += [document["_id"] for document in page["docs"]]
            assert page["hasNextPage"] == (len(followed) < len(expected))
        assert followed == expected


@pytest.mark.promise("lists.sort-metadata")
def test_a_large_page_is_sorted_too(world: Any, models: Any) -> None:
    query = {"sort": {f"metadata.{NAME}": "desc"}, "limit": "500", "select": ["name"]}
    page = ok(world.acme.admin.api.get("models", query=query))
    assert [document["_id"] for document in page["docs"]] == _expected(
        [(key, row[-1]) for key, row in models.items()], True
    )
    assert set(page["docs"][0]) == {"_id", "name"}


@pytest.mark.promise("lists.sort-metadata")
def test_a_sort_by_what_no_row_has_orders_by_id(world: Any, models: Any) -> None:
    for path in ("models", "algorithms"):
        ids = _ids(world.acme.admin.api, path, sort={"metadata.nothing": "asc"})
        assert ids == sorted(models if path == "models" else [])


@pytest.mark.promise("lists.sort-metadata")
@pytest.mark.parametrize("path", ["models", "versions"])
def test_other_sorts_by_metadata_are_refused(world: Any, models: Any, path: str) -> None:
    path = (
        path if path == "models" else f"models/{next(key for key, row in models.items() if row[0] == 'owner')}/versions"
    )
    for sort in (
        {"metadata.a": "asc", "_id": "asc"},
        {"name": "asc", "metadata.a": "asc"},
        {"metadata": "asc"},
        {"metadata.": "asc"},
        {"metadata.a": "up"},
        {"metadata.a\x00": "asc"},
        {"tags": "asc"},
        {"versions.metadata.a": "asc"},
    ):
        assert_error(world.acme.owner.api.get(path, query={"sort": sort}), "get_request_error")
    assert_error(world.acme.owner.api.get("tags", query={"sort": {"metadata.a": "asc"}}), "get_request_error")
    unknown = {"sort": {"metadata.a": "asc"}, "after": "0" * 24}
    assert_error(world.acme.owner.api.get(path, query=unknown), "get_request_error", "No such document")


@pytest.mark.promise("lists.sort-metadata")
def test_after_names_only_what_the_caller_may_read(world: Any, models: Any) -> None:
    hidden = next(key for key, row in models.items() if row[:2] == ("other", "private"))
    query = {"sort": {f"metadata.{NAME}": "asc"}, "after": hidden}
    assert_error(world.acme.owner.api.get("models", query=query), "get_request_error", "No such document")


@pytest.mark.promise("lists.sort-metadata", "filter.own-version-fields")
def test_versions_are_sorted_and_filtered_by_what_they_are_and_have(world: Any) -> None:
    api = world.acme.owner.api
    path, other = (f"models/{create(api, name=name)['_id']}" for name in ("one", "other"))
    put_file(api, other, "f.bin", metadata='[{"name": "acc", "value": 0.6}]', tags='["x"]')
    accs: list[Any] = [0.5, 0.9, "text", None, 0.7]
    for number, value in enumerate(accs, 1):
        metadata = f'[{{"name": "acc", "value": {value}}}]'.replace("text", '"text"') if value is not None else ""
        put_file(
            api, path, f"f{number}.bin", b"x" * number, metadata=metadata, tags='["even"]' if number % 2 == 0 else ""
        )

    def found(**query: Any) -> str:
        documents = ok(api.get(f"{path}/versions", query=query))["docs"]
        return "".join(document["ordinal"] for document in documents)

    assert found() == "54321"
    assert found(sort={"metadata.acc": "asc"}) == "15234"
    assert found(sort={"metadata.acc": "desc"}) == "32514"
    assert found(sort={"metadata.acc": "asc"}, limit="2", page="2") == "23"
    assert found(filter={"metadata.acc": {"$gte": 0.7}}, sort={"size": "asc"}) == "25"
    assert found(filter={"tags": "even"}, sort={"sha256": "asc"}) in ("24", "42")
    assert found(filter={"metadata.acc": {"$exists": False}}) == "4"
    version = ok(api.get(f"{path}/versions", query={"filter": {"size": 3}}))["docs"][0]
    assert found(filter={"sha256": version["sha256"]}) == "3"


@pytest.mark.promise("filter.version-words")
def test_items_are_found_by_tags_and_metadata_of_their_versions(world: Any) -> None:
    api = world.acme.owner.api
    versions: dict[str, list[tuple[str, str]]] = {
        "none": [],
        "plain": [("", "")],
        "low": [('["x"]', '[{"name": "acc", "value": 0.5}]')],
        "both": [
            ('["x", "y"]', '[{"name": "acc", "value": 0.5}, {"name": "n", "value": 1}]'),
            ('["z"]', '[{"name": "acc", "value": 0.9}]'),
        ],
        "text": [('["y"]', '[{"name": "acc", "value": "0.9"}]')],
    }
    for name, each in versions.items():
        path = f"models/{create(api, name=name, tags=['of item'])['_id']}"
        for number, (tags, metadata) in enumerate(each):
            put_file(api, path, f"{number}.bin", tags=tags, metadata=metadata)
    path = f"models/{create(world.rival.owner.api, name='rival')['_id']}"
    put_file(world.rival.owner.api, path, "f.bin", tags='["x"]', metadata='[{"name": "acc", "value": 0.9}]')
    cases: list[tuple[Any, set[str]]] = [
        ({"versions.tags": "x"}, {"low", "both"}),
        ({"versions.tags": "of item"}, set()),
        ({"versions.tags": {"$in": ["y", "q"]}}, {"both", "text"}),
        ({"versions.tags": {"$ne": "x"}}, {"none", "plain", "text"}),
        ({"versions.tags": {"$regex": "^[xz]$"}}, {"low", "both"}),
        ({"versions.tags": {"$exists": True}}, {"low", "both", "text"}),
        ({"versions.metadata.acc": {"$gte": 0.6}}, {"both"}),
        ({"versions.metadata.acc": 0.5}, {"low", "both"}),
        ({"versions.metadata.acc": "0.9"}, {"text"}),
        ({"versions.metadata.acc": {"$exists": False}}, {"none", "plain"}),
        ({"versions.metadata.n": {"$exists": True}}, {"both"}),
        ({"versions.metadata.name": "n"}, {"both"}),
        ({"versions.metadata": {"name": "acc", "value": 0.5}}, {"low", "both"}),
        ({"versions": {"$elemMatch": {"metadata.acc": {"$lt": 0.6}, "tags": "y"}}}, {"both"}),
        ({"versions": {"$elemMatch": {"metadata.acc": {"$gt": 0.6}, "tags": "y"}}}, set()),
        ({"$or": [{"versions.tags": "z"}, {"name": "none"}]}, {"both", "none"}),
        ({"$not": {"versions.metadata.acc": {"$gt": 0}}}, {"none", "plain", "text"}),
    ]
    for filter, expected in cases:
        for caller in (api, world.acme.admin.api):
            documents = ok(caller.get("models", query={"filter": filter}))["docs"]
            assert {document["name"] for document in documents} == expected, filter
    for filter in (
        {"versions.tags": {"$size": 1}},
        {"versions.tags": ["x"]},
        {"versions.metadata": "x"},
        {"versions.metadata": {"$elemMatch": {"name": "a"}}},
        {"versions.metadata.": 1},
        {"versions.other": 1},
        {"versions.tags.x": 1},
        {"versions.tags": 1},
        {"versions.metadata.acc": {"$gt": [1]}},
    ):
        assert_error(api.get("models", query={"filter": filter}), "get_request_error")
