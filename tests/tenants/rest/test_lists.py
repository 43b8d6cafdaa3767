"""Pages, order and selection of every list."""

from typing import Any

import pytest

from tenants.models import Fence
from tenants.rest.querying import page as pages
from tenants.rows.fences import NO_ITEMS
from tests.answers import assert_error, ok
from tests.catalog.items import create
from tests.remembered import remembered

ENVELOPE = {
    "docs",
    "totalDocs",
    "limit",
    "totalPages",
    "page",
    "pagingCounter",
    "hasPrevPage",
    "hasNextPage",
    "prevPage",
    "nextPage",
}
LISTS = ("models", "datasets", "algorithms", "tags", "metadata", "users", "log")
SPELLINGS = [
    ("asc", False),
    ("ascending", False),
    (1, False),
    ("1", False),
    ("desc", True),
    ("descending", True),
    (-1, True),
    ("-1", True),
]


def _names(api: Any, **query: Any) -> list[str]:
    return [document["name"] for document in ok(api.get("models", query=query))["docs"]]


@pytest.fixture
def models(world: Any) -> Any:
    """The client of acme's owner, who has the models m0 to m6."""
    remembered(_models, world.acme.owner.api)
    return world.acme.owner.api


def _models(api: Any) -> None:
    for number in range(7):
        create(api, name=f"m{number}", visibility="public" if number % 2 else "private")


@pytest.mark.promise("lists.envelope")
@pytest.mark.parametrize("path", LISTS)
def test_every_list_returns_the_envelope(world: Any, path: str) -> None:
    assert set(ok(world.acme.admin.api.get(path))) == ENVELOPE


@pytest.mark.promise("lists.envelope")
def test_the_lists_of_tenants_and_versions_return_the_envelope(world: Any) -> None:
    model = create(world.acme.owner.api)
    assert set(ok(world.operator.get("tenants"))) == ENVELOPE
    assert set(ok(world.acme.owner.api.get(f"models/{model['_id']}/versions"))) == ENVELOPE


@pytest.mark.promise("lists.envelope")
def test_an_empty_list_has_one_page(world: Any) -> None:
    assert ok(world.acme.owner.api.get("models")) == {
        "docs": [],
        "totalDocs": 0,
        "limit": 10,
        "totalPages": 1,
        "page": 1,
        "pagingCounter": 1,
        "hasPrevPage": False,
        "hasNextPage": False,
        "prevPage": None,
        "nextPage": None,
    }


@pytest.mark.promise("lists.envelope")
@pytest.mark.parametrize(
    ("page", "documents", "counter", "previous", "following"),
    [(1, 3, 1, None, 2), (2, 3, 4, 1, 3), (3, 1, 7, 2, None)],
)
def test_the_envelope_has_the_position_of_the_page(
    models: Any, page: int, documents: int, counter: int, previous: int | None, following: int | None
) -> None:
    answer = ok(models.get("models", query={"page": page, "limit": 3}))
    assert len(answer.pop("docs")) == documents
    assert answer == {
        "totalDocs": 7,
        "limit": 3,
        "totalPages": 3,
        "page": page,
        "pagingCounter": counter,
        "hasPrevPage": previous is not None,
        "hasNextPage": following is not None,
        "prevPage": previous,
        "nextPage": following,
    }


@pytest.mark.promise("lists.envelope")
def test_a_page_beyond_the_last_is_empty(models: Any) -> None:
    answer = ok(models.get("models", query={"page": 9, "limit": 3}))
    assert (answer["docs"], answer["totalDocs"], answer["totalPages"], answer["page"]) == ([], 7, 3, 9)
    assert not answer["hasNextPage"]


@pytest.mark.promise("lists.page-limit")
def test_the_largest_page_number_is_accepted_and_no_larger_one(models: Any) -> None:
    farthest = ok(models.get("models", query={"page": 2**53 - 1, "limit": 1000}))
    assert (farthest["docs"], farthest["pagingCounter"]) == ([], (2**53 - 2) * 1000 + 1)
    assert_error(models.get("models", query={"page": 2**53}), "get_request_error", "page")


