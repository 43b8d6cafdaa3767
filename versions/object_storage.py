"""Bytes in an object store that speaks S3, under the same keys as in files."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from threading import Lock
from typing import IO, Any, Self, cast
from uuid import uuid4

from boto3 import Session
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from versions.storage import INCOMING, SHA256, Counted, Incoming, Received, TooLarge

logger = logging.getLogger(__name__)

MIB = 1024 * 1024
MOST_PARTS = 10_000  # of one object, in every S3
LARGE = 1024 * MIB  # copied in pieces, which never take so long that the store seems dead
COPYING = TransferConfig(multipart_threshold=LARGE, multipart_chunksize=256 * MIB, max_concurrency=4)
LINK_SECONDS = 300  # in which a download must begin
PROBE_SECONDS = 2
CONNECTIONS = 128
UNFINISHED = "?uploadId="  # stands in a place between an object that never came to be and its upload
# Sums that only some stores know are left out: TLS or the signature protect what travels.
LENIENT = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
ERRORS = {
    "NoSuchKey": errno.ENOENT,
    "404": errno.ENOENT,
    "InsufficientStorage": errno.ENOSPC,
    "QuotaExceeded": errno.EDQUOT,
    "XMinioStorageFull": errno.ENOSPC,
    "XMinioAdminBucketQuotaExceeded": errno.EDQUOT,
}
_creating = Lock()  # clients serve all threads, but sessions make only one at a time


@cache
def _session(access_key: str | None, secret_key: str | None, region: str) -> Session:
    return Session(access_key, secret_key, region_name=region)


@contextmanager
def as_os_errors() -> Iterator[None]:
    """Raise OSError for whatever the store or the way to it refuses, as files do."""
    try:
        yield
    except ClientError as error:
        raise OSError(ERRORS.get(error.response["Error"].get("Code", ""), errno.EIO), str(error)) from None
    except (BotoCoreError, Boto3Error) as error:
        raise OSError(errno.EIO, str(error)) from None


class Body:
    """An object's bytes on their way here; whatever stops them is an OSError, as with files."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def read(self, size: int = -1) -> bytes:
        try:
            data: bytes = self.stream.read(None if size < 0 else size)
        except BotoCoreError as error:  # its words differ from time to time, which a second look would take for another
            raise OSError(errno.EIO, "the store broke off in the midst of it") from error
        return data

    def close(self) -> None:
        self.stream.close()


class IncomingObject(Counted):
    """Bytes on their way into an object: few at once, more in parts, of which one at a time is in memory."""

    def __init__(self, storage: "ObjectStorage") -> None:
        super().__init__()
        self.storage = storage
        self.target = {"Bucket": storage.bucket, "Key": storage.name(f"{INCOMING}/{uuid4().hex}")}
        self.pending = bytearray()
        self.upload: dict[str, str] = {}
        self.parts: list[dict[str, Any]] = []
        self.finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.upload and not self.finished:
            with suppress(OSError), as_os_errors():  # what is left is swept up
                self.storage.client.abort_multipart_upload(**self.upload)

    def write(self, chunk: bytes) -> None:
        """Take a chunk. Raises TooLarge beyond what is allowed or the store can hold."""
        self.count(chunk)
        self.pending += chunk
        while len(self.pending) > self.storage.part_size:
            self._send(self.pending[: self.storage.part_size])
            del self.pending[: self.storage.part_size]

    def finish(self) -> Received:
        """Have the store keep all that came and return what it was."""
        if self.upload:
            self._send(self.pending)
            with as_os_errors():
                self.storage.client.complete_multipart_upload(**self.upload, MultipartUpload={"Parts": self.parts})
        else:
            with as_os_errors():
                self.storage.client.put_object(**self.target, Body=bytes(self.pending))
        self.finished = True
        return Received(self.target["Key"], self.size, self.digest.hexdigest())

    def _send(self, part: bytearray) -> None:
        number = len(self.parts) + 1
        if number > MOST_PARTS:
            raise TooLarge(f"A file has at most {MOST_PARTS * self.storage.part_size} bytes in this storage")
        with as_os_errors():
            if not self.upload:
                started = self.storage.client.create_multipart_upload(**self.target)
                self.upload = self.target | {"UploadId": started["UploadId"]}
            answer = self.storage.client.upload_part(**self.upload, PartNumber=number, Body=bytes(part))
        self.parts.append({"PartNumber": number, "ETag": answer["ETag"]})


