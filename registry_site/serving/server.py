"""The server's main process: granian, whose workers can be replaced without losing a request.

`manage.py serve` becomes this process; docs/decisions/0006 says why it is more than granian's own command.
"""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.log import LogLevels
from granian.net import SocketSpec  # type: ignore[attr-defined]
from granian.server import mp
from granian.server.mp import MPServer

from registry_site.config import environment
from registry_site.serving import certificates

FIXED: dict[str, Any] = {
    "target": "registry_site.serving.worker:application",
    "interface": Interfaces.WSGI,
    "http": HTTPModes.http1,
    "websockets": False,
    "respawn_failed_workers": True,
    "log_level": LogLevels.error,
}
ACCEPT_NO_MORE = signal.SIGUSR1  # what a worker is told before it is to end
ARRIVAL_SECONDS = 3  # that clients have to send their requests on connections which it has accepted


class Server(MPServer):
    """granian with one socket for all its workers, each of which ends with its last request."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**FIXED, **options)
        self.replaced: list[Any] = []

    def _init_shared_socket(self) -> None:
        """Listen once: connections that wait in a socket of a worker's own would be lost with it."""
        self._ssp = None
        listening: Any = SocketSpec(self.bind_addr, self.bind_port, self.backlog).build()
        self._shd, self._sfd = listening, listening.get_fd()
        self._sso = socket.socket(fileno=self._sfd)
        self._sso.set_inheritable(True)

    def _respawn_workers(self, workers: Any, spawn_target: Any, target_loader: Any, delay: float = 0) -> None:
        """Replace workers; those that still have requests end after them, however long that takes."""
        for index in workers:
            self.respawned_wrks[index] = time.monotonic()
            old: Any = self.wrks[index]
            new: Any = self._spawn_worker(idx=index, target=spawn_target, callback_loader=target_loader)
            new.start()
            self.wrks[index] = new
            time.sleep(delay)
            if delay and old.is_alive():
                os.kill(old.inner.pid, ACCEPT_NO_MORE)
                time.sleep(ARRIVAL_SECONDS)
            old.terminate()
            self.replaced = [worker for worker in (*self.replaced, old) if worker.is_alive()]

    def _stop_workers(self) -> None:
        self.wrks += [worker for worker in self.replaced if worker.is_alive()]
        super()._stop_workers()  # type: ignore[no-untyped-call]


def _answerable(wrap: Callable[..., Callable[..., Any]]) -> Callable[..., Callable[..., Any]]:
    """Tell the application how to answer while a thread waits for a body, and whose connection it is."""

    def wrap_answerable(*words: Any) -> Callable[..., Any]:
        run = wrap(*words)

        def answer_request(answer: Any, environ: dict[str, Any]) -> Any:
            environ["registry.answer"], environ["registry.address"] = answer, environ["REMOTE_ADDR"]
            return run(answer, environ)

        return answer_request

    return wrap_answerable


def main(words: dict[str, Any]) -> None:
    """Serve until a signal says stop; SIGHUP reads the certificate again and replaces the workers."""
    mp._wsgi_call_wrap = _answerable(mp._wsgi_call_wrap)  # type: ignore[attr-defined]
    multiprocessing.set_start_method("fork")  # workers share our socket, and their ends know that they were forked
    signal.signal(ACCEPT_NO_MORE, signal.SIG_IGN)  # until a worker can heed it
    opened, redirect = words.pop("certificate"), words.pop("redirect")
    if opened:
        words |= {"ssl_cert": Path(opened), "ssl_key": Path(opened), "ssl_protocol_min": SSLProtocols.tls12}
    server = Server(**words)
    if opened:
        server.on_reload(lambda: _renew(Path(opened)))
    if redirect:
        # It sees its standard input end when we do, however that comes.
        command = [sys.executable, "-m", "registry_site.serving.redirect", words["address"], *map(str, redirect)]
        beside = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603
        server.on_shutdown(beside.terminate)
    server.serve()


def _renew(opened: Path) -> None:
    """Take the certificate's files as they are now, or say why the old ones stay in use."""
    try:
        certificate, problem = certificates.ensure(environment.load())
        # What nobody trusts never takes the place of what clients trust.
        if problem and not certificates.is_ours(opened):
            problem = f"the certificate was not renewed: {problem}"
        elif certificate is not None:
            certificates.renew(certificate, opened)
    except (environment.VariableError, OSError, ValueError) as error:
        problem = f"the certificate was not renewed: {error}"
    if problem:
        print(f"Warning: {problem}", file=sys.stderr, flush=True)  # noqa: T201 - the server's word to its operator


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
