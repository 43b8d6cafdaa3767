"""Order, pages and selection of a list."""

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from catalog.models import Item
from catalog.viewsets import ModelViewSet
from tenants.exceptions import Refused
from tenants.rest.querying.fields import Key
from tenants.rest.querying.page import list_response, page_of
from tenants.rest.querying.query import ListQuery, Selection, selection_of
from tests.tenants.rest.querying import items

pytestmark = pytest.mark.django_db


def _documents(rows: Sequence[Item]) -> list[dict[str, Any]]:
    return [vars(row) | {"_id": row.pk} for row in rows]


def ask(**query: Any) -> dict[str, Any]:
    """Return the page of all items for these query parameters."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in query.items()}
    request = Request(APIRequestFactory().get("/", texts))
    request.user = SimpleNamespace(tenant_id="queries")  # type: ignore[assignment]
    asked = ListQuery.of(request, ModelViewSet.query_fields, selection=selection_of(request))
    page: Any = list_response(asked, Item.objects.all(), _documents, lambda edition: None)
    answer: dict[str, Any] = page.data
    return answer


def order(field: str, **query: Any) -> list[Any]:
    return [document[field] for document in ask(limit="1000", **query)["docs"]]


def test_the_newest_come_first() -> None:
    stored = items.make_items()
    newest = sorted(stored, key=lambda item: (item.timestamp, item.pk), reverse=True)
    assert order("_id") == [item.pk for item in newest]
    assert order("_id", sort="") == order("_id", sort={}) == order("_id")


@pytest.mark.parametrize(("word", "reverse"), [("asc", False), ("ascending", False), (1, False), ("1", False)])
def test_each_spelling_of_ascending(word: Any, reverse: bool) -> None:
    items.make_items(20)
    assert order("name", sort={"name": word}) == sorted(order("name"))


@pytest.mark.parametrize("word", ["desc", "descending", -1, "-1"])
def test_each_spelling_of_descending(word: Any) -> None:
    items.make_items(20)
    assert order("name", sort={"name": word}) == sorted(order("name"), reverse=True)


def test_several_sort_keys_apply_in_order_and_absent_values_come_first() -> None:
    stored = items.make_items()
    expected = sorted(stored, key=lambda item: item.name, reverse=True)
    expected = sorted(expected, key=lambda item: (item.status is not None, item.status or ""))
    assert order("name", sort={"status": "asc", "name": "desc"}) == [item.name for item in expected]
    statuses = order("status", sort={"status": "desc"})
    assert statuses == sorted(statuses, key=lambda status: (status is not None, status or ""), reverse=True)


@pytest.mark.parametrize(
    ("sort", "reason"),
    [
        ('{"name"', "sort is not valid JSON"),
        ('["name"]', "sort is not a JSON object"),
        ('{"colour": "asc"}', "Unknown field colour"),
        ('{"tags": "asc"}', "tags"),
        ('{"metadata.acc": "asc", "name": "asc"}', "only key"),
        ('{"metadata.": "asc"}', "metadata."),
        ('{"versions.size": "asc"}', "versions.size"),
        ('{"name": "up"}', "name"),
        ('{"name": true}', "name"),
        ('{"name": null}', "name"),
    ],
)
def test_the_error_names_an_invalid_sort(sort: str, reason: str) -> None:
    with pytest.raises(Refused) as error:
        ask(sort=sort)
    assert error.value.name == "get_request_error"
    assert reason in error.value.details


@pytest.mark.parametrize("sort", [{}, {"status": "asc"}, {"status": -1}, {"lastmod": "asc", "status": "desc"}])
def test_pages_never_overlap_and_omit_nothing(sort: dict[str, Any]) -> None:
    stored = items.make_items()
    pages = [
        [document["_id"] for document in ask(sort=sort, limit="7", page=str(page))["docs"]] for page in range(1, 11)
    ]
    met = [pk for page in pages for pk in page]
    assert sorted(met) == sorted(item.pk for item in stored)
    assert met == order("_id", sort=sort)


@pytest.mark.parametrize("sort", [{}, {"status": "asc"}, {"status": -1}, {"lastmod": "asc", "status": "desc"}])
@pytest.mark.parametrize("filter", [{}, {"tags": "a"}, {"metadata.acc": {"$exists": False}}])
def test_the_pages_after_a_document_are_the_rest_of_the_list(sort: dict[str, Any], filter: dict[str, Any]) -> None:
    items.make_items(30)
    whole = order("_id", sort=sort, filter=filter)
    for place, id in enumerate(whole, 1):
        answer = ask(sort=sort, filter=filter, after=id, limit="3")
        assert [document["_id"] for document in answer["docs"]] == whole[place : place + 3]
        assert (answer["totalDocs"], answer["hasNextPage"]) == (len(whole), place + 3 < len(whole))


def test_the_envelope_has_the_position_of_the_page() -> None:
    items.make_items(25)
    answer = ask(page="2")
    assert len(answer.pop("docs")) == 10
    assert answer == {
        "totalDocs": 25,
        "limit": 10,
        "totalPages": 3,
        "page": 2,
        "pagingCounter": 11,
        "hasPrevPage": True,
        "hasNextPage": True,
        "prevPage": 1,
        "nextPage": 3,
    }
    last = ask(page="3")
    assert (len(last["docs"]), last["totalDocs"], last["hasNextPage"], last["nextPage"]) == (5, 25, False, None)


def test_an_empty_collection_has_one_page() -> None:
    answer = ask(page="", limit="")
    assert (answer["docs"], answer["totalDocs"], answer["totalPages"], answer["page"]) == ([], 0, 1, 1)
    assert (answer["hasPrevPage"], answer["hasNextPage"], answer["prevPage"]) == (False, False, None)


@pytest.mark.parametrize("page", ["4", str(10**9), str(2**53 - 1)])
def test_a_page_beyond_the_last_is_empty(page: str) -> None:
    items.make_items(12)
    answer = ask(page=page)
    assert (answer["docs"], answer["totalDocs"], answer["totalPages"]) == ([], 12, 2)


@pytest.mark.parametrize("name", ["page", "limit"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "x", "１", "1e3", "9" * 30, "1;"])
def test_a_page_or_limit_below_one_or_not_a_number_is_refused(name: str, value: str) -> None:
    with pytest.raises(Refused, match=name) as error:
        ask(**{name: value})
    assert error.value.name == "get_request_error"


def test_a_page_has_at_most_ten_thousand_documents() -> None:
    assert ask(limit="10000")["limit"] == 10_000
    with pytest.raises(Refused, match="limit is a number from 1 to 10000"):
        ask(limit="10001")


def test_only_selected_fields_are_returned() -> None:
    items.make_items(3)
    assert all(set(document) == {"_id", "name"} for document in ask(select=["name", "unknown"])["docs"])
    whole = ask()["docs"][0].keys()
    for ignored in ("", "['name']", '"name"', "{}", "null", "[" * 50_000):
        assert ask(select=ignored)["docs"][0].keys() == whole


def test_a_dotted_name_selects_a_nested_field() -> None:
    document = {"_id": 1, "owner": {"_id": 2, "username": "u"}, "metadata": [{"name": "a", "value": 1}], "tags": ["t"]}
    names = frozenset({"metadata.name", "owner.username"})
    assert Selection.of(names).pick(document) == {"_id": 1, "owner": {"username": "u"}, "metadata": [{"name": "a"}]}


def test_a_filter_and_an_order_work_together() -> None:
    items.make_items()
    names = order("name", filter={"metadata.acc": {"$exists": True}, "status": {"$ne": "test"}}, sort={"name": "asc"})
    assert names
    assert names == sorted(names)


@pytest.mark.parametrize("search", [{}, {"tags": "a"}, {"name": {"$regex": "a"}}])
def test_a_list_takes_a_query_for_the_page_and_one_for_the_count(search: dict[str, Any]) -> None:
    items.make_items()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        ask(filter=search, limit="1")
    beside = ("SAVEPOINT", "folksonomy_synonym", "SELECT count(*), (SELECT max(rowid) FROM catalog_item) FROM")
    assert len([query for query in queries if not any(each in query["sql"] for each in beside)]) == 2


def test_a_page_that_shows_the_end_needs_no_count() -> None:
    items.make_items(5)
    with CaptureQueriesContext(connection) as queries:
        assert ask()["totalDocs"] == 5
    assert len(queries) == 1


def explained(rows: Any) -> str:
    """Return PostgreSQL's plan for the rows with sequential scans disabled."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        return str(rows.explain())


