"""Measures the CPU time of requests in one process, without sockets or concurrent load: `make profile`.

With `--output docs` the results become a section of docs/performance.md, and docs/performance-growth.svg.

Each version of the code (this tree and, with `--base COMMIT`, that commit) runs in its own process with one thread,
with the same items on each database engine. The processes alternate in each round. The results are the milliseconds
of CPU time (`time.process_time`) per request in the fastest round, which a busy machine affects least.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
REGISTRY, BARE = "registry_site.wsgi", "benchmarks.bare"  # modules with a WSGI application
LOGIN = {"username": "regular", "password": "Bench-mark-1"}
ADMINISTRATOR = LOGIN | {"username": "curator"}
METRIC = {"metadata.accuracy": {"$gte": 0.9}}
PATHS = {
    "version": "/v1/version",
    "get one": "/v1/models/{id}",
    "list of ten": "/v1/models",
    "list by tag": f"/v1/models?filter={quote(json.dumps({'tags': 'common'}))}",
    "list by metric": f"/v1/models?filter={quote(json.dumps(METRIC))}",
    "100 selected": f"/v1/models?limit=100&select={quote(json.dumps(['name', 'tags']))}",
}


# What the time may be at most, as a share of the time at commit 4282116.
TARGETS = {
    "version": 0.55,
    "get one": 0.52,
    "list of ten": 0.35,
    "list by tag": 0.39,
    "list by metric": 0.39,
    "100 selected": 0.33,
}
ON_MONGODB = 0.33
GROWING = "list of ten"
SIZES = (100, 1000, 10_000)


class RequestProcess:
    """A process that handles requests without a server and reports their CPU time."""

    def __init__(self, module: str, tree: Path, env: dict[str, str]) -> None:
        command = [sys.executable, "-P", str(Path(__file__).resolve()), "--answer", module]
        self.process = subprocess.Popen(
            command,
            cwd=tree,
            env=env | {"PYTHONPATH": str(tree)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def milliseconds(self, path: str, count: int) -> float:
        """Return the mean CPU time of `count` requests in milliseconds."""
        assert self.process.stdin and self.process.stdout
        print(path, count, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def main(arguments: Sequence[str]) -> int:
    """Print a table of results; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.in_process", description=__doc__)
    parser.add_argument("--engines", nargs="+", default=["sqlite", "postgres", "mongodb"])
    parser.add_argument("--base", help="commit to compare with")
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--count", type=int, default=100, help="requests of a round")
    parser.add_argument("--output", type=Path, help="folder of performance.md, whose section is written")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        trees = {"now": ROOT}
        if options.base:
            trees = {"before": stack.enter_context(checked_out(options.base))} | trees
        print(f"{'engine':10}{'operation':18}" + "".join(f"{name:>10}" for name in trees) + "     ratio    target")
        constant = RequestProcess(BARE, ROOT, {"PATH": os.environ["PATH"]})
        stack.callback(constant.end)
        bare = min([constant.milliseconds("/", options.count) for _ in range(options.rounds + 1)][1:])
        print(f"{'':10}{'bare view':18}{bare:10.3f}", flush=True)
        costs: dict[tuple[str, str], dict[str, float]] = {}
        for engine in options.engines:
            costs |= measure(engine, trees, options)
        if options.output:
            write(options, bare, costs, {engine: growth(engine, options) for engine in options.engines})
    return 0


def write(
    options: argparse.Namespace, bare: float, costs: Mapping[Any, Any], growths: Mapping[str, Mapping[int, float]]
) -> None:
    """Write the section of performance.md, and the plot of what a list costs by the number of items."""
    from benchmarks import report  # noqa: PLC0415 - RequestProcess must work without wrk's results

    text = report.profile_markdown(options.base, bare, costs, target_of, os.getloadavg()[0])
    page = options.output / "performance.md"
    page.write_text(report.with_section(page.read_text(), "profile", text))
    (options.output / "performance-growth.svg").write_text(report.growth_svg(growths))


def target_of(engine: str, operation: str) -> float:
    return min(TARGETS[operation], ON_MONGODB) if engine == "mongodb" and operation != "version" else TARGETS[operation]


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """Yield a folder with the files of a commit."""
    with tempfile.TemporaryDirectory(prefix="profile-") as name:
        tree = Path(name, "tree")
        tree.mkdir()
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "x", "-C", str(tree)], input=archive, check=True)
        yield tree


