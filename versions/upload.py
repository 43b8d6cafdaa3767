"""Receives the file of a request: streamed to the store and hashed, in constant memory."""

import base64
import binascii
import mimetypes
import re
from contextlib import ExitStack
from typing import Any, Protocol

from django.core.exceptions import TooManyFieldsSent
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, DataAndFiles
from rest_framework.request import Request

from tenants.exceptions import Refused
from tenants.rows.texts import CONTROLS, shown, unfit_file_name, unfit_ordinal
from versions.services import Upload
from versions.storage import BLOCK, Incoming, Received, store

FIELD = "file"
DIGEST = re.compile(r"(?:^|,)\s*sha-256\s*=\s*:([A-Za-z0-9+/=]*):\s*(?:,|$)")
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
LONGEST_DESCRIPTION = 10_000
MOST_PARTS = 100  # per form; an upload needs two
DEFAULT_TYPE = "application/octet-stream"
MIMETYPE = re.compile(r"[\w.+-]{1,127}/[\w.+-]{1,127}", re.ASCII)


class ByteStream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class ReceivedFile:
    """The received file of a form: its bytes in the store, its name and type."""

    def __init__(self, received: Received, name: str, content_type: str, encoding: str) -> None:
        self.received = received
        self.name = name
        self.content_type = content_type
        self.encoding = encoding

    def close(self) -> None:
        """Do nothing; Django's parser calls it on every file."""


class CountedParts:
    """The stream of a form; raises TooManyFieldsSent once more than `MOST_PARTS` parts have started.

    Django counts a part only after parsing it, which takes 130 µs per part.
    """

    def __init__(self, stream: ByteStream, boundary: bytes) -> None:
        self.stream = stream
        self.delimiter = b"--" + boundary  # Django treats it as a delimiter at any position
        self.found = 0

    def read(self, size: int, /) -> bytes:
        data = self.stream.read(size)
        self.found += data.count(self.delimiter)
        if self.found > MOST_PARTS + 1:  # the last delimiter ends the form
            raise TooManyFieldsSent(f"A form has at most {MOST_PARTS} parts")
        return data


class Form(MultiPartParser):
    """A multipart parser that counts parts while reading and keeps file names as sent."""

    def __init__(self, meta: Any, stream: Any, *more: Any) -> None:
        super().__init__(meta, stream, *more)
        self._input_data: Any = CountedParts(stream, self._boundary)  # type: ignore[attr-defined]

    def sanitize_file_name(self, file_name: str) -> str | None:
        """Return the last part of the path without unprintable characters; Django would also decode HTML entities."""
        name = re.split(r"[/\\]", file_name)[-1]
        name = "".join(char for char in name if char.isprintable())
        return None if name in ("", ".", "..") else name


class FormParser(BaseParser):
    """Parses the form of an upload."""

    media_type = "multipart/form-data"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> "DataAndFiles[Any, Any]":
        request = parser_context["request"]
        try:
            return DataAndFiles(*Form(request.META, stream, request.upload_handlers, "utf-8").parse())
        except MultiPartParserError as error:
            raise ParseError(f"The form cannot be read: {error}") from error


class StoreUploadHandler(FileUploadHandler):
    """Streams the form's `file` into the store. Skips files of other fields and refuses a second `file`.

    Call `close` at the end of the request: it discards what was received but not kept.
    """

    chunk_size = BLOCK

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.incoming: Incoming | None = None
        self.done: Received | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        if self.field_name != FIELD:
            raise SkipFile
        if self.incoming is not None:
            raise Refused("post_request_error", f"A form has one `{FIELD}`")
        self.incoming = store().receive()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self.incoming:
            self.incoming.write(raw_data)

    def file_complete(self, file_size: int) -> Any:
        if self.incoming is None or self.done is not None:
            return None
        self.done = self.incoming.finish()
        encoding = (self.content_type_extra or {}).get("encoding", b"7bit").decode("ascii", "replace")[:64]
        name, content_type = self.file_name or "", self.content_type or DEFAULT_TYPE
        return ReceivedFile(self.done, name, content_type, CONTROLS.sub("", encoding))

    def close(self) -> None:
        if self.incoming:
            self.incoming.__exit__(None, None, None)
        if self.done:
            store().discard(self.done)