@pytest.mark.parametrize("search", [{"tags": "a"}, {"metadata.acc": 1}, {"metadata": {"$elemMatch": {"name": "acc"}}}])
def test_an_index_serves_conditions_on_lists(search: dict[str, Any]) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL has GIN indexes")
    from tenants.rest.querying.compile import to_q
    from tenants.rest.querying.parse import parse

    plan = explained(Item.objects.filter(to_q(parse(json.dumps(search), items.FIELDS))))
    assert "Bitmap Index Scan" in plan


def test_an_index_sorts_the_pages_of_mongodb() -> None:
    if connection.vendor != "mongodb":
        pytest.skip("only MongoDB's pages are our own aggregations")
    items.make_items()
    from tenants.rest.querying.on_mongodb import page_stages

    rows = Item.objects.of("queries").filter(kind="model")
    keys = (Key("timestamp", True), Key("pk", True))
    assert len(page_of(rows, keys, 2, 5)) == 5
    pipeline = [{"$match": {"tenant_id": "queries", "kind": "model"}}, *page_stages(Item, keys, 2, 5)]
    command: dict[str, Any] = {"aggregate": Item._meta.db_table, "pipeline": pipeline, "cursor": {}}
    answer = connection.database.command("explain", command, verbosity="queryPlanner")  # type: ignore[attr-defined]
    winner = json.dumps(answer.get("queryPlanner", answer.get("stages", [{}])[0].get("$cursor", answer)), default=str)
    winner = winner[: winner.find('"rejectedPlans"')]
    assert '"IXSCAN"' in winner
    assert '"SORT"' not in winner


