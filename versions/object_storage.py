"""Bytes in an object store that speaks S3, under the same keys as in files."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from threading import Lock
from typing import IO, Any, cast
from uuid import uuid4

from boto3 import Session
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from versions.objects import (
    CONNECTIONS,
    LINK_SECONDS,
    MIB,
    PART_SIZE,
    PROBE_SECONDS,
    TIMEOUT,
    Body,
    IncomingParts,
    Objects,
)
from versions.storage import Incoming, Received

LARGE = 1024 * MIB  # copied in pieces, which never take so long that the store seems dead
COPYING = TransferConfig(multipart_threshold=1, multipart_chunksize=256 * MIB, max_concurrency=4)
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


class IncomingObject(IncomingParts):
    """Bytes on their way into an object, through a multipart upload if they are many."""

    most_parts = 10_000  # of one object, in every S3

    def __init__(self, storage: "ObjectStorage") -> None:
        super().__init__(f"{storage.incoming}{uuid4().hex}", storage.part_size)
        self.client = storage.client
        self.target = {"Bucket": storage.bucket, "Key": self.place}
        self.etags: list[dict[str, Any]] = []

    def put(self, content: bytes) -> None:
        with as_os_errors():
            self.client.put_object(**self.target, Body=content)

    def begin(self) -> None:
        with as_os_errors():
            self.target["UploadId"] = self.client.create_multipart_upload(**self.target)["UploadId"]

    def send(self, number: int, part: bytes) -> None:
        with as_os_errors():
            answer = self.client.upload_part(**self.target, PartNumber=number, Body=part)
        self.etags.append({"PartNumber": number, "ETag": answer["ETag"]})

    def complete(self) -> None:
        with as_os_errors():
            self.client.complete_multipart_upload(**self.target, MultipartUpload={"Parts": self.etags})

    def abort(self) -> None:
        with as_os_errors():
            self.client.abort_multipart_upload(**self.target)


class ObjectStorage(Objects):
    """Keeps bytes in the objects of one bucket, of a store that speaks S3."""

    def __init__(
        self,
        *,
        bucket: str,
        prefix: str = "",
        endpoint_url: str | None = None,
        public_endpoint_url: str | None = None,
        region: str = "us-east-1",
        addressing: str = "auto",
        part_size: int = PART_SIZE,
        timeout: int = TIMEOUT,
        copies_pieces: bool = True,
        access_key: str | None = None,
        secret_key: str | None = None,
    ) -> None:
        super().__init__(prefix, part_size)
        self.bucket, self.copies_pieces = bucket, copies_pieces

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

    def receive(self) -> Incoming:
        """Open a place for bytes to come."""
        return IncomingObject(self)

    def keep(self, received: Received, key: str) -> None:
        """Have the store copy received bytes to their key; they can be kept again until discarded."""
        source, target = {"Bucket": self.bucket, "Key": received.place}, {"Bucket": self.bucket, "Key": self.name(key)}
        with as_os_errors():
            if received.size < LARGE or not self.copies_pieces:
                self.client.copy_object(**target, CopySource=source)
            else:
                self.client.copy(source, **target, Config=COPYING)

    def drop(self, place: str) -> None:
        """Remove an incoming object, or the upload to one that never came to be. Raises OSError."""
        name, _, upload = place.partition(UNFINISHED)
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
            stream = self.client.get_object(Bucket=self.bucket, Key=self.name(key), **part)["Body"]
        return cast(IO[bytes], Body(stream, BotoCoreError, stream.close))

    def link(self, key: str, *, mimetype: str, disposition: str) -> str:
        """Return a URL at the store itself that gives the bytes of a key to whoever has it, for a few minutes."""
        described = {"ResponseContentType": mimetype, "ResponseContentDisposition": disposition}
        asked = {"Bucket": self.bucket, "Key": self.name(key)} | described
        url: str = self.signer.generate_presigned_url("get_object", Params=asked, ExpiresIn=LINK_SECONDS)
        return url

    def names(self) -> Iterator[str]:
        """Give the names of all objects under the prefix. Raises OSError."""
        for entry in self._pages("list_objects_v2", "Contents", Prefix=self.name("")):
            yield entry["Key"]

    def leftovers(self, age: timedelta) -> Iterator[Received]:
        """Give incoming objects, and uploads to such that were begun and not ended, to which nothing came for `age`."""
        latest = datetime.now(UTC) - age
        for entry in self._pages("list_objects_v2", "Contents", Prefix=self.incoming):
            if entry["LastModified"] <= latest:
                yield Received(entry["Key"], entry["Size"], sha256="")
        for upload in self._pages("list_multipart_uploads", "Uploads", Prefix=self.incoming):
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
