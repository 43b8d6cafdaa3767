"""Loads a contender with wrk, and reads what that cost it.

wrk, because one thread of it asks far more than any contender answers: what loads must not be what is measured.
"""

import itertools
import json
import math
import os
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("requests.lua")
PATIENCE = (1, 10, 30)  # times as long
IDLE, LOOK_SECONDS, SETTLE_SECONDS = 0.2, 0.2, 120  # of a processor; between looks; at most
TICKS = os.sysconf("SC_CLK_TCK")
numbers = itertools.count(int(time.time()) % 100_000 * 1_000, 1)


@dataclass(frozen=True)
class Request:
    """What is sent: `{n}` stands for a number of its own, `{id}` for an id by turns."""

    method: str
    path: str
    body: str = ""


@dataclass(frozen=True)
class Sample:
    """What one round of load found; times in milliseconds, CPU of the contender and its database a request."""

    rate: float
    p50: float
    p99: float
    cpu: float
    memory: float  # MiB, at most so far


def load(
    url: str, request: Request, *, headers: Path, ids: Path, connections: int, seconds: int, roots: Iterable[int]
) -> Sample:
    """Send requests for so long, or for longer where none is answered in that time; a rate of 0 says that none was.

    Raises RuntimeError where one is answered with a failure.
    """
    asked = [request.method, request.path, request.body, str(headers), str(ids)]
    found: dict[str, float] = {}
    for patience in PATIENCE:
        before = cpu_seconds(roots)
        found = _wrk(url, connections, seconds * patience, [*asked, f"{next(numbers)}000000"])
        if found["requests"]:
            break
    if found["failed"]:
        raise RuntimeError(f"{url}: {request}: {found}")
    if not found["requests"]:
        return Sample(0.0, math.inf, math.inf, math.inf, peak_memory(roots))
    cpu = (cpu_seconds(roots) - before) / found["requests"] * 1000
    return Sample(found["requests"] / found["seconds"], found["p50"], found["p99"], cpu, peak_memory(roots))


def _wrk(url: str, connections: int, seconds: int, arguments: list[str]) -> dict[str, float]:
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", str(SCRIPT), url, "--"]
    done = subprocess.run([*words, *arguments], capture_output=True, text=True, check=True, timeout=seconds + 90)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def settle(roots: Iterable[int]) -> None:
    """Wait until who was loaded has done what nobody waits for any more: others' processors are not to be taken."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        before = cpu_seconds(roots)
        time.sleep(LOOK_SECONDS)
        if cpu_seconds(roots) - before <= IDLE * LOOK_SECONDS:
            return


def processes(roots: Iterable[int]) -> set[int]:
    """Return the processes, and all that they started and that run still."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = set(), list(roots)
    while waiting:
        found.add(pid := waiting.pop())
        waiting += parents.get(pid, [])
    return found


def cpu_seconds(roots: Iterable[int]) -> float:
    """Return the CPU time that the processes and their ended children have used."""
    return sum(sum(map(int, fields[11:15])) for pid in processes(roots) if (fields := _stat(pid))) / TICKS


def peak_memory(roots: Iterable[int]) -> float:
    """Return the MiB that the processes have held at most, each at its own peak; shared pages count in each."""
    total = 0
    for pid in processes(roots):
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return total / 1024


def _stat(pid: int) -> list[str]:
    """Return what /proc tells of a process from its state on; nothing where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
