"""What a user of MLflow does, with MLflow's own client. It runs in the environment of an old or a new MLflow.

Importing MLflow takes seconds, so one process imports it and forks another one for each line that it reads (see
`mlflow_clients.py`). `train` logs and registers a model. `load` loads it in a process that trained nothing. `use` loads
it, is refused as a stranger, and sends a large artifact in parts, again if the server dies meanwhile. `serve` is the
command `mlflow models serve`.
"""

import filecmp
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy
import requests
from mlflow import MlflowClient
from mlflow.models.cli import commands as mlflow_models
from sklearn.linear_model import LogisticRegression

FEATURES = numpy.array([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.9, 0.1]])
LABELS = numpy.array([0, 1, 0, 1])


def train() -> dict[str, Any]:
    """Train with autolog, register, and use every part of the registry."""
    mlflow.set_experiment("churn-trainings")
    mlflow.sklearn.autolog(log_models=False, silent=True)
    with mlflow.start_run() as run:
        model = LogisticRegression(C=2.0).fit(FEATURES, LABELS)
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metric("loss", 0.25, step=2)
        mlflow.log_text("text of a note", "notes/note.txt")
        mlflow.log_table({"label": [0, 1]}, "table.json")
        about: dict[str, Any] = {"serialization_format": "cloudpickle", "pip_requirements": ["scikit-learn"]}
        about["artifact_path" if mlflow.__version__.startswith("2.") else "name"] = "model"
        info = mlflow.sklearn.log_model(model, registered_model_name="churn", **about)
    client, id = MlflowClient(), run.info.run_id
    client.set_registered_model_alias("churn", "production", "1")
    client.set_model_version_tag("churn", "1", "approved", "yes")
    logged = client.get_run(id)
    seen = {
        "run": id,
        "predictions": model.predict_proba(FEATURES).tolist(),
        "loaded": mlflow.sklearn.load_model(info.model_uri).predict_proba(FEATURES).tolist(),
        "params": logged.data.params,
        "metrics": logged.data.metrics,
        "status": logged.info.status,
        "history": [[point.step, point.value] for point in client.get_metric_history(id, "loss")],
        "note": mlflow.artifacts.load_text(f"runs:/{id}/notes/note.txt"),
        "files": [each.path for each in client.list_artifacts(id)],
        "table": mlflow.load_table("table.json", [id])[["label"]].to_dict("list"),
        "runs": [each.info.run_id for each in client.search_runs([run.info.experiment_id], "metrics.loss < 0.3")],
    }
    client.create_registered_model("copies")
    copy = client.copy_model_version("models:/churn@production", "copies")
    seen["copy"] = [copy.name, copy.version, client.get_model_version("copies", "1").tags.get("approved")]
    seen["found"] = [model.name for model in client.search_registered_models("name LIKE 'c%'")]
    seen["versions"] = [[each.name, each.version] for each in client.search_model_versions("name = 'churn'")]
    client.delete_model_version("copies", "1")
    client.delete_registered_model("copies")
    seen["left"] = [model.name for model in client.search_registered_models()]
    return seen


def become(username: str, token: str) -> MlflowClient:
    """Send the token from now on: by HTTP Basic if there is a username."""
    os.environ.pop("MLFLOW_TRACKING_TOKEN", None)
    os.environ.pop("MLFLOW_TRACKING_USERNAME", None)
    basic = {"MLFLOW_TRACKING_USERNAME": username, "MLFLOW_TRACKING_PASSWORD": token}
    os.environ.update(basic if username else {"MLFLOW_TRACKING_TOKEN": token})
    return MlflowClient()


def load() -> dict[str, Any]:
    """Load what another process registered, by alias and by version. Runs would be tracked elsewhere."""
    mlflow.set_tracking_uri(Path(os.environ["HOME"], "elsewhere").as_uri())
    uris = ("models:/churn@production", "models:/churn/1")
    loaded = {uri: mlflow.sklearn.load_model(uri).predict_proba(FEATURES).tolist() for uri in uris}
    generic = mlflow.pyfunc.load_model(uris[0]).predict(FEATURES).tolist()
    refused = refusal(lambda: MlflowClient().set_model_version_tag("churn", "1", "approved", "no"))
    mlflow.set_tracking_uri(os.environ["REGISTRY"])
    return {"loaded": loaded, "generic": generic, "refused": refused}


