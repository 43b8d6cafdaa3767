"""Ends the connection of a streamed response that fails, so that its client does not take a part for the whole.

granian ends a response whose iterator raises as if it were complete, and does not tell which connection it uses. So the
connection is found by what it sends: after the failure the response sends marks, line feeds in random numbers, and
Linux tells how many bytes each connection has been given to send (`TCP_INFO`).
"""

import logging
import random
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

from registry_site.serving.deadlines import client_connections, monitor, shut_down

ATTEMPTS = 100
WAIT_SECONDS = 0.1  # for marks to be sent
LARGEST_MARK = 4000  # bytes
LARGEST_OVERHEAD = 200  # bytes that TLS adds to a mark

logger = logging.getLogger(__name__)


class Abortable:
    """The parts of a streamed response. If reading them fails, the connection is ended and the error raised."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.parts = self._parts()

    def __iter__(self) -> Iterator[bytes]:
        return self.parts

    def close(self) -> None:
        self.parts.close()
        self.response.close()

    def _parts(self) -> Any:
        try:
            yield from self.response
        except Exception:
            if sys.platform == "linux":
                yield from _marked_and_ended()
            raise


def _marked_and_ended() -> Iterator[bytes]:
    """Give marks until a connection has sent them, and end it."""
    for _ in range(ATTEMPTS):
        overheads = []
        for _ in range(2):
            before, mark = _given(), b"\n" * random.randint(1, LARGEST_MARK)
            yield mark
            time.sleep(WAIT_SECONDS)
            sent = len(b"%x\r\n%b\r\n" % (len(mark), mark))
            overheads.append({name: given - before[name] - sent for name, given in _given().items() if name in before})
        first, second = overheads
        found = {name for name in first if first[name] == second.get(name) and 0 <= first[name] <= LARGEST_OVERHEAD}
        if found:
            for connection, _ in client_connections(monitor.port):
                if connection.getpeername() in found:
                    shut_down(connection, socket.SHUT_RDWR)
            return
    logger.error("The connection of a response that failed was not found: its client may take it for complete")


def _given() -> dict[Any, int]:
    """Return how many bytes each connection has been given to send."""
    return {connection.getpeername(): traffic.given for connection, traffic in client_connections(monitor.port)}
