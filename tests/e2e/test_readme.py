"""README's commands work as written."""

import csv
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime

from tests.served import Served

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
WALK = re.findall(r"<!-- walk -->\n```sh\n(.*?)```", README, re.DOTALL)
(REMOVAL,) = re.findall(r"```sh\n(curl -fsS -X DELETE .*?)```", README, re.DOTALL)


def bash(served: Served, folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """Run lines of README against a registry whose port is set by HTTP_PORT."""
    variables = {"HTTP_PORT": str(served.port), "API_TOKEN": served.api_token, "PATH": served.env["PATH"]}
    script = "\n".join(["set -euo pipefail", *lines])
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=variables, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_walk_works_as_written_and_the_downloaded_model_predicts(fresh_served: Served, tmp_path: Path) -> None:
    assert len(WALK) == 8
    run = bash(fresh_served, tmp_path, *WALK)
    assert run.returncode == 0, run.stderr
    assert '\n    "_id": "acme",\n' in run.stdout, "JSON is shown readably"
    assert f"Open http://localhost:{fresh_served.port}/v1/models" in run.stdout

    found = json.loads((tmp_path / "found.json").read_text())
    assert found["totalDocs"] == 1
    assert found["docs"][0]["name"] == "churn"
    changed = json.loads((tmp_path / "changed.json").read_text())
    assert changed["metadata"] == [{"name": "accuracy", "value": 0.97}]
    assert [user["username"] for user in changed["users"]] == ["alan"]
    assert changed["datasets"][0]["name"] == "churn-2025"

    assert (tmp_path / "downloaded.onnx").read_bytes() == (tmp_path / "churn.onnx").read_bytes()
    rows = np.array([[*row.values()] for row in csv.DictReader((tmp_path / "churn.csv").open())], dtype=np.float32)
    assert len(rows) == 150
    session = onnxruntime.InferenceSession(tmp_path / "downloaded.onnx")
    churns = session.run(None, {session.get_inputs()[0].name: rows[:, :2]})[0][:, 0] > 0.5
    assert np.mean(churns == rows[:, 2]) == 0.96, "as its metadata said"


def test_a_second_walk_says_what_to_do_and_works_after_it(fresh_served: Served, tmp_path: Path) -> None:
    assert bash(fresh_served, tmp_path, *WALK).returncode == 0
    again = bash(fresh_served, tmp_path, *WALK)
    assert again.returncode != 0
    assert "If tenant acme exists from an earlier tour, delete it" in again.stderr
    removed = bash(fresh_served, tmp_path, *WALK[0].splitlines()[:2], REMOVAL)
    assert removed.returncode == 0, removed.stderr
    left = [file for file in (fresh_served.folder / "uploads").rglob("*") if file.is_file()]
    assert left == [], "bytes outlived what named them"

    fresh_served.stop()  # flushes the log
    assert "request log" not in fresh_served.output, "its last line deletes a tenant whose requests wait to be written"
    read = "from tenants.models import RequestLog; print(*RequestLog.objects.values_list('method', 'url'), sep='\\n')"
    logged = fresh_served.manage("shell", "--no-imports", "--command", read).stdout
    assert "('DELETE', '/v1/tenants/acme')" in logged
    fresh_served.start()
    assert bash(fresh_served, tmp_path, *WALK).returncode == 0
