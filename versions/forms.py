"""Receives the files of a form: streamed to the store and hashed, in constant memory.

A form has one `file`, or several `files` whose names are paths.
"""

import re
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from django.conf import settings
from django.core.exceptions import TooManyFieldsSent
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest, multipartparser
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, DataAndFiles
from rest_framework.request import Request

from tenants.exceptions import Refused
from tenants.rows.texts import CONTROLS, shown
from versions.storage import BLOCK, Incoming, Received, TooLarge, store

FILE, FILES = "file", "files"
# Bytes of a part's headers. Django has no setting for its limit of 1024, which a path of as many bytes exceeds.
multipartparser.MAX_TOTAL_HEADER_SIZE = 4096  # type: ignore[attr-defined]
MOST_PARTS = 100  # per form, without its `files`


class ByteStream(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class ReceivedFile:
    """A received file of a form: its bytes in the store, its name and type. `crc32` is only for `files`."""

    received: Received
    name: str
    content_type: str
    encoding: str
    crc32: int

    def close(self) -> None:
        """Do nothing; Django's parser calls it on every file."""


@dataclass(frozen=True)
class ReceivedForm:
    """The texts of a form, and its `file` or its `files`."""

    texts: dict[str, str]
    file: ReceivedFile | None
    files: list[ReceivedFile]


class CountedParts:
    """The stream of a form; raises TooManyFieldsSent once more parts have started than a form may have.

    Django counts a part only after parsing it, which takes 130 µs per part. A form has at most `MAX_FORM_FILES` parts
    named `files`, and `MOST_PARTS` others.
    """

    of_a_file = f'name="{FILES}"'.encode()

    def __init__(self, stream: ByteStream, boundary: bytes) -> None:
        self.stream = stream
        self.delimiter = b"--" + boundary  # Django treats it as a delimiter at any position
        self.found = self.files = 0
        self.end = b""  # of the previous data, where a field's name may have begun

    def read(self, size: int, /) -> bytes:
        data = self.stream.read(size)
        self.found += data.count(self.delimiter)
        seam = len(self.of_a_file) - 1
        self.files += data.count(self.of_a_file) + (self.end + data[:seam]).count(self.of_a_file)
        self.end = data[-seam:]
        others = self.found - min(self.files, settings.MAX_FORM_FILES)
        if others > MOST_PARTS + 1:  # the last delimiter ends the form
            raise TooManyFieldsSent(f"A form has at most {MOST_PARTS} parts and {settings.MAX_FORM_FILES} `{FILES}`")
        return data


class Form(MultiPartParser):
    """A multipart parser that counts parts while reading and keeps file names as sent."""

    def __init__(self, meta: Any, stream: Any, *more: Any) -> None:
        super().__init__(meta, stream, *more)
        self._input_data: Any = CountedParts(stream, self._boundary)  # type: ignore[attr-defined]

    def sanitize_file_name(self, file_name: str) -> str | None:
        """Return the name as sent, which the upload handler checks; Django would also decode HTML entities."""
        return file_name


def last_part(path: str) -> str:
    """Return the last part of a path without unprintable characters; empty if it is no name."""
    name = "".join(char for char in re.split(r"[/\\]", path)[-1] if char.isprintable())
    return "" if name in (".", "..") else name


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
    """Streams the `file` or the `files` of a form into the store, and refuses other files.

    Call `close` at the end of the request: it discards what was received but not kept.
    """

    chunk_size = BLOCK

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.incoming: Incoming | None = None
        self.done: list[ReceivedFile] = []
        self.fields: list[str] = []  # of the files that were begun
        self.size = self.crc32 = 0

    def new_file(self, field_name: str, file_name: str, *args: Any, **kwargs: Any) -> None:
        super().new_file(field_name, file_name, *args, **kwargs)
        if field_name not in (FILE, FILES):
            needed = f"Missing file: a form has one `{FILE}` or several `{FILES}`, not `{shown(field_name)}`"
            raise Refused("post_request_error", needed)
        self.path = file_name if field_name == FILES else last_part(file_name)
        if not self.path:
            raise SkipFile
        self.fields.append(field_name)
        if FILE in self.fields and len(self.fields) > 1:
            raise Refused("post_request_error", f"A form has one `{FILE}`, or several `{FILES}`")
        self.incoming, self.crc32 = store().receive(), 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self.incoming:
            self.size += len(raw_data)
            if settings.MAX_UPLOAD_SIZE and self.size > settings.MAX_UPLOAD_SIZE:
                raise TooLarge(f"The files of a form have at most {settings.MAX_UPLOAD_SIZE} bytes")
            if self.field_name == FILES:
                self.crc32 = zlib.crc32(raw_data, self.crc32)
            self.incoming.write(raw_data)

    def file_complete(self, file_size: int) -> Any:
        if self.incoming is None:
            return None
        received = self.incoming.finish()
        self.incoming = None
        encoding = (self.content_type_extra or {}).get("encoding", b"7bit").decode("ascii", "replace")[:64]
        file = ReceivedFile(received, self.path, self.content_type or "", CONTROLS.sub("", encoding), self.crc32)
        self.done.append(file)
        return file

    def close(self) -> None:
        if self.incoming:
            self.incoming.__exit__(None, None, None)
        store().discard_all([file.received for file in self.done])


def receive_form(request: Request, cleanup: ExitStack) -> ReceivedForm:
    """Receive a multipart form. Raises Refused (`post_request_error`) for files of other fields than it has."""
    handler = StoreUploadHandler(request._request)
    cleanup.callback(handler.close)
    request._request.upload_handlers = [handler]
    data: Any = request.data
    fields = data if hasattr(data, "items") else {}
    texts = {name: text for name, text in fields.items() if isinstance(text, str)}
    if FILES in texts:
        raise Refused("post_request_error", f"A part named `{FILES}` has no file name")
    if FILES in handler.fields:
        return ReceivedForm(texts, None, handler.done)
    return ReceivedForm(texts, handler.done[0] if handler.done else None, [])
