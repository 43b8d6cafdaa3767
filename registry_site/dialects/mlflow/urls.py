"""The routes of MLflow's API, under each of the prefixes that its clients use."""

import re
from typing import Any

from django.urls import URLPattern, path

from registry_site.dialects.mlflow.artifacts import Artifacts
from registry_site.dialects.mlflow.experiments import Experiments
from registry_site.dialects.mlflow.logged_models import LoggedModels
from registry_site.dialects.mlflow.model_versions import ModelVersions
from registry_site.dialects.mlflow.parts import PartBytes, Parts
from registry_site.dialects.mlflow.registered_models import RegisteredModels
from registry_site.dialects.mlflow.run_search import RunSearch
from registry_site.dialects.mlflow.runs import Runs
from registry_site.dialects.mlflow.server import Server

# Route -> view, and the action of each method.
ROUTES: dict[str, tuple[Any, dict[str, str]]] = {
    "registered-models/create": (RegisteredModels, {"post": "create"}),
    "registered-models/rename": (RegisteredModels, {"post": "rename"}),
    "registered-models/update": (RegisteredModels, {"patch": "update"}),
    "registered-models/delete": (RegisteredModels, {"delete": "destroy"}),
    "registered-models/get": (RegisteredModels, {"get": "get"}),
    "registered-models/search": (RegisteredModels, {"get": "search", "post": "search"}),  # R posts
    "registered-models/get-latest-versions": (RegisteredModels, {"get": "latest", "post": "latest"}),
    "registered-models/set-tag": (RegisteredModels, {"post": "set_tag"}),
    "registered-models/delete-tag": (RegisteredModels, {"delete": "delete_tag"}),
    "registered-models/alias": (
        RegisteredModels,
        {"post": "set_alias", "delete": "delete_alias", "get": "by_alias"},
    ),
    "model-versions/create": (ModelVersions, {"post": "create"}),
    "model-versions/update": (ModelVersions, {"patch": "update"}),
    "model-versions/delete": (ModelVersions, {"delete": "destroy"}),
    "model-versions/get": (ModelVersions, {"get": "get"}),
    "model-versions/search": (ModelVersions, {"get": "search"}),
    "model-versions/get-download-uri": (ModelVersions, {"get": "uri"}),
    "model-versions/set-tag": (ModelVersions, {"post": "set_tag"}),
    "model-versions/delete-tag": (ModelVersions, {"delete": "delete_tag"}),
    "model-versions/transition-stage": (ModelVersions, {"post": "transition"}),
    "experiments/create": (Experiments, {"post": "create"}),
    "experiments/search": (Experiments, {"post": "search", "get": "search"}),
    "experiments/get": (Experiments, {"get": "get"}),
    "experiments/get-by-name": (Experiments, {"get": "by_name"}),
    "experiments/delete": (Experiments, {"post": "destroy"}),
    "experiments/restore": (Experiments, {"post": "restore"}),
    "experiments/update": (Experiments, {"post": "update"}),
    "experiments/set-experiment-tag": (Experiments, {"post": "set_tag"}),
    "experiments/delete-experiment-tag": (Experiments, {"post": "delete_tag"}),
    "runs/create": (Runs, {"post": "create"}),
    "runs/update": (Runs, {"post": "update"}),
    "runs/get": (Runs, {"get": "get"}),
    "runs/search": (RunSearch, {"post": "search"}),
    "artifacts/list": (Runs, {"get": "artifacts"}),
    "runs/delete": (Runs, {"post": "destroy"}),
    "runs/restore": (Runs, {"post": "restore"}),
    "runs/log-metric": (Runs, {"post": "log_metric"}),
    "runs/log-parameter": (Runs, {"post": "log_param"}),
    "runs/set-tag": (Runs, {"post": "set_tag"}),
    "runs/delete-tag": (Runs, {"post": "delete_tag"}),
    "runs/log-batch": (Runs, {"post": "log_batch"}),
    "runs/log-model": (Runs, {"post": "log_model"}),
    "runs/log-inputs": (Runs, {"post": "log_inputs"}),
    "runs/outputs": (Runs, {"post": "log_outputs"}),
    "metrics/get-history": (Runs, {"get": "history"}),
    "logged-models": (LoggedModels, {"post": "create"}),
    "logged-models/search": (LoggedModels, {"post": "search"}),
    "logged-models/<model_id>": (LoggedModels, {"get": "get", "patch": "finalize", "delete": "destroy"}),
    "logged-models/<model_id>/tags": (LoggedModels, {"patch": "set_tags"}),
    "logged-models/<model_id>/tags/<tag_key>": (LoggedModels, {"delete": "delete_tag"}),
    "logged-models/<model_id>/params": (LoggedModels, {"post": "log_params"}),
    "logged-models/<model_id>/artifacts/directories": (LoggedModels, {"get": "directories"}),
    "server-info": (Server, {"get": "info"}),
}
FILES: dict[str, tuple[Any, dict[str, str]]] = {
    "mpu/part/<upload>/<int:number>": (PartBytes, {"put": "put"}),
    "mpu/create/<path:folder>": (Parts, {"post": "create"}),
    "mpu/complete/<path:folder>": (Parts, {"post": "complete"}),
    "mpu/abort/<path:folder>": (Parts, {"post": "abort"}),
    "artifacts": (Artifacts, {"get": "list"}),
    "artifacts/<path:artifact>": (Artifacts, {"get": "get", "put": "put", "delete": "destroy"}),
}
CONVERTER = re.compile(r"<\w+:")  # names of routes have no colons
PREFIXES = ("api/2.0/", "api/3.0/", "ajax-api/2.0/", "ajax-api/3.0/")


def routes(prefix: str, of: dict[str, tuple[Any, dict[str, str]]]) -> list[URLPattern]:
    """Return the routes below a prefix."""
    return [
        path(f"{prefix}{route}", view.as_view(actions), name=CONVERTER.sub("<", route))
        for route, (view, actions) in of.items()
    ]


urlpatterns = [
    *(route for prefix in PREFIXES for route in routes(f"{prefix}mlflow/", ROUTES)),
    *(route for prefix in PREFIXES for route in routes(f"{prefix}mlflow-artifacts/", FILES)),
]
