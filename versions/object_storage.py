"""Stores bytes in an S3-compatible object store, under the same keys as the file store."""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import cached_property
from threading import Lock
from typing import IO, Any, cast

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage

from versions.objects import CONNECTIONS, LINK_SECONDS, MIB, PROBE_SECONDS, Body, Part
from versions.resumable_objects import ResumableObjectStore
from versions.storage import Received

LARGE = 1024 * MIB  # larger objects are copied in parts, so that no request exceeds the timeout
COPYING = TransferConfig(multipart_threshold=1, multipart_chunksize=256 * MIB, max_concurrency=4)
UNFINISHED = "?uploadId="  # separates the object's name from the id of its multipart upload in a place
# Optional checksums are off, because not all stores support them; TLS or the signature protects the transfer.
LENIENT = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
ERRORS = {
    "NoSuchKey": errno.ENOENT,
    "404": errno.ENOENT,
    "InsufficientStorage": errno.ENOSPC,
    "QuotaExceeded": errno.EDQUOT,
    "XMinioStorageFull": errno.ENOSPC,
    "XMinioAdminBucketQuotaExceeded": errno.EDQUOT,
}
_creating = Lock()  # clients are thread-safe, but creating one is not


@contextmanager
def as_os_errors() -> Iterator[None]:
    """Convert every error of the store or the network into OSError, as file operations raise it."""
    try:
        yield
    except ClientError as error:
        raise OSError(ERRORS.get(error.response["Error"].get("Code", ""), errno.EIO), str(error)) from None
    except (BotoCoreError, Boto3Error) as error:
        raise OSError(errno.EIO, str(error)) from None


