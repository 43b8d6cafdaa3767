"""The search box and the counts of a list, on each engine."""

from typing import Any

import pytest

from tests.answers import assert_error, ok
from tests.catalog.items import create
from tests.remembered import remembered

MODELS: list[dict[str, Any]] = [
    {"name": "churn-a", "tags": ["nlp"], "status": "test", "metadata": [{"name": "accuracy", "value": 0.8}]},
    {"name": "churn-b", "tags": ["nlp", "csv"], "metadata": [{"name": "accuracy", "value": 0.95}]},
    {"name": "fraud", "tags": ["churn"], "visibility": "public", "metadata": [{"name": "year", "value": "2024"}]},
    {"name": "other", "tags": ["csv"], "metadata": [{"name": "year", "value": 2024}], "users": ["shared"]},
]
FOUND = {
    "churn": ["churn-a", "churn-b", "fraud"],
    "CHURN -tag:churn": ["churn-a", "churn-b"],
    "accuracy>0.9 tag:nlp churn": ["churn-b"],
    "accuracy≥0.8": ["churn-a", "churn-b"],
    "year:2024": ["fraud", "other"],
    'year:"2024"': ["fraud"],
    "tag:churn,csv": ["churn-b", "fraud", "other"],
    "status!=test -has:year": ["churn-b"],
    "owner:owner visibility:public": ["fraud"],
    "owner:me": ["churn-a", "churn-b", "fraud", "other"],
    "-owner:me": [],
    "name:UR": ["churn-a", "churn-b"],
    "has:accuracy,year": [],
    "created>2020-01-01 alias:production": [],
}


@pytest.fixture
def models(world: Any) -> Any:
    remembered(_models, world.acme.owner.api)
    return world


def _models(api: Any) -> None:
    for body in MODELS:
        create(api, "models", **body)


@pytest.mark.promise("lists.search")
def test_a_search_finds_what_its_terms_say(models: Any) -> None:
    api = models.acme.owner.api
    for text, names in FOUND.items():
        page = ok(api.get("models", query={"q": text, "sort": {"name": "asc"}}))
        assert [model["name"] for model in page["docs"]] == names, text
        assert page["totalDocs"] == len(names)
    both = {"q": "churn", "filter": {"status": "test"}, "limit": "1"}
    assert ok(api.get("models", query=both))["totalDocs"] == 1
    assert ok(api.get("models", query=both | {"q": "fraud"}))["totalDocs"] == 0
    assert [model["name"] for model in ok(models.acme.shared.api.get("models", query={"q": "shared:me"}))["docs"]] == [
        "other"
    ]
    assert ok(api.get("users", query={"q": "shar"}))["totalDocs"] == 1
    assert_error(api.get("models", query={"q": "created>soon"}), "get_request_error", "ISO 8601")
    assert_error(api.get("models", query={"q": "x" * 2001}), "get_request_error", "2000")


@pytest.mark.promise("lists.facets")
def test_values_are_counted_among_what_the_search_finds_and_the_caller_reads(models: Any) -> None:
    names = "status,visibility,owner,tags"
    facets = ok(models.acme.owner.api.get("models", query={"q": "churn", "facets": names, "limit": "1"}))["facets"]
    assert (facets["counted"], facets["complete"]) == (3, True)
    assert facets["fields"] == {
        "status": [{"value": "training", "count": 2}, {"value": "test", "count": 1}],
        "visibility": [{"value": "private", "count": 2}, {"value": "public", "count": 1}],
        "owner": [{"value": models.acme.owner.pk, "name": "owner", "count": 3}],
        "tags": [{"value": "nlp", "count": 2}, {"value": "churn", "count": 1}, {"value": "csv", "count": 1}],
    }
    others = ok(models.acme.other.api.get("models", query={"facets": names}))["facets"]
    assert others["fields"]["tags"] == [{"value": "churn", "count": 1}]
    assert "facets" not in ok(models.acme.owner.api.get("models"))
    assert_error(models.acme.owner.api.get("models", query={"facets": "name"}), "get_request_error", "facets")
    assert_error(models.acme.owner.api.get("datasets", query={"facets": "status"}), "get_request_error", "facets")


@pytest.mark.promise("lists.facets")
def test_only_the_newest_of_many_are_counted(models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenants.rest.querying.facets.MOST", 2)
    facets = ok(models.acme.owner.api.get("models", query={"facets": "tags"}))["facets"]
    assert (facets["counted"], facets["complete"]) == (2, False)
    assert facets["fields"]["tags"] == [{"value": "churn", "count": 1}, {"value": "csv", "count": 1}]


@pytest.mark.promise("exports.columns")
def test_an_export_has_the_columns_that_were_asked_for(models: Any) -> None:
    api = models.acme.owner.api
    path = "models?format=csv&columns=name&columns=metadata.accuracy&columns=name&q=churn"
    assert api.get(f"{path}&sort=%7B%22name%22:1%7D").body() == (
        b"name,metadata.accuracy\r\nchurn-a,0.8\r\nchurn-b,0.95\r\nfraud,\r\n"
    )
    assert_error(api.get("models?format=csv&columns=nothing"), "get_request_error", "nothing")
    assert_error(api.get("tags?format=csv&columns=metadata.x"), "get_request_error", "metadata.x")
    many = "&".join(f"columns=metadata.{number}" for number in range(101))
    assert_error(api.get(f"models?format=csv&{many}"), "get_request_error", "100")
