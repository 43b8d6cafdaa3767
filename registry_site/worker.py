"""What each process of the server runs: the application, with a proper end."""

import os
import signal
import threading
from multiprocessing import parent_process
from multiprocessing.util import Finalize

from registry_site.wsgi import application
from tenants.request_log import writer

__all__ = ["application"]


def _follow_parent() -> None:
    """Stop when the main process is gone, however it went: a restarted server must not meet old workers."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


threading.Thread(target=_follow_parent, name="follow-parent", daemon=True).start()
# Workers are forked: their end runs multiprocessing's finalizers, after the last request, but not atexit's functions.
Finalize(None, writer.flush, exitpriority=10)
