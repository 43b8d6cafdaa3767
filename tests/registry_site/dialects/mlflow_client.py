"""What a user of MLflow does, with MLflow's own client; prints what it saw as JSON. It runs in MLflow's environment.

`python mlflow_client.py train` logs and registers a model; `load` loads it in another process, which trained nothing;
`send` sends a large artifact in parts, again if the server dies meanwhile.
"""

import filecmp
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import mlflow
import numpy
from mlflow import MlflowClient

FEATURES = numpy.array([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.9, 0.1]])
LABELS = numpy.array([0, 1, 0, 1])


def train() -> dict[str, Any]:
    """Train with autolog, register, and use every part of the registry."""
    from sklearn.linear_model import LogisticRegression

    mlflow.set_experiment("churn-trainings")
    mlflow.sklearn.autolog(log_models=False, silent=True)
    with mlflow.start_run() as run:
        model = LogisticRegression(C=2.0).fit(FEATURES, LABELS)
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metric("loss", 0.25, step=2)
        mlflow.log_text("text of a note", "notes/note.txt")
        about: dict[str, Any] = {"serialization_format": "cloudpickle", "pip_requirements": ["scikit-learn"]}
        info = mlflow.sklearn.log_model(model, name="model", registered_model_name="churn", **about)
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


def load() -> dict[str, Any]:
    """Load what another process registered, by alias and by version."""
    uris = ("models:/churn@production", "models:/churn/1")
    loaded = {uri: mlflow.sklearn.load_model(uri).predict_proba(FEATURES).tolist() for uri in uris}
    generic = mlflow.pyfunc.load_model(uris[0]).predict(FEATURES).tolist()
    try:
        MlflowClient().set_model_version_tag("churn", "1", "approved", "no")
        refused = ""
    except mlflow.MlflowException as error:
        refused = error.error_code
    return {"loaded": loaded, "generic": generic, "refused": refused}


PART, PARTS = 10 * 1024**2, 30  # of MLflow's client


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
            if failures == 20:
                raise
            time.sleep(1)
    listed = [[each.path, each.file_size] for each in client.list_artifacts(run, "large")]
    loaded = client.download_artifacts(run, "large/large.bin", str(file.parent / "loaded"))
    return {"failures": failures, "listed": listed, "equal": filecmp.cmp(file, loaded, shallow=False)}


def main() -> None:
    url = os.environ["REGISTRY"]
    mlflow.set_registry_uri(url)
    if "REGISTRY_ONLY" in os.environ:
        mlflow.set_tracking_uri(Path(os.environ["REGISTRY_ONLY"]).as_uri())
    else:
        mlflow.set_tracking_uri(url)
    seen = {"train": train, "load": load, "send": send}[sys.argv[1]]()
    sys.stdout.write(f"\n{json.dumps(seen)}\n")


main()
