"""The benchmark runs to its end and reports on every contender; its results are not tested."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.in_process import PATHS
from tests.missing import cannot_run
from tests.served import ROOT

OPERATIONS = ("list", "get", "create")


def test_the_benchmark_measures_and_reports(tmp_path: Path) -> None:
    missing = [name for name in ("wrk", "curl", "nginx") if not shutil.which(name)]
    if missing:
        cannot_run(f"the benchmark needs {', '.join(missing)}, which .ci/run installs")
    words = [
        "--quick",
        "--contenders",
        "registry-sqlite",
        "bare",
        "--operations",
        *OPERATIONS,
        "--output",
        str(tmp_path),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=ROOT, capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    page = (tmp_path / "performance.md").read_text()
    assert "## Summary" in page
    tables = page.split("\n## ")[2:]
    assert [table.split(",")[0].lower() for table in tables] == list(OPERATIONS)
    for table in tables:
        rates = {line.split("|")[1].strip(): line.split("|")[2].strip() for line in table.splitlines()[4:] if line}
        assert set(rates) == ({"registry-sqlite"} if table.startswith("Create") else {"registry-sqlite", "bare"})
        assert all(float(rate.replace(",", "")) > 0 for rate in rates.values())
    assert (tmp_path / "performance.svg").read_text().count("<rect") == 6


def test_the_profile_measures_each_read() -> None:
    words = ["--engines", "sqlite", "--rounds", "1", "--count", "2", "--items", "150"]
    command = [sys.executable, "-m", "benchmarks.in_process", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = {line[10:28].strip(): float(line[28:38]) for line in done.stdout.splitlines()[1:]}
    assert set(rows) == {"bare view", *PATHS}
    assert all(milliseconds > 0 for milliseconds in rows.values())


def test_the_trace_counts_files_and_switches() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.trace"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [line.rsplit(maxsplit=3) for line in done.stdout.splitlines()[1:]]
    assert [name for name, *_ in rows] == ["list with a filter", "upload", "PUT with lists", "login"]
    assert all(1 < int(files) <= int(switches) for _, files, switches, _ in rows)