def upload_from_form(request: Request, cleanup: ExitStack) -> Upload:
    """Receive the `file` of a multipart form. Raises Refused (`post_request_error`) without one."""
    handler = StoreUploadHandler(request._request)
    cleanup.callback(handler.close)
    request._request.upload_handlers = [handler]
    data: Any = request.data
    file = data.get(FIELD) if hasattr(data, "get") else None
    if not isinstance(file, ReceivedFile):
        raise Refused("post_request_error", "Missing file")
    return Upload(
        received=file.received,
        original=valid_name(file.name),
        mimetype=valid_type(file.content_type) or DEFAULT_TYPE,
        encoding=file.encoding,
        description=valid_description(str(data.get("description", ""))),
    )


def upload_from_body(request: Request, original: str, cleanup: ExitStack) -> Upload:
    """Receive a request body that is the file itself."""
    original, description = valid_name(original), valid_description(request.query_params.get("description", ""))
    incoming = cleanup.enter_context(store().receive())
    body: ByteStream = request._request
    while chunk := body.read(BLOCK):
        incoming.write(chunk)
    received = incoming.finish()
    cleanup.callback(store().discard, received)
    return Upload(
        received=received,
        original=original,
        mimetype=valid_type(request.content_type) or mimetypes.guess_type(original)[0] or DEFAULT_TYPE,
        encoding="binary",
        description=description,
    )


def valid_type(sent: str | None) -> str | None:
    """Return the media type that was sent, or None if it is invalid or curl's default."""
    kind = (sent or "").split(";")[0].strip().lower()
    is_valid = MIMETYPE.fullmatch(kind) and kind != "application/x-www-form-urlencoded"  # curl's own default
    return kind if is_valid else None


def valid_name(name: str) -> str:
    """Return the file name, which may include folders. Raises Refused (`post_request_error`)."""
    if why := unfit_file_name(name):
        raise Refused("post_request_error", f"Not a valid file name: {why} ({shown(name)})")
    if any(len(part.encode()) > 255 for part in name.split("/")) or len(name) > 1024:
        raise Refused("post_request_error", "A file name has at most 255 bytes, with its folders 1024 characters")
    return name


def valid_description(text: str) -> str:
    """Return the description of a version. Raises Refused (`post_request_error`)."""
    if "\0" in text or len(text) > LONGEST_DESCRIPTION:
        needed = f"A description has at most {LONGEST_DESCRIPTION} characters, none of them null"
        raise Refused("post_request_error", needed)
    return text


def valid_ordinal(request: Request) -> str | None:
    """Return the `ordinal` of the query, if any. Raises Refused (`post_request_error`)."""
    ordinal = request.query_params.get("ordinal") or None
    if ordinal is not None and (why := unfit_ordinal(ordinal)):
        raise Refused("post_request_error", f"Not a valid ordinal: {why} ({shown(ordinal)})")
    return ordinal


def announced_digests(request: Request) -> set[str]:
    """Return the sha256 values that the client announces in the query and the header.

    Raises Refused (`post_request_error`) for a malformed value, and if a chunked body has none: the server cannot
    distinguish a complete chunked body from one whose client disconnected.
    """
    digests = {digest for digest in (_from_query(request), _from_header(request)) if digest}
    if not digests and "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        needed = (
            "A body sent in chunks needs its sha256 in the query or a Content-Digest, to tell whether it came whole"
        )
        raise Refused("post_request_error", needed)
    return digests


def check_digests(received: Received, announced: set[str]) -> None:
    """Raise Refused (`post_request_error`) if the received bytes do not match the announced sha256."""
    for digest in announced - {received.sha256}:
        raise Refused("post_request_error", f"The file's sha256 is {received.sha256}, announced was {digest}")


def _from_query(request: Request) -> str | None:
    announced = request.query_params.get("sha256") or None
    if announced is not None and not SHA256.fullmatch(announced):
        raise Refused("post_request_error", f"Not a sha256 of 64 hex characters: {announced}")
    return announced and announced.lower()


def _from_header(request: Request) -> str | None:
    header = request.headers.get("Content-Digest", "")
    if "sha-256" not in header:
        return None
    match = DIGEST.search(header)
    try:
        digest = base64.b64decode(match[1], validate=True) if match else b""
    except binascii.Error:
        digest = b""
    if len(digest) != 32:
        raise Refused("post_request_error", f"Not a valid Content-Digest: {header}")
    return digest.hex()
