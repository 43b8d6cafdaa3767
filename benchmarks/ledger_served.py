"""Measures what the ledger adds to writes over HTTP: `make bench-ledger`.

With `--output docs` the results become a section of docs/performance.md.

On each engine, one client, which waits for each answer, writes with and without events (in the order with, without,
without, with), to the same processes: those of two registries differ by up to 10 %, even if they do the same. After
each turn of `--turn` writes the registry writes its log, and then the sealer works. The figures are medians: of the CPU
time of a write in all processes of the registry and its database, with its entry in the log, of the time until its
answer, and of the CPU time of sealing an event, of which each write with an event is charged one.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from benchmarks.contenders import registry
from benchmarks.in_process import ADMINISTRATOR
from benchmarks.ledger_writes import BYTES, WRITES, Write, parsed, writes
from benchmarks.load import cpu_clock, processes
from benchmarks.report import with_section
from benchmarks.switched_events import OFF, ON, SWITCH

GOAL = 0.10  # more CPU time, as a share
LOG_SECONDS = 1.2  # longer than the log waits for more entries
SEAL_SECONDS = 1.8  # longer than a sealer without the lease sleeps
PAUSE_SECONDS = 0.002  # after an answer, in which the registry ends the request
CREATED = json.dumps({"type": "model.created"})
SERVE = ("-m", "benchmarks.switched_events", "serve")


class Times(NamedTuple):
    """What a write took: milliseconds of CPU time, and until the answer."""

    cpu: float
    answer: float


class Cost(NamedTuple):
    """What a kind of write takes without events and with them, and the CPU time of sealing an event."""

    without: Times
    written: Times
    sealing: float

    @property
    def ratio(self) -> float:
        return (self.written.cpu + self.sealing) / self.without.cpu

    @property
    def slower(self) -> float:
        return self.written.answer / self.without.answer


def main(arguments: Sequence[str]) -> int:
    """Print a table of results; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger_served", description=__doc__)
    parser.add_argument("--turns", type=int, default=8, help="turns for each kind of write")
    parser.add_argument("--turn", type=int, default=100, help="writes in a turn, half of them with events")
    parser.add_argument("--kinds", nargs="+", default=list(WRITES), help="kinds of writes that are measured")
    options = parsed(parser, arguments)
    heads = ("CPU ms without", "with", "sealing", "ratio", "ms without", "with", "ratio")
    print(f"{'engine':10}{'write':16}", *(f"{head:>14}" for head in heads), sep="")
    costs = {engine: measured(engine, options) for engine in options.engines}
    if options.output:
        write(options.output / "performance.md", costs, options)
    return 0


def measured(engine: str, options: argparse.Namespace) -> Mapping[str, Cost]:
    """Print and return the costs of each kind of write on an engine."""
    costs: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory(prefix="ledger-") as folder:
        switch = Path(folder, "events")
        switch.write_bytes(ON + ON)
        with registry(engine, options.items, Path(folder), SERVE, **{SWITCH: str(switch)}) as served:
            client = Client(served.url, served.roots, switch)
            for kind, function, arguments in writes(client.send, options.turns * options.turn):
                if kind in options.kinds:
                    costs[kind] = in_turns(client, (kind, function, arguments), options.turn)
                    tell(engine, kind, costs[kind])
                    if costs.keys() >= set(options.kinds):
                        break
                else:
                    list(map(function, arguments))
            if "create" in costs and client.events() != options.turns * options.turn / 2:
                raise RuntimeError("events were written while they were off, or not while they were on")
    return costs


def in_turns(client: "Client", kind: Write, size: int) -> Cost:
    """Write with and without events, and seal them after each turn of that size."""
    _, function, arguments = kind
    times: dict[bytes, list[Times]] = {OFF: [], ON: []}
    logging, sealing = [], []
    for begin in range(0, len(arguments), size):
        clocks, turn = client.clocks(), arguments[begin : begin + size]
        for number, argument in enumerate(turn):
            events = ON if number % 4 in {0, 3} else OFF
            client.switch(events, OFF)
            times[events].append(client.timed(function, argument, clocks))
        while_logging = client.idle(clocks, OFF, LOG_SECONDS)
        while_sealing, idle = (client.idle(clocks, ON, SEAL_SECONDS) for _ in range(2))
        logging.append((while_logging - idle * LOG_SECONDS / SEAL_SECONDS) / len(turn))
        sealing.append((while_sealing - idle) / len(turn) * 2)
    client.switch(ON, ON)
    without, written = (
        Times(median(each.cpu for each in found) + median(logging), median(each.answer for each in found))
        for found in times.values()
    )
    return Cost(without, written, median(sealing))


