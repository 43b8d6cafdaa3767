"""The server's main process: granian, with workers that can be replaced without losing a request.

`manage.py serve` runs it. docs/decisions/0006 says what it adds to granian, and why.
"""

import gc
import multiprocessing
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path, PosixPath
from typing import Any

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.log import LogLevels
from granian.net import SocketSpec  # type: ignore[attr-defined]
from granian.server import mp
from granian.server.mp import MPServer

from registry_site import urls, wsgi
from registry_site.config import environment
from registry_site.serving import certificates

__all__ = ["Server", "main", "urls", "wsgi"]  # the application is loaded here, once for all workers that are forked

FIXED: dict[str, Any] = {
    "target": "registry_site.serving.worker:application",
    "interface": Interfaces.WSGI,
    "http": HTTPModes.http1,
    "websockets": False,
    "respawn_failed_workers": True,
    "log_level": LogLevels.error,
}
STOP_ACCEPTING = signal.SIGUSR1  # sent to a worker before it is stopped
READY_DESCRIPTOR = "REGISTRY_READY_DESCRIPTOR"  # environment variable: a worker closes this pipe once it can serve
READY_SECONDS = 60  # for a new worker to load the application; then the old one stops nevertheless
DRAIN_SECONDS = 3  # for clients to send requests on connections that an old worker has already accepted


class Server(MPServer):
    """granian with one listening socket for all workers; a replaced worker exits after its last request."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**FIXED, **options)
        self.replaced: list[Any] = []

    def _init_shared_socket(self) -> None:
        """Listen once: connections in the backlog of a worker's own socket are lost when the worker exits."""
        self._ssp = None
        listening: Any = SocketSpec(self.bind_addr, self.bind_port, self.backlog).build()
        self._shd, self._sfd = listening, listening.get_fd()
        self._sso = socket.socket(fileno=self._sfd)
        self._sso.set_inheritable(True)

    def _respawn_workers(self, workers: Any, spawn_target: Any, target_loader: Any, delay: float = 0) -> None:
        """Replace workers; old ones that still have requests exit after them, however long that takes.

        `delay` is 0 if the workers have crashed.
        """
        old = [self.wrks[index] for index in workers]
        ready, closed_when_ready = os.pipe()
        os.environ[READY_DESCRIPTOR] = str(closed_when_ready)
        for index in workers:
            self.respawned_wrks[index] = time.monotonic()
            self.wrks[index] = self._spawn_worker(idx=index, target=spawn_target, callback_loader=target_loader)
            self.wrks[index].start()
        del os.environ[READY_DESCRIPTOR]
        os.close(closed_when_ready)
        if delay:
            select.select([ready], [], [], READY_SECONDS)  # the pipe ends when every new worker has closed it or exited
            self._drain(old)
        os.close(ready)
        for worker in old:
            worker.terminate()
        self.replaced = [worker for worker in (*self.replaced, *old) if worker.is_alive()]

    def _drain(self, workers: list[Any]) -> None:
        """Return when the workers accept no connection and the ones they have accepted had time for a request."""
        for worker in workers:
            if worker.is_alive():
                os.kill(worker.inner.pid, STOP_ACCEPTING)
        time.sleep(DRAIN_SECONDS)

    def _stop_workers(self) -> None:
        self.wrks += [worker for worker in self.replaced if worker.is_alive()]
        super()._stop_workers()  # type: ignore[no-untyped-call]


class Opened(PosixPath):
    """The path of an open file in `/proc`. The file has no name, so the path leads nowhere once it is resolved."""

    def resolve(self, strict: bool = False) -> "Opened":
        return self


def _answerable(wrap: Callable[..., Callable[..., Any]]) -> Callable[..., Callable[..., Any]]:
    """Pass granian's response function and the client's address to the application, for `deadlines`."""

    def wrap_answerable(*arguments: Any) -> Callable[..., Any]:
        run = wrap(*arguments)

        def answer_request(answer: Any, environ: dict[str, Any]) -> Any:
            environ["registry.answer"], environ["registry.address"] = answer, environ["REMOTE_ADDR"]
            return run(answer, environ)

        return answer_request

    return wrap_answerable


def main(options: dict[str, Any]) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reads the certificate again and replaces the workers."""
    mp._wsgi_call_wrap = _answerable(mp._wsgi_call_wrap)  # type: ignore[attr-defined]
    multiprocessing.set_start_method("fork")  # workers inherit the socket, and run multiprocessing's finalizers
    signal.signal(STOP_ACCEPTING, signal.SIG_IGN)  # until a worker has its handler
    pem, redirect = options.pop("certificate"), options.pop("redirect")
    if pem:
        options |= {"ssl_cert": Opened(pem), "ssl_key": Opened(pem), "ssl_protocol_min": SSLProtocols.tls12}
    server = Server(**options)
    if pem:
        server.on_reload(lambda: _renew(Path(pem)))
    if redirect:
        # Its standard input ends when this process exits, even by SIGKILL; then it exits too.
        command = [sys.executable, "-m", "registry_site.serving.redirect", options["address"], *map(str, redirect)]
        redirecting = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603
        server.on_shutdown(redirecting.terminate)
    gc.freeze()  # what the workers share stays shared if their collections do not write to it
    server.serve()


def _renew(pem: Path) -> None:
    """Load the certificate's files as they are now; if they cannot be used, warn and keep the old certificate."""
    try:
        certificate, problem = certificates.ensure(environment.load())
        # A self-signed certificate never replaces one that clients trust.
        if problem and not certificates.is_ours(pem):
            problem = f"the certificate was not renewed: {problem}"
        elif certificate is not None:
            certificates.renew(certificate, pem)
    except (environment.VariableError, OSError, ValueError) as error:
        problem = f"the certificate was not renewed: {error}"
    if problem:
        print(f"Warning: {problem}", file=sys.stderr, flush=True)  # noqa: T201 - for the operator, on the console
