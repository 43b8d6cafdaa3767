"""Prepared queries return what the ORM returns, for texts and lists of any length."""

import socket
from typing import Any

import pytest
from django.db import connection
from psycopg_pool import ConnectionPool

from catalog.models import Item
from tenants.models import User
from tenants.rows.fields import now
from tenants.rows.plans import TEXTS
from tenants.rows.postgresql import PooledConnection
from tenants.rows.prepared import CACHED_PLANS, Prepared
from tenants.rows.statements import update_where

named = Prepared(lambda tenant, names: User.objects.of(tenant).filter(username__in=names).order_by("-username"))
columns = Prepared(lambda key: User.objects.filter(pk=key).values_list("username", "timestamp"))


def renamed(tenant: str, old: str, new: str, days: int) -> int:
    return update_where(User, {"tenant_id": tenant, "username": old}, {"username": new, "validity_days": days})


@pytest.fixture
def names(world: Any) -> list[str]:
    for number in range(5):
        User(tenant_id=world.acme.tenant.pk, username=f"user-{number}").save()
    return [f"user-{number}" for number in range(5)]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_lists_of_each_length_have_their_own_plan(world: Any, names: list[str], count: int) -> None:
    chosen = names[:count]
    expected = list(User.objects.of(world.acme.tenant.pk).filter(username__in=chosen).order_by("-username"))
    for _ in range(2):
        found = named(world.acme.tenant.pk, chosen)
        assert found == expected
        assert [user.timestamp for user in found] == [user.timestamp for user in expected]


def test_values_replace_their_placeholders(world: Any, names: list[str]) -> None:
    assert [user.username for user in named(world.acme.tenant.pk, ["user-1"])] == ["user-1"]
    assert [user.username for user in named(world.acme.tenant.pk, ["user-2"])] == ["user-2"]
    assert named("no such tenant", ["user-2"]) == []
    assert named(world.acme.tenant.pk, [TEXTS[0], "' OR 1=1 --", "$ne"]) == []


def test_columns_are_converted_as_the_orm_does(world: Any, names: list[str]) -> None:
    user = User.objects.get(username="user-3")
    assert [tuple(row) for row in columns.rows(user.pk)] == [("user-3", user.timestamp)]


def test_an_empty_value_needs_no_query(world: Any, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert named("", ["user-1"]) == named(world.acme.tenant.pk, []) == []
        assert named.first(world.acme.tenant.pk, []) is None


def test_the_number_of_cached_plans_is_limited(world: Any) -> None:
    for length in range(1, CACHED_PLANS + 20):
        named(world.acme.tenant.pk, ["nobody"] * length)
    assert named.plan.cache_info().currsize <= CACHED_PLANS


def test_an_update_changes_the_matching_rows_and_returns_their_number(world: Any, names: list[str]) -> None:
    tenant = world.acme.tenant.pk
    assert renamed(tenant, "user-1", TEXTS[2], 7) == 1
    assert renamed(tenant, "user-2", "user-2", 8) == 1
    assert renamed(tenant, "user-1", "other", 9) == renamed("no such tenant", "user-3", "other", 9) == 0
    users = User.objects.of(tenant).filter(username__in=[*names, TEXTS[2]]).order_by("username")
    found = {user.username: user.validity_days for user in users}
    assert found == {
        "user-0": found["user-0"],
        "user-2": 8,
        "user-3": found["user-3"],
        "user-4": found["user-4"],
        TEXTS[2]: 7,
    }


def test_an_update_stores_values_unchanged(world: Any, names: list[str]) -> None:
    tenant = world.acme.tenant.pk
    for number, name in enumerate(("$username", "' OR 1=1 --", "%s", '"')):
        assert renamed(tenant, name, "other", 1) == 0
        assert renamed(tenant, f"user-{number}", name, 1) == 1
        assert User.objects.of(tenant).filter(username=name, validity_days=1).count() == 1
    assert update_where(User, {"username": "user-4", "leaving": None}, {"validity_days": 3}) == 1
    User.objects.filter(username="user-4").update(leaving=now())
    assert update_where(User, {"username": "user-4", "leaving": None}, {"validity_days": 4}) == 0


NUMBERS = [2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63), 0, 1.0, 1e22, 1e-300, True, None, "2", {"a": [2**40]}]
stored = Prepared(lambda ids: Item.objects.filter(pk__in=ids).values_list("metadata", "pk").order_by("name"))


def _items(world: Any, count: int) -> list[str]:
    metadata = [{"name": str(index), "value": value} for index, value in enumerate(NUMBERS)]
    fields = {"tenant_id": "acme", "owner_id": world.acme.owner.pk, "kind": "model", "metadata": metadata}
    items = [Item(name=f"{number:03}", **fields) for number in range(count)]
    return [item.pk for item in Item.objects.bulk_create(items)]


def test_lists_keep_the_values_and_types_of_their_numbers(world: Any) -> None:
    (metadata, _), *_ = stored.rows(_items(world, 1))
    values = [pair["value"] for pair in metadata]
    assert values == NUMBERS
    assert [isinstance(value, float) for value in values] == [isinstance(value, float) for value in NUMBERS]


@pytest.mark.parametrize("count", [101, 250])
def test_all_rows_come_that_exceed_the_first_batch_of_an_engine(world: Any, count: int) -> None:
    keys = _items(world, count)
    assert [key for _, key in stored.rows(keys)] == keys


def test_a_query_succeeds_after_the_connections_were_closed_by_the_database(world: Any) -> None:
    """MongoDB's driver retries a read. Prepared queries, which skip its retry, are repeated too."""
    if connection.vendor != "mongodb":
        pytest.skip("PostgreSQL checks a connection when it is taken from the pool, and SQLite has no server")
    keys = _items(world, 3)
    driver: Any = connection
    for _ in range(3):
        assert len(stored.rows(keys)) == 3
        (server,) = [found for found in driver.connection._topology._servers.values() if found.pool.conns]
        assert server.pool.conns
        for pooled in server.pool.conns:
            pooled.conn.get_conn.shutdown(socket.SHUT_RDWR)
        assert len(stored.rows(keys)) == 3


def test_the_pool_replaces_a_connection_that_the_database_closed(db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL has this pool")
    driver: Any = connection
    arguments = driver.get_connection_params() | {"autocommit": True}
    check, of = ConnectionPool.check_connection, PooledConnection
    with ConnectionPool(kwargs=arguments, connection_class=of, check=check, min_size=1, max_size=1) as pool:
        with pool.connection() as first:
            closed = first.info.backend_pid
        with pool.connection() as same:
            assert same.info.backend_pid == closed
        with driver.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [closed])
        with pool.connection() as other:
            assert other.execute("SELECT 1").fetchone() == (1,)
            assert other.info.backend_pid != closed
