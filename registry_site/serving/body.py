"""A request's body comes whole or fails: a client that vanishes never leaves half a file behind."""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from registry_site.serving.deadlines import TimedInput, TooSlow, watch
from registry_site.serving.slots import release_slot_while_waiting, slot

SMALL = 1024 * 1024  # bytes
ENDLESS = 2**62  # bytes; more than any body, for those of unknown length


class ExactInput:
    """The body's stream; raises OSError where it ends before the announced length."""

    def __init__(self, stream: Any, length: int) -> None:
        self.stream = stream
        self.missing = length

    def read(self, size: int = -1) -> bytes:
        wanted = self.missing if size < 0 else min(size, self.missing)
        data = b""
        while len(data) < wanted:
            part: bytes = self.stream.read(wanted - len(data))
            if not part:
                raise OSError("the client stopped sending before the end of the body")
            data += part
        self.missing -= len(data)
        return data

    def readline(self, size: int = -1) -> bytes:
        line: bytes = self.stream.readline(size)
        self.missing -= len(line)
        return line


class PatientInput:
    """A stream whose reader gives up his turn while he waits for more."""

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


class WholeBody:
    """Gives the application its turn: with bodies of known length checked, and those in chunks (of unknown) at all.

    A small body is read before, when there is nothing of ours that could be kept waiting with it.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        watch.port = int(environ["SERVER_PORT"])
        try:
            stream, chunked = _body(environ)
        except TooSlow:
            return []  # which nobody waits for
        environ["wsgi.input"] = stream
        answer: list[Any] = []
        with slot():
            response = _whole(self.application(environ, lambda *words: answer.append(words)))
        status, headers, *_ = answer[-1]
        left = stream.missing > 0 if isinstance(stream, ExactInput) else chunked and status >= "400"
        if left:
            headers = [*headers, ("Connection", "close")]  # the client must not send its next request behind it
        start_response(status, headers)
        return response


def _body(environ: dict[str, Any]) -> tuple[Any, bool]:
    """Return the stream of the body, and whether it comes in chunks. Raises TooSlow."""
    length = environ.get("CONTENT_LENGTH", "")
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    if length.isascii() and length.isdigit():
        return ExactInput(_arrived(_timed(environ), int(length)), int(length)), chunked
    if chunked:
        environ["CONTENT_LENGTH"] = str(ENDLESS)
        return PatientInput(_timed(environ)), chunked
    return environ["wsgi.input"], chunked


def _timed(environ: dict[str, Any]) -> Any:
    """Return the stream of the body, with deadlines if the server can answer a slow client (serving/server.py)."""
    return TimedInput(environ) if "registry.answer" in environ else environ["wsgi.input"]


def _arrived(stream: Any, length: int) -> Any:
    """Return a small body as it came, which nobody has to wait for any more, or else the stream."""
    if length > SMALL:
        return PatientInput(stream)
    body = BytesIO()
    while part := stream.read(length - body.tell()):
        body.write(part)
    body.seek(0)
    return body


def _whole(response: Any) -> Iterable[bytes]:
    """Return an answer that is all there as such: the server sends it quicker than what it must ask for by and by."""
    if getattr(response, "streaming", True):
        return response
    response.close()
    return [response.content]
