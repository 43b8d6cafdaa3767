"""Benchmarks the registry against MLflow, and writes docs/performance.md and docs/performance.svg.

`python -m benchmarks --quick` takes a minute and writes nothing without --output. `BENCH_MILLION=1` allows a million
items.
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
from benchmarks.load import Sample, load, wait_until_idle
from benchmarks.mlflow import BINARY, mlflow
from benchmarks.report import Case, markdown, section, svg, with_section
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
SHORT = ("list", "search common", "get", "create")  # operations of --short
MILLION = 1_000_000
SECTIONS = ("profile", "threads", "folders", "dialect", "pages", "words")  # of performance.md, kept as they are
SLOW = "list beside slow clients"


@dataclass
class Measurements:
    """The measurements: samples by case and contender, and MiB/s by contender and direction."""

    samples: dict[Case, dict[str, list[Sample]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    files: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))


def main(arguments: list[str]) -> int:
    """Run the benchmark; return the exit status."""
    options = _options().parse_args(arguments)
    if options.short:
        options.sizes, options.rounds, options.operations, options.file = [1000], 3, SHORT, 64
    if options.quick:
        options.sizes, options.rounds, options.seconds, options.connections, options.file = [200], 1, 1, [1], 0
        options.contenders = options.contenders or ["registry-sqlite", "bare"]
    missing = [name for name in ("wrk", "curl", "nginx") if not shutil.which(name)]
    selected = options.contenders or list(CONTENDERS)
    if any(name.startswith("mlflow") for name in selected) and not BINARY.exists():
        missing.append(".venv-mlflow")
    if max(options.sizes) >= MILLION and not os.environ.get("BENCH_MILLION"):
        missing.append("BENCH_MILLION=1 for a million items")
    if missing:
        print(f"Needed: {', '.join(missing)}", file=sys.stderr)
        return 2
    measurements = Measurements()
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.folder) as name, ExitStack() as stack:
            folder = Path(name)
            supported = [each for each in selected if size < MILLION or not each.startswith("mlflow")]
            running = [stack.enter_context(CONTENDERS[each](size, folder)) for each in supported]
            measure(running, size, folder, options, measurements)
            if options.file and size == options.sizes[0]:
                measure_files(running, size, folder, options, measurements)
        _write(options, measurements)  # after each size, because the next one may take long
    return 0


def measure(
    running: list[Contender], size: int, folder: Path, options: argparse.Namespace, measurements: Measurements
) -> None:
    """Measure each operation; the contenders alternate in each round."""
    for operation in options.operations:
        for connections in options.connections:
            for _ in range(options.rounds):
                for each in [each for each in running if operation in each.requests]:
                    sample = _sample(each, operation, folder, options, connections)
                    wait_until_idle(each.roots)
                    measurements.samples[Case(operation, size, connections)][each.name].append(sample)
                    print(f"{operation:16} {size:>8} x{connections:<3} {each.name:18} {sample.rate:9.1f}/s", flush=True)


def _sample(each: Contender, operation: str, folder: Path, options: argparse.Namespace, connections: int) -> Sample:
    headers, ids = each.write_files(folder)
    request = each.requests[operation]
    arguments = {"headers": headers, "ids": ids, "connections": connections, "roots": each.roots}
    return load(each.url, request, seconds=options.seconds, **arguments)


def measure_files(
    running: list[Contender], size: int, folder: Path, options: argparse.Namespace, measurements: Measurements
) -> None:
    """Measure transfers of files, and lists during many slow transfers."""
    supported = [each for each in running if each.file]
    for name, what, speed in transfers(supported, folder, options.file, options.rounds):
        measurements.files[name, what].append(speed)
        print(f"{what:16} {options.file:>5} MiB {name:18} {speed:9.1f}", flush=True)
    slow = folder / "slow.bin"
    make_file(slow, 64 * MIB)
    for each in supported:
        for operation in ("list", SLOW):
            with slow_clients(each, slow) if operation == SLOW else ExitStack():
                samples = [_sample(each, "list", folder, options, 8) for _ in range(options.rounds)]
            measurements.samples[Case(operation, size, 8)][each.name] += samples


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
    parser.add_argument("--short", action="store_true", help="fewer operations and rounds, in about ten minutes")
    parser.add_argument("--quick", action="store_true", help="only check that the benchmark works")
    parser.add_argument(
        "--output", type=Path, help="folder for performance.md and .svg; default: docs, with --quick none"
    )
    return parser


def _machine() -> str:
    """Return a description of this machine."""
    models = [
        line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "name" in line
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = f"{os.cpu_count()} cores of {models[0] if models else platform.machine()}, {memory:.0f} GiB of memory"
    system = f"{platform.system()}, Python {platform.python_version()}"
    return f"{cores}, {system}; load {os.getloadavg()[0]:.1f} at the end"


def _write(options: argparse.Namespace, measurements: Measurements) -> None:
    folder = options.output or (None if options.quick else ROOT / "docs")
    page = markdown(measurements.samples, measurements.files, options.rounds, _machine())
    if folder is None:
        print(page)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "performance.md"
        kept = {name: section(path.read_text(), name) for name in SECTIONS} if path.exists() else {}
        for name, text in kept.items():
            page = with_section(page, name, text) if text else page
        path.write_text(page)
        (folder / "performance.svg").write_text(svg(measurements.samples))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
