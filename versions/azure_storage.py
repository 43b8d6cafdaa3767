"""Stores bytes in Azure Blob Storage, under the same keys as the file store."""

import errno
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import IO, Any, cast

from azure.core.exceptions import AzureError, HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import (
    BlobBlock,
    BlobClient,
    BlobProperties,
    BlobServiceClient,
    LinearRetry,
    StorageErrorCode,
)
from requests import Session
from requests.adapters import HTTPAdapter
from storages.backends import azure_storage as django_storages

from versions.objects import (
    BROKEN_OFF,
    CONNECTIONS,
    LINK_SECONDS,
    MIB,
    PROBE_SECONDS,
    Body,
    Part,
    without_queries,
)
from versions.resumable_objects import ResumableObjectStore
from versions.storage import Received

LARGE = 256 * MIB  # larger blobs are copied in blocks: Azure copies synchronously only up to this size
COPY_SECONDS = 3600  # lifetime of the URL from which the store copies
READ = 4 * MIB  # buffer of a reader
UNFINISHED = "?blocks"  # suffix of the place of a blob whose block list is not committed
ERRORS: dict[Any, int] = {"BlobNotFound": errno.ENOENT, 507: errno.ENOSPC}  # by error code or HTTP status
ADDRESS = re.compile(r"<[^>]* object at [^>]*>:? ?")  # object addresses in error messages, which differ each time


@contextmanager
def as_os_errors() -> Iterator[None]:
    """Convert every error of the store or the network into OSError, as file operations raise it."""
    try:
        yield
    except HttpResponseError as error:
        if error.response is None:
            raise OSError(errno.EIO, BROKEN_OFF) from None
        code = getattr(error, "error_code", None) or error.reason
        shown = code.value if isinstance(code, StorageErrorCode) else code
        number = ERRORS.get(shown) or ERRORS.get(error.status_code) or errno.EIO
        raise OSError(number, f"the store answered {shown}") from None
    except AzureError as error:
        raise OSError(errno.EIO, ADDRESS.sub("", without_queries(error))) from None


def _block(number: int) -> str:
    """Return a block id of fixed length that contains the time of upload, which the store does not record."""
    return f"{number:05}-{int(time.time()):010}"


def _uploaded_at(block: BlobBlock) -> datetime:
    return datetime.fromtimestamp(int(block.id.partition("-")[2]), UTC)


