"""Measures what the ledger adds to the CPU time of each kind of write: `make profile-ledger`.

With `--output docs` the results become a section of docs/performance.md.

One process handles requests without a server, one after another, and seals once every `--seal-every` writes, as its
sealer does while a worker is busy. Rounds with events and rounds without them take turns in the same process and
database, so that both suffer equally from a busy machine. The results are milliseconds of CPU time per write, of the
process and of the database server, in the fastest round.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

if __name__ == "__main__":  # this file is also run by its path, in a process of its own
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.in_process import LOGIN, REGISTRY, ROOT, registry_environment, request

ENGINES = ("sqlite", "postgres", "mongodb")
GOAL = 0.10
BYTES = "application/octet-stream"
ITEM = {
    "description": "Predicts which customers leave.",
    "tags": ["common", "word-1"],
    "metadata": [{"name": "accuracy", "value": 0.93}, {"name": "framework", "value": "torch"}],
}
CHANGE = {"description": "Predicts which customers leave within a month.", "status": "production"}
WRITES = ("create", "change", "upload", "alias move", "delete version", "delete item", "create tag")
NAMES = ("event", "record", "record_all", "changed", "created", "deleted")  # functions that only the ledger needs

Cost: TypeAlias = tuple[float, float]  # milliseconds of the process, and of the database server
Costs: TypeAlias = Mapping[str, Mapping[bool, Cost]]  # by kind of write, with and without events


def main(arguments: Sequence[str]) -> int:
    """Print a table of results; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger", description=__doc__)
    parser.add_argument("--engines", nargs="+", default=list(ENGINES))
    parser.add_argument("--items", type=int, default=1000, help="items that exist before")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--count", type=int, default=60, help="items that a round writes")
    parser.add_argument("--seal-every", type=int, default=20, help="writes between two rounds of the sealer")
    parser.add_argument("--output", type=Path, help="folder of performance.md, whose section is written")
    options = parser.parse_args(arguments)
    print("engine    write            without: process    server   with: process    server   ratio")
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
            numbers = [options.rounds, options.count, options.seal_every]
            roots = [process.pid for process in server.processes]
            command = [sys.executable, str(Path(__file__).resolve()), "--measure", *map(str, [*numbers, *roots])]
            done = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    finally:
        server.stop()
    costs = {name: {True: tuple(on), False: tuple(off)} for name, (on, off) in json.loads(done.stdout).items()}
    for name, each in costs.items():
        figures = "".join(f"{ms:12.3f}" for ms in (*each[False], *each[True]))
        print(f"{engine:10}{name:18}{figures}{ratio(each):10.2f}", flush=True)
    return costs


def ratio(each: Mapping[bool, Cost]) -> float:
    """Return how many times the CPU time of a write with events is that of one without."""
    return sum(each[True]) / sum(each[False])


def write(page: Path, costs: Mapping[str, Costs], options: argparse.Namespace) -> None:
    """Write the section of performance.md."""
    from benchmarks.report import with_section  # noqa: PLC0415 - it needs wrk's results

    rows = [
        f"| {engine} | {name} | {sum(each[False]):.2f} | {sum(each[True]):.2f} | {ratio(each) - 1:+.0%} | "
        f"{'met' if ratio(each) - 1 <= GOAL else 'missed'} |"
        for engine, found in costs.items()
        for name, each in found.items()
    ]
    text = f"""## What the ledger costs a write

Milliseconds of CPU time per write, of the process and of the database server, without sockets, by
`make profile-ledger`. The sealer works once every {options.seal_every} writes. The goal is at most {GOAL:+.0%}. The load was
{os.getloadavg()[0]:.0f} at the end, on {os.cpu_count()} cores.

| engine | write | without events | with events | ratio | goal |
|---|---|---|---|---|---|
"""
    page.write_text(with_section(page.read_text(), "ledger", text + "\n".join(rows)))


def measure(rounds: int, amount: int, seal_every: int, roots: Sequence[int]) -> dict[str, list[list[float]]]:
    """Return the least costs of each kind of write, with events and without them, after a round that fills caches."""
    registry = Registry(seal_every, roots)
    costs: dict[str, tuple[list[Cost], list[Cost]]] = {name: ([], []) for name in WRITES}
    for turn in range(rounds + 1):
        for place, with_events in enumerate((True, False)):
            registry.write_events(with_events)
            for name, cost in registry.round(amount):
                if turn:
                    costs[name][place].append(cost)
    return {name: [list(min(each, key=sum)) for each in pair] for name, pair in costs.items()}