@pytest.mark.promise("lists.page-limit")
@pytest.mark.parametrize("name", ["page", "limit"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "x", "1e3", "٣", "null", "[]", "99999999999999999999", "10001"])
def test_a_page_or_limit_out_of_range_is_refused(models: Any, name: str, value: str) -> None:
    response = models.get("models", query={name: value})
    if name == "page" and value == "10001":
        assert ok(response)["docs"] == []
    else:
        assert_error(response, "get_request_error", name)


@pytest.mark.promise("lists.page-limit")
def test_a_page_has_ten_documents_by_default_and_at_most_the_limit(models: Any) -> None:
    for number in range(7, 12):
        create(models, name=f"m{number}")
    assert len(_names(models)) == 10
    assert len(_names(models, limit="1000")) == 12
    assert len(_names(models, limit="1")) == 1


@pytest.mark.promise("lists.sort")
@pytest.mark.parametrize(("direction", "descending"), SPELLINGS)
def test_each_spelling_of_a_direction_sorts(models: Any, direction: Any, descending: bool) -> None:
    assert _names(models, sort={"name": direction}) == sorted((f"m{n}" for n in range(7)), reverse=descending)


@pytest.mark.promise("lists.sort")
def test_several_sort_keys_apply_in_order(models: Any) -> None:
    public, private = ["m5", "m3", "m1"], ["m6", "m4", "m2", "m0"]
    assert _names(models, sort='{"visibility": "asc", "name": "desc"}') == private + public
    assert _names(models, sort='{"visibility": "desc", "name": "desc"}') == public + private
    assert _names(models, sort='{"name": "desc", "visibility": "desc"}') == [f"m{n}" for n in range(6, -1, -1)]


@pytest.mark.promise("lists.sort")
@pytest.mark.parametrize("field", ["_id", "name", "owner", "visibility", "status", "timestamp", "lastmod"])
def test_items_are_sorted_by_any_scalar_field(models: Any, field: str) -> None:
    upward = _names(models, sort={field: "asc"})
    assert sorted(upward) == [f"m{n}" for n in range(7)]
    assert _names(models, sort={field: "desc"}) == upward[::-1]


@pytest.mark.promise("lists.sort")
def test_text_is_sorted_by_code_point(world: Any) -> None:
    for name in ("b", "A", "a", "B", "ä", "_", "10", "9"):
        create(world.acme.owner.api, name=name)
    assert _names(world.acme.owner.api, sort={"name": "asc"}) == ["10", "9", "A", "B", "_", "a", "b", "ä"]


@pytest.mark.promise("lists.sort-refused")
@pytest.mark.parametrize(
    "sort",
    [
        "name",
        "{",
        "[]",
        '["name"]',
        "5",
        '{"name": "up"}',
        '{"name": 2}',
        '{"name": null}',
        '{"name": true}',
        '{"nothing": 1}',
        '{"readers": 1}',
        '{"tenant": 1}',
        '{"revision": 1}',
        '{"owner__password": 1}',
        '{"tags": 1}',
    ],
)
def test_an_invalid_sort_is_refused(models: Any, sort: str) -> None:
    assert_error(models.get("models", query={"sort": sort}), "get_request_error", "sort")


@pytest.mark.promise("lists.default-order")
def test_the_newest_come_first(models: Any) -> None:
    assert _names(models) == [f"m{n}" for n in range(6, -1, -1)]


@pytest.mark.promise("lists.ties")
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_pages_never_overlap_where_all_values_are_equal(models: Any, direction: str) -> None:
    for sort in ({"status": direction}, {"owner": direction}):
        pages = [_names(models, sort=sort, page=page, limit="2") for page in range(1, 5)]
        assert sorted(name for page in pages for name in page) == [f"m{n}" for n in range(7)]
        ids = [document["_id"] for document in ok(models.get("models", query={"sort": sort}))["docs"]]
        assert ids == sorted(ids, reverse=direction == "desc")


