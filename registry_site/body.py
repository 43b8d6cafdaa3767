"""A request's body comes whole or fails: a client that vanishes never leaves half a file behind."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

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


class WholeBody:
    """Gives Django bodies of known length checked, and those sent in chunks (of unknown length) at all."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH", "")
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        if length.isascii() and length.isdigit():
            environ["wsgi.input"] = ExactInput(environ["wsgi.input"], int(length))
        elif chunked:
            environ["CONTENT_LENGTH"] = str(ENDLESS)
        stream = environ["wsgi.input"]
        answer: list[Any] = []
        response = self.application(environ, lambda *words: answer.append(words))
        status, headers, *_ = answer[-1]
        left = _read_rest(stream) if isinstance(stream, ExactInput) else chunked and status >= "400"
        if left:
            headers = [*headers, ("Connection", "close")]  # the client must not send its next request behind it
        start_response(status, headers)
        return response


def _read_rest(stream: ExactInput) -> bool:
    """Read what is left of a small body that was refused unread, else the connection breaks before the answer.

    Returns whether something is left still.
    """
    if 0 < stream.missing <= SMALL:
        with suppress(OSError):
            while stream.read(SMALL):
                continue
    return stream.missing > 0
