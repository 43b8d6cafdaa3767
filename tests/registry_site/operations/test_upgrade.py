"""A start migrates a database with an earlier schema and keeps its data."""

import hashlib
from pathlib import Path

import httpx

from tests.engines import Server
from tests.served import Served

PASSWORD = "Passw0rd!x"
CONTENT = b"weights of long ago"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
# Creates the tables of the first migrations, with a row in each that a registry needs.
FIRST = f"""
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

first = [(app, "0001_initial") for app in ("tenants", "folksonomy", "versions", "catalog")]
executor = MigrationExecutor(connection)
executor.migrate(first)
apps = executor.loader.project_state(first).apps
make = lambda app, model, **fields: apps.get_model(app, model).objects.create(**fields)
tenant = make("tenants", "Tenant", id="acme", email="info@acme.example")
ada = make("tenants", "User", tenant=tenant, username="ada", role="admin", password=make_password("{PASSWORD}"))
for name, email in (("eve", "Eve@acme.example"), ("sam", "Sam@acme.example"), ("tom", "sam@ACME.example")):
    make("tenants", "User", tenant=tenant, username=name, email=email, password="!")
make("folksonomy", "Tag", tenant=tenant, name="old", usage="folk", owner=ada)
item = make(
    "catalog", "Item", tenant=tenant, kind="model", name="churn", owner=ada, status="test", visibility="private",
    tags=["old"], metadata=[{{"name": "accuracy", "value": 0.9}}], users=[], datasets=[], readers=[ada.pk],
)
make("versions", "Blob", id="acme/{SHA256[:2]}/{SHA256}", tenant_id="acme", references=1)
make(
    "versions", "Version", tenant=tenant, subject=item.pk, ordinal="1", number=1, original="churn.bin", encoding="7bit",
    mimetype="application/octet-stream", size={len(CONTENT)}, sha256="{SHA256}", description="",
)
"""


def _check_emails(client: httpx.Client) -> None:
    """Two users have addresses that differ in case: both keep them, and no other user can take either."""
    emails = {user["username"]: user.get("email") for user in client.get("/users").json()["docs"]}
    kept = {"ada": None, "eve": "Eve@acme.example", "sam": "Sam@acme.example", "tom": "sam@ACME.example"}
    assert emails == kept
    for email in ("SAM@acme.example", "eve@acme.example"):
        assert client.put("/users/ada", json={"email": email}).status_code == 400
    assert client.put("/users/tom", json={"email": "tom@acme.example"}).status_code == 200


def test_data_of_an_earlier_version_is_kept_and_can_be_changed_after_an_upgrade(server: Server, tmp_path: Path) -> None:
    with Served.prepared(server, tmp_path) as registry:
        made = registry.manage("shell", "--no-imports", "--command", FIRST)
        assert made.returncode == 0, made.stderr
        file = tmp_path / "uploads" / "acme" / SHA256[:2] / SHA256
        file.parent.mkdir(parents=True)
        file.write_bytes(CONTENT)
        registry.start()
        with httpx.Client(base_url=f"{registry.base_url}/v1", timeout=60) as client:
            body = {"tenant": "acme", "username": "ada", "password": PASSWORD}
            client.headers["Authorization"] = client.post("/login", json=body).json()["token"]
            (item,) = client.get("/models", params={"filter": '{"tags": "old"}'}).json()["docs"]
            assert (item["name"], item["owner_username"]) == ("churn", "ada")
            assert item["metadata"] == [{"name": "accuracy", "value": 0.9}]
            path = f"/models/{item['_id']}"
            assert client.get(f"{path}/versions/churn.bin").content == CONTENT
            changed = client.put(path, json={"tags": {"remove": ["old"], "add": ["new"]}})
            assert changed.json()["tags"] == ["new"]
            assert client.put(f"{path}/versions/more.bin", content=b"more").json()["versions"][-1]["ordinal"] == "2"
            assert {tag["_id"] for tag in client.get("/tags").json()["docs"]} == {"old", "new"}
            _check_emails(client)
            checked = registry.manage("check_integrity")
            assert checked.returncode == 0, checked.stdout + checked.stderr
            assert client.delete(path).status_code == 200
        assert not file.exists()
