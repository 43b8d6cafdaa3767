"""Measures what answering a request costs the processor, with no socket and no load: `make profile`.

This tree, and with `--base COMMIT` that commit beside it, each answers in a process of its own, in one thread, over the
same items on each engine; the processes alternate, round by round. Figures are milliseconds of processor time
(`time.process_time`) per request, the median of the rounds: a busy machine changes them little.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
REGISTRY, BARE = "registry_site.wsgi", "benchmarks.bare"  # what a process answers with
LOGIN = {"username": "regular", "password": "Bench-mark-1"}
METRIC = {"metadata.accuracy": {"$gte": 0.9}}
PATHS = {
    "version": "/v1/version",
    "get one": "/v1/models/{id}",
    "list of ten": "/v1/models",
    "list by tag": f"/v1/models?filter={quote(json.dumps({'tags': 'common'}))}",
    "list by metric": f"/v1/models?filter={quote(json.dumps(METRIC))}",
    "100 selected": f"/v1/models?limit=100&select={quote(json.dumps(['name', 'tags']))}",
}


class Answering:
    """A process that answers requests in itself and tells what each took."""

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
        """Return the processor time of one of `count` requests."""
        assert self.process.stdin and self.process.stdout
        print(path, count, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def main(words: Sequence[str]) -> int:
    """Print a table; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.in_process", description=__doc__)
    parser.add_argument("--engines", nargs="+", default=["sqlite", "postgres", "mongodb"])
    parser.add_argument("--base", help="commit to compare with")
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--count", type=int, default=100, help="requests of a round")
    options = parser.parse_args(words)
    with ExitStack() as ended:
        trees = {"now": ROOT}
        if options.base:
            trees = {"before": ended.enter_context(checked_out(options.base))} | trees
        print(f"{'engine':10}{'operation':18}" + "".join(f"{name:>10}" for name in trees) + "     ratio", flush=True)
        constant = Answering(BARE, ROOT, {"PATH": os.environ["PATH"]})
        ended.callback(constant.end)
        found = median([constant.milliseconds("/", options.count) for _ in range(options.rounds + 1)][1:])
        print(f"{'':10}{'bare view':18}{found:10.3f}", flush=True)
        for engine in options.engines:
            measure(engine, trees, options)
    return 0


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """Give a folder with the files of a commit."""
    with tempfile.TemporaryDirectory(prefix="profile-") as name:
        tree = Path(name, "tree")
        tree.mkdir()
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "x", "-C", str(tree)], input=archive, check=True)
        yield tree


def measure(engine: str, trees: dict[str, Path], options: argparse.Namespace) -> None:
    """Print a row for each operation on an engine."""
    from tests import engines  # noqa: PLC0415 - the process that answers must not need it

    server = engines.start(engine)
    with tempfile.TemporaryDirectory(prefix="profile-") as folder, ExitStack() as ended:
        ended.callback(server.stop)
        answering: dict[str, Answering] = {}
        for name, tree in trees.items():
            server.create(f"profile_{name}")
            env = environment(server.url_of(f"profile_{name}"), Path(folder, name))
            for step in (["manage.py", "serve", "--prepare-only"], ["-m", "benchmarks.fill", str(options.items)]):
                subprocess.run([sys.executable, *step], cwd=tree, env=env, check=True, capture_output=True)
            answering[name] = Answering(REGISTRY, tree, env)
            ended.callback(answering[name].end)
        for operation, path in PATHS.items():
            rounds = [
                {name: each.milliseconds(path, options.count) for name, each in answering.items()}
                for _ in range(options.rounds + 1)
            ][1:]  # the first compiles and fills caches
            found = {name: median(figures[name] for figures in rounds) for name in answering}
            ratio = f"{found['now'] / found['before']:10.2f}" if "before" in found else ""
            print(f"{engine:10}{operation:18}" + "".join(f"{ms:10.3f}" for ms in found.values()) + ratio, flush=True)


def environment(database: str, folder: Path) -> dict[str, str]:
    """Return the variables of a registry on a database."""
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


def answer(module: str) -> None:
    """Answer what standard input asks for, `path count` a line, with the milliseconds that one request took."""
    application = import_module(module).application
    token, item = "", ""
    if module == REGISTRY:
        token = json.loads(ask(application, "/login", json.dumps(LOGIN).encode()))["token"]
        listed = ask(application, "/v1/models?limit=1", token=token)
        item = json.loads(listed)["docs"][0]["_id"]
    for line in sys.stdin:
        path, count = line.split()
        start = time.process_time()
        for _ in range(int(count)):
            ask(application, path.replace("{id}", item), token=token)
        print((time.process_time() - start) / int(count) * 1000, flush=True)


def ask(application: Callable[..., Any], url: str, body: bytes = b"", token: str = "") -> bytes:
    """Return the body of an answer of 200."""
    path, _, query = url.partition("?")
    environ = {
        "REQUEST_METHOD": "POST" if body else "GET",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/json",
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
    answered = application(environ, lambda status, headers, *_: statuses.append(status))
    content = b"".join(answered)
    if hasattr(answered, "close"):
        answered.close()
    assert statuses[-1].startswith("200"), (url, statuses[-1], content[:300])
    return content


if __name__ == "__main__":
    sys.exit(answer(sys.argv[2]) if sys.argv[1:2] == ["--answer"] else main(sys.argv[1:]))
