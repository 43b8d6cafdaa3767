"""Pages that start after a document instead of at a number (`?after=`)."""

from typing import Any

import pytest

from tests.answers import assert_error, ok
from tests.catalog.items import create
from tests.remembered import remembered

SORTS: tuple[Any, ...] = (
    "",
    {"name": "asc"},
    {"status": "asc"},
    {"status": "desc", "name": "desc"},
    {"visibility": 1, "lastmod": -1},
    {"_id": 1},
)
LISTS = ("users", "tags", "metadata")


@pytest.fixture
def models(world: Any) -> Any:
    """Eleven models of two owners, most of them readable by both."""
    remembered(_make_models, world)
    return world


def _make_models(world: Any) -> None:
    for number in range(11):
        owner = world.acme.owner if number % 3 else world.acme.other
        body = {"visibility": "private" if number % 4 == 0 else "public", "status": ("test", "deploy")[number % 2]}
        create(owner.api, name=f"m{number}", tags=["even"] * (number % 2 == 0), **body)


def _walk(api: Any, path: str, **query: Any) -> list[str]:
    """Return the ids of a list, read page by page with `after`."""
    page = ok(api.get(path, query={"limit": "2"} | query))
    met = [document["_id"] for document in page["docs"]]
    while page["hasNextPage"]:
        page = ok(api.get(path, query={"limit": "2", "after": met[-1]} | query))
        met += [document["_id"] for document in page["docs"]]
    return met


@pytest.mark.promise("lists.after")
@pytest.mark.parametrize("filter", ["", {"tags": "even"}, {"name": {"$regex": "m[1-7]"}}], ids=str)
@pytest.mark.parametrize("sort", SORTS, ids=str)
def test_pages_after_a_document_equal_numbered_pages(models: Any, sort: Any, filter: Any) -> None:
    for caller in ("admin", "owner", "shared"):
        api = getattr(models.acme, caller).api
        whole = ok(api.get("models", query={"limit": "1000", "sort": sort, "filter": filter}))["docs"]
        assert len(whole) > 2
        assert _walk(api, "models", sort=sort, filter=filter) == [document["_id"] for document in whole]


@pytest.mark.promise("lists.after")
@pytest.mark.parametrize("path", LISTS)
def test_every_list_can_be_followed(models: Any, path: str) -> None:
    for name in ("v", "w", "x"):
        create(models.acme.owner.api, name=name, tags=[name], metadata=[{"name": name, "value": 1}])
    for caller in ("admin", "owner"):
        api = getattr(models.acme, caller).api
        whole = ok(api.get(path, query={"limit": "1000"}))["docs"]
        assert _walk(api, path) == [document["_id"] for document in whole]


@pytest.mark.promise("lists.after")
def test_the_envelope_of_a_page_after_a_document_has_no_page_numbers(models: Any) -> None:
    api = models.acme.admin.api
    first = ok(api.get("models", query={"limit": "4"}))["docs"][-1]["_id"]
    answer = ok(api.get("models", query={"limit": "4", "after": first}))
    assert len(answer.pop("docs")) == 4
    known = {"totalDocs": 11, "limit": 4, "totalPages": 3, "hasPrevPage": True, "hasNextPage": True}
    assert answer == known | dict.fromkeys(("page", "pagingCounter", "prevPage", "nextPage"))
    last = ok(api.get("models", query={"sort": {"name": "asc"}}))["docs"][-1]["_id"]
    answer = ok(api.get("models", query={"sort": {"name": "asc"}, "after": last}))
    assert ([document["name"] for document in answer["docs"]], answer["hasNextPage"]) == (["m9"], False)


@pytest.mark.promise("lists.after")
def test_a_document_that_no_longer_matches_still_marks_a_position(models: Any) -> None:
    api = models.acme.admin.api
    even = ok(api.get("models", query={"filter": {"tags": "even"}}))["docs"]
    ok(api.put(f"models/{even[1]['_id']}", json={"tags": {"remove": ["even"]}}))
    answer = ok(api.get("models", query={"filter": {"tags": "even"}, "after": even[1]["_id"]}))
    assert [document["_id"] for document in answer["docs"]] == [document["_id"] for document in even[2:]]


@pytest.mark.promise("lists.after")
def test_a_browser_shows_the_page_after_a_document(models: Any) -> None:
    api = models.acme.admin.api
    first = ok(api.get("models"))["docs"][0]["_id"]
    page = api.get("models", query={"after": first}, headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert b"m9" in page.body() and b"m10" not in page.body()


@pytest.mark.promise("lists.after-refused")
@pytest.mark.parametrize("after", ["nothing", "000000000000000000000000", "x" * 1000])
def test_an_unknown_document_is_refused(models: Any, after: str) -> None:
    assert_error(models.acme.admin.api.get("models", query={"after": after}), "get_request_error", "after")


@pytest.mark.promise("lists.after-refused")
def test_a_document_that_the_caller_may_not_read_counts_as_unknown(models: Any) -> None:
    hidden = ok(models.acme.owner.api.get("models", query={"filter": {"visibility": "private"}}))["docs"][0]["_id"]
    for stranger in (models.acme.shared, models.rival.admin):
        response = stranger.api.get("models", query={"after": hidden})
        assert_error(response, "get_request_error", f"after: No such document: {hidden}")


@pytest.mark.promise("lists.after-refused")
def test_after_and_page_exclude_each_other(models: Any) -> None:
    api = models.acme.admin.api
    first = ok(api.get("models"))["docs"][0]["_id"]
    assert_error(api.get("models", query={"after": first, "page": "2"}), "get_request_error", "exclude each other")
    assert ok(api.get("models", query={"after": "", "page": "2"}))["page"] == 2
