"""What each process of the server runs: the application, with a proper end."""

import os
import signal
import socket
import threading
import time
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.util import Finalize
from pathlib import Path

from registry_site.serving.deadlines import watch
from registry_site.serving.server import ACCEPT_NO_MORE
from registry_site.wsgi import application
from tenants.identity.outbox import sender
from tenants.log.recording import writer

__all__ = ["application"]

ASKED_AGAIN_SECONDS = 0.5


def _follow_parent() -> None:
    """Stop when the main process is gone, however it went: a restarted server must not meet old workers."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        while True:  # granian heeds the signal only once it serves
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(ASKED_AGAIN_SECONDS)


def _accept_no_more(*_: object) -> None:
    """Leave new connections to the process that replaces this one; those that are here go on.

    Told only to end, the server would drop connections that it has accepted but has no request of yet. Its listening
    sockets are exchanged beneath it for one that nobody connects to.
    """
    nobody = socket.socket(socket.AF_UNIX)
    nobody.bind("")  # a name that the system makes up
    nobody.setblocking(False)
    for descriptor in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
        with suppress(OSError):
            found = socket.socket(fileno=descriptor)
            if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                os.dup2(nobody.fileno(), descriptor, inheritable=False)
            found.detach()
    nobody.listen()


signal.signal(ACCEPT_NO_MORE, _accept_no_more)
watch.start()
threading.Thread(target=_follow_parent, name="follow-parent", daemon=True).start()
sender.start()
# Workers are forked: their end runs multiprocessing's finalizers, after the last request, but not atexit's functions.
Finalize(None, writer.flush, exitpriority=10)