class Registry:
    """The registry in this process, whose events can be switched off."""

    def __init__(self, seal_every: int, roots: Sequence[int]) -> None:
        from registry_site.wsgi import application  # noqa: PLC0415 - it needs the environment
        from tenants.ledger import recording  # noqa: PLC0415
        from tenants.ledger.sealing import sealer  # noqa: PLC0415
        from tenants.models import User  # noqa: PLC0415

        User.objects.filter(username=LOGIN["username"]).update(role="admin")  # only administrators create tags
        self.application, self.sealer = application, sealer
        self.seal_every, self.roots = seal_every, roots
        self.sealing, self.writes, self.numbers = True, 0, count()
        self.recording = recording
        self.token = json.loads(request(application, "/login", json.dumps(LOGIN).encode()))["token"]
        self.places = [
            (module, name, vars(module)[name])
            for module in list(sys.modules.values())
            for name in NAMES
            if getattr(vars(module).get(name), "__module__", "") in ("tenants.ledger.recording", "catalog.history")
        ]

    def write_events(self, with_events: bool) -> None:
        """Switch events on or off, wherever a service calls for them."""
        self.sealing = with_events
        for module, name, function in self.places:
            setattr(module, name, function if with_events else lambda *args, **kwargs: {"_id": ""})

    def round(self, amount: int) -> Iterator[tuple[str, Cost]]:
        """Write so many items in each way; yield the cost of each kind of write."""
        names = [f"{os.getpid()}-{next(self.numbers)}" for _ in range(amount)]
        items: list[str] = []
        steps: dict[str, Callable[[str], object]] = {
            "create": lambda name: items.append(self.send("POST", "models", ITEM | {"name": name})["_id"]),
            "change": lambda item: self.send("PUT", f"models/{item}", CHANGE),
            "upload": lambda item: self.send("PUT", f"models/{item}/versions/model.onnx", os.urandom(1024)),
            "alias move": lambda item: self.send("PUT", f"models/{item}/aliases/production", self.move()),
            "delete version": lambda item: self.send("DELETE", f"models/{item}/versions/1"),
            "delete item": lambda item: self.send("DELETE", f"models/{item}"),
            "create tag": lambda name: self.send("POST", "tags", {"_id": name}),
        }
        for name, step in steps.items():
            if name == "alias move":
                for item in items:
                    self.ordinal = "1"
                    steps["upload"](item)
                    step(item)
                self.ordinal = "2"
            yield name, self.cost(step, names if name in ("create", "create tag") else list(items))

    def move(self) -> dict[str, str]:
        return {"version": self.ordinal, "reason": "It passed the review."}

    def cost(self, step: Callable[[str], object], arguments: Sequence[str]) -> Cost:
        """Return the mean CPU milliseconds of a step, of the process and of the server, with its share of sealing."""
        self.seal()
        process, server = time.process_time(), self.server_seconds()
        for argument in arguments:
            step(argument)
        self.seal()
        spent = (time.process_time() - process, self.server_seconds() - server)
        return spent[0] / len(arguments) * 1000, spent[1] / len(arguments) * 1000

    def send(self, method: str, path: str, body: Any = b"") -> Any:
        """Send a request; return the document of the answer."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = BYTES if isinstance(body, bytes) else "application/json"
        answer = request(self.application, f"/v1/{path}", content, self.token, method=method, content_type=kind)
        self.writes += 1
        if self.writes % self.seal_every == 0:
            self.seal()
        return json.loads(answer) if answer else None

    def seal(self) -> None:
        if self.sealing:
            self.recording.written.clear()
            self.sealer.seal()

    def server_seconds(self) -> float:
        """Return the CPU seconds that the database server's running processes have used, to the nanosecond."""
        from benchmarks.load import processes  # noqa: PLC0415

        return sum(time.clock_gettime(cpu_clock(pid)) for pid in processes(self.roots)) if self.roots else 0.0


def cpu_clock(pid: int) -> int:
    """Return the clock of a process's CPU time, as `clock_getcpuclockid` does."""
    return (~pid << 3) | 2


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        rounds, amount, seal_every, *roots = map(int, sys.argv[2:])
        print(json.dumps(measure(rounds, amount, seal_every, roots)))
    else:
        sys.exit(main(sys.argv[1:]))
