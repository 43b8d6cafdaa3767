"""Measures folders and resumable uploads: `python -m benchmarks.folders`, or one row of it: `… folder`, `tus`, `list`.

- `folder`: many small files up in one form and down as a tar, beside `tar` through one TCP connection.
- `tus`: a large file by the tus protocol in one request, beside `PUT`.
- `list`: a page of ten items whose versions have many files, beside items whose versions have one.

The two sides alternate round by round; figures are medians. `--output` writes them into a page's section.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import httpx

from benchmarks.contenders import Contender, registry
from benchmarks.load import Request, load, peak_memory, wait_until_idle
from benchmarks.report import with_section
from benchmarks.transfers import MIB, make_file, speed, upload, upload_by_tus

ITEMS = 1000  # of the registry that is measured, of which some belong to the user
PAGE = Request("GET", "/v1/models?limit=10&sort=%7B%22_id%22:%22desc%22%7D")
VERSIONS = 2  # of each item of a page
BOUNDARY = "boundary-of-the-benchmark"
Row = tuple[str, str, str, str]  # what, the registry's figure, the other one, remark


def main(arguments: list[str]) -> int:
    """Print the rows; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.folders", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="rows to measure; default: all")
    parser.add_argument("--engine", default="sqlite", choices=("sqlite", "postgres", "mongodb"))
    parser.add_argument("--files", type=int, default=10_000, help="small files of the folder")
    parser.add_argument("--file", type=int, default=1024, help="MiB of the large file")
    parser.add_argument("--folders", type=int, default=1000, help="files of each version of a listed item")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="page whose section `folders` is written")
    options = parser.parse_args(arguments)
    found: list[Row] = []
    for name in options.rows or ROWS:
        with tempfile.TemporaryDirectory(prefix="folders-") as folder, ExitStack() as stack:
            for row in ROWS[name](Path(folder), stack, options):
                print(" | ".join(row), flush=True)
                found.append(row)
    if options.output:
        head = "## Folders and resumable uploads\n\n"
        busy = os.getloadavg()[0]
        head += f"On {options.engine}, medians of {options.rounds} rounds; load {busy:.1f} at the end.\n\n"
        lines = ["| | registry | beside | |", "| --- | --- | --- | --- |", *(f"| {' | '.join(row)} |" for row in found)]
        options.output.write_text(with_section(options.output.read_text(), "folders", head + "\n".join(lines)))
    return 0


def folder_row(folder: Path, stack: ExitStack, options: argparse.Namespace) -> Iterator[Row]:
    """Send and fetch a folder of small files, in turns with `tar`."""
    each = stack.enter_context(registry(options.engine, ITEMS, folder))
    source = folder / "source"
    up, down, tar, memory = [], [], [], [peak_memory(each.roots)]
    for number in range(options.rounds):
        _fill(source, options.files, number)
        tar.append(_timed(lambda number=number: _tar_by_tcp(source, folder / f"tar-{number}")))
        versions = f"{each.url}/v1/models/{each.ids[number]}/versions"
        up.append(_timed(lambda versions=versions: _send(each, versions, source)))
        fetch = ["curl", "-fsS", "-H", f"Authorization: {each.headers['Authorization']}", f"{versions}/1?format=tar"]
        down.append(_timed(lambda number=number, fetch=fetch: _unpack(fetch, folder / f"down-{number}")))
        memory.append(peak_memory(each.roots))
    what, beside = f"folder of {options.files} files", f"{median(tar):.1f} s"
    growth = f"memory {memory[0]:.0f} MiB before, peak {memory[-1]:.0f}"
    yield f"{what}, up", f"{median(up):.1f} s", f"{beside} (tar, synced)", growth
    yield f"{what}, down", f"{median(down):.1f} s", f"{beside} (tar, synced)", f"{median(down) / median(tar):.1f} times"


