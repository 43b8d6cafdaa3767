"""Ends the connections of clients that send a body too slowly or do not fetch their answer.

Each of them holds one of few threads, in a call of the server that only the end of the connection interrupts; and the
server does not tell which connection a request came on. docs/decisions/0006 says how it is found.
"""

import json
import logging
import os
import socket
import stat
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from django.conf import settings

PIECE = 32 * 1024  # bytes that a client sends or fetches before its deadline
FETCH_SECONDS = 10 * settings.BODY_TIMEOUT  # a program may work on what it has fetched
CROWD = settings.TRANSFERS * 3 // 4  # slow clients; of more, the slowest are ended early
CROWDED_SECONDS = 1.0
TICK, SWEEP = 0.25, 2.0  # seconds between looks at bodies, and at unfetched answers
LEAVES_WITHIN = 0.05  # seconds in which an answer is sent
TCP_INFO = struct.Struct("=44xI72xQ16xI")  # of Linux: what `Traffic` has
ANSWER = {"status": 408, "value": 4, "message": "The request has errors", "details": "The body came too slowly"}
HEADERS = [("Content-Type", "application/json"), ("Connection", "close")]

T = TypeVar("T")
logger = logging.getLogger(__name__)


class TooSlow(OSError):
    """A body missed its deadline; its client has been answered."""


class Traffic(NamedTuple):
    """What the system knows of a connection."""

    sent_ms_ago: int
    acknowledged: int  # bytes
    unsent: int  # bytes, for which the client has no room


class TimedInput:
    """The server's stream of a body, read in pieces that each have a deadline. Raises TooSlow."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.stream = environ["wsgi.input"]
        self.answer = environ["registry.answer"]
        self.client = environ["registry.address"]

    def read(self, size: int = -1) -> bytes:
        pieces: list[bytes] = []
        left = size
        while left:
            wanted = min(left, PIECE) if left > 0 else PIECE
            pieces.append(self._timed(self.stream.read, wanted))
            if len(pieces[-1]) < wanted:
                break
            left -= wanted if left > 0 else 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readline(self, size: int = -1) -> bytes:
        return self._timed(self.stream.readline, size)

    def _timed(self, read: Callable[[int], bytes], size: int) -> bytes:
        watch.bodies[self] = time.monotonic()
        try:
            data = read(size)
        finally:
            in_time = watch.bodies.pop(self, None)
        if in_time is None:
            raise TooSlow("the body came too slowly")
        return data


class Watch:
    """Looks after the slow clients of a process, in a thread of its own."""

    def __init__(self) -> None:
        self.bodies: dict[TimedInput, float] = {}  # since when each waits for its next piece
        self.fetchers: dict[Any, tuple[float, int]] = {}  # by client: since when, and how much was fetched by then
        self.port = 0

    def start(self) -> None:
        """Begin; other systems than Linux do not tell what this needs to know of a connection."""
        if sys.platform != "linux":
            return
        threading.Thread(target=self.run, name="deadlines", daemon=True).start()

    def run(self) -> None:
        swept = 0.0
        while True:
            time.sleep(TICK)
            try:
                self.end_bodies()
                if time.monotonic() - swept > SWEEP:
                    self.end_fetchers()
                    swept = time.monotonic()
            except Exception:  # without this thread, slow clients would shut everybody out
                logger.exception("Slow clients were not ended")

    def overdue(self, since: dict[T, float], seconds: float) -> set[T]:
        """Return who keeps the process waiting for too long; in a crowd, the slowest after a second."""
        crowd, now = len(self.bodies) + len(self.fetchers) - CROWD, time.monotonic()
        slowest = sorted(since, key=lambda one: since[one])
        return {one for n, one in enumerate(slowest) if now - since[one] > (CROWDED_SECONDS if n < crowd else seconds)}

    def end_bodies(self) -> None:
        """Answer the overdue bodies, and stop to read from the connections on which the answers left."""
        overdue = self.overdue(dict(self.bodies), settings.BODY_TIMEOUT)
        bodies = [body for body in overdue if self.bodies.pop(body, None) is not None]  # its reader, or we
        if not bodies:
            return
        started = time.monotonic()
        for body in bodies:
            body.answer.response_bytes(ANSWER["status"], HEADERS, json.dumps(ANSWER).encode())
        ended = time.monotonic()
        time.sleep(4 * LEAVES_WITHIN)
        clients = {body.client for body in bodies}
        for connection, traffic in _connections(self.port):
            sent = time.monotonic() - traffic.sent_ms_ago / 1000
            address = connection.getpeername()[0].partition("%")[0]
            if started - LEAVES_WITHIN < sent < ended + LEAVES_WITHIN and address in clients:
                _shut(connection, socket.SHUT_RD)

    def end_fetchers(self) -> None:
        """End connections whose clients fetch too little of what was written for them."""
        now, before, self.fetchers = time.monotonic(), self.fetchers, {}
        for connection, traffic in _connections(self.port):
            if traffic.unsent:
                name = connection.getpeername()
                since, fetched = before.get(name, (now, traffic.acknowledged))
                slow = traffic.acknowledged - fetched < PIECE
                self.fetchers[name] = (since, fetched) if slow else (now, traffic.acknowledged)
        overdue = self.overdue({name: since for name, (since, _) in self.fetchers.items()}, FETCH_SECONDS)
        for connection, _ in _connections(self.port) if overdue else ():
            if connection.getpeername() in overdue:
                _shut(connection, socket.SHUT_RDWR)


def _shut(connection: socket.socket, how: int) -> None:
    with suppress(OSError):  # its client was quicker
        connection.shutdown(how)


def _connections(port: int) -> Iterator[tuple[socket.socket, Traffic]]:
    """Give the connections that clients have made to our port, with what goes on on them."""
    for descriptor in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
        with suppress(OSError):  # it was closed meanwhile, or is not what we look for
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            with socket.socket(fileno=os.dup(descriptor)) as connection:
                if connection.family != socket.AF_UNIX and connection.getsockname()[1] == port:
                    connection.getpeername()  # fails on the socket that listens
                    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO.size)
                    yield connection, Traffic(*TCP_INFO.unpack(info))


watch = Watch()
