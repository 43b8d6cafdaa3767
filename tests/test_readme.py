"""README is true: its lines are run as they stand."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from tests.served import Served

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
WALK = re.findall(r"<!-- walk -->\n```sh\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def classifier(tmp_path: Path) -> Any:
    """A model trained on real flowers, exported to churn.onnx beside its data churn.csv."""
    features, species = load_iris(return_X_y=True)
    features = features.astype(np.float32)
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(features, species)
    np.savetxt(tmp_path / "churn.csv", np.column_stack([features, species]), delimiter=",", fmt="%.6g")
    (tmp_path / "churn.onnx").write_bytes(to_onnx(model, features[:1]).SerializeToString())
    return model


def test_the_walk_works_as_written_and_the_downloaded_model_predicts_the_same(
    fresh_served: Served, tmp_path: Path, classifier: Any
) -> None:
    assert len(WALK) == 8
    script = "\n".join(["set -euo pipefail", *WALK])
    variables = {"URL": fresh_served.base_url, "API_TOKEN": fresh_served.api_token, "PATH": fresh_served.env["PATH"]}
    run = subprocess.run(  # noqa: PLW1510 - its errors are shown below
        ["bash", "-c", script], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr

    found = json.loads((tmp_path / "found.json").read_text())
    assert found["totalDocs"] == 1
    assert found["docs"][0]["name"] == "churn"
    changed = json.loads((tmp_path / "changed.json").read_text())
    assert changed["metadata"] == [{"name": "accuracy", "value": 0.97}]
    assert [user["username"] for user in changed["users"]] == ["alan"]
    assert changed["datasets"][0]["name"] == "churn-2025"

    assert (tmp_path / "downloaded.onnx").read_bytes() == (tmp_path / "churn.onnx").read_bytes()
    session = onnxruntime.InferenceSession(tmp_path / "downloaded.onnx")
    features = load_iris().data.astype(np.float32)
    predicted = session.run(None, {session.get_inputs()[0].name: features})[0]
    assert (predicted == classifier.predict(features)).all()
    left = [file for file in (fresh_served.folder / "uploads").rglob("*") if file.is_file()]
    assert left == [], "bytes outlived what named them"

    fresh_served.stop()  # which writes what still waits
    assert "request log" not in fresh_served.output, "its last line deletes a tenant whose requests wait to be written"
    read = "from tenants.models import RequestLog; print(*RequestLog.objects.values_list('method', 'url'), sep='\\n')"
    logged = fresh_served.manage("shell", "--no-imports", "--command", read).stdout
    assert "('DELETE', '/v1/tenants/acme')" in logged
