"""A query that exceeds its deadline is stopped, and affects no other request."""

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pymongo
import pytest
from django.db import connection, transaction

from catalog.models import Item
from tenants.exceptions import Refused
from tenants.rest.querying.bounded import bounded_search
from tenants.rest.querying.compile import to_q
from tenants.rest.querying.page import total_of
from tenants.rest.querying.parse import parse
from tests.tenants.rest.querying import items
from versions.models import Version

pytestmark = pytest.mark.django_db(transaction=True)


COUNTING = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < {}) SELECT count(*) FROM c"
FOREVER = 10**12


def search_slowly(numbers: int = FOREVER) -> None:
    """Run a slow query: on MongoDB half a second per document, on the other engines a count up to `numbers`."""
    if connection.vendor == "mongodb":
        slow = {"$where": "sleep(500) || true"}
        list(connection.get_collection(Item._meta.db_table).find(slow))  # type: ignore[attr-defined]
    else:
        with connection.cursor() as cursor:
            cursor.execute(COUNTING.format(numbers))
            assert cursor.fetchone() == (numbers,)


def test_a_search_that_takes_too_long_is_refused() -> None:
    items.make_items(3)
    begun = time.monotonic()
    with pytest.raises(Refused, match="takes too long") as error, bounded_search("default", seconds=0.2):
        search_slowly()
    assert error.value.name == "get_request_error"
    assert time.monotonic() - begun < 5
    assert Item.objects.count() == 3


def test_a_query_that_begins_after_the_deadline_is_refused_too() -> None:
    items.make_items(3)
    with pytest.raises(Refused, match="takes too long"), bounded_search("default", seconds=0.1):
        time.sleep(0.2)
        search_slowly()


def test_the_earlier_of_two_deadlines_applies() -> None:
    items.make_items(3)
    begun = time.monotonic()
    with (
        pytest.raises(Refused, match="takes too long"),
        bounded_search("default", seconds=0.2),
        bounded_search("default", seconds=60),
    ):
        search_slowly()
    assert time.monotonic() - begun < 5


def test_queries_after_the_block_are_never_stopped() -> None:
    items.make_items(1)
    with pytest.raises(Refused), bounded_search("default", seconds=0.1):
        search_slowly()
    with bounded_search("default", seconds=0.1):
        Item.objects.count()
    time.sleep(0.2)
    search_slowly(10**6)
    assert Item.objects.update(name="written") == 1


def test_a_timeout_inside_a_transaction_ends_with_the_block() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL has settings of a transaction")
    with transaction.atomic():
        with bounded_search("default"):
            Item.objects.count()
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone()[0] == "0"


def test_a_request_that_waits_for_a_count_stops_at_its_own_deadline() -> None:
    go_on, counting = Event(), Event()

    def count() -> int:
        counting.set()
        go_on.wait(30)
        return 5

    with ThreadPoolExecutor() as other:
        first = other.submit(total_of, count, "", lambda edition: "of this test")
        assert counting.wait(30)
        with pytest.raises(Refused, match="takes too long"), bounded_search("default", seconds=0.2):
            total_of(count, "", lambda edition: "of this test")
        go_on.set()
        assert first.result() == 5


def test_too_many_versions_for_one_query_are_refused() -> None:
    if connection.vendor != "mongodb":
        pytest.skip("MongoDB takes a query of 16 MiB")
    (item,) = items.make_items(1)
    rows = [items._version(random.Random(7), item, str(number)) for number in range(100)]
    for number, row in enumerate(rows):
        row.subject = f"{number:02000}"  # as many bytes as the 24 characters of thousands of items
    Version.objects.bulk_create(rows)
    sizes = json.dumps({"$or": [{"versions.size": {"$gte": -number}} for number in range(100)]})
    with pytest.raises(Refused, match="finds too much"), bounded_search("default", seconds=60):
        Item.objects.filter(to_q(parse(sizes, items.FIELDS), "queries")).count()


def test_a_network_timeout_is_reported_as_a_search_that_takes_too_long() -> None:
    if connection.vendor != "mongodb":
        pytest.skip("only MongoDB's client enforces the timeout itself")
    with pytest.raises(Refused, match="takes too long"), bounded_search("default"):
        raise pymongo.errors.NetworkTimeout("timed out") from TimeoutError("timed out")


def test_the_timeout_ends_with_the_block() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL has settings of a session")
    with bounded_search("default"):
        Item.objects.count()
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone()[0] == "0"


def test_a_pattern_that_only_the_database_rejects_is_refused() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL repeats at most 255 times")
    with pytest.raises(Refused, match="refuses this regular expression"), bounded_search("default"):
        Item.objects.filter(name__regex="a{256}").count()
    assert Item.objects.count() == 0


def test_other_errors_pass_through() -> None:
    with pytest.raises(ZeroDivisionError), bounded_search("default"):
        raise ZeroDivisionError
