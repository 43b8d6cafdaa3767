"""What an upload says about its files: names, media types, descriptions, ordinals and digests; and raw bodies."""

import base64
import binascii
import mimetypes
import re
from collections.abc import Sequence
from contextlib import ExitStack

from rest_framework.request import Request

from tenants.exceptions import Refused
from tenants.rows.texts import shown, unfit_file_name, unfit_ordinal
from versions.forms import ByteStream, ReceivedFile, ReceivedForm
from versions.sent import NewFile, SentFiles, check_paths, folder_name
from versions.services import Upload
from versions.storage import BLOCK, Received, store

DIGEST = re.compile(r"(?:^|,)\s*sha-256\s*=\s*:([A-Za-z0-9+/=]*):\s*(?:,|$)")
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
LONGEST_DESCRIPTION = 10_000
DEFAULT_TYPE = "application/octet-stream"
MIMETYPE = re.compile(r"[\w.+-]{1,127}/[\w.+-]{1,127}", re.ASCII)


def upload_from_form(form: ReceivedForm) -> Upload:
    """Return the `file` of a form. Raises Refused (`post_request_error`) without one."""
    if not form.file:
        raise Refused("post_request_error", "Missing file")
    return Upload(
        received=form.file.received,
        original=valid_name(form.file.name),
        mimetype=valid_type(form.file.content_type) or DEFAULT_TYPE,
        encoding=form.file.encoding,
        description=valid_description(form.texts.get("description", "")),
    )


def files_from_form(form: ReceivedForm) -> SentFiles:
    """Return the `files` of a form, whose names are their paths."""
    files = [NewFile(file.name, _type_of(file), file.received, file.crc32) for file in form.files]
    paths = [file.path for file in files]
    check_paths(paths)
    original = valid_original(form.texts.get("original", ""), paths)
    return SentFiles(files, original, valid_description(form.texts.get("description", "")))


def _type_of(file: ReceivedFile) -> str:
    """Return the media type that was sent, or what the name suggests if it says nothing."""
    kind = valid_type(file.content_type)
    return guessed_type(file.name) if kind is None or kind == DEFAULT_TYPE else kind


def valid_original(sent: str, paths: Sequence[str]) -> str:
    """Return the name of a version of these files, empty for one file. Raises Refused (`post_request_error`)."""
    original = folder_name(sent, paths)
    return valid_name(original) if original else ""


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
        mimetype=valid_type(request.content_type) or guessed_type(original),
        encoding="binary",
        description=description,
    )


def guessed_type(name: str) -> str:
    """Return the media type that the name of a file suggests."""
    return mimetypes.guess_type(name)[0] or DEFAULT_TYPE


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