@contextmanager
def filled(engine: str, trees: Mapping[str, Path], items: int) -> Iterator[dict[str, RequestProcess]]:
    """Yield a process of each version of the code, with its own database of this many items."""
    from tests import engines  # noqa: PLC0415 - RequestProcess must work without the tests

    server = engines.start(engine)
    with tempfile.TemporaryDirectory(prefix="profile-") as folder, ExitStack() as stack:
        stack.callback(server.stop)
        processes: dict[str, RequestProcess] = {}
        for name, tree in trees.items():
            server.create(f"profile_{name}")
            env = registry_environment(server.url_of(f"profile_{name}"), Path(folder, name))
            for step in (["manage.py", "serve", "--prepare-only"], ["-m", "benchmarks.fill", str(items)]):
                subprocess.run([sys.executable, *step], cwd=tree, env=env, check=True, capture_output=True)
            processes[name] = RequestProcess(REGISTRY, tree, env)
            stack.callback(processes[name].end)
        yield processes


def cost(processes: Mapping[str, RequestProcess], operation: str, options: argparse.Namespace) -> dict[str, float]:
    """Return the milliseconds of an operation by version of the code, which take turns."""
    rounds = [
        {name: each.milliseconds(PATHS[operation], options.count) for name, each in processes.items()}
        for _ in range(options.rounds + 1)
    ][1:]  # without the first round, which fills caches
    return {name: min(figures[name] for figures in rounds) for name in processes}


def measure(
    engine: str, trees: dict[str, Path], options: argparse.Namespace
) -> dict[tuple[str, str], dict[str, float]]:
    """Print a row for each operation on an engine; return the rows."""
    rows = {}
    with filled(engine, trees, options.items) as processes:
        for operation in PATHS:
            result = rows[engine, operation] = cost(processes, operation, options)
            compared = "before" in result
            ratio = f"{result['now'] / result['before']:10.2f}{target_of(engine, operation):10.2f}" if compared else ""
            print(f"{engine:10}{operation:18}" + "".join(f"{ms:10.3f}" for ms in result.values()) + ratio, flush=True)
    return rows


def growth(engine: str, options: argparse.Namespace) -> dict[int, float]:
    """Print and return the milliseconds of a list by the number of items."""
    found = {}
    for size in SIZES:
        with filled(engine, {"now": ROOT}, size) as processes:
            found[size] = cost(processes, GROWING, options)["now"]
            print(f"{engine:10}{GROWING:18}{found[size]:10.3f}   of {size} items", flush=True)
    return found


def registry_environment(database: str, folder: Path) -> dict[str, str]:
    """Return the environment variables of a benchmark registry on a database."""
    return {
        "PATH": os.environ["PATH"],
        "VARIABLES_FILE": str(folder.with_suffix(".env")),
        "DATABASE": database,
        "UPLOAD_PATH": str(folder),
        "API_TOKEN": "api-token-of-the-benchmark",
        "JWT_SECRET": "jwt-secret-of-the-benchmark-which-is-long-enough",
        "JWT_EXPIRATIONTIME": "1d",
        "DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD": "Temporary1!",
        "DJANGO_SETTINGS_MODULE": "registry_site.settings",
    }


def handle_requests(module: str) -> None:
    """For each line `path count` of standard input, print the mean CPU milliseconds of that many requests."""
    application = import_module(module).application
    token, item = "", ""
    if module == REGISTRY:
        token = json.loads(request(application, "/login", json.dumps(LOGIN).encode()))["token"]
        listed = request(application, "/v1/models?limit=1", token=token)
        item = json.loads(listed)["docs"][0]["_id"]
    for line in sys.stdin:
        path, count = line.split()
        start = time.process_time()
        for _ in range(int(count)):
            request(application, path.replace("{id}", item), token=token)
        print((time.process_time() - start) / int(count) * 1000, flush=True)


def request(
    application: Callable[..., Any],
    url: str,
    body: bytes = b"",
    token: str = "",
    *,
    method: str = "",
    content_type: str = "application/json",
) -> bytes:
    """Handle a request, by default GET or POST; return the body of its successful response."""
    path, _, query = url.partition("?")
    environ = {
        "REQUEST_METHOD": method or ("POST" if body else "GET"),
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": content_type,
        "HTTP_ACCEPT": "*/*",
        "HTTP_HOST": "localhost",
        "REMOTE_ADDR": "127.0.0.1",
        "SCRIPT_NAME": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
    } | ({"HTTP_AUTHORIZATION": token} if token else {})
    statuses: list[str] = []
    response = application(environ, lambda status, headers, *_: statuses.append(status))
    content = b"".join(response)
    if hasattr(response, "close"):
        response.close()
    assert statuses[-1].startswith("2"), (url, statuses[-1], content[:300])
    return content


if __name__ == "__main__":
    if sys.argv[1:2] == ["--answer"]:
        handle_requests(sys.argv[2])
    else:
        sys.exit(main(sys.argv[1:]))