def _fill(source: Path, count: int, number: int) -> None:
    """Write files of about a kilobyte that differ from those of other rounds."""
    block = os.urandom(1000)
    for each in range(count):
        path = source / f"{each // 1000:03}" / f"{each:06}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"{number}/{each}/".encode() + block)


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _tar_by_tcp(source: Path, target: Path) -> None:
    """Copy a folder with `tar` through a connection, and sync it, as the registry does."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sending:
        receiving, _ = server.accept()
        with receiving:
            sender = subprocess.Popen(["tar", "-C", str(source), "-c", "."], stdout=sending)
            sending.close()
            target.mkdir()
            subprocess.run(["tar", "-C", str(target), "-x"], stdin=receiving, check=True)
            assert sender.wait() == 0
    os.sync()


def _unpack(fetch: list[str], target: Path) -> None:
    target.mkdir()
    with subprocess.Popen(fetch, stdout=subprocess.PIPE) as sender:
        subprocess.run(["tar", "-C", str(target), "-x"], stdin=sender.stdout, check=True)
    assert sender.returncode == 0
    os.sync()


def _send(each: Contender, versions: str, source: Path) -> None:
    """Upload a folder in one form."""
    parts = [b'--%b\r\nContent-Disposition: form-data; name="original"\r\n\r\nmany\r\n' % BOUNDARY.encode()]
    for path in sorted(source.rglob("*.bin")):
        named = f'name="files"; filename="{path.relative_to(source)}"'
        head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {named}\r\n\r\n"
        parts += [head.encode(), path.read_bytes(), b"\r\n"]
    body = b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])
    headers = each.headers | {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    httpx.post(versions, content=body, headers=headers, timeout=1800).raise_for_status()


def tus_row(folder: Path, stack: ExitStack, options: argparse.Namespace) -> Iterator[Row]:
    """Send a large file by tus, in turns with `PUT`; contents differ, because known bytes are not stored again."""
    each = stack.enter_context(registry(options.engine, ITEMS, folder))
    put, tus = [], []
    for number in range(options.rounds):
        for way, rates in ((upload, put), (upload_by_tus, tus)):
            path = folder / f"{way.__name__}-{number}.bin"
            make_file(path, options.file * MIB)
            os.sync()
            rates.append(speed(lambda way=way, path=path: way(each, path), options.file * MIB))
            path.unlink()
    share = f"{median(tus) / median(put):.0%} of PUT; peak memory {peak_memory(each.roots):.0f} MiB"
    yield f"{options.file} MiB by tus", f"{median(tus):.0f} MiB/s", f"{median(put):.0f} MiB/s (PUT)", share


def list_row(folder: Path, stack: ExitStack, options: argparse.Namespace) -> Iterator[Row]:
    """Read a page of items whose versions are folders, in turns with the same of single files."""
    running = {}
    for name, count in (("folders", options.folders), ("files", 1)):
        (folder / name).mkdir()
        running[name] = each = stack.enter_context(registry(options.engine, ITEMS, folder / name))
        source = folder / name / "source"
        _fill(source, count, 0)
        ids = [
            httpx.post(f"{each.url}/v1/models", json={"name": f"{name}-{number}"}, headers=each.headers).json()["_id"]
            for number in range(10)
        ]
        for id in [id for id in ids for _ in range(VERSIONS)]:
            _send(each, f"{each.url}/v1/models/{id}/versions", source)
        wait_until_idle(each.roots)
    rates: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(2 * options.rounds):
        for name, each in running.items():
            headers, named = each.write_files(folder / name)
            sample = load(each.url, PAGE, headers=headers, ids=named, connections=8, seconds=2, roots=each.roots)
            rates[name].append(sample.rate)
    many, one = median(rates["folders"]), median(rates["files"])
    what = f"list of 10 items with {VERSIONS} versions of {options.folders} files"
    yield what, f"{many:.0f}/s", f"{one:.0f}/s (of 1 file)", f"{many / one:.0%}"


ROWS: dict[str, Callable[[Path, ExitStack, argparse.Namespace], Iterator[Row]]] = {
    "folder": folder_row,
    "tus": tus_row,
    "list": list_row,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
