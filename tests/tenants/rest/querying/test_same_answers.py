"""Every engine finds the same rows as the evaluator, and so does MongoDB's own `find` for the filters it knows."""

import json
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, given, settings

from catalog.models import Item
from tenants.rest.querying import on_sqlite
from tenants.rest.querying.compile import to_q
from tenants.rest.querying.parse import parse
from tests.tenants.rest.querying import evaluator, filters, items

pytestmark = pytest.mark.django_db
EXAMPLES = settings(
    max_examples=400,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def found(tree: Any) -> set[str]:
    return set(Item.objects.filter(to_q(tree, "queries")).values_list("pk", flat=True))


def test_every_engine_answers_a_filter_like_plain_python(monkeypatch: pytest.MonkeyPatch) -> None:
    # SQLite finds what few rows hold in another way than what many do.
    numbers = (on_sqlite.FEW, 3) if connection.vendor == "sqlite" else (on_sqlite.FEW,)
    items.make_items()
    stored = items.plain(Item.objects.all())

    @EXAMPLES
    @given(filters.FILTERS)
    def agrees(document: dict[str, Any]) -> None:
        tree = parse(json.dumps(document), items.FIELDS)
        expected = {pk for pk, row in stored.items() if evaluator.holds(tree, row)}
        for few in numbers:
            monkeypatch.setattr(on_sqlite, "FEW", few)
            assert found(tree) == expected, (document, few)

    agrees()


def test_every_engine_answers_a_filter_at_the_limits_of_the_language() -> None:
    items.make_items(20)
    stored = items.plain(Item.objects.all())

    @settings(EXAMPLES, max_examples=40, phases=[Phase.generate])  # shrinking takes minutes
    @given(filters.LARGE)
    def agrees(document: dict[str, Any]) -> None:
        tree = parse(json.dumps(document), items.FIELDS)
        expected = {pk for pk, row in stored.items() if evaluator.holds(tree, row)}
        assert found(tree) == expected, document

    agrees()


def test_a_filter_has_the_meaning_that_it_has_in_mongodb() -> None:
    if connection.vendor != "mongodb":
        pytest.skip("MongoDB is asked itself")
    items.make_items()
    collection = connection.get_collection(Item._meta.db_table)  # type: ignore[attr-defined]

    @EXAMPLES
    @given(filters.NATIVE)
    def agrees(document: dict[str, Any]) -> None:
        tree = parse(json.dumps(document), items.FIELDS)
        assert found(tree) == {row["_id"] for row in collection.find(document, {"_id": 1})}, document

    agrees()
