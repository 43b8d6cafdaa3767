"""Runs the tests on one engine after another: `python -m tests.run [engine …] [-- pytest's options]`.

All tests run on the first engine, and on the others those that depend on it (tests/once.py).
Fails where a test failed or an engine could not run: what did not run has not passed.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

from tests.engines import ENGINES

NOT_RUN = 69
NOTHING_SELECTED = 5
WORKERS = "3"  # on two cores: servers that tests wait for leave some of them idle


def run(engine: str, options: list[str], *, again: bool) -> tuple[str, bool]:
    """Run the tests on an engine, again or for the first time; return how it went, as a line, and whether well."""
    print(f"\n=== {engine}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-n", WORKERS, f"--engine={engine}", f"--junitxml={report}"]
        command += ["--again"] if again else []
        # Compiled once, not by each of xdist's workers on each engine, whatever the machine's environment says.
        env = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
        status = subprocess.run([*command, *options], env=env, check=False).returncode
        counts = _counts(report) if report.exists() else ""
    if again and status == NOTHING_SELECTED:
        status = 0
    outcome = {0: "passed", NOT_RUN: "NOT RUN"}.get(status, "failed")
    return f"{engine:<10} {outcome:<8} {counts:<50} {time.monotonic() - started:6.0f} s", status == 0


def _counts(report: Path) -> str:
    suite = ElementTree.parse(report).getroot().find("testsuite")
    if suite is None:
        return ""
    tests, bad, skipped = (sum(int(suite.get(name, 0)) for name in names) for names in COUNTED)
    return f"{tests - bad - skipped} passed, {bad} failed, {skipped} skipped"


COUNTED = (("tests",), ("failures", "errors"), ("skipped",))


def main(words: list[str]) -> int:
    """Return the exit status."""
    split = words.index("--") if "--" in words else len(words)
    engines, options = words[:split] or list(ENGINES), words[split + 1 :]
    unknown = set(engines) - set(ENGINES)
    if unknown:
        print(f"No such engine: {', '.join(sorted(unknown))}; there are {', '.join(ENGINES)}", file=sys.stderr)
        return 2
    results = [run(engine, options, again=number > 0) for number, engine in enumerate(engines)]
    print("\nengine     outcome")
    print("\n".join(line for line, _ in results), flush=True)
    return 0 if all(good for _, good in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
