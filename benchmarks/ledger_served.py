"""Measures what the ledger adds to writes over HTTP: `make bench-ledger`.

With `--output docs` the results become a section of docs/performance.md.

On each engine, two registries serve one database: one as it is, and one that writes no events. One client, which waits
for each answer, writes to them in turns of `--turn` writes. After each turn, the registry has SEAL_SECONDS to seal the
events. The figures are the CPU time per write of all processes of the registry and its database, which includes
sealing, and the writes per second, as medians of the turns.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from benchmarks.contenders import registry, running
from benchmarks.in_process import ADMINISTRATOR
from benchmarks.ledger_writes import BYTES, GOAL, Write, parsed, writes
from benchmarks.load import cpu_clock, processes
from benchmarks.report import with_section
from tests.engines import free_port

SEAL_SECONDS = 1.0
CREATED = json.dumps({"type": "model.created"})
WITHOUT_EVENTS = [sys.executable, "-m", "benchmarks.without_events", "serve"]


class Turn(NamedTuple):
    """What writes took: CPU milliseconds per write, and writes per second."""

    cpu: float
    rate: float


class Cost(NamedTuple):
    """What a kind of write takes without events and with them."""

    without: Turn
    written: Turn

    @property
    def ratio(self) -> float:
        return self.written.cpu / self.without.cpu


def main(arguments: Sequence[str]) -> int:
    """Print a table of results; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger_served", description=__doc__)
    parser.add_argument("--turns", type=int, default=6, help="turns of each registry for each kind of write")
    parser.add_argument("--turn", type=int, default=100, help="writes in a turn")
    options = parsed(parser, arguments)
    print(f"{'engine':10}{'write':16}{'CPU ms without':>16}{'with':>10}{'ratio':>8}{'1/s without':>14}{'with':>10}")
    costs = {engine: measured(engine, options) for engine in options.engines}
    if options.output:
        write(options.output / "performance.md", costs, options)
    return 0


def measured(engine: str, options: argparse.Namespace) -> Mapping[str, Cost]:
    """Print and return the costs of each kind of write on an engine."""
    costs: dict[str, Cost] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ledger-")))
        served = stack.enter_context(registry(engine, options.items, folder))
        port = free_port()
        url, env = f"http://127.0.0.1:{port}", served.env | {"HTTP_PORT": str(port)}
        pid = stack.enter_context(running(WITHOUT_EVENTS, folder / "without.log", env, f"{url}/healthz"))
        usual, without = Client(served.url, served.roots), Client(url, [pid, *served.roots[1:]])
        amount = options.turns * options.turn
        for one, other in zip(writes(without.send, amount), writes(usual.send, amount), strict=True):
            kind, each = one[0], in_turns({without: one, usual: other}, options)
            print(
                f"{engine:10}{kind:16}{each.without.cpu:16.2f}{each.written.cpu:10.2f}{each.ratio:8.2f}"
                f"{each.without.rate:14.0f}{each.written.rate:10.0f}",
                flush=True,
            )
            costs[kind] = each
        if usual.events() != amount:
            raise RuntimeError("the registry without events wrote some, or the other one not all")
    return costs


def in_turns(each: Mapping["Client", Write], options: argparse.Namespace) -> Cost:
    """Write to both registries in turns, the second one first in every other turn; return the medians."""
    turns: dict[Client, list[Turn]] = {client: [] for client in each}
    for number in range(options.turns):
        for client in sorted(each, key=list(each).index, reverse=number % 2 > 0):
            _, function, arguments = each[client]
            part = arguments[number * options.turn : (number + 1) * options.turn]
            turns[client].append(client.turn(function, part))
    return Cost(*map(middle, turns.values()))


def middle(turns: Sequence[Turn]) -> Turn:
    """Return the medians of the turns."""
    return Turn(median(turn.cpu for turn in turns), median(turn.rate for turn in turns))


class Client:
    """A client of a registry that keeps one connection and waits for each answer."""

    def __init__(self, url: str, roots: Sequence[int]) -> None:
        self.roots = roots
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

    def turn(self, function: Callable[[str], object], arguments: Sequence[str]) -> Turn:
        """Call the function with each argument, and wait until the events are sealed."""
        before, began = self.clocks(), time.monotonic()
        for argument in arguments:
            function(argument)
        seconds = time.monotonic() - began
        time.sleep(SEAL_SECONDS)  # without events too, because an idle registry takes time as well
        used = sum(seconds - before.get(pid, 0) for pid, seconds in self.clocks().items())
        return Turn(used / len(arguments) * 1000, len(arguments) / seconds)

    def clocks(self) -> Mapping[int, float]:
        """Return the CPU seconds of each process of the registry and its database."""
        found = {}
        for pid in processes(self.roots):
            with suppress(OSError):  # it has ended
                found[pid] = time.clock_gettime(cpu_clock(pid))
        return found


def write(page: Path, costs: Mapping[str, Mapping[str, Cost]], options: argparse.Namespace) -> None:
    """Write the section of performance.md."""
    rows = [
        f"| {engine} | {kind} | {each.without.cpu:.2f} | {each.written.cpu:.2f} | {each.ratio - 1:+.0%} | "
        f"{'met' if each.ratio - 1 <= GOAL else 'missed'} | {each.without.rate:.0f} | {each.written.rate:.0f} |"
        for engine, found in costs.items()
        for kind, each in found.items()
    ]
    text = f"""## What the ledger costs a write over HTTP

Milliseconds of CPU time per write of all processes of the served registry and of its database, which syncs to disk,
and writes per second of one client, by `make bench-ledger`. Two registries on one database, one of which writes no
events, took turns of {options.turn} writes; the figures are medians of {options.turns} turns and include sealing. The
goal is at most {GOAL:+.0%}. The load was {os.getloadavg()[0]:.0f} at the end, on {os.cpu_count()} cores.

| engine | write | CPU without events | with events | together | goal | 1/s without events | with events |
|---|---|---|---|---|---|---|---|
"""
    page.write_text(with_section(page.read_text(), "ledger-served", text + "\n".join(rows)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
