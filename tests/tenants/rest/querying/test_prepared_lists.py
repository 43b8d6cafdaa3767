"""Prepared lists answer what lists that are compiled each time answer, whatever values a plan was made for."""

import json
import re
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import Item
from tenants.models import User
from tenants.rest.querying import on_sqlite, search
from tenants.rest.querying.compile import resolved
from tenants.rest.querying.parse import parse
from tenants.rest.querying.query import sort_keys
from tenants.rest.querying.search import Search
from tenants.rows.plans import MOST_MARKS, TEXTS
from tenants.rows.prepared import Rows
from tenants.rows.visibility import rows_for
from tests.tenants.rest.querying import filters, items

pytestmark = pytest.mark.django_db
EXAMPLES = {"sqlite": 150}  # a query takes several times as long on the others
SORTS = st.dictionaries(
    st.sampled_from(["name", "status", "timestamp", "lastmod", "owner", "_id"]), st.sampled_from([1, -1]), max_size=3
)
COLUMNS = st.sampled_from([None, ("id",), ("id", "name", "tags"), ("id", "metadata", "status", "timestamp")])


def _plain(rows: Any) -> list[Any]:
    return [row if isinstance(row, tuple) else {k: v for k, v in vars(row).items() if k != "_state"} for row in rows]


def _answers(found: Search, keys: Any, offset: int, limit: int) -> list[Any]:
    """Return all that a list reads: its pages, their size, the total, and the rows by id."""
    first = found.page(keys, None, 0, limit)
    last = found.rows.queryset().filter(pk=first[-1].id).values_list(*(key.path for key in keys)) if first else []
    cuts = [(None, offset), *((tuple(each), 0) for each in last)]  # a page has an offset or a position
    pages = [_plain(found.page(keys, *cut, limit)) for cut in cuts]
    ids = [found.ids(keys, *cut, limit) for cut in cuts]
    weights = [found.weight(keys, *cut, limit) for cut in cuts] if found.lists else []
    return [_plain(first), pages, ids, weights, found.count(), _plain(found.by_id([row.id for row in first]))]


@pytest.mark.promise("lists.prepared")
@pytest.mark.parametrize("few", [on_sqlite.FEW, 3])
def test_a_prepared_list_answers_as_a_compiled_one(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if few != on_sqlite.FEW and connection.vendor != "sqlite":
        pytest.skip("SQLite finds rare words in another way than frequent ones")
    monkeypatch.setattr(on_sqlite, "FEW", few)
    stored = items.make_items(40)
    for item in stored:
        item.derive_readers()
    Item.objects.bulk_update(stored, ["readers"])
    users = list(User.objects.all())
    boss = User.objects.create(tenant_id="queries", username="boss", role="admin")
    fields, examples = items.FIELDS, EXAMPLES.get(connection.vendor, 60)

    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(filters.FILTERS, SORTS, COLUMNS, st.sampled_from([*users, boss]), st.integers(1, 9), st.integers(1, 15))
    def agrees(document: Any, sort: Any, columns: Any, user: User, offset: int, limit: int) -> None:
        keys = sort_keys(json.dumps(sort), fields)
        tree = resolved(parse(json.dumps(document), fields), "queries", Item)
        prepared = Search(rows_for(Item, Item.objects.visible_to, user), tree, columns)
        compiled = Search(Rows.of(Item.objects.visible_to(user)), tree, columns)
        assert _answers(prepared, keys, offset, limit) == _answers(compiled, keys, offset, limit), document

    agrees()
    assert search._pages.plan.cache_info().hits > examples / 3


@pytest.mark.promise("lists.prepared")
@pytest.mark.parametrize("value", [TEXTS[0], f"${TEXTS[1]}", json.dumps(TEXTS[0]), "2000000001", "$name", "%s"])
def test_values_that_look_like_marks_are_values(value: str) -> None:
    items.make_items(9)
    Item.objects.filter(pk=Item.objects.all()[4].pk).update(name=value, tags=[value])
    (named,) = Item.objects.filter(name=value)
    admin = User.objects.create(tenant_id="queries", username="boss", role="admin")
    rows = rows_for(Item, Item.objects.visible_to, admin)
    for condition in (value, {"$in": [value, "other"]}, {"$regex": re.escape(value)}):
        for field in ("name", "tags"):
            document = {field: condition, "lastmod": {"$gte": "2000-01-01"}}
            tree = resolved(parse(json.dumps(document), items.FIELDS), "queries", Item)
            for _ in range(2):
                found = Search(rows, tree).page(sort_keys("", items.FIELDS), None, 0, 10)
                assert [item.pk for item in found] == [named.pk], document


@pytest.mark.promise("lists.prepared")
def test_a_list_of_more_values_than_marks_is_compiled(django_assert_num_queries: Any) -> None:
    items.make_items(9)
    names = [f"nobody {number}" for number in range(MOST_MARKS)]
    tree = parse(json.dumps({"name": {"$in": [*names, "a"]}}), items.FIELDS)
    admin = User.objects.create(tenant_id="queries", username="boss", role="admin")
    before = search._counts.plan.cache_info().currsize
    expected = Item.objects.filter(name="a").count()
    with django_assert_num_queries(1):
        assert Search(rows_for(Item, Item.objects.visible_to, admin), tree).count() == expected
    assert search._counts.plan.cache_info().currsize == before
