"""Runs what `mlflow_client.py` does, in processes of an MLflow in its own environment."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.missing import cannot_run
from tests.registry_site.operations.importing.mlflow_server import ROOT

SCRIPT = Path(__file__).with_name("mlflow_client.py")
# Versions of MLflow by their environments: the newest, and the oldest that its routes allow.
ENVIRONMENTS = {"3": ".venv-mlflow", "2.9": ".venv-mlflow29"}


class Clients:
    """A process that has imported MLflow, and forks others, one at a time, which do what they are told."""

    def __init__(self, version: str, url: str, folder: Path) -> None:
        python = ROOT / ENVIRONMENTS[version] / "bin" / "python"
        if not python.exists():
            cannot_run(f"there is no MLflow in {ENVIRONMENTS[version]}, which `make test` installs")
        folder.mkdir()
        self.url, self.folder, self.started, self.log = url, folder, 0, folder / "log"
        env = {
            "PATH": f"{python.parent}:{os.environ['PATH']}",  # MLflow starts a server of its own from there
            "HOME": str(folder),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_ALLOW_FILE_STORE": "true",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        }
        with self.log.open("wb") as log:
            pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log, "text": True}
            self.process = subprocess.Popen([python, SCRIPT], cwd=folder, env=env, **pipes)

    def stop(self) -> None:
        """End the process; those that it forked have ended."""
        self.process.communicate(timeout=60)

    @contextmanager
    def running(self, call: str, **environment: str) -> Iterator["Running"]:
        """Start a call; kill it at the end."""
        self.started += 1
        file = self.folder / f"{self.started}.json"
        order = {"call": call, "environment": {"REGISTRY": self.url} | environment, "file": str(file)}
        assert self.process.stdin
        self.process.stdin.write(f"{json.dumps(order)}\n")
        self.process.stdin.flush()
        running = Running(self, self.number(), file)
        try:
            yield running
        finally:
            running.end()

    def number(self) -> int:
        """Return the next number that the process prints: the id of a fork, or its status when it has ended."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, self.errors
        return int(line)

    @property
    def errors(self) -> str:
        return self.log.read_text(errors="replace")[-5000:]

    def seen(self, call: str, **environment: str) -> Any:
        """Return what a call returns."""
        with self.running(call, **environment) as running:
            return running.seen()


class Running:
    """A call in a process of its own."""

    def __init__(self, clients: Clients, pid: int, file: Path) -> None:
        self.clients, self.pid, self.file = clients, pid, file

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, 0)
            return False
        return True

    def seen(self) -> Any:
        """Wait until the call ends; return what it returned."""
        self.pid, status = 0, self.clients.number()
        assert status == 0, self.clients.errors
        return json.loads(self.file.read_text())

    def end(self) -> None:
        """Kill the process, and all that it started, if it has not ended."""
        if self.pid:
            for kill in (os.killpg, os.kill):
                with suppress(ProcessLookupError):
                    kill(self.pid, signal.SIGKILL)
            self.pid, _ = 0, self.clients.number()