class ObjectStorage(ResumableObjectStore, S3Storage):  # type: ignore[misc]
    """Stores bytes in the objects of one bucket of an S3-compatible store."""

    most_parts = 10_000  # per object, an S3 limit

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.client_config = self._config(self.timeout, attempts=3)

    def get_default_settings(self) -> dict[str, Any]:
        return super().get_default_settings() | {"copies_pieces": True}

    def _config(self, seconds: int, attempts: int) -> Config:
        retries = {"mode": "standard", "total_max_attempts": attempts}
        waits = {"connect_timeout": min(seconds, 10), "read_timeout": seconds, "retries": retries}
        ours = Config(signature_version="s3v4", max_pool_connections=CONNECTIONS, **waits, **LENIENT)
        return self.client_config.merge(ours)

    @cached_property
    def session(self) -> Any:
        """One session for all connections, because a session takes megabytes of memory."""
        return super()._create_session()

    def _create_session(self) -> Any:
        return self.session

    @cached_property
    def connection(self) -> Any:
        """One connection for all threads. django-storages creates one per thread, at 0.1 s and 11 MB each."""
        with _creating:
            return S3Storage.connection.fget(self)

    @property
    def client(self) -> Any:
        """The thread-safe client of the connection."""
        return self.connection.meta.client

    @cached_property
    def probe(self) -> S3Storage:
        """A copy of this storage with a short timeout, for health checks."""
        return self._varied(client_config=self._config(PROBE_SECONDS, attempts=1))

    @cached_property
    def public(self) -> S3Storage:
        """A copy of this storage with the endpoint that clients use."""
        return self._varied(endpoint_url=self.public_endpoint_url or self.endpoint_url)

    def _varied(self, **changes: Any) -> S3Storage:
        other = copy(self)
        other.__dict__ |= {"session": self.session} | changes
        other.__dict__.pop("connection", None)
        return other

    @property
    def errors(self) -> Any:
        return as_os_errors()

    def put(self, name: str, content: bytes) -> None:
        with as_os_errors():
            self.client.put_object(Bucket=self.bucket_name, Key=name, Body=content)

    def begin(self, name: str) -> str:
        with as_os_errors():
            upload = self.client.create_multipart_upload(Bucket=self.bucket_name, Key=name)["UploadId"]
        return f"{name}{UNFINISHED}{upload}"

    def send(self, place: str, part: Part) -> str:
        with as_os_errors():
            answer = self.client.upload_part(**self._upload(place), PartNumber=part.number, Body=part.content)
        return str(answer["ETag"])

    def complete(self, place: str, tags: Sequence[str]) -> None:
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
        with as_os_errors():
            self.client.complete_multipart_upload(**self._upload(place), MultipartUpload={"Parts": parts})

    def drop(self, place: str) -> None:
        with as_os_errors():
            if UNFINISHED in place:
                self.client.abort_multipart_upload(**self._upload(place))
            else:
                self.client.delete_object(Bucket=self.bucket_name, Key=place)

    def _upload(self, place: str) -> dict[str, str]:
        name, _, upload = place.partition(UNFINISHED)
        return {"Bucket": self.bucket_name, "Key": name, "UploadId": upload}

    def put_copy(self, source: str, size: int, key: str) -> None:
        origin, target = (
            {"Bucket": self.bucket_name, "Key": source},
            {"Bucket": self.bucket_name, "Key": self.name(key)},
        )
        if size < LARGE or not self.copies_pieces:
            self.client.copy_object(**target, CopySource=origin)
        else:
            self.client.copy(origin, **target, Config=COPYING)

    def read(self, key: str, start: int = 0, stop: int | None = None) -> IO[bytes]:
        """Open the bytes of a key for reading, from `start` to `stop` or the end. Raises FileNotFoundError."""
        part = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"} if start or stop else {}
        with as_os_errors():
            stream = self.client.get_object(Bucket=self.bucket_name, Key=self.name(key), **part)["Body"]
        return cast(IO[bytes], Body(stream, BotoCoreError, stream.close))

    def link(self, key: str, *, mimetype: str, disposition: str) -> str:
        """Return a signed URL at the store or its CDN that serves the bytes of a key for LINK_SECONDS."""
        parameters = {"response-content-type": mimetype, "response-content-disposition": disposition}
        if not self.custom_domain:
            parameters = {"".join(map(str.capitalize, name.split("-"))): text for name, text in parameters.items()}
        return str(self.public.url(key, parameters=parameters, expire=LINK_SECONDS))

    def names(self) -> Iterator[str]:
        for entry in self._pages("list_objects_v2", "Contents", Prefix=self.name("")):
            yield entry["Key"]

    def leftovers(self, age: timedelta) -> Iterator[Received]:
        """Yield incoming objects and unfinished multipart uploads and copies that did not grow for `age`."""
        latest = datetime.now(UTC) - age
        for entry in self._pages("list_objects_v2", "Contents", Prefix=self.incoming):
            if entry["LastModified"] <= latest:
                yield Received(entry["Key"], entry["Size"], sha256="")
        for upload in self._pages("list_multipart_uploads", "Uploads", Prefix=self.name("")):
            name, number = upload["Key"], upload["UploadId"]
            if not (name.startswith(self.incoming) or self.key_of(name)):
                continue  # of another application that uses the bucket
            parts = list(self._pages("list_parts", "Parts", Key=name, UploadId=number))
            if max([upload["Initiated"], *(part["LastModified"] for part in parts)]) <= latest:
                yield Received(f"{name}{UNFINISHED}{number}", sum(part["Size"] for part in parts), sha256="")

    def _pages(self, listing: str, entries: str, **asked: str) -> Iterator[dict[str, Any]]:
        """Yield the entries of a listing, page by page."""
        with as_os_errors():
            for page in self.client.get_paginator(listing).paginate(Bucket=self.bucket_name, **asked):
                yield from page.get(entries, ())

    def is_healthy(self) -> bool:
        """Return True if the bucket exists and access is granted, within PROBE_SECONDS. Raises OSError otherwise."""
        with as_os_errors():
            self.probe.connection.meta.client.head_bucket(Bucket=self.bucket_name)
        return True
