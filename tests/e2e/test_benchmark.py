"""The benchmarks run to the end and report every contender. Performance itself is not tested."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.in_process import PATHS
from benchmarks.ledger_writes import WRITES
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


def test_the_profile_of_the_ledger_measures_each_write() -> None:
    words = ["--engines", "sqlite", "--items", "10", "--count", "8", "--seal-every", "2"]
    command = [sys.executable, "-m", "benchmarks.ledger", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = {line[10:26].strip(): line[26:].replace("+", "").split() for line in done.stdout.splitlines()[1:]}
    assert list(rows) == list(WRITES)
    for without, _, written, _, sealing, _, ratio in (map(float, row) for row in rows.values()):
        assert min(without, written, sealing) > 0
        assert abs((written + sealing) / without - ratio) < 0.02


def test_the_ledger_is_measured_over_http() -> None:
    words = ["--engines", "sqlite", "--items", "150", "--turns", "1", "--turn", "4"]
    command = [sys.executable, "-m", "benchmarks.ledger_served", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = {line[10:26].strip(): list(map(float, line[26:].split())) for line in done.stdout.splitlines()[1:]}
    assert list(rows) == list(WRITES)
    for without, written, sealing, ratio, answer, answer_written, slower in rows.values():
        assert min(without, written, answer, answer_written) > 0
        assert abs((written + sealing) / without - ratio) < 0.01
        assert abs(answer_written / answer - slower) < 0.01


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
