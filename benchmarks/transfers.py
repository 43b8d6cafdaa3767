"""Measures uploads and downloads against the limits of the machine, and runs many slow clients."""

import hashlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from benchmarks.contenders import Contender, registry, running
from benchmarks.load import peak_memory
from tests import engines

MIB = 1024 * 1024
SLOW_CLIENTS, SLOW_RATE = 64, "20k"
NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; worker_processes 2;
events {{ worker_connections 256; }}
http {{
    access_log off; sendfile on;
    server {{ listen 127.0.0.1:{port}; root {folder}; }}
    server {{
        listen 127.0.0.1:{front_port};
        location / {{ proxy_pass {behind.url}; proxy_request_buffering off; client_max_body_size 0; }}
        location /.versions/ {{ internal; alias {folder}/{behind.name}/; }}
    }}
}}
"""
OFFLOADED_ITEMS = 200


def make_file(path: Path, size: int) -> None:
    """Write a unique, incompressible file."""
    block = os.urandom(MIB)
    with path.open("wb") as file:
        for number in range(size // MIB):
            file.write(number.to_bytes(8, "big") + block[8:])


def speed(action: Callable[[], object], size: int) -> float:
    """Return the MiB/s of an action on a file of this size."""
    started = time.perf_counter()
    action()
    return size / MIB / (time.perf_counter() - started)


def upload(contender: Contender, path: Path) -> None:
    _curl(contender, "-T", str(path), contender.url + contender.file.format(name=path.name))


def upload_by_tus(contender: Contender, path: Path) -> None:
    """Send the file as one request of the tus protocol."""
    words = {"Tus-Resumable": "1.0.0", "Upload-Length": path.stat().st_size}
    words |= {"Content-Type": "application/offset+octet-stream"}
    headers = [word for name, value in words.items() for word in ("-H", f"{name}: {value}")]
    token = _header(contender, "Authorization")
    target = ["-o", "/dev/null", "-X", "POST", "-T", str(path), f"{contender.url}/v1/uploads"]
    subprocess.run(["curl", "-fsS", *headers, *token, *target], check=True, timeout=1800)


def download(contender: Contender, path: Path) -> None:
    _curl(contender, contender.url + contender.file.format(name=path.name))


def _curl(contender: Contender, *arguments: str) -> None:
    headers = [word for name in ("Authorization",) for word in _header(contender, name)]
    command = ["curl", "-fsS", "-o", "/dev/null", "-H", "Content-Type: application/octet-stream", *headers, *arguments]
    subprocess.run(command, check=True, timeout=1800)


def _header(contender: Contender, name: str) -> list[str]:
    return ["-H", f"{name}: {contender.headers[name]}"] if name in contender.headers else []


def read_hash_write(path: Path) -> None:
    """Do the minimum of an upload in a plain loop: read, hash, write and sync."""
    digest, copy = hashlib.sha256(), path.with_suffix(".copy")
    with path.open("rb", buffering=0) as source, copy.open("wb", buffering=0) as target:
        while chunk := source.read(MIB):
            digest.update(chunk)
            target.write(chunk)
        os.fsync(target.fileno())
    copy.unlink()


def copy_and_sum(path: Path) -> None:
    """Do the same with `cp` and `sha256sum`."""
    copy = path.with_suffix(".copy")
    subprocess.run(["cp", path, copy], check=True)
    subprocess.run(["sha256sum", copy], check=True, stdout=subprocess.DEVNULL)
    copy.unlink()


@contextmanager
def nginx(folder: Path) -> Iterator[list[Contender]]:
    """Yield nginx serving the files of a folder, and nginx in front of a registry with `DOWNLOADS=accel`."""
    folder.chmod(0o755)
    port, front_port = engines.free_port(), engines.free_port()
    configuration = folder / "nginx.conf"
    url = f"http://127.0.0.1:{port}"
    arguments = ["nginx", "-c", str(configuration), "-g", "user root;"]
    with registry("sqlite", OFFLOADED_ITEMS, folder, DOWNLOADS="accel") as behind:
        configuration.write_text(NGINX.format(folder=folder, port=port, front_port=front_port, behind=behind))
        with running(arguments, folder / "nginx.out", dict(os.environ), f"{url}/nginx.conf", folder) as pid:
            front = replace(behind, name="registry behind nginx", url=f"http://127.0.0.1:{front_port}")
            yield [Contender("nginx", url, [pid], {}, {}, file="/{name}"), front]


def transfers(contenders: list[Contender], folder: Path, mib: int, rounds: int) -> Iterator[tuple[str, str, float]]:
    """Yield contender, operation and MiB/s of each round; then contender, `memory` and MiB."""
    size = mib * MIB
    with nginx(folder) as (plain, front):
        for number in range(rounds):
            path = folder / f"file-{mib}-{number}.bin"
            make_file(path, size)
            yield "read-hash-write", "upload", speed(lambda path=path: read_hash_write(path), size)
            yield "cp, sha256sum", "upload", speed(lambda path=path: copy_and_sum(path), size)
            yield plain.name, "download", speed(lambda path=path: download(plain, path), size)
            for each in [front, *contenders]:
                yield each.name, "upload", speed(lambda each=each, path=path: upload(each, path), size)
                if each.name.startswith("registry"):
                    rate = speed(lambda each=each, path=path: upload_by_tus(each, path), size)
                    yield each.name, "upload by tus", rate
                yield each.name, "download", speed(lambda each=each, path=path: download(each, path), size)
            path.unlink()
    for each in contenders:
        yield each.name, "memory", peak_memory(each.roots)


@contextmanager
def slow_clients(contender: Contender, path: Path) -> Iterator[None]:
    """Run SLOW_CLIENTS uploads and as many downloads at SLOW_RATE bytes per second."""
    upload(contender, path)
    arguments = ["curl", "-s", "-o", "/dev/null", "--limit-rate", SLOW_RATE, "--max-time", "120"]
    arguments += _header(contender, "Authorization")
    processes = []
    for number in range(SLOW_CLIENTS):
        target = contender.url + contender.file
        processes.append(subprocess.Popen([*arguments, target.format(name=path.name)]))
        processes.append(subprocess.Popen([*arguments, "-T", str(path), target.format(name=f"slow-{number}.bin")]))
    try:
        time.sleep(2)
        yield
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait()
