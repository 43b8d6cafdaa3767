"""Descriptions, synonyms and counts of words."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from folksonomy import synonyms
from folksonomy.models import LONGEST_DESCRIPTION, Synonym
from tests.answers import assert_error, ok
from tests.catalog.items import create, pairs
from tests.remembered import remembered
from tests.versions.drafts import draft_path

KINDS = ("tags", "metadata")
both = pytest.mark.parametrize("collection", KINDS)
HEADER = "Replaced-Words"


@pytest.fixture
def words(world: Any) -> Any:
    """The tag and the metadata name `new`, each with the synonym `old`."""
    remembered(_words, world.acme.admin.api)
    return world


def _words(admin: Any) -> None:
    for collection in KINDS:
        ok(admin.post(collection, json={"_id": "new"}))
        ok(admin.put(f"{collection}/new", json={"synonyms": ["old"]}))


def _using(name: str, value: Any = 1) -> dict[str, Any]:
    return {"tags": [name], "metadata": [{"name": name, "value": value}]}


def _ids(api: Any, path: str, **query: Any) -> list[str]:
    return [document["_id"] for document in ok(api.get(path, query=query))["docs"]]


@both
@pytest.mark.promise("terms.change", "terms.answer")
def test_an_administrator_describes_a_word(world: Any, collection: str) -> None:
    admin, api = world.acme.admin.api, world.acme.owner.api
    ok(admin.post(collection, json={"_id": "word"}))
    changes = {"description": "What it means", "synonyms": ["b", "a", "a"]}
    for _ in "12":
        changed = ok(admin.put(f"{collection}/word", json=changes))
        assert (changed["description"], changed["synonyms"]) == ("What it means", ["a", "b"])
    assert ok(api.get(f"{collection}/word")) == changed == ok(api.get(collection))["docs"][0]
    kind = {"tags": "tag"}.get(collection, collection)
    events = ok(api.get("events", query={"filter": {"type": f"{kind}.updated"}}))["docs"]
    assert [event["changes"] for event in events] == [
        {"description": ["", "What it means"], "synonyms": [{}, {"0": "a", "1": "b"}]}
    ]
    assert ok(admin.put(f"{collection}/word", json={"synonyms": ["b"]}))["synonyms"] == ["b"]
    ok(admin.delete(f"{collection}/word"))
    assert not Synonym.objects.exists()


@both
@pytest.mark.promise("terms.change", "terms.synonyms")
def test_bad_descriptions_and_synonyms_are_refused_and_change_nothing(words: Any, collection: str) -> None:
    admin = words.acme.admin.api
    ok(admin.post(collection, json={"_id": "other"}))
    refused: tuple[dict[str, Any], ...] = (
        {"description": "x" * (LONGEST_DESCRIPTION + 1)},
        {"description": None},
        {"synonyms": ["new"]},
        {"synonyms": ["old"], "description": "x"},
        {"synonyms": ["other"]},
        {"synonyms": ["bad/"]},
        {"synonyms": [""]},
        {"synonyms": [1]},
        {"synonyms": "x"},
        {"synonyms": [f"s{number}" for number in range(synonyms.MOST + 1)]},
    )
    for body in refused:
        assert_error(admin.put(f"{collection}/other", json=body), "put_request_error")
    assert ok(admin.get(f"{collection}/other")) | {"timestamp": ""} == ok(admin.get(f"{collection}/other")) | {
        "timestamp": "",
        "description": "",
        "synonyms": [],
    }
    assert_error(admin.post(collection, json={"_id": "old"}), "post_request_error", "old is a synonym of new")
    assert_error(words.acme.owner.api.put(f"{collection}/new", json={"description": "x"}), "only_administrator")
    assert_error(words.rival.admin.api.put(f"{collection}/new", json={"description": "x"}), "resource_not_found")


@pytest.mark.promise("terms.replaced")
@pytest.mark.parametrize("kind", ["models", "datasets"])
def test_a_stored_synonym_becomes_its_word(words: Any, kind: str) -> None:
    api, both_words = words.acme.owner.api, "metadata old=new, tag old=new"
    posted = api.post(kind, json={"name": "a"} | _using("old"))
    item = ok(posted)
    assert (item["tags"], pairs(item)) == (["new"], {"new": 1})
    assert posted.headers[HEADER] == both_words
    path = f"{kind}/{item['_id']}"
    changed = api.put(
        path, json={"tags": {"remove": ["old"], "add": ["x"]}, "metadata": {"add": _using("old", 2)["metadata"]}}
    )
    assert (ok(changed)["tags"], pairs(changed.json())) == (["x"], {"new": 2})
    assert changed.headers[HEADER] == both_words
    update = {"update": [{"name": "old", "new": {"name": "old", "value": 3}}]}
    assert pairs(ok(api.put(path, json={"metadata": update}))) == {"new": 3}
    sent = {"tags": '["old", "new"]', "metadata": '[{"name": "old", "value": 4}]'}
    uploaded = api.upload(f"{path}/versions", "f.bin", b"x", fields=sent)
    assert ok(uploaded)["versions"][0]["tags"] == ["new"]
    assert uploaded.headers[HEADER] == both_words
    patched = api.patch(f"{path}/versions/1", json={"metadata": {"add": [{"name": "old", "value": 5}]}})
    assert (ok(patched)["metadata"], patched.headers[HEADER]) == ([{"name": "new", "value": 5}], "metadata old=new")
    listed = api.post(kind, json=[{"name": "b", "tags": ["old"]}, {"name": "c", "tags": ["x"]}, {"name": "c"}])
    assert (listed.status_code, listed.headers[HEADER]) == (202, "tag old=new")
    assert HEADER not in api.post(kind, json={"name": "d", "tags": ["new"]}).headers
    assert {term["_id"] for term in ok(api.get("tags"))["docs"]} == {"new", "x"}
    assert (
        HEADER.lower()
        in api.get(path, headers={"Origin": "https://x.example"}).headers["Access-Control-Expose-Headers"].lower()
    )


@pytest.mark.promise("terms.replaced")
def test_the_header_says_any_name_in_ascii(world: Any) -> None:
    admin, api = world.acme.admin.api, world.acme.owner.api
    ok(admin.post("tags", json={"_id": "größe, neu"}))
    ok(admin.put("tags/größe, neu", json={"synonyms": ["a=b", *(f"{'ü' * 200}{number}" for number in range(20))]}))
    assert (
        api.post("models", json={"name": "a", "tags": ["a=b"]}).headers[HEADER] == "tag a%3Db=gr%C3%B6%C3%9Fe%2C%20neu"
    )
    many = api.post("models", json={"name": "b", "tags": [f"{'ü' * 200}{number}" for number in range(20)]})
    assert ok(many)["tags"] == ["größe, neu"]
    assert 1000 < len(many.headers[HEADER]) <= 4000


@pytest.mark.promise("terms.replaced")
def test_a_published_draft_gets_the_words(words: Any) -> None:
    api = words.acme.owner.api
    ok(words.acme.admin.api.put("metadata/new", json={"synonyms": ["m", "p"]}))
    model = create(api, name="churn")["_id"]
    published = api.post(f"{draft_path(words.acme.owner)}/publish", json={"model": model})
    names = {pair["name"] for pair in ok(published)["metadata"]}
    assert (HEADER in published.headers) == ("new" in names)


@pytest.mark.promise("terms.replaced")
def test_two_values_of_one_word_are_refused(words: Any) -> None:
    api = words.acme.owner.api
    twice = [{"name": "old", "value": 1}, {"name": "new", "value": 2}]
    assert_error(api.post("models", json={"name": "a", "metadata": twice}), "post_request_error", "duplicated (new)")


@pytest.mark.promise("terms.synonyms")
def test_synonyms_hold_in_their_tenant_and_for_their_kind_alone(words: Any) -> None:
    item = create(words.rival.owner.api, **_using("old"))
    assert (item["tags"], pairs(item)) == (["old"], {"old": 1})
    assert _ids(words.rival.owner.api, "models", filter={"tags": "old"}) == [item["_id"]]
    ok(words.acme.admin.api.put("tags/new", json={"synonyms": []}))
    item = create(words.acme.owner.api, **_using("old"))
    assert (item["tags"], pairs(item)) == (["old"], {"new": 1})


@pytest.mark.promise("filter.synonyms")
def test_filters_and_orders_by_a_synonym_find_its_word(words: Any) -> None:
    api = words.acme.owner.api
    found = create(api, name="found", **_using("new", 2))["_id"]
    ok(
        api.upload(
            f"models/{found}/versions",
            "f.bin",
            b"x",
            fields={"tags": '["new"]', "metadata": '[{"name": "new", "value": 5}]'},
        )
    )
    other = create(api, name="other", tags=["x"])["_id"]
    filters: tuple[Any, ...] = (
        {"tags": "old"},
        {"tags": {"$in": ["old", "none"]}},
        {"tags": ["old"]},
        {"tags": {"$all": ["old", "new"]}},
        {"tags": {"$elemMatch": {"$eq": "old"}}},
        {"metadata.old": {"$gte": 2}},
        {"metadata.name": "old"},
        {"metadata": {"$elemMatch": {"name": "old", "value": 2}}},
        {"versions.tags": "old"},
        {"versions.metadata.old": 5},
        {"$nor": [{"tags": {"$ne": "old"}}]},
    )
    for filter in filters:
        assert _ids(api, "models", filter=filter) == [found], filter
    assert _ids(api, "models", filter={"tags": {"$ne": "old"}}) == [other]
    for text in ("tag:old", "old>1", "old", "has:old"):
        assert _ids(api, "models", q=text) == [found], text
    second = create(api, name="second", **_using("new", 3))["_id"]
    for direction, ordered in ((1, [found, second, other]), (-1, [second, found, other])):
        assert _ids(api, "models", sort={"metadata.old": direction}) == ordered
    assert _ids(api, "models", filter={"tags": "old"}, limit="1") == [second]
    assert ok(api.get("models", query={"filter": {"tags": "old"}, "limit": "1"}))["totalDocs"] == 2
    exported = api.get("models", query={"filter": {"tags": "old"}, "format": "ndjson"}).body()
    assert len(exported.splitlines()) == 2
    assert [
        each["ordinal"]
        for each in ok(api.get(f"models/{found}/versions", query={"filter": {"metadata.old": 5}}))["docs"]
    ] == ["1"]


@pytest.mark.promise("columns.synonyms")
def test_columns_and_compared_fields_named_by_a_synonym_show_its_word(words: Any) -> None:
    api = words.acme.owner.api
    model = create(api, name="m", **_using("new", 2))["_id"]
    path = "models?columns=name&columns=metadata.old&columns=metadata.new&columns=metadata.x/"
    exported = api.get(f"{path}&format=csv")
    assert (exported.body(), exported.headers[HEADER]) == (
        b"name,metadata.new,metadata.x/\r\nm,2,\r\n",
        "metadata old=new",
    )
    asked = {"ids": model, "fields": '["metadata.old", "metadata.x/", "metadata.new"]'}
    compared = api.get("compare", query=asked)
    assert [(row["field"], row["values"]) for row in ok(compared)["rows"]] == [
        ("metadata.new", [2]),
        ("metadata.x/", [None]),
    ]
    assert compared.headers[HEADER] == "metadata old=new"
    asked["fields"] = "metadata.new"
    assert HEADER not in api.get("compare", query=asked).headers


@pytest.mark.promise("filter.synonyms")
def test_without_synonyms_a_filter_costs_no_query(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synonyms, "_without", {})
    monkeypatch.setattr(synonyms, "FRESH", 1e9)
    api = world.acme.owner.api
    create(api, tags=["new"])

    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            ok(api.get("models", query={"filter": {"tags": "old", "metadata.old": 1}}))
        return sum("folksonomy_synonym" in query["sql"] for query in captured.captured_queries)

    assert [asked(), asked()] == [1, 0]
    ok(world.acme.admin.api.put("tags/new", json={"synonyms": ["old"]}))
    assert asked() == 3  # whether there are any, tags, metadata names
    assert len(_ids(api, "models", filter={"tags": "old"})) == 1


@both
@pytest.mark.promise("terms.counts")
def test_words_are_counted_among_what_the_caller_may_read(world: Any, collection: str) -> None:
    api = world.acme.owner.api
    create(api, name="a", visibility="public", **_using("x"))
    create(api, name="b", users=["shared"], **_using("x"))
    create(api, "datasets", name="c", **_using("x"))
    versioned = create(api, name="d", visibility="public", **_using("y"))["_id"]
    hidden = create(api, name="e")["_id"]
    for item in (versioned, versioned, hidden):
        fields = {"tags": '["x"]', "metadata": '[{"name": "x", "value": 1}]'}
        ok(api.upload(f"models/{item}/versions", "f.bin", b"x", fields=fields))
    create(world.rival.owner.api, **_using("x"))
    ok(world.acme.admin.api.post(collection, json={"_id": "unused"}))
    for caller, used in (("admin", 5), ("owner", 5), ("shared", 3), ("other", 2)):
        docs = ok(getattr(world.acme, caller).api.get(collection, query={"counts": "true"}))["docs"]
        assert {doc["_id"]: doc["count"] for doc in docs} == {"x": used, "y": 1, "unused": 0}, caller
    docs = ok(world.rival.admin.api.get(collection, query={"counts": "true"}))["docs"]
    assert [(doc["_id"], doc["count"]) for doc in docs] == [("x", 1)]
    assert "count" not in ok(api.get(collection))["docs"][0]
    exported = api.get(collection, query={"counts": "true", "format": "csv", "sort": {"_id": 1}}).body().decode()
    assert [line.rpartition(",")[2] for line in exported.splitlines()] == ["count", "0", "5", "1"]


@both
@pytest.mark.promise("terms.counts")
def test_counts_take_one_query_for_a_page(world: Any, collection: str) -> None:
    create(
        world.acme.owner.api,
        tags=[f"t{n}" for n in range(9)],
        metadata=[{"name": f"m{n}", "value": n} for n in range(9)],
    )

    def asked(**query: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            ok(world.acme.other.api.get(collection, query={"limit": "5"} | query))
        return len(captured.captured_queries)

    assert asked(counts="true") == asked() + 1
