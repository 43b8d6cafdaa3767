"""Connections are made again after an outage of the database, and what they prepared may be lost."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolTimeout

from registry_site.config import databases
from tenants.models import Tenant
from tenants.rows.postgresql import MOST_PARAMETERS, PreparedStatements
from tenants.rows.statements import insert_rows, update_where
from tenants.rows.transactions import atomic, retried
from tests.engines import free_port

OUTAGE_SECONDS = 7.5  # by default, the pool's next attempt would be 15 s after the first one


def test_after_an_outage_of_postgresql_the_next_request_gets_a_connection(engine: str) -> None:
    if engine != "postgres":
        pytest.skip("other engines have no such pool")
    pool_options = databases.parse(os.environ["DATABASE"], Path()).default["OPTIONS"]["pool"]
    where = conninfo_to_dict(os.environ["DATABASE"], dbname="postgres")
    with ConnectionPool(kwargs=where | {"port": free_port()}, open=True, **pool_options) as pool:
        with pytest.raises(PoolTimeout):
            pool.getconn(timeout=OUTAGE_SECONDS)
        assert isinstance(pool.kwargs, dict)
        pool.kwargs["port"] = where["port"]
        pool.putconn(pool.getconn(timeout=5))


@pytest.fixture
def on_postgresql(engine: str, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    if engine != "postgres":
        pytest.skip("other engines prepare statements by themselves")
    monkeypatch.setattr(PreparedStatements, "are_lost", False)


def prepared_names() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements")
        return {name for (name,) in cursor.fetchall()}


def update_phone(pk: str, phone: str) -> int:
    """Return the number of rows that an update writes in a transaction that has begun."""
    with atomic():
        Tenant.objects.filter(pk=pk).exists()
        return update_where(Tenant, {"_id": pk}, {"phone": phone})


@pytest.fixture
def tenant(on_postgresql: None) -> str:
    Tenant(pk="one", email="a@b.example").save(force_insert=True)
    return "one"


def test_a_frequent_statement_is_prepared_once(tenant: str) -> None:
    before = prepared_names()
    assert [update_phone(tenant, str(number)) for number in range(5)] == [1] * 5
    assert update_phone("nobody", "5") == 0
    assert len(prepared_names() - before) <= 1, "an earlier test may have prepared it"
    assert prepared_names()
    with atomic():
        before = prepared_names()
        columns = [{"_id": f"t{n}", "email": "a@b.example"} for n in range(MOST_PARAMETERS)]
        whole = {"organization": "", "address": "", "phone": "", "passwordhash": True, "database": ""}
        rows = [row | whole | {"timestamp": Tenant.objects.get(pk=tenant).timestamp} for row in columns]
        insert_rows(Tenant, rows)
        assert prepared_names() == before, "a text for each number of rows would fill the memory of the server"
    assert Tenant.objects.get(pk=tenant).phone == "4"


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_an_invalid_text_is_refused_and_not_cut(tenant: str, value: str) -> None:
    with pytest.raises((ValueError, DatabaseError)):
        update_phone(tenant, value)
    assert update_phone(tenant, "2") == 1


def test_an_error_of_a_prepared_statement_is_one_of_django(tenant: str) -> None:
    with pytest.raises(DatabaseError, match="value too long"):
        update_phone(tenant, "9" * 65)
    with pytest.raises(OperationalError), atomic():
        Tenant.objects.filter(pk=tenant).exists()
        with connection.cursor() as cursor, pytest.raises(OperationalError):
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        update_where(Tenant, {"_id": tenant}, {"phone": "3"})
    connection.close()
    assert update_phone(tenant, "4") == 1


def test_a_pooler_that_loses_prepared_statements_costs_one_retry(tenant: str, caplog: Any) -> None:
    update_phone(tenant, "1")
    attempts = []

    @retried
    def write() -> int:
        attempts.append(1)
        return update_phone(tenant, str(len(attempts)))

    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    assert write() == 1
    assert len(attempts) == 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "pooler" in caplog.text
    assert write() == 1
    assert not prepared_names()
