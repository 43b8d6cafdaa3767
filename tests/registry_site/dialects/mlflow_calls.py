"""Requests of MLflow's clients, for a real `mlflow server` and the registry, and what of the answers to compare."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.registry_site.operations.importing.mlflow_server import MLflowServer

FILE = Path(__file__).with_name("mlflow_answers.json")
Send = Callable[[str, str, dict[str, Any]], tuple[int, Any]]  # (method, route, arguments) -> status, JSON


class Call(NamedTuple):
    """A request; `keep` names what to keep of the answer, by its path, for `{name}` in later arguments."""

    method: str
    route: str
    sent: dict[str, Any]
    keep: dict[str, str] = {}


TAGS = [{"key": "team", "value": "a"}, {"key": "score", "value": "0.5"}]
DATASET = {"name": "iris", "digest": "d1", "source_type": "local", "source": "{}", "schema": "{}"}
CONTEXT = [{"key": "mlflow.data.context", "value": "train"}]
# Some find the run, some do not, and some are refused.
RUN_FILTERS = (
    "dataset.name = 'iris'",
    "datasets.name = 'iris' AND dataset.context = 'train'",
    "dataset.name = 'other'",
    "dataset.name != 'iris'",
    "dataset.digest != 'other'",
    "dataset.digest LIKE 'd%'",
    "dataset.context ILIKE 'TRAIN'",
    "dataset.name IN ('iris', 'x')",
    "dataset.name NOT IN ('iris', 'x')",
    "dataset.name > 'a'",
    "dataset.name = 1",
    "dataset.other = 'x'",
    "dataset.name IS NULL",
    "user_id = 'owner'",
    "attributes.user_id != 'owner'",
    "user_id LIKE 'own%'",
    "user_id LIKE 'OWN%'",
    "user_id ILIKE 'OWN%'",
    "user_id = 'other'",
    "user_id > 'a'",
    "user_id = 5",
    "artifact_uri = '{uri}'",
    "attributes.artifact_uri != '{uri}'",
    "artifact_uri = 'other'",
    "artifact_uri != 'other'",
    "artifact_uri > 'a'",
    "metrics.nan != 1",
    "metrics.nan = 0",
    "metrics.nan > -1",
    "metrics.acc = 0.9",
    "metrics.acc != 0.9",
    "metrics.acc = 'x'",
    "params.depth = '3'",
    "params.depth != '3'",
    "params.depth LIKE '3'",
    "params.depth > '2'",
    "status = 'RUNNING'",
    "status != 'RUNNING'",
    "run_name = 'x'",
    "run_name LIKE '%'",
    "run_id = '{run}'",
    "run_id IN ('{run}', 'x')",
    "run_id NOT IN ('{run}')",
    "lifecycle = 'x'",
    "tags.team = 'a'",
    "tags.team = 'b'",
    "tags.none != 'a'",
    "tags.team IN ('a')",
    "status IN ('RUNNING')",
)
STEPS = [
    Call("post", "experiments/create", {"name": "exp", "tags": TAGS}, {"exp": "experiment_id"}),
    Call("post", "experiments/create", {"name": "exp"}),
    Call("post", "experiments/create", {}),
    Call("get", "experiments/get", {"experiment_id": "{exp}"}),
    Call("get", "experiments/get", {"experiment_id": "0"}),
    Call("get", "experiments/get", {"experiment_id": "999999"}),
    Call("get", "experiments/get-by-name", {"experiment_name": "exp"}),
    Call("get", "experiments/get-by-name", {"experiment_name": "none"}),
    Call("post", "experiments/search", {"max_results": 10}),
    Call("post", "experiments/search", {"max_results": 10, "filter": "name = 'exp'"}),
    Call("post", "experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": "k", "value": "v"}),
    Call("post", "experiments/update", {"experiment_id": "{exp}", "new_name": "exp2"}),
    Call("post", "runs/create", {"experiment_id": "{exp}", "start_time": 1700000000000, "tags": TAGS,
         "user_id": "owner"}, {"run": "run.info.run_id", "uri": "run.info.artifact_uri"}),
    Call("post", "runs/create", {"experiment_id": "999999", "start_time": 1}),
    Call("post", "runs/log-parameter", {"run_id": "{run}", "key": "depth", "value": "3"}),
    Call("post", "runs/log-parameter", {"run_id": "{run}", "key": "depth", "value": "4"}),
    Call("post", "runs/log-metric", {"run_id": "{run}", "key": "acc", "value": 0.5, "timestamp": 1, "step": 1}),
    Call("post", "runs/log-metric", {"run_id": "{run}", "key": "acc", "value": 0.9, "timestamp": 2, "step": 2}),
    Call("post", "runs/log-metric", {"run_id": "{run}", "key": "acc", "value": "many", "timestamp": 2}),
    Call("post", "runs/log-metric", {"run_id": "{run}", "key": "nan", "value": "NaN", "timestamp": 2}),
    Call("post", "runs/log-metric", {"run_id": "{run}", "key": "r", "value": "5e-1", "timestamp": "3", "step": "1e+5"}),
    Call("post", "runs/log-metric", {"run_id": "{run}", "key": "r", "value": "1", "timestamp": "3", "step": "1.5"}),
    Call("post", "runs/log-batch", {"run_id": "{run}", "params": [{"key": "p", "value": "x"}],
         "metrics": [{"key": "loss", "value": 1.5, "timestamp": 3, "step": 0}], "tags": [{"key": "t", "value": "1"}]}),
    Call("post", "runs/set-tag", {"run_id": "{run}", "key": "note", "value": "text"}),
    Call("post", "runs/delete-tag", {"run_id": "{run}", "key": "note"}),
    Call("post", "runs/delete-tag", {"run_id": "{run}", "key": "note"}),
    Call("get", "runs/get", {"run_id": "{run}"}),
    Call("get", "artifacts/list", {"run_id": "{run}"}),
    Call("get", "artifacts/list", {"run_id": "0123456789abcdef0123456789abcdef"}),
    Call("get", "runs/get", {"run_id": "0123456789abcdef0123456789abcdef"}),
    Call("get", "metrics/get-history", {"run_id": "{run}", "metric_key": "acc"}),
    Call("get", "metrics/get-history", {"run_id": "{run}", "metric_key": "none"}),
    Call("post", "runs/search", {"experiment_ids": ["{exp}"], "filter": "metrics.acc > 0.8 and params.depth = '3'"}),
    Call("post", "runs/search", {"experiment_ids": ["{exp}"], "filter": "nonsense"}),
    Call("post", "runs/search", {"experiment_ids": ["{exp}"], "filter": "attributes.start_time = 1700000000000"}),
    Call("post", "runs/search", {"experiment_ids": ["{exp}"], "filter": "start_time > 1700000000000"}),
    Call("post", "runs/search", {"experiment_ids": ["{exp}"], "filter": "params.p IS NOT NULL AND tags.q IS NULL"}),
    Call("post", "runs/search", {"experiment_ids": ["{exp}"], "filter": "start_time IS NULL"}),
    Call("post", "runs/log-inputs", {"run_id": "{run}", "datasets": [{"dataset": DATASET, "tags": CONTEXT}]}),
    Call("get", "runs/get", {"run_id": "{run}"}),
    *(Call("post", "runs/search", {"experiment_ids": ["{exp}"], "filter": filter}) for filter in RUN_FILTERS),
    Call("post", "experiments/search", {"max_results": 10, "filter": "creation_time > 5 AND tags.team IS NOT NULL"}),
    Call("post", "runs/update", {"run_id": "{run}", "status": "FINISHED", "end_time": 1700000001000}),
    Call("post", "logged-models", {"experiment_id": "{exp}", "name": "m", "source_run_id": "{run}", "tags": TAGS,
         "params": [{"key": "a", "value": "1"}]}, {"model": "model.info.model_id"}),
    Call("get", "logged-models/{model}", {}),
    Call("get", "logged-models/m-0123", {}),
    Call("patch", "logged-models/{model}/tags", {"tags": [{"key": "x", "value": "y"}]}),
    Call("patch", "logged-models/{model}", {"model_id": "{model}", "status": "LOGGED_MODEL_READY"}),
    Call("post", "runs/outputs", {"run_id": "{run}", "models": [{"model_id": "{model}", "step": 0}]}),
    Call("post", "logged-models/search", {"experiment_ids": ["{exp}"], "max_results": 10}),
    Call("post", "registered-models/create", {"name": "compared", "tags": TAGS, "description": "text"}),
    Call("post", "registered-models/create", {"name": "compared"}),
    Call("post", "registered-models/create", {"name": "a/b"}),
    Call("post", "registered-models/create", {}),
    Call("get", "registered-models/get", {"name": "compared"}),
    Call("get", "registered-models/get", {"name": "none"}),
    Call("get", "registered-models/get", {}),
    Call("patch", "registered-models/update", {"name": "compared", "description": "other"}),
    Call("post", "registered-models/create", {"name": "taken"}),
    Call("post", "registered-models/rename", {"name": "taken", "new_name": "compared"}),
    Call("post", "registered-models/rename", {"name": "taken", "new_name": "a:b"}),
    Call("post", "registered-models/rename", {"name": "taken"}),
    Call("post", "registered-models/rename", {"name": "none", "new_name": "other"}),
    Call("post", "registered-models/rename", {"name": "taken", "new_name": "renamed"}),
    Call("get", "registered-models/get", {"name": "taken"}),
    Call("delete", "registered-models/delete", {"name": "renamed"}),
    Call("post", "registered-models/set-tag", {"name": "compared", "key": "k", "value": "v"}),
    Call("delete", "registered-models/delete-tag", {"name": "compared", "key": "k"}),
    Call("delete", "registered-models/delete-tag", {"name": "compared", "key": "k"}),
    Call("post", "model-versions/create", {"name": "compared", "source": "models:/{model}", "run_id": "{run}",
         "model_id": "{model}", "tags": TAGS, "description": "first"}),
    Call("post", "model-versions/create", {"name": "none", "source": "models:/{model}", "model_id": "{model}"}),
    Call("post", "model-versions/create", {"name": "compared"}),
    Call("post", "model-versions/create", {"name": "compared", "source": "file:///etc"}),
    Call("post", "model-versions/create", {"name": "compared", "source": "models:/compared/1"}),
    Call("get", "model-versions/get", {"name": "compared", "version": "1"}),
    Call("get", "model-versions/get", {"name": "compared", "version": "77"}),
    Call("patch", "model-versions/update", {"name": "compared", "version": "1", "description": "new"}),
    Call("post", "model-versions/set-tag", {"name": "compared", "version": "1", "key": "k", "value": "v"}),
    Call("delete", "model-versions/delete-tag", {"name": "compared", "version": "1", "key": "k"}),
    Call("get", "model-versions/get-download-uri", {"name": "compared", "version": "1"}),
    Call("post", "registered-models/alias", {"name": "compared", "alias": "production", "version": "1"}),
    Call("post", "registered-models/alias", {"name": "compared", "alias": "production", "version": "77"}),
    Call("get", "registered-models/alias", {"name": "compared", "alias": "production"}),
    Call("get", "registered-models/alias", {"name": "compared", "alias": "none"}),
    Call("get", "registered-models/alias", {"name": "none", "alias": "none"}),
    Call("post", "model-versions/transition-stage", {"name": "compared", "version": "2", "stage": "Staging",
         "archive_existing_versions": False}),
    Call("post", "model-versions/transition-stage", {"name": "compared", "version": "2", "stage": "Nowhere"}),
    Call("post", "registered-models/get-latest-versions", {"name": "compared"}),
    Call("get", "registered-models/get-latest-versions", {"name": "compared", "stages": "Staging"}),
    Call("get", "registered-models/search", {"filter": "name LIKE 'comp%'"}),
    Call("get", "registered-models/search", {"order_by": "nothing"}),
    Call("get", "model-versions/search", {"filter": "name = 'compared'"}),
    Call("get", "model-versions/search", {"filter": "name > 'compared'"}),
    Call("delete", "registered-models/alias", {"name": "compared", "alias": "production"}),
    Call("delete", "registered-models/alias", {"name": "compared", "alias": "production"}),
    Call("delete", "model-versions/delete", {"name": "compared", "version": "1"}),
    Call("delete", "model-versions/delete", {"name": "compared", "version": "1"}),
    Call("delete", "registered-models/delete", {"name": "compared"}),
    Call("delete", "registered-models/delete", {"name": "compared"}),
    Call("post", "runs/delete", {"run_id": "{run}"}),
    Call("post", "runs/restore", {"run_id": "{run}"}),
    Call("delete", "logged-models/{model}", {}),
    Call("post", "experiments/delete", {"experiment_id": "{exp}"}),
    Call("post", "experiments/restore", {"experiment_id": "{exp}"}),
]  # fmt: skip


def answers(send: Send) -> Iterator[tuple[Call, int, Any]]:
    """Send the requests in their order, and yield the answers."""
    kept: dict[str, str] = {}
    for call in STEPS:
        status, answer = send(call.method, _filled(call.route, kept), _filled(call.sent, kept))
        yield call, status, answer
        for name, path in call.keep.items():
            value = answer
            for part in path.split("."):
                value = value[part]
            kept[name] = str(value)


def _filled(value: Any, kept: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, text in kept.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, dict):
        return {key: _filled(each, kept) for key, each in value.items()}
    return [_filled(each, kept) for each in value] if isinstance(value, list) else value


def shape(value: Any) -> Any:
    """Return the fields and the types of an answer; a list has the fields of all its elements together."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in sorted(value.items())}
    if isinstance(value, list):
        return [_merged([shape(each) for each in value])]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def _merged(shapes: list[Any]) -> Any:
    if all(isinstance(each, dict) for each in shapes):
        return {key: value for each in shapes for key, value in each.items()}
    return shapes[0]


# --- The answers of MLflow's own server, recorded ---------------------------------------------------------------------


def recorded(call: Call, status: int, answer: Any) -> dict[str, Any]:
    """Return what is recorded of an answer: its status, and its fields and types, or its code."""
    about = shape(answer) if status == 200 else answer["error_code"]
    return {"call": f"{call.method} {call.route}", "sent": call.sent, "status": status, "answer": about}


def recorded_answers() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(FILE.read_text())
    return found


def main() -> None:
    """Start a server, and write its answers."""
    with tempfile.TemporaryDirectory() as folder:
        server = MLflowServer(Path(folder))
        try:
            lines = [json.dumps(recorded(*each)) for each in answers(server.send)]
        finally:
            server.stop()
    FILE.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
