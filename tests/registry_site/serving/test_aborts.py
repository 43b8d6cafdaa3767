"""A streamed response that fails in the middle ends its connection, and no other."""

import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.engines import Server
from tests.served import Served, wait_until
from tests.talk import administrator

SECONDS = 60
COUNT = 400
# Creates models of which the last in the order of their names cannot be read.
FILL = f"""
from catalog.models import Item
from tenants.models import User
admin = User.objects.get(username="admin", tenant__isnull=False)
fields = {{"tenant_id": admin.tenant_id, "kind": "model", "owner": admin, "visibility": "public", "status": "test"}}
fields |= {{"readers": ["*", admin.pk], "tags": ["x" * 200] * 20}}
Item.objects.bulk_create(Item(name=f"{{n:05}}", **fields) for n in range({COUNT}))
"""
BROKEN = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("PRAGMA ignore_check_constraints = 1")
    cursor.execute("UPDATE catalog_item SET metadata = '{' WHERE name = '{name}'")
"""


@pytest.fixture(scope="module")
def broken(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A registry with a row that cannot be read, in the last of the batches of an export."""
    if server.name != "sqlite":
        pytest.skip("only SQLite stores a row that cannot be read")
    variables = {"WORKERS": "1", "THREADS": "2"}
    with Served.on(server, tmp_path_factory.mktemp("broken"), **variables) as registry:
        for code in (FILL, BROKEN.replace("{name}", f"{COUNT - 1:05}")):
            done = registry.manage("shell", "-v", "0", "-c", code)
            assert done.returncode == 0, done.stderr
        yield registry


@pytest.fixture
def client(broken: Served) -> Iterator[httpx.Client]:
    with administrator(broken) as client:
        yield client


@pytest.mark.promise("exports.aborted")
@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_an_export_that_fails_in_the_middle_ends_its_connection(client: httpx.Client, form: str) -> None:
    others: list[int] = []
    stop = threading.Event()

    def read_others() -> None:
        with httpx.Client(base_url=client.base_url, headers=client.headers, timeout=SECONDS) as other:
            while not stop.is_set():
                others.append(other.get("/models", params={"limit": 20, "sort": '{"name": 1}'}).status_code)

    threads = [threading.Thread(target=read_others) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: others, "the others are answered")
    received = b""
    with (
        pytest.raises(httpx.RemoteProtocolError),
        client.stream("GET", "/models", params={"format": form, "sort": '{"name": 1}'}, timeout=SECONDS) as response,
    ):
        assert response.status_code == 200
        for part in response.iter_bytes():
            received += part
    stop.set()
    for thread in threads:
        thread.join()
    assert b"00299" in received
    assert f"{COUNT - 1:05}".encode() not in received
    assert set(others) == {200}


@pytest.mark.promise("exports.streamed")
def test_an_export_that_does_not_fail_ends_as_it_should(client: httpx.Client) -> None:
    params = {"format": "ndjson", "filter": '{"name": {"$lt": "00350"}}'}
    for _ in range(2):
        assert len(client.get("/models", params=params, timeout=SECONDS).text.splitlines()) == 350
