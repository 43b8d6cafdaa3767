"""MLflow's routes: who may call them, what they accept, and what becomes of it in the registry."""

import base64
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from registry_site.dialects.mlflow.urls import PREFIXES, urlpatterns
from tenants.identity.machine_tokens import create_token
from tenants.models import Event, User
from tests.answers import assert_error, ok
from tests.client import ApiClient, BrowserClient
from versions import draft_files, drafts
from versions.draft_models import Draft, Experiment, Point
from versions.garbage import find_garbage
from versions.integrity import faults_of_bytes, faults_of_files
from versions.models import Blob, UploadSession, Version, VersionFile

BASE = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
MPU = "/api/2.0/mlflow-artifacts/mpu"
UNKNOWN = "66a1f0c2b7d94e3f8a5c1d60"
WORKS = ["models:read", "models:write", "models:delete", "aliases:*"]
MLMODEL = b"flavors:\n  python_function: {}\n"


VIEWS: list[Any] = urlpatterns


class Client:
    """Sends requests as MLflow's client does, with a machine token of a user."""

    def __init__(self, user: Any, scopes: list[str] | None = None) -> None:
        name = f"t{Event.objects.count()}"
        self.api = ApiClient(create_token(by=user, name=name, scopes=scopes or WORKS, expires=None).secret)

    def __call__(self, method: str, route: str, **sent: Any) -> Any:
        """Return the answer of a success."""
        return ok(self.send(method, route, **sent))

    def send(self, method: str, route: str, **sent: Any) -> Any:
        options = {"query": sent} if method == "get" else {"json": sent}
        return self.api.request(method, BASE + route, **options)

    def refused(self, method: str, route: str, **sent: Any) -> str:
        """Return the code of an error."""
        response = self.send(method, route, **sent)
        assert response.status_code >= 400, response
        return f"{response.status_code} {response.json()['error_code']}"

    def put(self, path: str, content: bytes) -> Any:
        return self.api.put(f"{FILES}/{path}", data=content, content_type="application/octet-stream")

    def run(self, **files: bytes) -> str:
        """Log a run with files below `model`; return its id."""
        id: str = self("post", "runs/create", experiment_id="0", start_time=1)["run"]["info"]["run_id"]
        for name, content in files.items():
            ok(self.put(f"drafts/{id}/model/{name}", content))
        return id

    def version(self, name: str, source: str, **more: Any) -> Any:
        return self("post", "model-versions/create", name=name, source=source, **more)["model_version"]


@pytest.fixture
def client(world: Any, uploads: Any) -> Client:
    return Client(world.acme.owner)


@pytest.fixture
def churn(client: Client) -> str:
    """The run that the version 1 of the model `churn` was made of."""
    run = client.run(MLmodel=MLMODEL, data=b"weights")
    client(
        "post", "runs/log-batch", run_id=run, params=[{"key": "depth", "value": "3"}, {"key": "how", "value": "1.50"}]
    )
    for step, value in ((1, 0.5), (2, 0.9)):
        client("post", "runs/log-metric", run_id=run, key="acc", value=value, timestamp=step, step=step)
    client("post", "registered-models/create", name="churn", tags=[{"key": "team", "value": "a"}])
    client.version("churn", f"runs:/{run}/model", run_id=run)
    return run


def _walked() -> Iterator[tuple[str, str, Any]]:
    """Yield method, path and view of all routes of one prefix."""
    for pattern in VIEWS:
        text = str(pattern.pattern)
        if text.startswith(PREFIXES[0]):
            path = re.sub(
                r"<\w+>", UNKNOWN, re.sub(r"<path:\w+>", f"drafts/{UNKNOWN}/x", text.replace("<int:number>", "1"))
            )
            for method in set(pattern.callback.actions) - {"head"}:
                yield method, f"/{path}", pattern


def _sent(api: ApiClient, method: str, path: str, sent: Any) -> Any:
    """Send the arguments as the method has them."""
    if method != "get":
        return api.request(method, path, json=sent)
    texts = sent.items() if isinstance(sent, dict) else ()
    return api.get(path, query={str(key): str(value).encode("utf-8", "ignore").decode() for key, value in texts})


