"""Benchmarks the registry against MLflow, and writes docs/performance.md and docs/performance.svg.

`python -m benchmarks --quick` takes a minute, and writes nothing without --output; `BENCH_MILLION=1` allows sizes of a
million.
"""

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.contenders import ROOT, Contender, bare, registry
from benchmarks.load import Sample, load, settle
from benchmarks.mlflow import BINARY, mlflow
from benchmarks.report import Case, markdown, svg
from benchmarks.transfers import MIB, make_file, slow_clients, transfers

Start = Callable[[int, Path], AbstractContextManager[Contender]]
CONTENDERS: dict[str, Start] = {
    "registry-sqlite": partial(registry, "sqlite"),
    "registry-postgres": partial(registry, "postgres"),
    "registry-mongodb": partial(registry, "mongodb"),
    "mlflow-sqlite": partial(mlflow, "sqlite"),
    "mlflow-postgres": partial(mlflow, "postgres"),
    "bare": bare,
}
OPERATIONS = ("list", "search common", "search rare", "search metric", "get", "create", "change", "login")
MILLION = 1_000_000
SLOW = "list beside slow clients"


@dataclass
class Found:
    """What was measured: samples by case and contender, MiB a second by contender and direction."""

    samples: dict[Case, dict[str, list[Sample]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    files: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))


def main(words: list[str]) -> int:
    """Return the exit status."""
    options = _options().parse_args(words)
    if options.quick:
        options.sizes, options.rounds, options.seconds, options.connections, options.file = [200], 1, 1, [4], 0
        options.contenders = options.contenders or ["registry-sqlite", "bare"]
    missing = [name for name in ("wrk", "curl", "nginx") if not shutil.which(name)]
    chosen = options.contenders or list(CONTENDERS)
    if any(name.startswith("mlflow") for name in chosen) and not BINARY.exists():
        missing.append(".venv-mlflow")
    if max(options.sizes) >= MILLION and not os.environ.get("BENCH_MILLION"):
        missing.append("BENCH_MILLION=1, for so many items")
    if missing:
        print(f"Needed: {', '.join(missing)}", file=sys.stderr)
        return 2
    found = Found()
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.folder) as name, ExitStack() as ended:
            folder = Path(name)
            able = [each for each in chosen if size < MILLION or not each.startswith("mlflow")]
            started = [ended.enter_context(CONTENDERS[each](size, folder)) for each in able]
            measure(started, size, folder, options, found)
            if options.file and size == options.sizes[0]:
                measure_files(started, size, folder, options, found)
        _write(options, found)  # after each size, for what comes may take long
    return 0


def measure(started: list[Contender], size: int, folder: Path, options: argparse.Namespace, found: Found) -> None:
    """Let the contenders take turns, operation by operation and round by round."""
    for operation in options.operations:
        for connections in options.connections:
            for _ in range(options.rounds):
                for each in [each for each in started if operation in each.requests]:
                    sample = _sample(each, operation, folder, options, connections)
                    settle(each.roots)
                    found.samples[Case(operation, size, connections)][each.name].append(sample)
                    print(f"{operation:16} {size:>8} x{connections:<3} {each.name:18} {sample.rate:9.1f}/s", flush=True)


def _sample(each: Contender, operation: str, folder: Path, options: argparse.Namespace, connections: int) -> Sample:
    headers, ids = each.written(folder)
    request = each.requests[operation]
    how = {"headers": headers, "ids": ids, "connections": connections, "roots": each.roots}
    return load(each.url, request, seconds=options.seconds, **how)


def measure_files(started: list[Contender], size: int, folder: Path, options: argparse.Namespace, found: Found) -> None:
    """Move files, and list while many move them slowly."""
    able = [each for each in started if each.file]
    for name, what, speed in transfers(able, folder, options.file, options.rounds):
        found.files[name, what].append(speed)
        print(f"{what:16} {options.file:>5} MiB {name:18} {speed:9.1f}", flush=True)
    slow = folder / "slow.bin"
    make_file(slow, 64 * MIB)
    for each in able:
        for operation in ("list", SLOW):
            with slow_clients(each, slow) if operation == SLOW else ExitStack():
                samples = [_sample(each, "list", folder, options, 8) for _ in range(options.rounds)]
            found.samples[Case(operation, size, 8)][each.name] += samples


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, help="contenders to measure; default: all")
    parser.add_argument("--sizes", nargs="+", type=int, default=[1000, 100_000], help="numbers of items")
    parser.add_argument("--operations", nargs="+", choices=OPERATIONS, default=OPERATIONS)
    parser.add_argument("--connections", nargs="+", type=int, default=[1, 32])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=1, help="length of a round")
    parser.add_argument("--file", type=int, default=256, help="size in MiB of the transferred file; 0: no transfers")
    parser.add_argument("--folder", type=Path, help="folder for data; default: the system's temporary folder")
    parser.add_argument("--quick", action="store_true", help="only check that it works")
    parser.add_argument(
        "--output", type=Path, help="folder for performance.md and .svg; default: docs, with --quick none"
    )
    return parser


def _machine() -> str:
    """Return what this machine is."""
    models = [
        line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "name" in line
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = f"{os.cpu_count()} cores of {models[0] if models else platform.machine()}, {memory:.0f} GiB of memory"
    system = f"{platform.system()}, Python {platform.python_version()}"
    return f"{cores}, {system}; load {os.getloadavg()[0]:.1f} at the end"


def _write(options: argparse.Namespace, found: Found) -> None:
    folder = options.output or (None if options.quick else ROOT / "docs")
    page = markdown(found.samples, found.files, options.rounds, _machine())
    if folder is None:
        print(page)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "performance.md").write_text(page)
        (folder / "performance.svg").write_text(svg(found.samples))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
