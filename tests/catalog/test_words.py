"""SQLite's index of words matches the items after every kind of write."""

from typing import Any

import pytest
from django.db import connection

from catalog.curation import rename_term
from catalog.models import Item
from folksonomy.models import Tag
from tenants.models import User
from tests.answers import ok
from tests.catalog.items import create

LISTS = ("tags", "users", "datasets")


@pytest.fixture(autouse=True)
def on_sqlite_only(world: Any) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("other engines index lists themselves")


def assert_indexed(*some: str) -> None:
    """Check that the index contains these words, and exactly the words of the items."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT list, word, holder FROM catalog_item_words")
        found = set(cursor.fetchall())
    assert found == {
        (name, word, item.pk) for item in Item.objects.all() for name in LISTS for word in getattr(item, name)
    }
    assert {word for _, word, _ in found} >= set(some)


def test_the_index_follows_creations_changes_and_deletions(world: Any) -> None:
    api = world.acme.owner.api
    data = create(api, "datasets", name="data", tags=["csv", "it's", '"', "100%"])
    model = create(api, name="model", users=["shared"], datasets=["data"], tags=["one", "two"])
    shared = User.objects.get(tenant="acme", username="shared").pk
    assert_indexed("csv", "it's", '"', "100%", "one", data["_id"], shared)
    change = {"tags": {"remove": ["one"], "add": ["three"]}, "users": {"remove": ["shared"]}}
    ok(api.put(f"models/{model['_id']}", json=change))
    assert_indexed("two", "three")
    rename_term(term=Tag.objects.get(tenant="acme", name="two"), name="three", by=None)
    assert_indexed("three")
    ok(api.delete(f"models/{model['_id']}"))
    assert_indexed("csv")
    ok(world.operator.delete("tenants/acme"))
    assert_indexed()


def test_words_of_rows_written_in_bulk_are_indexed(world: Any) -> None:
    owner = User.objects.get(tenant="acme", username="owner")
    rows = [Item(tenant_id="acme", kind="model", name=f"m{n}", owner=owner, tags=["all", f"t{n}"]) for n in range(5)]
    Item.objects.bulk_create(rows)
    assert_indexed("all", "t4")
    Item.objects.filter(name="m1").update(tags=["other", "other"])
    assert_indexed("other")
    Item.objects.filter(name__in=["m0", "m1"]).delete()
    assert_indexed("all", "t4")