class ObjectStorage:
    """Keeps bytes in the objects of one bucket; a key's bytes never change.

    Which key is known only once they are all there: they come in under another name, from which the store copies.
    """

    def __init__(
        self,
        *,
        bucket: str,
        prefix: str = "",
        endpoint_url: str | None = None,
        public_endpoint_url: str | None = None,
        region: str = "us-east-1",
        addressing: str = "auto",
        part_size: int = 16 * MIB,
        timeout: int = 60,
        access_key: str | None = None,
        secret_key: str | None = None,
    ) -> None:
        self.bucket, self.prefix, self.part_size = bucket, prefix, part_size

        def client(url: str | None, seconds: int, attempts: int) -> Any:
            retries = {"mode": "standard", "total_max_attempts": attempts}
            waits = {"connect_timeout": min(seconds, 10), "read_timeout": seconds, "retries": retries}
            style = {"signature_version": "s3v4", "s3": {"addressing_style": addressing}}
            config = Config(max_pool_connections=CONNECTIONS, **waits, **style, **LENIENT)
            return _session(access_key, secret_key, region).client("s3", endpoint_url=url, config=config)

        with _creating:
            self.client = client(endpoint_url, timeout, 3)
            self.probe = client(endpoint_url, PROBE_SECONDS, 1)
            self.signer = client(public_endpoint_url or endpoint_url, timeout, 1)

    def name(self, key: str) -> str:
        """Return the name of a key's object."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def receive(self) -> Incoming:
        """Open a place for bytes to come."""
        return IncomingObject(self)

    def keep(self, received: Received, key: str) -> None:
        """Have the store copy received bytes to their key; they can be kept again until discarded."""
        source, target = {"Bucket": self.bucket, "Key": received.place}, {"Bucket": self.bucket, "Key": self.name(key)}
        with as_os_errors():
            if received.size < LARGE:
                self.client.copy_object(**target, CopySource=source)
            else:
                self.client.copy(source, **target, Config=COPYING)

    def discard(self, received: Received) -> None:
        """Forget received bytes; what was kept of them stays. Where the store does not let us, they are swept up."""
        try:
            self._discard(*received.place.partition(UNFINISHED))
        except OSError as error:
            logger.warning("left in the storage: %s (%s)", received.place, error)

    def _discard(self, name: str, _: str, upload: str) -> None:
        with as_os_errors():
            if upload:
                self.client.abort_multipart_upload(Bucket=self.bucket, Key=name, UploadId=upload)
            else:
                self.client.delete_object(Bucket=self.bucket, Key=name)

    def remove(self, key: str) -> None:
        """Remove the bytes of a key, if they are there."""
        with as_os_errors():
            self.client.delete_object(Bucket=self.bucket, Key=self.name(key))

    def read(self, key: str, start: int = 0, stop: int | None = None) -> IO[bytes]:
        """Open the bytes of a key for reading, from `start` on, to `stop` if given. Raises FileNotFoundError."""
        part = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"} if start or stop else {}
        with as_os_errors():
            answer = self.client.get_object(Bucket=self.bucket, Key=self.name(key), **part)
        return cast(IO[bytes], Body(answer["Body"]))

    def link(self, key: str, *, mimetype: str, disposition: str) -> str:
        """Return a URL at the store itself that gives the bytes of a key to whoever has it, for a few minutes."""
        described = {"ResponseContentType": mimetype, "ResponseContentDisposition": disposition}
        asked = {"Bucket": self.bucket, "Key": self.name(key)} | described
        url: str = self.signer.generate_presigned_url("get_object", Params=asked, ExpiresIn=LINK_SECONDS)
        return url

    def keys(self) -> Iterator[str]:
        """Give the keys of all bytes that are kept; objects that are none of the store's are passed over."""
        for entry in self._pages("list_objects_v2", "Contents", Prefix=self.name("")):
            key = entry["Key"].removeprefix(self.name(""))
            if key.count("/") == 2 and SHA256.fullmatch(key.rpartition("/")[2]):
                yield key

    def leftovers(self, age: timedelta) -> Iterator[Received]:
        """Give incoming objects, and uploads to such that were begun and not ended, to which nothing came for `age`."""
        latest, incoming = datetime.now(UTC) - age, self.name(f"{INCOMING}/")
        for entry in self._pages("list_objects_v2", "Contents", Prefix=incoming):
            if entry["LastModified"] <= latest:
                yield Received(entry["Key"], entry["Size"], sha256="")
        for upload in self._pages("list_multipart_uploads", "Uploads", Prefix=incoming):
            name, number = upload["Key"], upload["UploadId"]
            parts = list(self._pages("list_parts", "Parts", Key=name, UploadId=number))
            if max([upload["Initiated"], *(part["LastModified"] for part in parts)]) <= latest:
                yield Received(f"{name}{UNFINISHED}{number}", sum(part["Size"] for part in parts), sha256="")

    def _pages(self, listing: str, entries: str, **asked: str) -> Iterator[dict[str, Any]]:
        """Give the entries of a listing, page by page."""
        with as_os_errors():
            for page in self.client.get_paginator(listing).paginate(Bucket=self.bucket, **asked):
                yield from page.get(entries, ())

    def is_healthy(self) -> bool:
        """Tell whether the bucket is there and we are let in; the answer never takes long."""
        with as_os_errors():
            self.probe.head_bucket(Bucket=self.bucket)
        return True