def tell(engine: str, kind: str, cost: Cost) -> None:
    """Print the cost of a kind of write."""
    figures = (cost.without.cpu, cost.written.cpu, cost.sealing, cost.ratio)
    answers = (cost.without.answer, cost.written.answer, cost.slower)
    print(f"{engine:10}{kind:16}", *(f"{figure:14.3f}" for figure in (*figures, *answers)), sep="", flush=True)


class Client:
    """A client of a registry that keeps one connection and waits for each answer."""

    def __init__(self, url: str, roots: Sequence[int], switch: Path) -> None:
        self.roots, self.file = roots, switch
        self.client = httpx.Client(base_url=f"{url}/v1/", timeout=60)
        self.client.headers["Authorization"] = self.send("POST", "login", ADMINISTRATOR)["token"]

    def send(self, method: str, path: str, body: Any) -> Any:
        """Send a request; return the document of the answer. Raises HTTPStatusError if it fails."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": BYTES if isinstance(body, bytes) else "application/json"}
        answer = self.client.request(method, path, content=content, headers=headers).raise_for_status()
        return answer.json() if answer.content else None

    def events(self) -> int:
        """Return the number of events that tell of new models."""
        found: int = self.send("GET", f"events?filter={quote(CREATED)}", b"")["totalDocs"]
        return found

    def switch(self, events: bytes, sealer: bytes) -> None:
        """Turn events and the sealer on or off. The file is never empty, because the registry has mapped it."""
        with self.file.open("r+b") as file:
            file.write(events + sealer)

    def timed(self, function: Callable[[str], object], argument: str, clocks: Sequence[int]) -> Times:
        """Return what a write takes."""
        before, began = used(clocks), time.perf_counter()
        function(argument)
        answered = time.perf_counter()
        time.sleep(PAUSE_SECONDS)
        return Times(used(clocks) - before, (answered - began) * 1000)

    def idle(self, clocks: Sequence[int], sealer: bytes, seconds: float) -> float:
        """Return the CPU milliseconds that the registry takes in a time without requests."""
        self.switch(OFF, sealer)
        before = used(clocks)
        time.sleep(seconds)
        return used(clocks) - before

    def clocks(self) -> list[int]:
        """Return the CPU clocks of the processes of the registry and its database."""
        return [cpu_clock(pid) for pid in processes(self.roots)]


def used(clocks: Sequence[int]) -> float:
    """Return the CPU milliseconds that processes have used."""
    return sum(map(time.clock_gettime, clocks)) * 1000


def write(page: Path, costs: Mapping[str, Mapping[str, Cost]], options: argparse.Namespace) -> None:
    """Write the section of performance.md."""
    rows = [
        f"| {engine} | {kind} | {each.without.cpu:.2f} | {each.written.cpu:.2f} | {each.sealing:.2f} | "
        f"{each.ratio - 1:+.0%} | {'met' if each.ratio - 1 <= GOAL else 'missed'} | {each.without.answer:.2f} | "
        f"{each.written.answer:.2f} | {each.slower - 1:+.0%} |"
        for engine, found in costs.items()
        for kind, each in found.items()
    ]
    text = f"""## What the ledger costs a write over HTTP

Milliseconds of CPU time of all processes of the served registry and of its database, which syncs to disk, and until
the answer, by `make bench-ledger`: medians of {options.turns * options.turn} writes, of which every other one had an
event. Sealing is the share of an event if {options.turn // 2} are sealed at once. The goal is at most {GOAL:+.0%} of
CPU time. The load was {os.getloadavg()[0]:.0f} at the end, on {os.cpu_count()} cores.

| engine | write | CPU without | with event | sealing | together | goal | answer without | with event | together |
|---|---|---|---|---|---|---|---|---|---|
"""
    page.write_text(with_section(page.read_text(), "ledger-served", text + "\n".join(rows)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
