"""Requests as MLflow's clients for Java and R write them; neither client runs here, both were run by hand.

Java's prints protocol buffers as JSON, so integers of 64 bits are texts, and names a run twice. R's sends every value
as a text, numbers and booleans as R prints them, and searches registered models by POST.
"""

from typing import Any

import pytest

from tests.registry_site.dialects.test_mlflow import MLMODEL, Client

STARTED, ENDED = 1_700_000_000_000, 1_700_000_060_000
METRICS = [("loss", "0.5", "1"), ("loss", "1e-05", "1e+05"), ("gap", "NaN", "0"), ("far", "-Infinity", "0")]


@pytest.fixture(params=["java", "r"])
def client(request: pytest.FixtureRequest, world: Any, uploads: Any) -> Client:
    return {"java": Java, "r": R}[request.param](world.acme.owner)


class Java(Client):
    """Prints `double` and `int32` as numbers."""

    TRUE: Any = True

    def metric(self, value: str, step: str) -> dict[str, Any]:
        number: Any = value if value in ("NaN", "-Infinity") else float(value)
        return {"value": number, "timestamp": str(STARTED), "step": str(int(float(step)))}

    def models(self, filter: str) -> Any:
        return self("get", "registered-models/search", filter=filter, max_results="1000")

    def runs(self, **about: Any) -> Any:
        return self("post", "runs/search", run_view_type="ACTIVE_ONLY", max_results=1000, **about)


class R(Client):
    """Has texts alone."""

    TRUE: Any = "TRUE"

    def metric(self, value: str, step: str) -> dict[str, Any]:
        return {"value": value, "timestamp": str(STARTED), "step": step}

    def models(self, filter: str) -> Any:
        return self("post", "registered-models/search", filter=filter, max_results="100")

    def runs(self, **about: Any) -> Any:
        return self("post", "runs/search", run_view_type="ACTIVE_ONLY", **about)


@pytest.mark.promise("mlflow.clients")
def test_requests_of_other_languages_log_a_run_and_register_it(client: Any) -> None:
    experiment = client("post", "experiments/create", name="exp")["experiment_id"]
    assert client("get", "experiments/get-by-name", experiment_name="exp")["experiment"]["experiment_id"] == experiment
    about = {"experiment_id": experiment, "user_id": "ada", "start_time": str(STARTED)}
    id = client("post", "runs/create", **about)["run"]["info"]["run_uuid"]
    run = {"run_uuid": id, "run_id": id}
    client("post", "runs/log-parameter", **run, key="depth", value="3")
    client("post", "runs/set-tag", **run, key="team", value="a")
    for name, value, step in METRICS[:2]:
        client("post", "runs/log-metric", **run, key=name, **client.metric(value, step))
    several = [{"key": name, **client.metric(value, step)} for name, value, step in METRICS[2:]]
    client("post", "runs/log-batch", run_id=id, metrics=several, params=[{"key": "p", "value": "x"}])
    client.put(f"drafts/{id}/model/MLmodel", MLMODEL)
    client("post", "runs/update", **run, status="FINISHED", end_time=str(ENDED))

    info, data = (client("get", "runs/get", **run)["run"][part] for part in ("info", "data"))
    assert (info["status"], info["start_time"], info["end_time"]) == ("FINISHED", STARTED, ENDED)
    last = {each["key"]: (each["value"], each["step"]) for each in data["metrics"]}
    assert last == {"loss": (1e-05, 100_000), "gap": ("NaN", 0), "far": ("-Infinity", 0)}
    assert {each["key"]: each["value"] for each in data["params"]} == {"depth": "3", "p": "x"}
    points = client("get", "metrics/get-history", **run, metric_key="loss")["metrics"]
    assert [(point["step"], point["value"]) for point in points] == [(1, 0.5), (100_000, 1e-05)]
    listed = client("get", "artifacts/list", **run, path="model")["files"]
    assert [each["path"] for each in listed] == ["model/MLmodel"]

    client("post", "registered-models/create", name="churn")
    client("post", "model-versions/create", name="churn", source=f"{info['artifact_uri']}/model", run_id=id)
    client("post", "model-versions/transition-stage", name="churn", version="1", stage="Production",
           archive_existing_versions=client.TRUE)  # fmt: skip
    (newest,) = client("get", "registered-models/get-latest-versions", name="churn")["model_versions"]
    assert (newest["version"], newest["run_id"], newest["current_stage"]) == ("1", id, "Production")
    assert [each["name"] for each in client.models("name = 'churn'")["registered_models"]] == ["churn"]
    assert client("get", "model-versions/get-download-uri", name="churn", version="1")["artifact_uri"]


@pytest.mark.promise("mlflow.filters")
def test_runs_are_found_by_times_and_by_what_they_lack(client: Any) -> None:
    ids = {}
    for number, name in enumerate(("early", "late")):
        made = client("post", "runs/create", experiment_id="0", run_name=name, start_time=str(STARTED + number * 1000))
        ids[made["run"]["info"]["run_id"]] = name
    early, late = ids
    client("post", "runs/update", run_id=late, status="FINISHED", end_time=str(ENDED))
    client("post", "runs/log-parameter", run_id=early, key="depth", value="3")
    found = {
        f"attributes.start_time = {STARTED}": ["early"],
        f"start_time != {STARTED}": ["late"],
        f"start_time > {STARTED}": ["late"],
        f"attributes.created <= {STARTED}": ["early"],
        f"start_time >= {STARTED} and start_time < {STARTED + 1001}": ["early", "late"],
        f"end_time >= {ENDED}": ["late"],
        f"end_time != {ENDED}": [],
        "params.depth IS NULL": ["late"],
        "params.depth is not null": ["early"],
        "tags.`none` IS NULL AND params.depth = '3'": ["early"],
    }
    for filter, expected in found.items():
        runs = client.runs(experiment_ids=["0"], filter=filter, order_by=["start_time ASC"]).get("runs", [])
        assert [ids[each["info"]["run_id"]] for each in runs] == expected, filter
    last = 253402300799999  # the last millisecond of the calendar
    bad = ("start_time > 'a'", f"start_time > {'9' * 30}", f"start_time = {last}", f"start_time > {last}")
    for filter in (*bad, "params.depth IS", "start_time IS NULL", "IS NULL"):
        refused = client.refused("post", "runs/search", experiment_ids=["0"], filter=filter)
        assert refused == "400 INVALID_PARAMETER_VALUE", filter


@pytest.mark.promise("mlflow.errors")
@pytest.mark.parametrize(
    ("name", "value"),
    [("value", "many"), ("value", "1e999"), ("value", ""), ("value", "0x1"), ("step", "1e30"), ("step", "1.5e0")],
)
def test_a_text_that_is_no_such_number_is_refused(world: Any, name: str, value: str) -> None:
    java = Java(world.acme.owner)
    body = {"run_id": java.run(), "key": "loss", "value": 1, "timestamp": "1", name: value}
    assert java.refused("post", "runs/log-metric", **body) == "400 INVALID_PARAMETER_VALUE"
