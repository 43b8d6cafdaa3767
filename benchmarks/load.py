"""Loads a contender with wrk, and measures its CPU time and memory.

One thread of wrk sends more requests than any contender can handle, so the load generator is not the bottleneck.
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
DURATION_FACTORS = (1, 10, 30)  # of further attempts if no request is completed
IDLE_CPU, POLL_SECONDS, MAX_WAIT_SECONDS = 0.2, 0.2, 120  # share of one core; between checks; in total
TICKS = os.sysconf("SC_CLK_TCK")
numbers = itertools.count(int(time.time()) % 100_000 * 1_000, 1)


@dataclass(frozen=True)
class Request:
    """A request: `{n}` becomes a unique number, `{id}` each of the ids in turn."""

    method: str
    path: str
    body: str = ""


@dataclass(frozen=True)
class Sample:
    """The result of one round: latencies in ms, and CPU ms per request of the contender with its database."""

    rate: float
    p50: float
    p99: float
    cpu: float
    memory: float  # peak MiB so far


def load(
    url: str, request: Request, *, headers: Path, ids: Path, connections: int, seconds: int, roots: Iterable[int]
) -> Sample:
    """Send requests for `seconds`, or longer if none is completed in that time. A rate of 0 means that none was.

    Raises RuntimeError if a request fails.
    """
    arguments = [request.method, request.path, request.body, str(headers), str(ids)]
    result: dict[str, float] = {}
    for factor in DURATION_FACTORS:
        before = cpu_seconds(roots)
        result = _wrk(url, connections, seconds * factor, [*arguments, f"{next(numbers)}000000"])
        if result["requests"]:
            break
    if result["failed"]:
        raise RuntimeError(f"{url}: {request}: {result}")
    if not result["requests"]:
        return Sample(0.0, math.inf, math.inf, math.inf, peak_memory(roots))
    cpu = (cpu_seconds(roots) - before) / result["requests"] * 1000
    return Sample(result["requests"] / result["seconds"], result["p50"], result["p99"], cpu, peak_memory(roots))


def _wrk(url: str, connections: int, seconds: int, arguments: list[str]) -> dict[str, float]:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", str(SCRIPT), url, "--"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True, timeout=seconds + 90)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def wait_until_idle(roots: Iterable[int]) -> None:
    """Wait until the processes have finished remaining work, which would take CPU time from the next contender."""
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while time.monotonic() < deadline:
        before = cpu_seconds(roots)
        time.sleep(POLL_SECONDS)
        if cpu_seconds(roots) - before <= IDLE_CPU * POLL_SECONDS:
            return


def processes(roots: Iterable[int]) -> set[int]:
    """Return the processes and all their running descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    result, waiting = set(), list(roots)
    while waiting:
        result.add(pid := waiting.pop())
        waiting += parents.get(pid, [])
    return result


def cpu_seconds(roots: Iterable[int]) -> float:
    """Return the CPU time that the processes and their ended children have used."""
    return sum(sum(map(int, fields[11:15])) for pid in processes(roots) if (fields := _stat(pid))) / TICKS


def cpu_clock(pid: int) -> int:
    """Return the clock of a process's CPU time, as `clock_getcpuclockid` does; it is more exact than `/proc`."""
    return (~pid << 3) | 2


def peak_memory(roots: Iterable[int]) -> float:
    """Return the sum of the processes' peak memory in MiB. Shared pages count for each process."""
    total = 0
    for pid in processes(roots):
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return total / 1024


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; empty if the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
