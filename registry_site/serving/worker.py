"""What each worker process runs: the application, and an orderly end."""

import os
import signal
import socket
import threading
import time
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from django.conf import settings

from registry_site import wsgi
from registry_site.serving.deadlines import monitor
from registry_site.serving.server import READY_DESCRIPTOR, STOP_ACCEPTING
from tenants.identity.outbox import sender
from tenants.ledger.sealing import sealer
from tenants.log.recording import writer

__all__ = ["application"]

RETRY_SECONDS = 0.5

draining = threading.Event()  # set when another worker replaces this one


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """Answer as the registry; while draining, end keep-alive so that the next request goes to the new worker."""
    if not draining.is_set():
        return wsgi.application(environ, start_response)

    def start_last(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        return start_response(status, [*headers, ("Connection", "close")], *rest)

    return wsgi.application(environ, start_last)


def _follow_parent() -> None:
    """Stop when the main process is gone, even if it was killed: old workers must not serve beside a new server.

    Running requests have STOP_SECONDS, as when the main process stops the workers; then the kernel ends the process, in
    which no thread may run any more. `parent.join()` would wait for workers that were forked later: they hold its pipe.
    """
    parent = parent_process()
    if parent is not None:
        while os.getppid() == parent.pid:
            time.sleep(RETRY_SECONDS)
        signal.alarm(settings.STOP_SECONDS)
        while True:  # granian handles the signal only once it serves
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(RETRY_SECONDS)


def _stop_accepting(*_: object) -> None:
    """Leave new connections to the other workers, and keep serving the accepted ones.

    On SIGTERM alone, granian drops connections that it has accepted but has read no request from. It has no call to
    stop accepting, so its listening sockets are replaced, under their descriptors, by one that nobody connects to.
    """
    draining.set()
    unused = socket.socket(socket.AF_UNIX)
    unused.bind("")  # Linux picks an abstract name
    unused.setblocking(False)
    for descriptor in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
        with suppress(OSError):
            found = socket.socket(fileno=descriptor)
            if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                os.dup2(unused.fileno(), descriptor, inheritable=False)
            found.detach()
    unused.listen()


signal.signal(STOP_ACCEPTING, _stop_accepting)
monitor.start()
threading.Thread(target=_follow_parent, name="follow-parent", daemon=True).start()
sender.start()
sealer.start()
# Forked processes run multiprocessing's finalizers when they exit, after the last request, but no atexit functions.
Finalize(None, writer.flush, exitpriority=10)
if READY_DESCRIPTOR in os.environ:
    os.close(int(os.environ.pop(READY_DESCRIPTOR)))
