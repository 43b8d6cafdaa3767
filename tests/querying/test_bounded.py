"""A search that takes too long ends as a refused request and costs nobody else."""

import pymongo
import pytest
from django.db import connection

from catalog.models import Item
from registry_site.querying.bounded import bounded_search
from tenants.exceptions import Refused
from tests.querying import items

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_search_that_takes_too_long_is_refused() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("on SQLite RE2 matches, in linear time")
    items.make_items(3)
    with pytest.raises(Refused, match="takes too long") as error, bounded_search("default", seconds=0.2):
        if connection.vendor == "mongodb":
            slow = {"$where": "sleep(500) || true"}
            list(connection.get_collection(Item._meta.db_table).find(slow))  # type: ignore[attr-defined]
        else:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(2)")
    assert error.value.name == "get_request_error"
    assert Item.objects.count() == 3


def test_a_server_too_busy_to_keep_the_bound_itself_is_a_search_that_takes_too_long() -> None:
    if connection.vendor != "mongodb":
        pytest.skip("MongoDB's client keeps the bound where its server does not answer in time")
    with pytest.raises(Refused, match="takes too long"), bounded_search("default"):
        raise pymongo.errors.NetworkTimeout("timed out") from TimeoutError("timed out")


def test_the_bound_ends_with_the_search() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL keeps the bound in the transaction")
    with bounded_search("default"):
        Item.objects.count()
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone()[0] == "0"


def test_a_pattern_that_only_the_database_refuses_is_a_refused_request() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL repeats at most 255 times")
    with pytest.raises(Refused, match="refuses this regular expression"), bounded_search("default"):
        Item.objects.filter(name__regex="a{256}").count()
    assert Item.objects.count() == 0


def test_other_failures_stay_what_they_are() -> None:
    with pytest.raises(ZeroDivisionError), bounded_search("default"):
        raise ZeroDivisionError
