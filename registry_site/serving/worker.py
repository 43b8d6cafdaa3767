"""Runs the application in a worker process, and its clean shutdown."""

import os
import signal
import socket
import threading
import time
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.util import Finalize
from pathlib import Path

from registry_site.serving.deadlines import monitor
from registry_site.serving.server import ACCEPT_NO_MORE
from registry_site.wsgi import application
from tenants.identity.outbox import sender
from tenants.log.recording import writer

__all__ = ["application"]

SIGNAL_INTERVAL_SECONDS = 0.5


def _follow_parent() -> None:
    """Stop when the main process has ended for any reason, so that no old worker survives a restart."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        while True:  # granian ignores the signal until it serves
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(SIGNAL_INTERVAL_SECONDS)


def _accept_no_more(*_: object) -> None:
    """Accept no more connections, which the replacing worker does; open connections continue.

    A normal shutdown would drop accepted connections that have not sent their request yet. Instead, the listening
    sockets' descriptors are replaced with a socket that no client connects to.
    """
    unused = socket.socket(socket.AF_UNIX)
    unused.bind("")  # a name that the kernel chooses
    unused.setblocking(False)
    for descriptor in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
        with suppress(OSError):
            found = socket.socket(fileno=descriptor)
            if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                os.dup2(unused.fileno(), descriptor, inheritable=False)
            found.detach()
    unused.listen()


signal.signal(ACCEPT_NO_MORE, _accept_no_more)
monitor.start()
threading.Thread(target=_follow_parent, name="follow-parent", daemon=True).start()
sender.start()
# Workers are forked: on exit they run multiprocessing's finalizers, after the last request, but not atexit's.
Finalize(None, writer.flush, exitpriority=10)