class AzureStorage(ResumableObjectStore, django_storages.AzureStorage):  # type: ignore[misc]
    """Stores bytes in the blobs of one container."""

    most_parts = 50_000  # per blob

    def __init__(self, **options: Any) -> None:
        if not (options.get("account_key") or options.get("sas_token")):
            identity = DefaultAzureCredential(managed_identity_client_id=options.get("client_id"))
            options = {"token_credential": identity} | options
        super().__init__(**options)
        self.attempts = 3

    def get_default_settings(self) -> dict[str, Any]:
        return super().get_default_settings() | {"endpoint_url": None, "client_id": None}

    def _get_service_client(self) -> BlobServiceClient:
        # Overrides django-storages, which has no options for the endpoint, the connection pool and buffer sizes.
        session = Session()
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
        named = {"account_name": self.account_name, "account_key": self.account_key} if self.account_key else None
        return BlobServiceClient(
            self.endpoint_url or f"https://{self.account_name}.blob.{self.endpoint_suffix}",
            named or self.sas_token or self.token_credential,
            session=session,
            connection_timeout=min(self.timeout, 10),
            read_timeout=self.timeout,
            retry_policy=LinearRetry(1, self.attempts - 1, random_jitter_range=1),
            max_single_put_size=self.part_size,
            max_single_get_size=READ,
            max_chunk_get_size=READ,
        )

    @cached_property
    def probe(self) -> "AzureStorage":
        """A copy of this storage with a short timeout, for health checks."""
        return self._varied(timeout=PROBE_SECONDS, attempts=1)

    @cached_property
    def public(self) -> "AzureStorage":
        """A copy of this storage with the endpoint that clients use."""
        other = self._varied(endpoint_url=self.public_endpoint_url or self.endpoint_url)
        # A managed identity requests the signing key from the internal endpoint.
        other._client, other._service_client = other.client, self.service_client
        return other

    def _varied(self, **changes: Any) -> "AzureStorage":
        other = copy(self)
        other.__dict__ |= {"_client": None, "_service_client": None} | changes
        return other

    def _get_valid_path(self, name: str) -> str:
        return self.name(name)  # django-storages strips dots, but tenant names may start with a dot

    @property
    def errors(self) -> Any:
        return as_os_errors()

    def put(self, name: str, content: bytes) -> None:
        with as_os_errors():
            self._blob(name).upload_blob(content, overwrite=True)

    def begin(self, name: str) -> str:
        return f"{name}{UNFINISHED}"  # Azure needs no request before the first block

    def send(self, place: str, part: Part) -> str:
        block = _block(part.number)
        with as_os_errors():
            self._blob(place).stage_block(block, part.content)
        return block

    def complete(self, place: str, tags: Sequence[str]) -> None:
        with as_os_errors():
            self._blob(place).commit_block_list([BlobBlock(tag) for tag in tags])

    def drop(self, place: str) -> None:
        blob = self._blob(place)
        with as_os_errors():
            if place.endswith(UNFINISHED):
                blob.commit_block_list([])  # an empty list discards all uncommitted blocks
            blob.delete_blob(delete_snapshots="include")

    def put_copy(self, source: str, size: int, key: str) -> None:
        origin, target = self._readable(source), self._blob(self.name(key))
        if size <= LARGE:
            target.start_copy_from_url(origin, requires_sync=True)
            return
        # Concurrent copies of the same bytes use the same block ids, so each finds what the other has committed.
        blocks = [BlobBlock(f"{number:05}") for number in range(-(-size // LARGE))]
        for block, start in zip(blocks, range(0, size, LARGE), strict=True):
            target.stage_block_from_url(block.id, origin, start, min(LARGE, size - start))
        target.commit_block_list(blocks)

    def _readable(self, name: str) -> str:
        """Return a URL from which the store itself can read a blob for COPY_SECONDS."""
        if self.sas_token:
            return str(self._blob(name).url)  # contains the token
        return str(self.url(name.removeprefix(self.name("")), expire=COPY_SECONDS))

    def read(self, key: str, start: int = 0, stop: int | None = None) -> IO[bytes]:
        """Open the bytes of a key for reading, from `start` to `stop` or the end. Raises FileNotFoundError."""
        offset, length = start or (0 if stop else None), stop - start if stop else None
        with as_os_errors():
            stream = self._blob(self.name(key)).download_blob(offset, length, max_concurrency=1)
        return cast(IO[bytes], Body(stream, AzureError))

    def link(self, key: str, *, mimetype: str, disposition: str) -> str:
        """Return a signed URL at the store or its CDN that serves the bytes of a key for LINK_SECONDS."""
        parameters = {"content_type": mimetype, "content_disposition": disposition}
        with as_os_errors():  # a managed identity first requests a signing key
            return str(self.public.url(key, expire=LINK_SECONDS, parameters=parameters))

    def names(self) -> Iterator[str]:
        with as_os_errors():
            yield from self.client.list_blob_names(name_starts_with=self.name(""))

    def leftovers(self, age: timedelta) -> Iterator[Received]:
        """Yield incoming blobs and uncommitted blocks to which nothing was added for `age`."""
        latest = datetime.now(UTC) - age
        with as_os_errors():
            for blob in self.client.list_blobs(name_starts_with=self.incoming, include=["uncommittedblobs"]):
                with suppress(FileNotFoundError):  # its request has just ended
                    last, received = self._progress(blob)
                    if last <= latest:
                        yield received

    def _progress(self, listed: BlobProperties) -> tuple[datetime, Received]:
        """Return the time of the last write to an incoming blob, and its content. Raises FileNotFoundError."""
        with as_os_errors():
            _, blocks = self._blob(listed.name).get_block_list("uncommitted")
        if not blocks:
            return listed.last_modified, Received(listed.name, listed.size, sha256="")
        size = sum(block.size for block in blocks)
        return max(map(_uploaded_at, blocks)), Received(f"{listed.name}{UNFINISHED}", size, sha256="")

    def _blob(self, place: str) -> BlobClient:
        return self.client.get_blob_client(place.removesuffix(UNFINISHED))

    def is_healthy(self) -> bool:
        """Return True if the container exists and access is granted, within PROBE_SECONDS. Raises OSError otherwise."""
        with as_os_errors():
            self.probe.client.get_container_properties()
        return True
