"""Measures MLflow's protocol beside `mlflow server`: `python -m benchmarks.dialect`, with the same requests to both.

- `log`: MLflow's client trains, logs and registers a model, in a process that has imported everything before.
- `search`: a page of 1,000 versions of a model, and `get`: one of them, by 4 connections.
- `download`: a file of 256 MiB, by one connection.

The two servers run on SQLite and alternate round by round; figures are medians. `--output` writes a page's section.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks.contenders import Contender, registry
from benchmarks.load import Request, load, wait_until_idle
from benchmarks.mlflow import BINARY, mlflow
from benchmarks.report import with_section
from benchmarks.transfers import MIB, download, make_file, speed, upload

API, FILES = "/api/2.0/mlflow", "/api/2.0/mlflow-artifacts/artifacts"
ITEMS = 20  # models of each, apart from the measured one
CLIENT = Path(__file__).with_name("dialect_client.py")
SCOPES = ["models:read", "models:write", "models:delete"]
SEARCH = Request("GET", f"{API}/model-versions/search?max_results=1000&filter=name%20%3D%20%27many%27")
GET = Request("GET", f"{API}/model-versions/get?name=many&version=1")


def main(arguments: list[str]) -> int:
    """Print the rows; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dialect", description=__doc__)
    parser.add_argument("--versions", type=int, default=1000)
    parser.add_argument("--file", type=int, default=256, help="MiB of the file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="page whose section `dialect` is written")
    options = parser.parse_args(arguments)
    found: dict[str, list[list[float]]] = {}
    with tempfile.TemporaryDirectory(prefix="dialect-") as name, ExitStack() as stack:
        folder = Path(name)
        ours = _with_token(stack.enter_context(registry("sqlite", ITEMS, folder)))
        both = [ours, stack.enter_context(mlflow("sqlite", ITEMS, folder))]
        artifacts = [_filled(each, options.versions) for each in both]
        file = folder / "file.bin"
        make_file(file, options.file * MIB)
        both = [replace(each, file=f"{place}/{{name}}") for each, place in zip(both, artifacts, strict=True)]
        for each in both:
            upload(each, file)
        for _ in range(options.rounds):
            for side, each in enumerate(both):
                for what, figure in _round(each, file, folder, options):
                    found.setdefault(what, [[], []])[side].append(figure)
                    print(f"{what:40} {each.name:18} {figure:9.2f}", flush=True)
    rows = [
        f"| {what} | {median(a):,.1f} | {median(b):,.1f} | {median(a) / median(b):.1f} |"
        for what, (a, b) in found.items()
    ]
    head = f"## MLflow's protocol\n\nMedians of {options.rounds} rounds; load {os.getloadavg()[0]:.1f} at the end.\n\n"
    lines = ["| | registry | mlflow server | times |", "| --- | --- | --- | --- |", *rows]
    print("\n".join(lines))
    if options.output:
        options.output.write_text(with_section(options.output.read_text(), "dialect", head + "\n".join(lines)))
    return 0


def _with_token(each: Contender) -> Contender:
    """Return the registry with a machine token, as scripts have it."""
    body = {"name": "benchmark", "scopes": SCOPES, "expires": "1d"}
    answer = httpx.post(f"{each.url}/v1/tokens", json=body, headers=each.headers, timeout=60).raise_for_status()
    return replace(each, headers=each.headers | {"Authorization": f"Bearer {answer.json()['token']}"})


def _filled(each: Contender, versions: int) -> str:
    """Create a run with a folder and versions of it; return the path of the run's artifacts."""
    with httpx.Client(base_url=f"{each.url}{API}/", headers=each.headers, timeout=120) as client:

        def post(route: str, **body: Any) -> Any:
            return client.post(route, json=body).raise_for_status().json()

        info = post("runs/create", experiment_id="0", start_time=0)["run"]["info"]
        place = info["artifact_uri"].replace("mlflow-artifacts:", FILES)
        place = place.removeprefix(each.url)
        for name in ("MLmodel", "weights"):
            client.put(f"{each.url}{place}/model/{name}", content=b"flavors: {}\n").raise_for_status()
        post("registered-models/create", name="many")
        source = f"{info['artifact_uri']}/model"
        for number in range(versions):
            tags = [{"key": "accuracy", "value": str(number / 1000)}, {"key": "team", "value": "a"}]
            post("model-versions/create", name="many", source=source, run_id=info["run_id"], tags=tags)
    wait_until_idle(each.roots)
    return str(place)


def _round(each: Contender, file: Path, folder: Path, options: argparse.Namespace) -> list[tuple[str, float]]:
    headers, ids = each.write_files(folder)
    arguments: dict[str, Any] = {"headers": headers, "ids": ids, "connections": 4, "seconds": 2, "roots": each.roots}
    rate: Callable[[Request], float] = lambda request: load(each.url, request, **arguments).rate  # noqa: E731
    found = [
        (f"search of {options.versions:,} versions, requests/s", rate(SEARCH)),
        ("one version, requests/s", rate(GET)),
        (f"download of {options.file} MiB, MiB/s", speed(lambda: download(each, file), options.file * MIB)),
        ("log and register a model, models/s", 1 / _logged(each, folder)),
    ]
    wait_until_idle(each.roots)
    return found


def _logged(each: Contender, folder: Path) -> float:
    """Return the seconds that MLflow's client takes to train, log and register a model."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "MLFLOW_TRACKING_URI": each.url}
    env |= {"MLFLOW_DISABLE_TELEMETRY": "true"}
    if token := each.headers.get("Authorization"):
        env["MLFLOW_TRACKING_TOKEN"] = token.removeprefix("Bearer ")
    command = [str(BINARY.with_name("python")), "-P", str(CLIENT)]  # not the `mlflow.py` beside it
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise RuntimeError(f"{each.name}: {done.stderr[-3000:]}")
    return float(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