def refusal(call: Callable[[], Any]) -> str:
    """Return the code or the status of the error."""
    try:
        call()
    except mlflow.MlflowException as error:
        return str(error.error_code)
    except requests.HTTPError as error:
        return str(error.response.status_code if error.response is not None else error)
    return "done"


def calls(client: MlflowClient, run: str) -> dict[str, str]:
    """Return how calls on another's run and model are answered."""
    files = f"{os.environ['REGISTRY']}/api/2.0/mlflow-artifacts/artifacts/drafts/{run}/notes/note.txt"
    about: dict[str, Callable[[], Any]] = {
        "search": client.search_registered_models,
        "get model": lambda: client.get_registered_model("churn"),
        "get by alias": lambda: client.get_model_version_by_alias("churn", "production"),
        "load": lambda: mlflow.pyfunc.load_model("models:/churn/1"),
        "get run": lambda: client.get_run(run),
        "get file": lambda: mlflow.artifacts.download_artifacts(files),
        "log metric": lambda: client.log_metric(run, "loss", 1.0),
        "log file": lambda: client.log_text(run, "text", "note.txt"),
        "describe": lambda: client.update_model_version("churn", "1", "mine"),
        "register": lambda: client.create_model_version("churn", f"runs:/{run}/model"),
        "move alias": lambda: client.set_registered_model_alias("churn", "production", "1"),
        "delete": lambda: client.delete_model_version("churn", "1"),
    }
    return {name: refusal(call) for name, call in about.items()}


def be_refused(others: dict[str, list[str]], run: str) -> dict[str, Any]:
    """Return the answers to the user of another tenant, and to tokens that lack rights; each by its name."""
    answers: dict[str, Any] = {name: calls(become(*other), run) for name, other in others.items()}
    client = become(*others["stranger"])
    answers["listed"] = [model.name for model in client.search_registered_models()]
    answers["listed"] += [each.info.run_id for each in client.search_runs(["0"])]
    answers["own"] = client.create_registered_model("churn").latest_versions
    return answers


PART, PARTS = 10 * 1024**2, 30  # of MLflow's client


def use() -> dict[str, Any]:
    """Load as one user, be refused as others, and send as the one who trained."""
    about = json.loads(os.environ["ABOUT"])
    become(*about["reader"])
    seen = {"loaded": load(), "refused": be_refused(about["others"], about["run"])}
    become("", about["token"])
    return seen | {"sent": send()}


def send() -> dict[str, Any]:
    """Send a file, mostly zeros, whose parts differ; a script that fails is run again. Download it, and compare."""
    file, client = Path(os.environ["HOME"], "large.bin"), MlflowClient()
    with file.open("wb") as opened:
        opened.truncate(PART * PARTS)
        for number in range(PARTS):
            opened.seek(number * PART)
            opened.write(f"part {number}".encode())
    run, failures = client.create_run("0").info.run_id, 0
    while True:
        try:
            client.log_artifact(run, str(file), "large")
            break
        except Exception:
            failures += 1
            if failures == 300:
                raise
            time.sleep(1)
    listed = [[each.path, each.file_size] for each in client.list_artifacts(run, "large")]
    loaded = client.download_artifacts(run, "large/large.bin", str(file.parent / "loaded"))
    return {"failures": failures, "listed": listed, "equal": filecmp.cmp(file, loaded, shallow=False)}


def serve() -> None:
    """Run the command `mlflow models serve`, until it is killed."""
    mlflow_models(["serve", *os.environ["WORDS"].split()])


CALLS: dict[str, Callable[[], Any]] = {"train": train, "load": load, "use": use, "serve": serve}


def obey(order: dict[str, Any]) -> None:
    """Call what is ordered, and write what it returns."""
    os.setsid()
    os.dup2(2, 1)  # standard output has numbers alone
    os.environ.update(order["environment"])
    url = os.environ["REGISTRY"]
    mlflow.set_registry_uri(url)
    mlflow.set_tracking_uri(url)
    Path(order["file"]).write_text(json.dumps(CALLS[order["call"]]()))


def main() -> None:
    """Fork a process for each line; print its id, and its status when it has ended."""
    for line in sys.stdin:
        if not (pid := os.fork()):
            obey(json.loads(line))
            return
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        sys.stdout.flush()


main()
