"""Measures requests per second by THREADS and WORKERS: `python -m benchmarks.threads`. All take turns, round by round.

Each figure is the median ratio to the first configuration in the same round, so that a busy machine affects it little.
"""

import argparse
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.contenders import registry
from benchmarks.load import load

CONFIGURATIONS = ((2, 16), (2, 1), (2, 2), (2, 4), (2, 8), (2, 32), (3, 4))  # workers, threads of each


def main(arguments: list[str]) -> int:
    """Print a row for each configuration; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.threads", description=__doc__)
    parser.add_argument("--engines", nargs="+", default=["sqlite", "postgres", "mongodb"])
    parser.add_argument("--operations", nargs="+", default=["list", "get", "create"])
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    for engine in options.engines:
        with tempfile.TemporaryDirectory(prefix="threads-") as name, ExitStack() as stack:
            measure(engine, Path(name), stack, options)
    return 0


def measure(engine: str, folder: Path, stack: ExitStack, options: argparse.Namespace) -> None:
    """Print the rows of an engine."""
    running = {
        (workers, threads): stack.enter_context(
            registry(engine, options.items, folder, WORKERS=str(workers), THREADS=str(threads))
        )
        for workers, threads in CONFIGURATIONS
    }
    for operation in options.operations:
        rates = defaultdict(list)
        for _ in range(options.rounds):
            for configuration, each in running.items():
                headers, ids = each.write_files(folder)
                arguments = {"headers": headers, "ids": ids, "connections": options.connections, "roots": each.roots}
                rates[configuration].append(load(each.url, each.requests[operation], seconds=1, **arguments).rate)
        for (workers, threads), found in rates.items():
            ratios = [rate / first for rate, first in zip(found, rates[CONFIGURATIONS[0]], strict=True)]
            print(
                f"{engine:10}{operation:8}{workers} workers, {threads:2} threads{median(found):10.0f}/s"
                f"{median(ratios):8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
