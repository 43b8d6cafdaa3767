"""MLflow's own clients, unmodified, against a served registry: the newest one, and the oldest that its routes allow."""

import json
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tests.engines import Server, free_port
from tests.registry_site.dialects.mlflow_clients import Clients
from tests.served import Served, wait_until

pytestmark = pytest.mark.timeout(900)  # importing MLflow takes long
SECONDS = 600
SECRET = "Passw0rd!x"
SCOPES = ["models:read", "models:write", "models:delete", "aliases:*"]


@pytest.fixture(scope="module")
def registry(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A registry with two users, the administrators of two other tenants, and their tokens."""
    with Served.on(server, tmp_path_factory.mktemp("mlflow-registry")) as served:
        admin = httpx.Client(base_url=f"{served.base_url}/v1", timeout=60)
        admin.headers["Authorization"] = admin.post("/login", json=served.administrator).json()["token"]
        tokens = {}
        for name in ("ada", "grace"):
            admin.post("/users", json={"username": name, "password": SECRET}).raise_for_status()
            tokens[name] = _token(admin, SCOPES, username=name)
        for name, tenant in (("eve", "other"), ("ann", "old")):
            body = {"_id": tenant, "email": "t@t.example", "admin_username": name, "admin_password": SECRET}
            operator = {"Authorization": served.api_token}
            admin.post("/tenants", json=body, headers=operator).raise_for_status()
            tokens[name] = _token(admin, SCOPES, username=name, tenant=tenant)
        yield SimpleNamespace(served=served, admin=admin, tokens=tokens)
        admin.close()


def _token(api: httpx.Client, scopes: list[str], **login: str) -> str:
    """Create a machine token of a user."""
    user = {"Authorization": api.post("/login", json=login | {"password": SECRET}).json()["token"]}
    body = {"name": "-".join(scopes).replace(":", "-"), "scopes": scopes}
    return str(api.post("/tokens", json=body, headers=user).raise_for_status().json()["token"])


@pytest.fixture(scope="module")
def newest(registry: Any) -> Iterator[SimpleNamespace]:
    """The newest MLflow, and what its training saw; the user has a token."""
    yield from _trained(registry, "3", MLFLOW_TRACKING_TOKEN=registry.tokens["ada"])


@pytest.fixture(scope="module")
def oldest(registry: Any) -> Iterator[SimpleNamespace]:
    """The oldest MLflow, and what its training saw; the user has a name and a password, and is of another tenant."""
    login = {"MLFLOW_TRACKING_USERNAME": "old/ann", "MLFLOW_TRACKING_PASSWORD": registry.tokens["ann"]}
    yield from _trained(registry, "2.9", **login)


def _trained(registry: Any, version: str, **login: str) -> Iterator[SimpleNamespace]:
    clients = Clients(version, registry.served.base_url, registry.served.folder / version)
    try:
        yield SimpleNamespace(clients=clients, login=login, saw=clients.seen("train", **login))
    finally:
        clients.stop()


@pytest.fixture(params=["newest", "oldest"])
def trained(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def used(registry: Any, newest: Any) -> Any:
    """What a second process saw: the model is public now, and the server is killed while a file arrives."""
    admin, served, tokens = registry.admin, registry.served, registry.tokens
    (model,) = admin.get("/models").json()["docs"]
    admin.put(f"/models/{model['_id']}", json={"visibility": "public"}).raise_for_status()
    others = {"stranger": ("other/eve", tokens["eve"]), "nobody": ("", "mr_no")}
    others |= {
        scope: ("", _token(admin, [scope], username="ada")) for scope in ("models:read", "models:write", "aliases:*")
    }
    about = {"reader": ("grace", tokens["grace"]), "others": others, "run": newest.saw["run"], "token": tokens["ada"]}
    parts = {"MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "true", "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": "1000000"}
    parts["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"  # a retry could outlast the restart
    large = newest.clients.folder / "large.bin"
    with newest.clients.running("use", ABOUT=json.dumps(about), **parts) as use:
        wait_until(lambda: use.has_ended or (large.exists() and served.receives), seconds=SECONDS)
        served.kill()
        served.start()
        return use.seen()


@pytest.mark.promise("mlflow.clients")
def test_a_training_with_autolog_is_logged_and_registered(trained: Any) -> None:
    seen = trained.saw
    assert seen["loaded"] == seen["predictions"]
    assert (seen["params"]["C"], seen["metrics"]["loss"], seen["status"]) == ("2.0", 0.25, "FINISHED")
    assert seen["metrics"]["training_score"] == 1.0
    assert seen["history"] == [[1, 0.5], [2, 0.25]]
    assert seen["note"] == "text of a note"
    assert {"notes", "table.json"} <= set(seen["files"])
    assert seen["table"] == {"label": [0, 1]}
    assert seen["runs"] == [seen["run"]]


@pytest.mark.promise("mlflow.clients")
def test_models_and_versions_are_searched_copied_and_deleted(trained: Any) -> None:
    seen = trained.saw
    assert seen["found"] == ["churn", "copies"]
    assert seen["versions"] == [["churn", "1"]]
    assert seen["copy"] == ["copies", "1", "yes"]
    assert seen["left"] == ["churn"]


@pytest.mark.promise("mlflow.clients")
def test_the_oldest_mlflow_loads_a_model_in_a_fresh_process(oldest: Any) -> None:
    seen = oldest.clients.seen("load", **oldest.login)
    assert list(seen["loaded"].values()) == [oldest.saw["predictions"]] * 2
    assert seen["generic"] == [0, 1, 0, 1]


@pytest.mark.promise("mlflow.clients", "mlflow.versions")
def test_the_registry_shows_the_version_with_typed_values(registry: Any, newest: Any) -> None:
    (model,) = registry.admin.get("/models").json()["docs"]
    (version,) = model["versions"]
    values = {pair["name"]: pair["value"] for pair in version["metadata"]}
    assert (values["C"], values["loss"], values["approved"]) == (2.0, 0.25, "yes")
    assert values["source_run"] == newest.saw["run"]
    assert model["aliases"] == {"production": "1"}
    files = registry.admin.get(f"/models/{model['_id']}/versions/1/files").json()["docs"]
    assert {"MLmodel", "model.pkl"} <= {file["path"] for file in files}


@pytest.mark.promise("mlflow.clients", "mlflow.tenants")
def test_another_user_loads_it_in_a_fresh_process_once_it_is_public(newest: Any, used: Any) -> None:
    seen = used["loaded"]
    assert list(seen["loaded"].values()) == [newest.saw["predictions"]] * 2
    assert seen["generic"] == [0, 1, 0, 1]
    assert seen["refused"] == "PERMISSION_DENIED"


@pytest.mark.promise("mlflow.tenants")
def test_another_tenant_finds_nothing_and_has_the_name_for_itself(used: Any) -> None:
    seen = used["refused"]
    assert seen["stranger"].pop("search") == "done"
    assert seen["stranger"].pop("get file") == "404"
    assert set(seen["stranger"].values()) == {"RESOURCE_DOES_NOT_EXIST"}
    assert (seen["listed"], seen["own"]) == ([], [])


# A file is logged without a look at its run, whose address the client remembers since it read it with the token before.
READS = {"search", "get model", "get by alias", "load", "get run", "get file"}
ALLOWED = {"models:read": READS, "models:write": {"log metric", "log file"}, "aliases:*": set(), "nobody": set()}


@pytest.mark.promise("mlflow.clients", "mlflow.scopes", "mlflow.closed")
@pytest.mark.parametrize("token", ALLOWED)
def test_a_token_does_what_its_scopes_allow_and_nothing_else(used: Any, token: str) -> None:
    seen = used["refused"][token]
    assert {name for name, answer in seen.items() if answer == "done"} == ALLOWED[token]
    refused = {answer for answer in seen.values() if answer != "done"}
    assert refused <= {"401", "UNAUTHENTICATED"} if token == "nobody" else {"403", "PERMISSION_DENIED"}


@pytest.mark.promise("mlflow.parts")
def test_an_artifact_of_300_mib_arrives_in_parts_although_the_server_is_killed(used: Any) -> None:
    seen = used["sent"]
    assert seen["failures"] >= 1, "it was killed in between"
    assert (seen["listed"], seen["equal"]) == ([["large/large.bin", 300 * 1024**2]], True)


@pytest.mark.promise("mlflow.clients")
def test_mlflow_serves_the_model_in_production(newest: Any) -> None:
    port = free_port()
    words = f"-m models:/churn@production --env-manager local -p {port} -w 1"
    with newest.clients.running("serve", WORDS=words, **newest.login) as serve:
        wait_until(lambda: serve.has_ended or _listens(port), "it does not start", seconds=SECONDS)
        assert not serve.has_ended, newest.clients.errors
        body = {"inputs": [[0.0, 1.0], [1.0, 0.0]]}
        answer = httpx.post(f"http://127.0.0.1:{port}/invocations", json=body, timeout=60)
    assert answer.json() == {"predictions": [0, 1]}


def _listens(port: int) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/ping", timeout=5).status_code == 200
    return False