def test_a_view_can_have_its_own_default_order_and_fields_for_each_user() -> None:
    items.make_items(20)
    request = Request(APIRequestFactory().get("/", {"filter": '{"status": "test"}'}))
    request.user = SimpleNamespace(tenant_id="queries")  # type: ignore[assignment]
    query = ListQuery.of(request, {"status": "text?"}, "name,-_id")
    page: Any = list_response(query, Item.objects.all(), _documents, lambda edition: None)
    names = [document["name"] for document in page.data["docs"]]
    assert names == sorted(Item.objects.filter(status="test").values_list("name", flat=True))
    with pytest.raises(Refused, match="Unknown field status"):
        ListQuery.of(request, {"_id": "text:pk"})


@pytest.mark.parametrize("name", ["filter", "sort", "after"])
def test_a_parameter_given_twice_is_refused(name: str) -> None:
    request = Request(APIRequestFactory().get(f"/?{name}={{}}&{name}={{}}"))
    with pytest.raises(Refused, match=f"{name} is given more than once"):
        ListQuery.of(request, {"_id": "text:pk"})


def test_an_invalid_parameter_causes_no_query() -> None:
    (item,) = items.make_items(1)
    valid = {"filter": {"owner": "somebody"}, "after": item.pk}
    names = [str(number) for number in range(101)]
    for invalid in ({"limit": "0"}, {"page": "1"}, {"sort": "x"}, {"filter": "{"}, {"select": names}):
        with CaptureQueriesContext(connection) as queries, pytest.raises(Refused):
            ask(**(valid | invalid))
        assert len(queries) == 0
