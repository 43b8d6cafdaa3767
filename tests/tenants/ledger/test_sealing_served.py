"""A served registry seals events in the background."""

import httpx
import pytest

from tests.served import ADMIN_PASSWORD, Served, wait_until

LATEST = 10.0  # seconds; it takes less than one, but other tests may occupy the machine


@pytest.mark.promise("events.sealed")
def test_a_served_registry_seals_an_event_soon(served: Served) -> None:
    with httpx.Client(base_url=f"{served.base_url}/v1", timeout=30) as client:
        login = client.post("/login", json={"username": "admin", "password": ADMIN_PASSWORD}).json()
        client.headers["Authorization"] = login["token"]
        path = f"/models/{client.post('/models', json={'name': 'sealed-soon'}).json()['_id']}"
        wait_until(lambda: client.get(f"{path}/events").json()["docs"][0]["hash"], "no seal", seconds=LATEST)
        event = client.get(f"{path}/events").json()["docs"][0]
        assert event["sequence"] > 0
        assert len(event["hash"]) == 64
        client.delete(path).raise_for_status()
