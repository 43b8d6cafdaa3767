"""Measures what the ledger adds to the CPU time of each kind of write: `make profile-ledger`.

With `--output docs` the results become a section of docs/performance.md.

One process handles requests without a server, one after another. Writes with events and writes without them alternate
(in the order with, without, without, with), in the same process and database, so that both suffer equally from a busy
machine. The sealer works once every `--seal-every` events: one client that waits for each answer creates 70 to 170
items a second (docs/performance.md), so more than 40 between two rounds of the sealer. Each write with events is
charged for the sealing of one. The results are medians of the CPU time of the process and of the database server, in
milliseconds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, TypeAlias

if __name__ == "__main__":  # this file is also run by its path, in a process of its own
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.in_process import ADMINISTRATOR, ROOT, registry_environment, request
from benchmarks.ledger_writes import BYTES, parsed, switch_events, writes

Times: TypeAlias = tuple[float, float]  # milliseconds of the process, and of the database server


class Cost(NamedTuple):
    """What a write takes without its event and with it, and the sealing of one event."""

    without: Times
    written: Times
    sealing: Times

    @property
    def ratio(self) -> float:
        return (sum(self.written) + sum(self.sealing)) / sum(self.without)


Costs: TypeAlias = Mapping[str, Cost]  # by kind of write


def main(arguments: Sequence[str]) -> int:
    """Print a table of results; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger", description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="writes of each kind, half of them with events")
    parser.add_argument("--seal-every", type=int, default=40, help="events that the sealer seals at once")
    options = parsed(parser, arguments)
    print(f"{'engine':10}{'write':16}{'without':>20}{'with':>20}{'sealing':>20}{'ratio':>8}")
    costs = {engine: measured(engine, options) for engine in options.engines}
    if options.output:
        write(options.output / "performance.md", costs, options)
    return 0


def measured(engine: str, options: argparse.Namespace) -> Costs:
    """Print and return the costs of each kind of write on an engine."""
    from tests import engines  # noqa: PLC0415 - the measured process must work without the tests

    server = engines.start(engine)
    try:
        with tempfile.TemporaryDirectory(prefix="profile-") as folder:
            server.create("profile")
            env = registry_environment(server.url_of("profile"), Path(folder, "files"))
            for step in (["manage.py", "serve", "--prepare-only"], ["-m", "benchmarks.fill", str(options.items)]):
                subprocess.run([sys.executable, *step], cwd=ROOT, env=env, check=True, capture_output=True)
            numbers = [options.count, options.seal_every]
            roots = [process.pid for process in server.processes]
            command = [sys.executable, str(Path(__file__).resolve()), "--measure", *map(str, [*numbers, *roots])]
            done = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    finally:
        server.stop()
    costs = {name: Cost(*map(tuple, each)) for name, each in json.loads(done.stdout).items()}
    for name, each in costs.items():
        figures = "".join(f"{process:10.3f} +{server:8.3f}" for process, server in each)
        print(f"{engine:10}{name:16}{figures}{each.ratio:8.2f}", flush=True)
    return costs


def write(page: Path, costs: Mapping[str, Costs], options: argparse.Namespace) -> None:
    """Write the section of performance.md."""
    from benchmarks.report import with_section  # noqa: PLC0415 - it needs wrk's results

    rows = [
        f"| {engine} | {name} | {sum(each.without):.2f} | {sum(each.written):.2f} | {sum(each.sealing):.2f} | "
        f"{each.ratio - 1:+.0%} |"
        for engine, found in costs.items()
        for name, each in found.items()
    ]
    text = f"""## What the ledger costs a write without a server

Milliseconds of CPU time of the process and of the database server per write, without sockets, medians of
{options.count} writes that took turns, by `make profile-ledger`. Sealing is the share of an event
if {options.seal_every} are sealed at once. The goal is for a request, which takes more. The load was
{os.getloadavg()[0]:.0f} at the end, on {os.cpu_count()} cores.

| engine | write | without its event | with its event | sealing | together |
|---|---|---|---|---|---|
"""
    page.write_text(with_section(page.read_text(), "ledger", text + "\n".join(rows)))


def measure(amount: int, seal_every: int, roots: Sequence[int]) -> dict[str, Cost]:
    """Return the costs of each kind of write."""
    registry = Registry(seal_every, roots)
    registry.write(min(20, amount))  # fills caches
    registry.sealing.clear()
    times = registry.write(amount)
    sealing = medians(registry.sealing)
    return {name: Cost(medians(each[False]), medians(each[True]), sealing) for name, each in times.items()}


def medians(times: Sequence[Times]) -> Times:
    """Return the medians of both times."""
    return median(process for process, _ in times), median(server for _, server in times)


class Registry:
    """The registry in this process, whose events can be switched off."""

    def __init__(self, seal_every: int, roots: Sequence[int]) -> None:
        from benchmarks.load import cpu_clock, processes  # noqa: PLC0415 - it needs the tests
        from registry_site.wsgi import application  # noqa: PLC0415 - it needs the environment
        from tenants.ledger.sealing import sealer  # noqa: PLC0415

        self.application, self.sealer, self.seal_every = application, sealer, seal_every
        self.with_events, self.unsealed = True, 0
        self.sealing: list[Times] = []
        self.token = json.loads(request(application, "/login", json.dumps(ADMINISTRATOR).encode()))["token"]
        self.clocks: list[int] = []
        self.find_clocks: Callable[[], list[int]] = lambda: [cpu_clock(pid) for pid in processes(roots)]
        switch_events(lambda: self.with_events)

    def write(self, amount: int) -> dict[str, dict[bool, list[Times]]]:
        """Write so many items in each way; return the times of each kind of write, by whether it has events."""
        return {kind: self.timed(write, arguments) for kind, write, arguments in writes(self.send, amount)}

    def timed(self, step: Callable[[str], object], arguments: Sequence[str]) -> dict[bool, list[Times]]:
        """Write, with and without events in turns, and seal in between; return the times of the writes."""
        found: dict[bool, list[Times]] = {True: [], False: []}
        self.clocks = self.find_clocks()  # a new connection has a new process on PostgreSQL
        for number, argument in enumerate(arguments):
            self.with_events = number % 4 in (0, 3)
            begin = self.clock()
            step(argument)
            found[self.with_events].append(self.since(begin))
            self.unsealed += self.with_events
            if self.unsealed >= self.seal_every:
                begin = self.clock()
                sealed = self.sealer.seal()
                process, server = self.since(begin)
                self.sealing.append((process / sealed, server / sealed))
                self.unsealed = 0
        return found

    def clock(self) -> Times:
        """Return the CPU seconds that the process and the database server's running processes have used."""
        return time.process_time(), sum(map(time.clock_gettime, self.clocks))

    def since(self, begin: Times) -> Times:
        """Return the milliseconds since a time."""
        now = self.clock()
        return (now[0] - begin[0]) * 1000, (now[1] - begin[1]) * 1000

    def send(self, method: str, path: str, body: Any = b"") -> Any:
        """Send a request; return the document of the answer."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = BYTES if isinstance(body, bytes) else "application/json"
        answer = request(self.application, f"/v1/{path}", content, self.token, method=method, content_type=kind)
        return json.loads(answer) if answer else None


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        amount, seal_every, *roots = map(int, sys.argv[2:])
        print(json.dumps(measure(amount, seal_every, roots)))
    else:
        sys.exit(main(sys.argv[1:]))
