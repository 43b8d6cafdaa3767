"""The headers of the tus protocol, version 1.0.0 (https://tus.io/protocols/resumable-upload)."""

import base64
import binascii
import hashlib
import mimetypes
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO

from tenants.exceptions import Refused
from tenants.rows.texts import refuse, shown, unfit_ordinal
from versions.incoming import TooLarge
from versions.storage import BLOCK
from versions.upload import DEFAULT_TYPE, SHA256, valid_description, valid_name, valid_type
from versions.upload_requests import ByteStream

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,termination,expiration,concatenation"
ALGORITHMS = ("sha256", "sha1")  # sha1 because the protocol requires it
CONTENT_TYPE = "application/offset+octet-stream"
MAX_METADATA = 32 * 1024  # characters of Upload-Metadata; a description has at most 10,000
MAX_PARTS = 1000  # of a concatenation
MAX_CHECKED = 64 * 1024 * 1024  # bytes of a body with a checksum: they are kept apart until it is verified
KEY = re.compile(r"[!-+\--~]{1,100}")
NUMBER = re.compile(r"[0-9]{1,18}")
CREATION = "post_request_error"


@dataclass(frozen=True)
class Destination:
    """The version that an upload becomes at once: `original` of the item with this id, and of this kind if given."""

    item: str
    kind: str
    original: str
    mimetype: str
    description: str
    ordinal: str | None


def metadata_of(header: str) -> dict[str, str]:
    """Return the pairs of an Upload-Metadata header. Raises Refused (`post_request_error`)."""
    if len(header) > MAX_METADATA:
        raise Refused(CREATION, f"Upload-Metadata has at most {MAX_METADATA} characters")
    pairs: dict[str, str] = {}
    for pair in header.split(",") if header.strip() else ():
        key, _, value = pair.strip().partition(" ")
        if not KEY.fullmatch(key) or key in pairs:
            raise Refused(CREATION, f"Not a valid key in Upload-Metadata, or there twice ({shown(key)})")
        try:
            pairs[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            raise Refused(CREATION, f"The value of {key} in Upload-Metadata is not UTF-8 in base64") from None
    return pairs


def destination_of(pairs: Mapping[str, str]) -> Destination | None:
    """Return the version that the metadata ask for, if any. Raises Refused (`post_request_error`)."""
    if not SHA256.fullmatch(pairs.get("sha256") or "0" * 64):
        raise Refused(CREATION, "The sha256 in Upload-Metadata does not have 64 hex characters")
    if "item" not in pairs:
        return None
    original = valid_name(next((pairs[key] for key in ("path", "filename", "name") if key in pairs), ""))
    ordinal = pairs.get("ordinal") or None
    refuse([] if ordinal is None else [ordinal], unfit_ordinal, CREATION)
    sent = valid_type(pairs.get("filetype") or pairs.get("type"))
    return Destination(
        item=pairs["item"],
        kind=pairs.get("kind", ""),
        original=original,
        mimetype=sent or mimetypes.guess_type(original)[0] or DEFAULT_TYPE,
        description=valid_description(pairs.get("description", "")),
        ordinal=ordinal,
    )


def number_of(headers: Mapping[str, str], name: str, error: str) -> int:
    """Return a header's number. Raises Refused with this error if it is missing or malformed."""
    text = headers.get(name, "")
    if not NUMBER.fullmatch(text):
        raise Refused(error, f"{name} must be a number of bytes")
    return int(text)


def parts_of(concat: str) -> Sequence[str]:
    """Return the ids of the parts that an Upload-Concat header names. Raises Refused (`post_request_error`)."""
    ids = [url.rstrip("/").rpartition("/")[2] for url in concat.removeprefix("final;").split()]
    if not 0 < len(ids) <= MAX_PARTS or len(set(ids)) < len(ids):
        raise Refused(CREATION, f"Upload-Concat names 1 to {MAX_PARTS} parts, each once")
    return ids


def checked_body(header: str, body: ByteStream, limit: int) -> IO[bytes]:
    """Return a body of at most `limit` bytes that has the checksum of an Upload-Checksum header, in a temporary file.

    Raises Refused (`checksum_mismatch`, or `put_request_error` for a malformed header), TooLarge, and OSError if the
    body breaks off.
    """
    algorithm, _, value = header.partition(" ")
    if algorithm not in ALGORITHMS:
        raise Refused("put_request_error", f"Upload-Checksum begins with one of {', '.join(ALGORITHMS)}")
    try:
        announced = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise Refused("put_request_error", "The value of Upload-Checksum is not base64") from None
    digest, size, limit = hashlib.new(algorithm, usedforsecurity=False), 0, min(limit, MAX_CHECKED)
    file = SpooledTemporaryFile(max_size=BLOCK)  # noqa: SIM115 - the caller closes it
    while chunk := body.read(min(BLOCK, limit - size + 1)):
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"A body with an Upload-Checksum has at most {limit} bytes here")
        digest.update(chunk)
        file.write(chunk)
    if digest.digest() != announced:
        raise Refused("checksum_mismatch", f"The body's {algorithm} is not the announced one")
    file.seek(0)
    return file