@pytest.mark.promise("lists.select")
@pytest.mark.parametrize(
    ("select", "fields"),
    [
        (["name"], {"_id", "name"}),
        (["name", "tags"], {"_id", "name", "tags"}),
        ([], {"_id"}),
        (["_id"], {"_id"}),
        (["id"], {"_id", "id"}),
    ],
)
def test_selected_fields_and_the_id_are_returned(models: Any, select: list[str], fields: set[str]) -> None:
    page = ok(models.get("models", query={"select": select}))
    assert set(page) == ENVELOPE
    assert all(set(document) == fields for document in page["docs"])
    one = page["docs"][0]["_id"]
    assert set(ok(models.get(f"models/{one}", query={"select": select}))) == fields


@pytest.mark.promise("lists.select")
@pytest.mark.parametrize("path", ["users/owner", "tags/word", "metadata/word"])
def test_select_applies_to_a_single_resource_of_any_collection(world: Any, path: str) -> None:
    for collection in ("tags", "metadata"):
        ok(world.acme.admin.api.post(collection, json={"_id": "word"}))
    assert set(ok(world.acme.admin.api.get(path, query={"select": []}))) == {"_id"}


@pytest.mark.promise("lists.select-lenient")
@pytest.mark.parametrize("select", ["['name']", "name", "{", '{"name": 1}', "5", "null", '"name"'])
def test_a_select_that_is_not_a_json_list_is_ignored(models: Any, select: str) -> None:
    assert ok(models.get("models", query={"select": select})) == ok(models.get("models"))


@pytest.mark.promise("lists.select-lenient")
def test_unknown_names_in_select_are_ignored(models: Any) -> None:
    for unknown in ("nothing", "readers", "revision", "password", 5, None, ["name"]):
        page = ok(models.get("models", query={"select": ["name", unknown]}))
        assert all(set(document) == {"_id", "name"} for document in page["docs"])


@pytest.mark.promise("lists.select-longest")
def test_select_has_at_most_a_hundred_names(models: Any) -> None:
    names = ["name", *(f"metadata.{number}" for number in range(99))]
    page = ok(models.get("models", query={"select": names}))
    assert all(set(document) == {"_id", "name", "metadata"} for document in page["docs"])
    path = f"models/{page['docs'][0]['_id']}"
    for address in ("models", path):
        response = models.get(address, query={"select": [*names, "tags"]})
        assert_error(response, "get_request_error", "select has at most 100 names")
    changed = models.put(path, query={"select": [*names, "tags"]}, json={"visibility": "public"})
    assert set(ok(changed)) == {"_id", "name", "metadata", "tags"}, "a change that is made is never an error"


@pytest.mark.promise("lists.heaviest")
@pytest.mark.parametrize("deep", [False, True])
def test_a_page_that_is_too_large_for_memory_is_refused(world: Any, monkeypatch: Any, deep: bool) -> None:
    api, word = world.acme.owner.api, "x" * 1000
    ids = [create(api, name=f"m{n}", metadata=[{"name": "n", "value": word}])["_id"] for n in range(13)]
    start = {"after": ids[-1]} if deep else {}
    monkeypatch.setattr(pages, "HEAVIEST", 11_500)
    response = api.get("models", query={"limit": "12"} | start)
    assert_error(response, "get_request_error", "The documents of this page are too large")
    assert len(ok(api.get("models", query={"limit": "10"} | start))["docs"]) == 10
    monkeypatch.setattr(pages, "HEAVIEST", 30_000)
    assert len(ok(api.get("models", query={"limit": "12"} | start))["docs"]) == 12


@pytest.mark.promise("lists.empty-parameters")
@pytest.mark.parametrize("name", ["page", "limit", "sort", "select", "filter"])
def test_an_empty_parameter_counts_as_absent(models: Any, name: str) -> None:
    assert ok(models.get("models", query={name: ""})) == ok(models.get("models"))


def test_a_full_page_is_whole_without_an_edition(world: Any) -> None:
    """The rows that it is made of are gone once the tenant is being deleted."""
    for name in ("a", "b"):
        create(world.acme.owner.api, name=name)
    Fence.objects.filter(tenant_id="acme").exclude(number=NO_ITEMS).delete()
    docs = ok(world.acme.owner.api.get("models?limit=2"))["docs"]
    assert [doc["name"] for doc in docs] == ["b", "a"]
