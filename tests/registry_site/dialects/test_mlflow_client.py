"""MLflow's own client, unmodified, against a served registry."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tests.engines import Server, free_port
from tests.missing import cannot_run
from tests.registry_site.dialects.mlflow_calls import answers, shape
from tests.registry_site.dialects.test_mlflow import BAD_FILTERS, FILTERS, fill
from tests.registry_site.operations.importing.mlflow_server import BINARY, PASSWORD, USERNAME, MLflowServer
from tests.served import Served, wait_until

pytestmark = pytest.mark.timeout(900)  # importing MLflow takes long
SCRIPT = Path(__file__).with_name("mlflow_client.py")
SECONDS = 600
USERS, SECRET = ("ada", "grace"), "Passw0rd!x"
SCOPES = ["models:read", "models:write", "models:delete", "aliases:*"]


@pytest.fixture(scope="module")
def registry(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A registry with two users, each with a token that a script has, and what the script of the first one saw."""
    if not BINARY.exists():
        cannot_run("there is no MLflow in .venv-mlflow, which `make test` installs")
    with Served.on(server, tmp_path_factory.mktemp("mlflow-registry")) as served:
        admin = httpx.Client(base_url=f"{served.base_url}/v1", timeout=60)
        admin.headers["Authorization"] = admin.post("/login", json=served.administrator).json()["token"]
        place = SimpleNamespace(served=served, tokens={}, admin=admin)
        for name in USERS:
            admin.post("/users", json={"username": name, "password": SECRET}).raise_for_status()
            place.tokens[name] = _token(admin, SCOPES, username=name)
        token = {"MLFLOW_TRACKING_TOKEN": place.tokens["ada"]}
        with _started(place, BINARY.with_name("python"), SCRIPT, "train", **token) as process:
            place.trained = _seen(place, process)
        yield place
        admin.close()


def _token(api: httpx.Client, scopes: list[str], **login: str) -> str:
    """Create a machine token of a user."""
    user = {"Authorization": api.post("/login", json=login | {"password": SECRET}).json()["token"]}
    body = {"name": "-".join(scopes).replace(":", "-"), "scopes": scopes}
    return str(api.post("/tokens", json=body, headers=user).raise_for_status().json()["token"])


def _seen(place: Any, process: subprocess.Popen[str]) -> Any:
    """Wait for the script and return what it saw."""
    output, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, errors[-5000:] + place.served.output[-3000:]
    return json.loads(output.splitlines()[-1])


