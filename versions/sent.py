"""The files that a request sends or names for a new version, and the rules for their paths."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.conf import settings

from tenants.exceptions import Refused
from tenants.rows.texts import clashing_paths, refuse, unfit_path
from versions.services import Upload
from versions.storage import Received

FOLDER_TYPE = "inode/directory"  # the media type of folders, as the freedesktop specification names it


KEPT = ("received", "description", "creator", "tags", "metadata", "encoding", "timestamp")  # of sent files


@dataclass(frozen=True)
class NewFile:
    """A file of a version that is about to be created. Without a `crc32`, its bytes are read to compute it.

    `upload` is the id of the upload that its bytes came by, if any.
    """

    path: str
    mimetype: str
    received: Received
    crc32: int | None = None
    upload: str = ""


@dataclass(frozen=True)
class SentFiles:
    """The files of a version that is about to be created: one as it is, several as the folder `original`."""

    files: Sequence[NewFile]
    original: str
    description: str = ""
    creator: str = ""
    tags: Sequence[str] = ()
    metadata: Sequence[Mapping[str, Any]] = ()
    encoding: str = "binary"
    timestamp: datetime | None = None  # only if it is imported

    @cached_property
    def received(self) -> Received:
        """The bytes of one file, or the total size and the digest of a folder."""
        if len(self.files) == 1:
            return self.files[0].received
        ordered = sorted((file.path, file.received.sha256, file.received.size) for file in self.files)
        return Received("", sum(file.received.size for file in self.files), digest_of(ordered))

    def as_upload(self) -> Upload:
        """Return the version of the files: one file as it is, or a folder whose files are not stored yet."""
        is_one = len(self.files) == 1
        path = self.files[0].path if is_one else ""
        original = self.original or path
        about = {name: getattr(self, name) for name in KEPT}
        mimetype, path = self.files[0].mimetype if is_one else FOLDER_TYPE, "" if path == original else path
        return Upload(original=original, mimetype=mimetype, path=path, **about)


def check_paths(paths: Sequence[str]) -> None:
    """Raise Refused (`post_request_error`) unless the paths can be those of one folder, on every file system."""
    if len(paths) > settings.MAX_FILES:
        raise Refused("payload_too_large", f"A version has at most {settings.MAX_FILES} files")
    refuse(paths, unfit_path, "post_request_error")
    if why := clashing_paths(paths):
        raise Refused("post_request_error", why)


def folder_name(sent: str, paths: Sequence[str]) -> str:
    """Return the name of a folder: the one that was sent, or that of the folder which contains all its files.

    One file needs none. Raises Refused (`post_request_error`).
    """
    tops = {path.partition("/")[0] for path in paths}
    if not sent and len(paths) > 1 and len(tops) > 1:
        raise Refused("post_request_error", "Path `original` is required: the name of the folder")
    return sent or (tops.pop() if len(paths) > 1 else "")


def digest_of(files: Iterable[tuple[str, str, int]]) -> str:
    """Return the digest of a folder from path, sha256 and size of each file, in the order of their paths.

    It is the sha256 of the JSON `[[path, sha256, size], …]` in UTF-8 without blanks.
    """
    digest, separator = hashlib.sha256(b"["), ""
    for file in files:
        digest.update((separator + json.dumps(file, ensure_ascii=False, separators=(",", ":"))).encode())
        separator = ","
    digest.update(b"]")
    return digest.hexdigest()
