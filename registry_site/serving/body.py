"""Guarantees that a body is read completely or reading it fails, so no aborted upload stores part of a file."""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from registry_site.serving.aborts import Abortable
from registry_site.serving.deadlines import BodyTimeoutError, DeadlineInput, monitor
from registry_site.serving.slots import Slot, release_slot_while_waiting

SMALL_BODY = 1024 * 1024  # bytes
UNKNOWN_LENGTH = 2**62  # bytes; more than any body


class IncompleteBodyError(OSError):
    """A body ended before `Content-Length` bytes; `received` is what came since the last read."""

    def __init__(self, received: bytes) -> None:
        super().__init__("the client stopped sending before the end of the body")
        self.received = received


class LengthCheckedInput:
    """The body's stream. Raises IncompleteBodyError if it ends before `Content-Length` bytes."""

    def __init__(self, stream: Any, length: int) -> None:
        self.stream = stream
        self.missing = length

    def read(self, size: int = -1) -> bytes:
        wanted = self.missing if size < 0 else min(size, self.missing)
        data = b""
        while len(data) < wanted:
            part: bytes = self.stream.read(wanted - len(data))
            if not part:
                raise IncompleteBodyError(data)
            data += part
        self.missing -= len(data)
        return data

    def readline(self, size: int = -1) -> bytes:
        line: bytes = self.stream.readline(size)
        self.missing -= len(line)
        return line


class SlotReleasingInput:
    """A stream that releases the request's slot while a read waits for the client."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def read(self, size: int = -1) -> bytes:
        with release_slot_while_waiting():
            data: bytes = self.stream.read(size)
        return data

    def readline(self, size: int = -1) -> bytes:
        with release_slot_while_waiting():
            line: bytes = self.stream.readline(size)
        return line


class RequestBodyMiddleware:
    """Runs the application in a slot, with a stream that checks the body's length and also reads chunked bodies.

    A small body is read before the request takes a slot.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        monitor.port = int(environ["SERVER_PORT"])
        try:
            stream, chunked = _body_stream(environ)
        except BodyTimeoutError:
            return []  # the client has been answered
        environ["wsgi.input"] = stream
        answer: list[Any] = []
        with Slot():
            response = _unwrap_response(self.application(environ, lambda *words: answer.append(words)))
        status, headers, *_ = answer[-1]
        unread = stream.missing > 0 if isinstance(stream, LengthCheckedInput) else chunked and status >= "400"
        if unread:
            headers = [*headers, ("Connection", "close")]  # the unread rest must not be parsed as the next request
        start_response(status, headers)
        return response


def _body_stream(environ: dict[str, Any]) -> tuple[Any, bool]:
    """Return the body's stream, and whether the body is chunked. Raises BodyTimeoutError."""
    length = environ.get("CONTENT_LENGTH", "")
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    if length.isascii() and length.isdigit():
        return LengthCheckedInput(_read_if_small(_timed(environ), int(length)), int(length)), chunked
    if chunked:
        environ["CONTENT_LENGTH"] = str(UNKNOWN_LENGTH)
        return SlotReleasingInput(_timed(environ)), chunked
    return environ["wsgi.input"], chunked


def _timed(environ: dict[str, Any]) -> Any:
    """Return the stream of the body, with deadlines if the server can answer a slow client (serving/server.py)."""
    return DeadlineInput(environ) if "registry.answer" in environ else environ["wsgi.input"]


def _read_if_small(stream: Any, length: int) -> Any:
    """Return a small body read completely, or else a stream that releases the slot."""
    if length > SMALL_BODY:
        return SlotReleasingInput(stream)
    body = BytesIO()
    while part := stream.read(length - body.tell()):
        body.write(part)
    body.seek(0)
    return body


def _unwrap_response(response: Any) -> Iterable[bytes]:
    """Return a response that is not streamed as a list, which the server sends faster than an iterator."""
    if getattr(response, "streaming", True):
        # The server itself ends the connection if there are fewer bytes than `Content-Length`.
        known = "Content-Length" in getattr(response, "headers", ("Content-Length",))
        return response if known else Abortable(response)
    response.close()
    return [response.content]
