"""Runs the tests on engines side by side: `python -m tests.run [--all] [engine …] [-- pytest's options]`.

All tests run on the first engine, and on the others those that depend on the engine (tests/selection.py), or all
with `--all`. Fails if a test failed or an engine could not run.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import cache_from_source
from pathlib import Path
from xml.etree import ElementTree

from tests.engines import ENGINES

NOT_RUN = 69
NOTHING_SELECTED = 5
OUTCOMES = {0: "passed", NOTHING_SELECTED: "passed", NOT_RUN: "NOT RUN"}
SLOWEST = 10
CORES = len(os.sched_getaffinity(0))
FIRST_WORKERS = CORES + 2  # for the first engine, which runs all tests; cores idle while tests wait for servers
# For each further engine, so that all end at about the same time: MongoDB's transactions are the slowest.
MORE_WORKERS = {"sqlite": max(1, CORES // 2), "postgres": max(1, CORES // 2), "mongodb": CORES}
PROGRESS = re.compile(r"^[.sFExX]+ *\[ *\d+%\]$")


@dataclass
class Result:
    """The results on one engine; times in seconds."""

    engine: str
    status: int = NOT_RUN
    seconds: float = 0
    processor: float = 0  # without processes whose parent was killed
    passed: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)  # by their reasons
    times: list[tuple[float, str]] = field(default_factory=list)

    @property
    def line(self) -> str:
        outcome = OUTCOMES.get(self.status, "failed")
        counts = f"{self.passed} passed, {self.failed} failed, {self.skipped.total()} skipped"
        return f"{self.engine:<10} {outcome:<8} {counts:<44} {self.seconds:6.0f} s {self.processor:6.0f} s"


def run(engine: str, options: list[str], *, workers: int, alone: bool) -> Result:
    """Run the tests on an engine. Shows progress by line, and the rest at the end unless it runs alone."""
    result, started = Result(engine), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-n", str(workers), f"--engine={engine}"]
        output = None if alone else subprocess.PIPE
        with subprocess.Popen(
            [*command, f"--junitxml={report}", *options], env=_environment(), stdout=output, text=True, errors="replace"
        ) as process:
            kept = [line for line in process.stdout or () if not _is_progress(engine, line)]
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        result.status, result.seconds = process.returncode, time.monotonic() - started
        result.processor = used.ru_utime + used.ru_stime
        if report.exists():
            _read(report, result)
    print(f"\n=== {engine}\n{''.join(kept)}" if kept else "", flush=True)
    return result


def _environment() -> dict[str, str]:
    """Return the environment of pytest, which keeps bytecode even if the environment disables that."""
    return os.environ | {"PYTHONDONTWRITEBYTECODE": ""}


def compile_once(options: Sequence[str] = ()) -> None:
    """Compile the tests and what they import, if nothing is compiled yet: each worker would do so at the same time."""
    if not list(Path(cache_from_source(__file__)).parent.glob("conftest.*pytest*.pyc")):
        command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", *options]
        subprocess.run(command, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def _is_progress(engine: str, line: str) -> bool:
    """Print the line if it shows progress."""
    found = PROGRESS.match(line.strip())
    if found:
        print(f"{engine:<10} {line.strip()}", flush=True)
    return bool(found)


def _read(report: Path, result: Result) -> None:
    """Read counts, times and reasons from pytest's report."""
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            result.failed += 1
        elif skipped is not None:
            result.skipped[skipped.get("message", "")] += 1
        else:
            result.passed += 1
        file = (case.get("classname") or "").replace(".", "/")
        result.times.append((float(case.get("time", 0)), f"{file}.py::{case.get('name')}"))


def busy() -> float:
    """Return the processor time of the whole machine since its start, in seconds, or 0 if it is unknown."""
    if not (counts := Path("/proc/stat")).exists():
        return 0
    user, nice, system, _idle, _waiting, *interrupts = map(int, counts.read_text().splitlines()[0].split()[1:8])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def report(results: list[Result], seconds: float, processor: float) -> None:
    """Print what ran, where, how long, what was skipped and what was slowest; the totals come last."""
    skipped = sorted((each.engine, reason, number) for each in results for reason, number in each.skipped.items())
    print("\nskipped", *(f"{engine:<10} {number} × {reason}" for engine, reason, number in skipped), sep="\n")
    times = sorted(((time, each.engine, id) for each in results for time, id in each.times), reverse=True)
    print("\nslowest", *(f"{engine:<10} {time:6.1f} s  {id}" for time, engine, id in times[:SLOWEST]), sep="\n")
    head = f"engine     outcome  {'':<44} {'time':>8} {'processor':>8}"
    print(f"\n{head}", *(each.line for each in results), sep="\n")
    passed, failed = sum(each.passed for each in results), sum(each.failed for each in results)
    left = sum(each.skipped.total() for each in results)
    took = f"{seconds:.0f} s on {CORES} cores, which worked for {processor:.0f} s"
    print(f"{passed} passed, {failed} failed, {left} skipped in {took}", flush=True)


def main(words: list[str]) -> int:
    """Return the exit status."""
    split = words.index("--") if "--" in words else len(words)
    engines, options = words[:split], words[split + 1 :]
    narrow = [] if "--all" in engines else ["--dependent"]
    engines = [word for word in engines if word != "--all"] or list(ENGINES)
    if unknown := set(engines) - set(ENGINES):
        print(f"No such engine: {', '.join(sorted(unknown))}; there are {', '.join(ENGINES)}", file=sys.stderr)
        return 2
    at_once = len(engines) if CORES > 1 else 1
    started, used = time.monotonic(), busy()
    compile_once(options)

    def run_numbered(number: int) -> Result:
        engine = engines[number]
        more, workers = (narrow, MORE_WORKERS[engine]) if number else ([], FIRST_WORKERS)
        return run(engine, [*more, *options], workers=workers, alone=at_once == 1)

    with ThreadPoolExecutor(at_once) as threads:
        results = list(threads.map(run_numbered, range(len(engines))))
    report(results, time.monotonic() - started, busy() - used)
    return 0 if all(OUTCOMES.get(each.status) == "passed" for each in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