@pytest.mark.promise("mlflow.closed")
def test_a_route_is_closed_to_strangers_browsers_and_tokens_without_its_scope(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_ADDRESS_LIMIT = 10**6
    poor = {scope: Client(world.acme.owner, [each for each in WORKS if each != scope]).api for scope in WORKS}
    browser = BrowserClient("acme", "owner", world.password)
    for method, path, pattern in _walked():
        if pattern.name == "server-info":
            continue
        for api in (world.anonymous, world.operator, ApiClient("mr_wrong"), browser):
            response = _sent(api, method, path, {})
            assert (response.status_code, response.json()["error_code"]) == (401, "UNAUTHENTICATED"), path
        (needed,) = pattern.callback.cls.scopes[pattern.callback.actions[method]]
        response = _sent(poor[needed.replace("aliases:move", "aliases:*")], method, path, {})
        assert (response.status_code, response.json()["error_code"]) == (403, "PERMISSION_DENIED"), path
        assert _sent(world.acme.owner.api, method, path, {}).status_code in (200, 400, 403, 404), path


@pytest.mark.promise("mlflow.closed")
def test_every_prefix_has_the_same_routes() -> None:
    routes = [
        {str(each.pattern).removeprefix(prefix) for each in urlpatterns if str(each.pattern).startswith(prefix)}
        for prefix in PREFIXES
    ]
    assert all(each == routes[0] for each in routes)
    assert all(set(each.callback.actions.values()) <= set(each.callback.cls.scopes) for each in VIEWS)


BODIES: list[Any] = [
    [], "text", {"name": 1}, {"name": {}}, {"name": "x\0"}, {"name": "\ud800"}, {"run_id": ["a"]}, {"tags": "x"},
    {"tags": [1]}, {"tags": [{"key": "k" * 5000, "value": "v"}]}, {"name": "x", "version": -1, "source": "x" * 5000},
    {"name": "x", "source": "models:/%00"}, {"metrics": [{"key": "k", "value": "1e999", "step": 2**70}]},
    {"name": "churn", "max_results": "99999999999999999999"}, {"name": "churn", "alias": "\n", "version": "1"},
    {"experiment_ids": ["0"], "filter": "metrics.x > 'a'"}, {"experiment_ids": [{}], "order_by": [1]},
    {"name": "churn", "key": "", "value": 1}, {"run_id": "{run}", "key": "a\nb", "value": "NaN"},
    {"run_id": "{run}", "metrics": [{"key": "m", "value": 1, "timestamp": 2**64}]}, {"filter": "(" * 5000},
    {"run_id": "{run}", "end_time": 10**17, "status": "FINISHED"}, {"page_token": "e30="}, {"page_token": "WzFd"},
    {"path": "/", "upload_id": UNKNOWN, "parts": [{"part_number": 2**70, "etag": UNKNOWN}]}, {"path": "x\0"},
    {"path": "a", "upload_id": UNKNOWN, "parts": []}, {"path": "..", "num_parts": -1}, {"path": "a", "num_parts": 9**9},
]  # fmt: skip


@pytest.mark.promise("mlflow.errors")
def test_any_input_gets_an_answer_in_mlflows_form_and_never_a_crash(client: Client, churn: str) -> None:
    for (method, path, _), body in product(list(_walked()), BODIES):
        filled = body
        if isinstance(body, dict):
            filled = {key: churn if value == "{run}" else value for key, value in body.items()}
        response = _sent(client.api, method, path, filled)
        assert response.status_code < 500, (method, path, body, response)
        if response.status_code >= 400 and response.headers["Content-Type"] == "application/json":
            assert set(response.json()) in ({"error_code", "message"}, {"status", "value", "message", "details"})


@pytest.mark.promise("mlflow.errors")
def test_malformed_numbers_and_addresses_are_refused(client: Client) -> None:
    client("post", "registered-models/create", name="churn")
    for method, route, arguments in (
        ("get", "registered-models/search", {"max_results": "--5"}),
        ("get", "model-versions/search", {"filter": "version_number > " + "9" * 5000}),
        ("post", "model-versions/create", {"name": "churn", "source": "http://[x"}),
    ):
        answer = _sent(client.api, method, f"/{PREFIXES[0]}mlflow/{route}", arguments)
        assert (answer.status_code, answer.json().get("error_code")) == (400, "INVALID_PARAMETER_VALUE"), arguments


def _token(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


LONG, RUNS = "x" * 256, {"experiment_ids": ["0"]}
REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("post", "runs/search", {"experiment_ids": ["\0"]}),
    ("post", "logged-models/search", {"experiment_ids": ["\ud800"]}),
    ("post", "runs/search", RUNS | {"filter": "metrics.m > 1e999"}),
    ("post", "runs/search", RUNS | {"filter": f"start_time = {10**400}"}),
    ("post", "runs/search", RUNS | {"filter": f"user_id LIKE '{'%a' * 100}'"}),
    ("get", "model-versions/search", {"filter": "version_number > 1e999"}),
    ("post", "runs/search", RUNS | {"page_token": _token(None, "x")}),
    ("post", "runs/search", RUNS | {"page_token": _token(10**17, "x")}),
    ("get", "model-versions/search", {"page_token": _token(10**30, 1, "x"), "order_by": "version_number"}),
    ("get", "registered-models/search", {"page_token": _token({}, "x")}),
    ("post", "runs/log-inputs", {"datasets": [{"dataset": {"name": 10**30, "digest": []}}]}),
    ("post", "runs/log-inputs", {"datasets": [{"dataset": "iris"}]}),
    ("post", "runs/log-inputs", {"models": [{"model_id": "\0"}]}),
    ("post", "runs/outputs", {"models": [{"model_id": "m", "step": 2**63}]}),
    ("post", "runs/log-batch", {"metrics": [{"key": "k" * 500, "value": 1}]}),
    ("post", "runs/log-metric", {"key": "k", "value": 10**400}),
    ("post", "registered-models/create", {"name": LONG}),
    ("post", "registered-models/create", {"name": "m", "tags": [{"key": LONG, "value": "v"}]}),
    ("post", "registered-models/rename", {"name": "churn", "new_name": LONG}),
    ("post", "registered-models/set-tag", {"name": "churn", "key": LONG, "value": "v"}),
    ("patch", "registered-models/update", {"name": "churn", "description": "d" * 100_001}),
    ("patch", "model-versions/update", {"name": "churn", "version": "1", "description": "d" * 10_001}),
    ("post", "model-versions/create", {"name": "churn", "source": "http://["}),
    ("post", "model-versions/create", {"name": "churn", "source": "mlflow-artifacts://\u2100.example/drafts"}),
]


@pytest.mark.promise("mlflow.errors")
def test_values_that_no_database_stores_are_refused_on_each_engine(client: Client, churn: str) -> None:
    for method, route, sent in REFUSED:
        code = client.refused(method, route, **({"run_id": churn} | sent))
        assert code == "400 INVALID_PARAMETER_VALUE", (route, sent)
    found = client("get", "runs/get", run_id=churn)["run"]
    assert (found["inputs"], found["outputs"]) == ({}, {})


@pytest.mark.promise("mlflow.clients", "mlflow.filters")
def test_a_run_keeps_its_inputs_and_outputs_in_the_fields_that_clients_send(client: Client, churn: str) -> None:
    deep: Any = {"$where": 2**63}
    for _ in range(4):
        deep = {"a.b": [deep]}
    dataset = {"name": "iris", "digest": "d1", "source_type": "local", "source": "{}", "profile": "{}"}
    tags = [{"key": "mlflow.data.context", "value": "train"}]
    for _ in range(2):
        client("post", "runs/log-inputs", run_id=churn, datasets=[{"dataset": dataset | {"x": deep}, "tags": tags}])
        client("post", "runs/outputs", run_id=churn, models=[{"model_id": "m-1", "step": "2", "x": deep}])
    run = client("post", "runs/search", experiment_ids=["0"], filter="dataset.context = 'train'")["runs"][0]
    assert run["inputs"] == {"dataset_inputs": [{"dataset": dataset, "tags": tags}]}
    assert run["outputs"] == {"model_outputs": [{"model_id": "m-1", "step": 2}]}


@pytest.mark.promise("mlflow.versions")
def test_a_version_has_the_files_params_and_last_metrics_of_its_run(client: Client, churn: str, world: Any) -> None:
    item = ok(world.acme.owner.api.get("models"))["docs"][0]
    version = item["versions"][0]
    values = {pair["name"]: pair["value"] for pair in version["metadata"]}
    assert values == {"acc": 0.9, "depth": 3, "how": "1.50", "source": f"runs:/{churn}/model", "source_run": churn}
    files = ok(world.acme.owner.api.get(f"models/{item['_id']}/versions/1/files"))["docs"]
    assert [(file["path"], file["size"]) for file in files] == [("MLmodel", len(MLMODEL)), ("data", 7)]
    document = client("get", "model-versions/get", name="churn", version="1")["model_version"]
    assert (document["run_id"], document["status"], document["current_stage"]) == (churn, "READY", "None")
    assert {"key": "acc", "value": "0.9"} in document["tags"]
    history = client("get", "metrics/get-history", run_id=churn, metric_key="acc")["metrics"]
    assert [(point["step"], point["value"]) for point in history] == [(1, 0.5), (2, 0.9)]
    assert Draft.objects.get(pk=churn).expires is None, "the series are kept as long as the version"
    assert faults_of_bytes(Blob.objects.values_list("pk", flat=True)) == []
    assert faults_of_files(VersionFile.objects.values_list("pk", flat=True)) == []


@pytest.mark.promise("mlflow.values")
@pytest.mark.parametrize("text", ["1", "-3", "0.5", "1e-05", "007", "1.50", "1e5", "True", "NaN", "9" * 30, "", "ä"])
def test_a_tag_is_returned_as_sent_and_numbers_are_stored_as_numbers(client: Client, text: str, world: Any) -> None:
    client("post", "registered-models/create", name="m")
    client("post", "registered-models/set-tag", name="m", key="k", value=text)
    assert client("get", "registered-models/get", name="m")["registered_model"]["tags"] == [{"key": "k", "value": text}]
    (pair,) = ok(world.acme.owner.api.get("models"))["docs"][0]["metadata"]
    assert isinstance(pair["value"], str) == (text not in ("1", "-3", "0.5", "1e-05"))
    client("post", "registered-models/set-tag", name="m", key="k", value="other")
    client("delete", "registered-models/delete-tag", name="m", key="k")
    assert "tags" not in client("get", "registered-models/get", name="m")["registered_model"]


@pytest.mark.promise("mlflow.sources")
def test_only_sources_that_the_caller_may_read_here_are_accepted(client: Client, churn: str, world: Any) -> None:
    other, rival = Client(world.acme.other), Client(world.rival.owner)
    version = Version.objects.get()
    refused = [
        "file:///etc/passwd", "/etc/passwd", "s3://bucket/model", "dbfs:/x", "http://example.com/model", "",
        f"http://example.com{FILES}/drafts/{churn}/model", "mlflow-artifacts://example.com/drafts/" + churn,
        f"mlflow-artifacts:/drafts/{churn}/../{churn}/model", f"runs:/{churn}/../x", "runs:/none/model",
        "models:/churn/9",
        f"http://testserver{FILES}/drafts/{churn}/model?x=1", f"http://testserver{FILES}/versions/%2e%2e/x",
    ]  # fmt: skip
    for source in refused:
        assert client.refused("post", "model-versions/create", name="churn", source=source).startswith("400"), source
    good = [f"runs:/{churn}/model", f"mlflow-artifacts:/drafts/{churn}/model", "models:/churn/1"]
    good += [f"http://testserver{FILES}/drafts/{churn}/model", f"http://testserver{FILES}/versions/{version.pk}"]
    for caller in (other, rival):
        caller("post", "registered-models/create", name="mine")
        for source in good:
            code = caller.refused("post", "model-versions/create", name="mine", source=source)
            assert code == "400 INVALID_PARAMETER_VALUE", source
    digests = {client.version("churn", source)["version"] for source in good}
    assert digests == {"2", "3", "4", "5", "6"}
    assert Version.objects.values("sha256").distinct().count() == 1


@pytest.mark.promise("mlflow.names")
def test_a_name_means_ones_own_model_then_the_only_readable_one(world: Any, uploads: Any) -> None:
    owner, shared, other = (Client(getattr(world.acme, name)) for name in ("owner", "shared", "other"))
    for each in (owner, shared):
        each("post", "registered-models/create", name="churn")
    assert other.refused("get", "registered-models/get", name="churn") == "404 RESOURCE_DOES_NOT_EXIST"
    for item in ok(world.acme.admin.api.get("models"))["docs"]:
        ok(world.acme.admin.api.put(f"models/{item['_id']}", json={"visibility": "public"}))
    assert owner("get", "registered-models/get", name="churn")["registered_model"]["name"] == "churn"
    response = other.send("get", "registered-models/get", name="churn")
    assert response.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    assert "owner/churn, shared/churn" in response.json()["message"]
    found = other("get", "registered-models/search")["registered_models"]
    assert sorted(each["name"] for each in found) == ["owner/churn", "shared/churn"]
    ok(world.acme.other.api.post("models", json={"name": "a/b"}))
    ways = {"shared/churn": "shared/churn", "shared%2Fchurn": "shared/churn", "a/b": "a/b", "a%2Fb": "a/b"}
    for name, meant in ways.items():
        assert other("get", "registered-models/get", name=name)["registered_model"]["name"] == meant
    code = other.refused("patch", "registered-models/update", name="shared/churn", description="x")
    assert code == "403 PERMISSION_DENIED"


@pytest.mark.promise("mlflow.tenants")
def test_another_tenant_sees_and_changes_nothing(client: Client, churn: str, world: Any) -> None:
    rival, before = Client(world.rival.admin), Version.objects.count()
    about = {"name": "churn", "version": "1", "run_id": churn, "metric_key": "acc", "key": "k", "value": "1"}
    about |= {"alias": "x", "stage": "Production", "experiment_ids": ["0"], "source": f"runs:/{churn}/model"}
    for method, path, _ in _walked():
        text = path.replace(f"{UNKNOWN}/x", f"{churn}/model/data")
        if path.endswith(("/create", "logged-models")) or "experiments" in path:
            continue
        response = _sent(rival.api, method, text, about)
        assert response.status_code >= 400 or response.json() == {} or path.endswith("server-info"), path
    assert rival.refused("post", "model-versions/create", **about).startswith("404")
    for place in (f"drafts/{churn}/model/data", f"versions/{Version.objects.get().pk}/data"):
        assert client.api.get(f"{FILES}/{place}").status_code == 200
        assert rival.api.get(f"{FILES}/{place}").status_code == 404
    assert Version.objects.count() == before
    header = {"X-MLFLOW-WORKSPACE": "acme"}
    assert client.api.get(f"{BASE}registered-models/search", headers=header).status_code == 200
    assert rival.api.get(f"{BASE}registered-models/search", headers=header).status_code == 404


@pytest.mark.promise("mlflow.artifacts")
def test_files_are_listed_read_by_ranges_replaced_and_deleted(client: Client, churn: str) -> None:
    version = Version.objects.get().pk
    listed = [(each["path"], each["is_dir"]) for each in _listed(client, f"drafts/{churn}")]
    assert listed == [("model", True)]
    names = [("MLmodel", len(MLMODEL)), ("data", 7)]
    for place in (f"drafts/{churn}/model", f"versions/{version}"):
        assert [(each["path"], each["file_size"]) for each in _listed(client, place)] == names
    part = client.api.get(f"{FILES}/versions/{version}/data", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.body()) == (206, b"igh")
    for status, response in (
        (403, client.put(f"versions/{version}/data", b"other")),
        (403, client.api.delete(f"{FILES}/versions/{version}/data")),
        (400, client.put(f"drafts/{churn}/../x", b"other")),
        (400, client.put(f"drafts/{churn}/a//b", b"other")),
        (404, client.put("drafts/66a1f0c2b7d94e3f8a5c1d60/x", b"other")),
    ):
        assert response.status_code == status, response
    ok(client.put(f"drafts/{churn}/model/data", b"other"))
    assert client.api.get(f"{FILES}/drafts/{churn}/model/data").body() == b"other"
    assert client.api.get(f"{FILES}/versions/{version}/data").body() == b"weights"
    ok(client.api.delete(f"{FILES}/drafts/{churn}/model"))
    assert _listed(client, f"drafts/{churn}") == []
    draft = Draft.objects.get(pk=churn)
    assert (draft.files, draft.size) == (0, 0)
    assert faults_of_bytes(Blob.objects.values_list("pk", flat=True)) == []


def _parts(client: Client, folder: str, *contents: bytes) -> dict[str, Any]:
    """Send a file in parts as MLflow's client does; return the arguments of `mpu/complete` and `mpu/abort`."""
    about = {"path": "/home/ada/big.bin"}
    made = ok(client.api.post(f"{MPU}/create/{folder}", json=about | {"num_parts": len(contents)}))
    parts = []
    for content, given in zip(contents, made.get("credentials", []), strict=True):
        anonymous = ApiClient()  # a client sends the headers that it was given, and no others
        sent = {"data": content, "content_type": "application/octet-stream", "headers": given["headers"]}
        response = anonymous.put(given["url"].removeprefix("http://testserver"), **sent)
        assert ok(response) == {}
        parts.append({"part_number": given["part_number"], "etag": response.headers["ETag"], "url": given["url"]})
    return about | {"upload_id": made["upload_id"], "parts": parts[::-1]}


@pytest.mark.promise("mlflow.parts")
def test_a_file_is_sent_in_parts(client: Client, world: Any) -> None:
    folder = f"drafts/{client.run()}/model"
    whole = _parts(client, folder, b"one ", b"two ", b"three")
    for _ in range(2):  # a client repeats a request whose response was lost
        assert ok(client.api.post(f"{MPU}/complete/{folder}", json=whole)) == {}
    assert client.api.get(f"{FILES}/{folder}/big.bin").body() == b"one two three"
    draft = Draft.objects.get(pk=folder.split("/")[1])
    assert (draft.files, draft.size) == (1, 13)
    given_up = _parts(client, folder, b"four", b"five")
    foreign = Client(world.acme.other)
    mine = f"drafts/{foreign.run()}"
    assert foreign.api.post(f"{MPU}/complete/{mine}", json=given_up).json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    ok(foreign.api.post(f"{MPU}/abort/{mine}", json=given_up))
    assert UploadSession.objects.filter(taken=False).count() == 2, "those of another user stay"
    ok(client.api.post(f"{MPU}/abort/{folder}", json=given_up))
    assert not UploadSession.objects.filter(taken=False).exists()
    ok(client.api.delete(f"{FILES}/{folder}"))
    assert not Blob.objects.filter(references__gt=0).exists()


@pytest.mark.promise("mlflow.parts")
def test_a_file_in_parts_is_refused_where_a_whole_one_is(client: Client, churn: str, settings: Any) -> None:
    folder = f"drafts/{churn}/model"
    whole = _parts(client, folder, b"12345", b"67890")
    version = f"versions/{Version.objects.get().pk}"
    long = {"path": "/a/x", "num_parts": 1001}
    first, second = whole["parts"]
    for step, place, sent, code in (
        ("create", version, long, "PERMISSION_DENIED"),
        ("create", f"drafts/{UNKNOWN}", long, "RESOURCE_DOES_NOT_EXIST"),
        ("create", folder, {}, "INVALID_PARAMETER_VALUE"),
        ("complete", version, whole, "PERMISSION_DENIED"),
        ("complete", f"drafts/{UNKNOWN}", whole, "RESOURCE_DOES_NOT_EXIST"),
        ("complete", folder, whole | {"upload_id": "../x"}, "INVALID_PARAMETER_VALUE"),
        ("complete", folder, whole | {"parts": [first, first]}, "INVALID_PARAMETER_VALUE"),
        ("complete", folder, whole | {"parts": [second | {"etag": "x"}]}, "INVALID_PARAMETER_VALUE"),
        ("complete", folder, whole | {"parts": [second | {"etag": UNKNOWN}]}, "RESOURCE_DOES_NOT_EXIST"),
        ("abort", folder, {"path": "x"}, "INVALID_PARAMETER_VALUE"),
    ):
        response = client.api.post(f"{MPU}/{step}/{place}", json=sent)
        assert response.json()["error_code"] == code, (step, place, sent)
    message = client.api.post(f"{MPU}/create/{folder}", json=long).json()["message"]
    assert message == "Multipart upload is not supported for the current artifact repository"  # sent whole then
    settings.MAX_UPLOAD_SIZE = 9
    assert client.api.post(f"{MPU}/complete/{folder}", json=whole).status_code == 413
    part = f"{MPU}/part/{whole['upload_id']}/1"
    assert client.api.put(part, data=b"x" * 10, content_type="a/b").status_code == 413
    assert [each["path"] for each in _listed(client, folder)] == ["MLmodel", "data"]


def _listed(client: Client, path: str) -> list[Any]:
    found: list[Any] = ok(client.api.get(FILES, query={"path": path})).get("files", [])
    return found


@pytest.mark.promise("mlflow.artifacts")
def test_folders_below_are_listed_once_however_many_files_they_have(client: Client) -> None:
    run = client.run()
    draft = Draft.objects.get(pk=run)
    rows = [(f"{folder}/{n:04}", 1) for folder in ("a", "a.b", "z") for n in range(600)]
    VersionFile.objects.bulk_create(
        VersionFile(
            pk=f"{run}/{path}", tenant_id="acme", path=path, size=size, sha256="0" * 64, crc32=0, mimetype="x/y"
        )
        for path, size in [*rows, ("b.txt", 5), ("a-file", 2)]
    )
    listed = [each["path"] for each in _listed(client, f"drafts/{draft.pk}")]
    assert sorted(listed) == ["a", "a-file", "a.b", "b.txt", "z"]
    assert len(_listed(client, f"drafts/{draft.pk}/a")) == 600


FILTERS: dict[str, list[str]] = {
    "": ["alpha", "alphabet", "beta", "gamma"],
    "name = 'alpha'": ["alpha"],
    "name != 'alpha'": ["alphabet", "beta", "gamma"],
    "name LIKE 'alpha%'": ["alpha", "alphabet"],
    "name LIKE '%a'": ["alpha", "beta", "gamma"],
    "name LIKE '_eta'": ["beta"],
    "name ILIKE 'ALPHA%'": ["alpha", "alphabet"],
    "name LIKE 'ALPHA%'": [],
    "name LIKE 'a.*'": [],
    "name IN ('alpha', 'beta')": ["alpha", "beta"],
    "name NOT IN ('alpha', 'beta')": ["alphabet", "gamma"],
    "tags.team = 'a'": ["alpha"],
    "tags.team != 'a'": ["beta"],
    "tag.team LIKE '%'": ["alpha", "beta"],
    "tags.`team` ILIKE 'A'": ["alpha"],
    "tags.score = '0.5'": ["alpha"],
    "tags.score != '0.5'": ["beta"],
    'name = "beta"': ["beta"],
    "name LIKE 'alpha%' AND tags.team = 'a'": ["alpha"],
    "name LIKE 'alpha%' and tags.team = 'b'": [],
    "tags.`mlflow.prompt.is_prompt` != 'true'": ["alpha", "alphabet", "beta", "gamma"],
    "tags.`mlflow.prompt.is_prompt` = 'true'": [],
    "tags.none = 'x'": [],
}
BAD_FILTERS = (
    "name", "name =", "name = alpha", "name = 5", "owner = 'x'", "name > 'a'", "name = 'a' OR name = 'b'", "name = 'a",
    "params.x = 'y'", "tags.team = 1", "(name = 'a')", "name IN 'a'", "name IN ()", "what.x = 'y'", "name LIKE 1", ";",
    "tags.team IN ('a')", "dataset.name = 'x'",
)  # fmt: skip


def fill(send: Any) -> None:
    """Create the models that FILTERS searches, in any MLflow."""
    tags = {"alpha": ("a", "0.5"), "beta": ("b", "0.75")}
    for name in ("alpha", "alphabet", "beta", "gamma"):
        team, score = tags.get(name, ("", ""))
        pairs = [{"key": "team", "value": team}, {"key": "score", "value": score}] if team else []
        send("post", "registered-models/create", name=name, tags=pairs)


@pytest.mark.promise("mlflow.filters")
def test_filters_select_what_they_say_and_everything_else_is_refused(client: Client) -> None:
    fill(client)
    for filter, expected in FILTERS.items():
        found = client("get", "registered-models/search", filter=filter).get("registered_models", [])
        assert [each["name"] for each in found] == expected, filter
    for filter in BAD_FILTERS:
        code = client.refused("get", "registered-models/search", filter=filter)
        assert code == "400 INVALID_PARAMETER_VALUE", filter


@pytest.mark.promise("mlflow.pages")
def test_pages_follow_each_other_in_every_order_while_models_come_and_go(client: Client) -> None:
    for number in range(7):
        client("post", "registered-models/create", name=f"m{number}")
    for order in ("", "name DESC", "name ASC", "last_updated_timestamp DESC", "timestamp ASC", "creation_timestamp"):
        names, token = [], ""
        while True:
            about = {"max_results": "3", "order_by": order, "page_token": token}
            page = client("get", "registered-models/search", **{key: value for key, value in about.items() if value})
            names += [each["name"] for each in page["registered_models"]]
            token = page.get("next_page_token", "")
            if not token:
                break
        ordered = [f"m{number}" for number in range(7)]
        assert names == (ordered[::-1] if "DESC" in order else ordered), order
    first = client("get", "registered-models/search", max_results="3")
    client("delete", "registered-models/delete", name="m2")
    after = client("get", "registered-models/search", max_results="3", page_token=first["next_page_token"])
    assert [each["name"] for each in after["registered_models"]] == ["m3", "m4", "m5"]


@pytest.mark.promise("mlflow.versions")
def test_versions_are_found_by_name_run_tag_and_number(client: Client, churn: str) -> None:
    client("post", "registered-models/create", name="other")
    for name in ("churn", "other"):
        client.version(name, "models:/churn/1", tags=[{"key": "env", "value": name}])
    found = {
        "name = 'churn'": [("churn", "2"), ("churn", "1")],
        "name = 'churn' AND version_number > 1": [("churn", "2")],
        "tags.env = 'other'": [("other", "1")],
        f"run_id = '{churn}'": [("other", "1"), ("churn", "2"), ("churn", "1")],
        "source_path LIKE 'models:/%'": [("other", "1"), ("churn", "2")],
        "tags.acc = '0.9' and name = 'other'": [("other", "1")],
        "name = 'none'": [],
    }
    for filter, expected in found.items():
        page = client("get", "model-versions/search", filter=filter).get("model_versions", [])
        assert [(each["name"], each["version"]) for each in page] == expected, filter
    first = client("get", "model-versions/search", max_results="2")
    rest = client("get", "model-versions/search", max_results="2", page_token=first["next_page_token"])
    assert [each["version"] for each in rest["model_versions"]] == ["1"]


@pytest.mark.promise("mlflow.stages")
def test_a_stage_sets_the_status_of_the_model_and_archives_others(client: Client, churn: str, world: Any) -> None:
    client.version("churn", "models:/churn/1")
    for version in ("1", "2"):
        about = {"name": "churn", "version": version, "stage": "production", "archive_existing_versions": True}
        client("post", "model-versions/transition-stage", **about)
    found = client("post", "registered-models/get-latest-versions", name="churn")["model_versions"]
    assert [(each["version"], each["current_stage"]) for each in found] == [("2", "Production"), ("1", "Archived")]
    assert ok(world.acme.owner.api.get("models"))["docs"][0]["status"] == "production"


@pytest.mark.promise("mlflow.aliases")
def test_aliases_are_those_of_the_registry_with_its_rules(client: Client, churn: str, world: Any) -> None:
    client("post", "registered-models/alias", name="churn", alias="production", version="1")
    assert client("get", "registered-models/alias", name="churn", alias="production")["model_version"]["version"] == "1"
    assert ok(world.acme.owner.api.get("models"))["docs"][0]["aliases"] == {"production": "1"}
    assert client.refused("delete", "model-versions/delete", name="churn", version="1").startswith("400")
    limited = Client(world.acme.owner, ["models:read", "aliases:staging"])
    code = limited.refused("post", "registered-models/alias", name="churn", alias="production", version="1")
    assert code == "403 PERMISSION_DENIED"
    limited("post", "registered-models/alias", name="churn", alias="staging", version="1")
    ok(world.acme.admin.api.post("protection", json={"name": "r", "aliases": "production", "approvals": 1}))
    code = client.refused("delete", "registered-models/alias", name="churn", alias="production")
    assert code == "403 PERMISSION_DENIED"
    code = client.refused("get", "registered-models/alias", name="churn", alias="none")
    assert code == "400 INVALID_PARAMETER_VALUE"


@pytest.mark.promise("mlflow.scopes")
def test_a_pattern_of_a_token_opens_only_models_with_such_a_name(client: Client, churn: str, world: Any) -> None:
    limited = Client(world.acme.owner, ["models:read", "models:write:fraud-*", "models:delete:fraud-*"])
    limited("post", "registered-models/create", name="fraud-1")
    for method, route in (
        ("post", "registered-models/create"), ("patch", "registered-models/update"),
        ("post", "registered-models/rename"), ("delete", "registered-models/delete"),
        ("post", "model-versions/create"), ("post", "registered-models/set-tag"), ("delete", "model-versions/delete"),
    ):  # fmt: skip
        about = {"name": "churn", "version": "1", "source": f"runs:/{churn}/model", "key": "k", "value": "v"}
        about |= {"new_name": "fraud-2"}
        assert limited.refused(method, route, **about) == "403 PERMISSION_DENIED", route
    limited.version("fraud-1", f"runs:/{churn}/model")
    code = limited.refused("post", "registered-models/rename", name="fraud-1", new_name="churn-2")
    assert code == "403 PERMISSION_DENIED"
    limited("post", "registered-models/rename", name="fraud-1", new_name="fraud-2")
    assert client("get", "model-versions/get", name="fraud-2", version="1")["model_version"]["name"] == "fraud-2"


@pytest.mark.promise("mlflow.clients")
def test_a_client_without_logged_models_registers_the_folder_of_a_run(client: Client) -> None:
    """MLflow 2.9 sends the description of a model to the run, and the address of the folder as source."""
    run = client.run(MLmodel=MLMODEL, data=b"weights")
    client("post", "runs/log-model", run_id=run, model_json='{"artifact_path": "model", "flavors": {}}')
    client("post", "registered-models/create", name="old")
    info = client("get", "runs/get", run_id=run)["run"]["info"]
    listed = client("get", "artifacts/list", run_id=run, path="model")
    assert (listed["root_uri"], [each["path"] for each in listed["files"]]) == (
        info["artifact_uri"],
        ["model/MLmodel", "model/data"],
    )
    version = client.version("old", f"{info['artifact_uri']}/model", run_id=run, run_link="")
    assert (version["run_id"], version["version"]) == (run, "1")
    about = {"name": "old", "version": "1", "stage": "Staging", "archive_existing_versions": False}
    client("post", "model-versions/transition-stage", **about)
    for method, stages in (("get", "Staging"), ("post", ["Staging"])):
        found = client(method, "registered-models/get-latest-versions", name="old", stages=stages)
        assert [each["version"] for each in found["model_versions"]] == ["1"]
    uri = client("get", "model-versions/get-download-uri", name="old", version="1")["artifact_uri"]
    found = client.api.get(FILES, query={"path": uri.partition(f"{FILES}/")[2]})
    assert [each["path"] for each in ok(found)["files"]] == ["MLmodel", "data"]


def test_a_draft_has_bounds_in_every_direction(client: Client, churn: str, monkeypatch: Any, settings: Any) -> None:
    for name, bound in (("LONGEST_LIST", 5), ("MOST_POINTS", 4), ("MOST_DRAFTS", 2), ("MOST_EXPERIMENTS", 1)):
        monkeypatch.setattr(drafts, name, bound)
    settings.MAX_FILES = 2
    client("post", "experiments/create", name="e")
    client.run()
    params = [{"key": f"p{number}", "value": "1"} for number in range(6)]
    points = [{"key": "m", "value": 1.0, "step": number, "timestamp": 1} for number in range(3)]
    for route, sent in (
        ("runs/log-batch", {"run_id": churn, "params": params}),
        ("runs/log-batch", {"run_id": churn, "metrics": points}),
        ("runs/set-tag", {"run_id": churn, "key": "k" * 251, "value": "v"}),
        ("runs/create", {"experiment_id": "0"}),
        ("experiments/create", {"name": "f"}),
    ):
        assert client.refused("post", route, **sent) == "400 INVALID_PARAMETER_VALUE", route
    assert client.put(f"drafts/{churn}/third", b"x").status_code == 413
    monkeypatch.setattr(drafts, "LARGEST", 100)
    code = client.refused("post", "runs/set-tag", run_id=churn, key="k", value="v" * 100)
    assert code == "400 INVALID_PARAMETER_VALUE"
    draft = Draft.objects.get(pk=churn)
    assert (len(draft.params), draft.points, draft.files) == (2, 2, 2)


@pytest.mark.promise("drafts.expire")
def test_a_draft_expires_with_all_it_has_unless_it_is_pinned_or_published(client: Client, churn: str) -> None:
    loose = client.run(data=b"loose bytes")
    client("post", "runs/log-metric", run_id=loose, key="m", value=1.0, timestamp=1)
    Draft.objects.exclude(expires=None).update(expires="2020-01-01T00:00:00Z")
    assert client.refused("get", "runs/get", run_id=loose) == "404 RESOURCE_DOES_NOT_EXIST"
    for garbage in list(find_garbage(timedelta(days=1))):
        garbage.remove()
    assert [draft.pk for draft in Draft.objects.all()] == [churn]
    assert not Point.objects.filter(pk__startswith=loose).exists()
    assert not VersionFile.objects.filter(pk__startswith=loose).exists()
    assert not Blob.objects.filter(references=0).exists()
    assert faults_of_bytes(Blob.objects.values_list("pk", flat=True)) == []
    assert client.api.get(f"{FILES}/versions/{Version.objects.get().pk}/data").body() == b"weights"


@pytest.mark.promise("drafts.expire")
def test_drafts_end_with_their_user_and_tenant(client: Client, churn: str, world: Any) -> None:
    draft = Draft.objects.get(pk=churn)
    assert draft_files.remove(draft=draft, by=world.acme.owner)
    assert Event.objects.filter(type="draft.deleted", item_id=churn).exists()
    loose = Client(world.acme.other).run(data=b"loose")
    Client(world.acme.other)("post", "experiments/create", name="e")
    ok(world.acme.admin.api.delete("users/other"))
    assert Draft.objects.get(pk=loose).expires is not None
    assert not User.objects.filter(username="other").exists()
    assert not Experiment.objects.exists()
    ok(world.operator.delete("tenants/acme"))
    assert not (Draft.objects.exists() or Point.objects.exists() or VersionFile.objects.exists())


@pytest.mark.promise("drafts.own")
def test_drafts_are_listed_to_their_user_alone(client: Client, churn: str, world: Any) -> None:
    loose = client.run(data=b"loose")
    api = world.acme.owner.api
    page = ok(api.get("drafts"))
    assert [(each["_id"], each["files"]) for each in page["docs"]] == [(loose, 1), (churn, 2)]
    found = ok(api.get("drafts", query={"filter": {"metrics.acc": {"$gt": 0.8}}}))["docs"]
    assert [each["_id"] for each in found] == [churn]
    for other in (world.acme.admin.api, world.acme.shared.api, world.rival.owner.api):
        assert ok(other.get("drafts"))["docs"] == []
        for response in (other.get(f"drafts/{churn}"), other.put(f"drafts/{churn}", json={"pinned": True})):
            assert_error(response, "resource_not_found")
        assert_error(other.post(f"drafts/{churn}/publish", json={"model": "x"}), "resource_not_found")
        assert_error(other.delete(f"drafts/{churn}"), "resource_not_found")


@pytest.mark.promise("drafts.change", "drafts.publish", "drafts.expire")
def test_a_draft_is_pinned_published_and_deleted(client: Client, world: Any) -> None:
    run, api = client.run(MLmodel=MLMODEL, data=b"weights"), world.acme.owner.api
    pinned = ok(api.put(f"drafts/{run}", json={"pinned": True, "name": "best"}))
    assert (pinned["pinned"], pinned["name"], pinned["expires"]) == (True, "best", None)
    assert ok(api.put(f"drafts/{run}", json={"pinned": False}))["expires"]
    model = ok(api.post("models", json={"name": "churn"}))["_id"]
    for body in (
        {"model": model, "path": "none"},
        {"model": model, "path": "../x"},
        {"model": model, "path": "model/"},
    ):
        assert_error(api.post(f"drafts/{run}/publish", json=body), "post_request_error")
    version = ok(api.post(f"drafts/{run}/publish", json={"model": model, "path": "model", "description": "first"}))
    assert (version["ordinal"], version["description"], version["original"]) == ("1", "first", "churn")
    assert version["metadata"] == [{"name": "source_run", "value": run}]
    assert ok(api.get(f"drafts/{run}"))["expires"] is None
    foreign = ok(world.acme.shared.api.post("models", json={"name": "foreign", "visibility": "public"}))["_id"]
    assert_error(api.post(f"drafts/{run}/publish", json={"model": foreign}), "restricted_access_create")
    ok(api.delete(f"drafts/{run}"))
    assert api.get(f"models/{model}/versions/1/files/data").body() == b"weights"
    assert faults_of_bytes(Blob.objects.values_list("pk", flat=True)) == []
