"""A real `mlflow server` in its own virtual environment, and methods that fill it."""

import os
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from tests.engines import free_port

ROOT = Path(__file__).resolve().parents[4]
BINARY = ROOT / ".venv-mlflow" / "bin" / "mlflow"
START_SECONDS = 240  # it imports many packages
# Serve only models, and send no telemetry.
QUIET = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
USERNAME, PASSWORD, TOKEN = "admin", "password-of-the-tests", "token-of-the-tests"
# Accept the administrator's password or a token, which companies add to MLflow.
AUTHENTICATION = f"""
[mlflow]
default_permission = READ
database_uri = sqlite:///{{folder}}/users.db
admin_username = {USERNAME}
admin_password = {PASSWORD}
authorization_function = tokens:authenticate
auth_cache_ttl_seconds = 3600
"""
TOKENS = f"""
from flask import request
from mlflow.server.auth import authenticate_request_basic_auth, make_basic_auth_response
from werkzeug.datastructures import Authorization


def authenticate():
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind != "Bearer":
        return authenticate_request_basic_auth()
    if token != "{TOKEN}":
        return make_basic_auth_response()
    return Authorization("basic", {{"username": "{USERNAME}", "password": "{PASSWORD}"}})
"""


class MLflowServer:
    """MLflow with its own database and artifact folder; every method uses its REST API."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self.log, self.files = folder / "log", folder / "files"
        self.kept = ""  # the name of a model that several tests import
        (folder / "authentication.ini").write_text(AUTHENTICATION.format(folder=folder))
        (folder / "tokens.py").write_text(TOKENS)
        words = ["server", "--app-name", "basic-auth", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        words += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(self.files)]
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(folder)} | QUIET
        env |= {"MLFLOW_AUTH_CONFIG_PATH": f"{folder}/authentication.ini", "MLFLOW_FLASK_SERVER_SECRET_KEY": "tests"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [BINARY, *words],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.client = httpx.Client(base_url=f"{self.url}/api/2.0", auth=(USERNAME, PASSWORD), timeout=60)
        self._wait()

    def stop(self) -> None:
        """Stop the server and all processes that it started."""
        self.client.close()
        os.killpg(self.process.pid, 9)
        self.process.wait()

    def run(self, params: dict[str, str], metrics: dict[str, Any], files: dict[str, bytes]) -> tuple[str, str]:
        """Log a run; return its id and the location of its files."""
        run = self.post("runs/create", experiment_id="0", start_time=1_700_000_000_000)["run"]
        id = run["info"]["run_id"]
        for key, value in params.items():
            self.post("runs/log-parameter", run_id=id, key=key, value=value)
        for key, number in metrics.items():
            self.post("runs/log-metric", run_id=id, key=key, value=number, timestamp=1_700_000_000_000)
        place = f"0/{id}/artifacts/model"
        for name, content in files.items():
            self.client.put(f"/mlflow-artifacts/artifacts/{place}/{quote(name)}", content=content).raise_for_status()
        return id, f"mlflow-artifacts:/{place}"

    def folder(self, place: str) -> Path:
        """Return the local folder with the files of a run."""
        return self.files / place.removeprefix("mlflow-artifacts:/")

    def logged_model(self, files: dict[str, bytes]) -> str:
        """Log a model without a run, as MLflow 3 does; return its id."""
        info = self.post("logged-models", experiment_id="0", name="logged")["model"]["info"]
        place = info["artifact_uri"].removeprefix("mlflow-artifacts:/")
        for name, content in files.items():
            self.client.put(f"/mlflow-artifacts/artifacts/{place}/{quote(name)}", content=content).raise_for_status()
        return str(info["model_id"])

    def model(self, name: str, **fields: Any) -> None:
        self.post("registered-models/create", name=name, **fields)

    def forget(self) -> None:
        """Delete all registered models."""
        for model in self.client.get("/mlflow/registered-models/search").json().get("registered_models", ()):
            body = {"name": model["name"]}
            self.client.request("DELETE", "/mlflow/registered-models/delete", json=body).raise_for_status()

    def version(self, name: str, source: str, run_id: str = "", stage: str = "", **fields: Any) -> str:
        """Register a version; return its number."""
        made = self.post("model-versions/create", name=name, source=source, run_id=run_id, **fields)
        number = str(made["model_version"]["version"])
        if stage:
            self.post("model-versions/transition-stage", name=name, version=number, stage=stage)
        return number

    def post(self, path: str, **body: Any) -> Any:
        answer = self.client.post(f"/mlflow/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def send(self, method: str, route: str, sent: dict[str, Any]) -> tuple[int, Any]:
        """Send arguments as the method has them; return the status and the answer."""
        options: Any = {"params": sent} if method == "get" else {"json": sent}
        response = self.client.request(method, f"/mlflow/{route}", **options)
        return response.status_code, response.json()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"MLflow does not start: {self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=5).is_success
        except httpx.TransportError:
            return False
