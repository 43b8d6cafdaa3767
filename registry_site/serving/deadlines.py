"""Ends the connections of clients that send a body too slowly or do not fetch their answer.

Each slow client holds one of a limited number of threads, in a call that only ends with the connection. The server does
not expose the connection of a request; docs/decisions/0006 explains how this module finds it.
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

CHUNK = 32 * 1024  # bytes that a client must send or fetch before its deadline
FETCH_SECONDS = 10 * settings.BODY_TIMEOUT  # longer, because a client may process what it has fetched
MAX_SLOW_CLIENTS = settings.TRANSFERS * 3 // 4  # above this number, the slowest are ended early
CROWDED_SECONDS = 1.0  # their deadline then
BODY_INTERVAL, FETCH_INTERVAL = 0.25, 2.0  # seconds between checks of bodies and of unfetched responses
SEND_SECONDS = 0.2  # time in which a response is sent
TCP_INFO = struct.Struct("=120xQ16xI52xQQ")  # Linux 4.19 or later: the fields of `Traffic`
RESPONSE = {"status": 408, "value": 4, "message": "The request has errors", "details": "The body came too slowly"}
HEADERS = [("Content-Type", "application/json"), ("Connection", "close")]
# What a connection has sent once it has sent that response: at least its head, at most all of it and TLS's frame.
HEAD_BYTES = len("HTTP/1.1 408 Request Timeout\r\nserver: granian\r\ncontent-length: 103\r\n\r\n") + len(
    "content-type: application/json\r\nconnection: close\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
)
RESPONSE_BYTES = range(HEAD_BYTES, HEAD_BYTES + len(json.dumps(RESPONSE)) + 64)

T = TypeVar("T")
logger = logging.getLogger(__name__)


class BodyTimeoutError(OSError):
    """A body missed its deadline; the client has been answered with 408. `received` is what the last read had got."""

    received = b""


class Traffic(NamedTuple):
    """What the kernel knows about a connection."""

    acknowledged: int  # bytes
    unsent: int  # bytes that the client does not accept yet
    sent: int  # bytes, with those that were sent again
    resent: int  # bytes

    @property
    def given(self) -> int:
        """The bytes that the server has given to the connection."""
        return self.sent - self.resent + self.unsent


class DeadlineInput:
    """The server's body stream, read in chunks that each have a deadline. Raises BodyTimeoutError."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.stream = environ["wsgi.input"]
        self.answer = environ["registry.answer"]
        self.client = environ["registry.address"]

    def read(self, size: int = -1) -> bytes:
        chunks: list[bytes] = []
        remaining = size
        while remaining:
            wanted = min(remaining, CHUNK) if remaining > 0 else CHUNK
            try:
                chunks.append(self._timed(self.stream.read, wanted))
            except BodyTimeoutError as error:
                error.received = b"".join(chunks) + error.received
                raise
            if len(chunks[-1]) < wanted:
                break
            remaining -= wanted if remaining > 0 else 0
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def readline(self, size: int = -1) -> bytes:
        return self._timed(self.stream.readline, size)

    def _timed(self, read: Callable[[int], bytes], size: int) -> bytes:
        monitor.bodies[self] = time.monotonic()
        try:
            data = read(size)
        finally:
            in_time = monitor.bodies.pop(self, None)
        if in_time is None:
            late = BodyTimeoutError("the body came too slowly")
            late.received = data
            raise late
        return data


class SlowClientMonitor:
    """Ends the connections of a worker's slow clients, in a thread of its own."""

    def __init__(self) -> None:
        self.bodies: dict[DeadlineInput, float] = {}  # the time since when each waits for its next chunk
        self.fetchers: dict[Any, tuple[float, int]] = {}  # client -> start time, bytes fetched by then
        self.port = 0

    def start(self) -> None:
        """Start the thread. Only Linux provides the required data about a connection."""
        if sys.platform != "linux":
            return
        threading.Thread(target=self.run, name="deadlines", daemon=True).start()

    def run(self) -> None:
        last_fetch_check = 0.0
        while True:
            time.sleep(BODY_INTERVAL)
            try:
                self.end_bodies()
                if time.monotonic() - last_fetch_check > FETCH_INTERVAL:
                    self.end_fetchers()
                    last_fetch_check = time.monotonic()
            except Exception:  # this thread must survive: without it, slow clients could block all others
                logger.exception("Slow clients were not ended")

    def overdue(self, since: dict[T, float], seconds: float) -> set[T]:
        """Return the clients that miss their deadline, which is shorter for the slowest if there are many."""
        excess, now = len(self.bodies) + len(self.fetchers) - MAX_SLOW_CLIENTS, time.monotonic()
        slowest = sorted(since, key=lambda one: since[one])
        return {one for n, one in enumerate(slowest) if now - since[one] > (CROWDED_SECONDS if n < excess else seconds)}

    def end_bodies(self) -> None:
        """Answer the overdue requests with 408, and shut down reading on the connections that sent these responses."""
        overdue = self.overdue(dict(self.bodies), settings.BODY_TIMEOUT)
        bodies = [
            body for body in overdue if self.bodies.pop(body, None) is not None
        ]  # unless its reader removed it first
        if not bodies:
            return
        before = {connection.getpeername(): traffic.sent for connection, traffic in client_connections(self.port)}
        for body in bodies:
            body.answer.response_bytes(RESPONSE["status"], HEADERS, json.dumps(RESPONSE).encode())
        time.sleep(SEND_SECONDS)
        clients = {body.client for body in bodies}
        for connection, traffic in client_connections(self.port):
            name = connection.getpeername()
            sent = traffic.sent - before.get(name, traffic.sent)
            if sent in RESPONSE_BYTES and name[0].partition("%")[0] in clients:
                shut_down(connection, socket.SHUT_RD)

    def end_fetchers(self) -> None:
        """End connections whose clients fetch their response too slowly."""
        now, before, self.fetchers = time.monotonic(), self.fetchers, {}
        for connection, traffic in client_connections(self.port):
            if traffic.unsent:
                name = connection.getpeername()
                since, fetched = before.get(name, (now, traffic.acknowledged))
                slow = traffic.acknowledged - fetched < CHUNK
                self.fetchers[name] = (since, fetched) if slow else (now, traffic.acknowledged)
        overdue = self.overdue({name: since for name, (since, _) in self.fetchers.items()}, FETCH_SECONDS)
        for connection, _ in client_connections(self.port) if overdue else ():
            if connection.getpeername() in overdue:
                shut_down(connection, socket.SHUT_RDWR)


def shut_down(connection: socket.socket, how: int) -> None:
    with suppress(OSError):  # the client closed it first
        connection.shutdown(how)


def client_connections(port: int) -> Iterator[tuple[socket.socket, Traffic]]:
    """Yield the connections of clients to this port, with their traffic."""
    for descriptor in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
        with suppress(OSError):  # it was closed meanwhile, or is not a TCP connection
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            with socket.socket(fileno=os.dup(descriptor)) as connection:
                if connection.family != socket.AF_UNIX and connection.getsockname()[1] == port:
                    connection.getpeername()  # fails on the listening socket
                    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO.size)
                    yield connection, Traffic(*TCP_INFO.unpack(info))


monitor = SlowClientMonitor()
