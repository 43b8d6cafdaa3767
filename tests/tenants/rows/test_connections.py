"""Connections are made again after an outage of the database."""

import os
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolTimeout

from registry_site.config import databases
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