@pytest.fixture(scope="module")
def used(registry: Any) -> Any:
    """What a second process saw: the model is public now, and the server is killed while a file arrives."""
    admin, served, tokens = registry.admin, registry.served, registry.tokens
    (model,) = admin.get("/models").json()["docs"]
    admin.put(f"/models/{model['_id']}", json={"visibility": "public"}).raise_for_status()
    body = {"_id": "other", "email": "t@t.example", "admin_username": "eve", "admin_password": SECRET}
    admin.post("/tenants", json=body, headers={"Authorization": served.api_token}).raise_for_status()
    others = {"stranger": ("other/eve", _token(admin, SCOPES, username="eve", tenant="other")), "nobody": ("", "mr_no")}
    others |= {
        scope: ("", _token(admin, [scope], username="ada")) for scope in ("models:read", "models:write", "aliases:*")
    }
    about = {"reader": ("grace", tokens["grace"]), "others": others, "run": registry.trained["run"]}
    about |= {"token": tokens["ada"]}
    parts = {"MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "true", "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": "1000000"}
    parts["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"  # a retry could outlast the restart
    command, large = (BINARY.with_name("python"), SCRIPT, "use"), served.folder / "large.bin"
    with _started(registry, *command, ABOUT=json.dumps(about), **parts) as process:
        wait_until(lambda: process.poll() is not None or (large.exists() and served.receives), seconds=SECONDS)
        served.kill()
        served.start()
        return _seen(registry, process)


@contextmanager
def _started(place: Any, *command: Any, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command of MLflow's environment against the registry; kill it at the end."""
    path = f"{BINARY.parent}:{os.environ['PATH']}"  # MLflow starts a server of its own from there
    env = {"PATH": path, "HOME": str(place.served.folder), "REGISTRY": place.served.base_url}
    env |= {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    } | environment
    options: Any = {"cwd": place.served.folder, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(list(map(str, command)), env=env, start_new_session=True, **options)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.promise("mlflow.clients")
def test_a_training_with_autolog_is_logged_and_registered(registry: Any) -> None:
    seen = registry.trained
    assert seen["loaded"] == seen["predictions"]
    assert (seen["params"]["C"], seen["metrics"]["loss"], seen["status"]) == ("2.0", 0.25, "FINISHED")
    assert seen["metrics"]["training_score"] == 1.0
    assert seen["history"] == [[1, 0.5], [2, 0.25]]
    assert seen["note"] == "text of a note"
    assert seen["runs"] == [seen["run"]]


@pytest.mark.promise("mlflow.clients")
def test_models_and_versions_are_searched_copied_and_deleted(registry: Any) -> None:
    seen = registry.trained
    assert seen["found"] == ["churn", "copies"]
    assert seen["versions"] == [["churn", "1"]]
    assert seen["copy"] == ["copies", "1", "yes"]
    assert seen["left"] == ["churn"]


@pytest.mark.promise("mlflow.clients", "mlflow.versions")
def test_the_registry_shows_the_version_with_typed_values(registry: Any) -> None:
    (model,) = registry.admin.get("/models").json()["docs"]
    (version,) = model["versions"]
    values = {pair["name"]: pair["value"] for pair in version["metadata"]}
    assert (values["C"], values["loss"], values["approved"]) == (2.0, 0.25, "yes")
    assert values["source_run"] == registry.trained["run"]
    assert model["aliases"] == {"production": "1"}
    files = registry.admin.get(f"/models/{model['_id']}/versions/1/files").json()["docs"]
    assert {"MLmodel", "model.pkl"} <= {file["path"] for file in files}


@pytest.mark.promise("mlflow.clients", "mlflow.tenants")
def test_another_user_loads_it_in_a_fresh_process_once_it_is_public(registry: Any, used: Any) -> None:
    seen = used["loaded"]
    assert list(seen["loaded"].values()) == [registry.trained["predictions"]] * 2
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
def test_mlflow_serves_the_model_in_production(registry: Any) -> None:
    port = free_port()
    words = ("models", "serve", "-m", "models:/churn@production", "--env-manager", "local", "-p", port, "-w", "1")
    token = {"MLFLOW_TRACKING_TOKEN": registry.tokens["ada"], "MLFLOW_TRACKING_URI": registry.served.base_url}
    with _started(registry, BINARY, *words, **token) as process:
        wait_until(lambda: process.poll() is not None or _listens(port), "it does not start", seconds=SECONDS)
        assert process.poll() is None, process.communicate()[1][-5000:]
        body = {"inputs": [[0.0, 1.0], [1.0, 0.0]]}
        answer = httpx.post(f"http://127.0.0.1:{port}/invocations", json=body, timeout=60)
    assert answer.json() == {"predictions": [0, 1]}


def _listens(port: int) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/ping", timeout=5).status_code == 200
    return False


@pytest.mark.promise("mlflow.filters")
def test_every_filter_finds_what_mlflows_own_server_finds(registry: Any, mlflow: MLflowServer) -> None:
    header = {"Authorization": f"Bearer {registry.tokens['grace']}"}
    with (
        httpx.Client(base_url=f"{registry.served.base_url}/api/2.0/mlflow/", headers=header, timeout=60) as ours,
        httpx.Client(base_url=f"{mlflow.url}/api/2.0/mlflow/", auth=(USERNAME, PASSWORD), timeout=60) as theirs,
    ):
        for client in (ours, theirs):
            fill(
                lambda method, route, client=client, **sent: client.request(method, route, json=sent).raise_for_status()
            )
        for filter in (*FILTERS, *BAD_FILTERS):
            found = []
            for client in (ours, theirs):
                response = client.get("registered-models/search", params={"filter": filter, "max_results": 1000})
                models = response.json().get("registered_models", [])
                names = [each["name"] for each in models if each["name"] in FILTERS[""]]
                found.append((response.status_code, response.json().get("error_code"), names))
            assert found[0] == found[1], filter


ADDED = {"aliases", "model_id", "outputs", "tags"}  # fields that MLflow's own server leaves out of some answers


@pytest.mark.promise("mlflow.answers")
def test_every_route_answers_as_mlflows_own_server_does(registry: Any, mlflow: MLflowServer) -> None:
    def sender(client: httpx.Client, store: bool) -> Any:
        def send(method: str, route: str, sent: dict[str, Any]) -> tuple[int, Any]:
            options: Any = {"params": sent} if method == "get" else {"json": sent}
            response = client.request(method, route, **options)
            answer = response.json()
            if store and route == "logged-models" and response.is_success:  # a version has files here
                client.put(f"{answer['model']['info']['artifact_uri']}/MLmodel", content=b"x").raise_for_status()
            return response.status_code, answer

        return send

    header = {"Authorization": f"Bearer {registry.tokens['grace']}"}
    with (
        httpx.Client(base_url=f"{registry.served.base_url}/api/2.0/mlflow/", headers=header, timeout=60) as ours,
        httpx.Client(base_url=f"{mlflow.url}/api/2.0/mlflow/", auth=(USERNAME, PASSWORD), timeout=60) as theirs,
    ):
        pairs = zip(answers(sender(ours, True)), answers(sender(theirs, False)), strict=True)
        for (call, status, answer), (_, expected_status, expected) in pairs:
            assert status == expected_status, (call, answer, expected)
            if status == 200:
                assert _lacking(shape(expected), shape(answer)) == [], call
                assert set(_lacking(shape(answer), shape(expected))) <= ADDED, call
            else:
                assert answer["error_code"] == expected["error_code"], (call, answer, expected)


def _lacking(expected: Any, found: Any) -> list[str]:
    """Return the fields that are not there, or of another type."""
    if isinstance(expected, list) and isinstance(found, list):
        return _lacking(expected[0], found[0])
    if not isinstance(expected, dict) or not isinstance(found, dict):
        return [] if expected == found else [f"{expected} is {found}"]
    gone = [name for name in expected if name not in found]
    return gone + [each for name in expected if name in found for each in _lacking(expected[name], found[name])]
