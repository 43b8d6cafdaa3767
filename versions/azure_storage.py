"""Bytes in Azure Blob Storage, under the same keys as in files."""

import errno
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import IO, Any, cast
from uuid import uuid4

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import (
    BlobBlock,
    BlobClient,
    BlobProperties,
    BlobSasPermissions,
    ContainerClient,
    LinearRetry,
    StorageErrorCode,
    generate_blob_sas,
)
from requests import Session
from requests.adapters import HTTPAdapter

from versions.objects import (
    BROKEN_OFF,
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

LARGE = 256 * MIB  # more is copied in pieces: Azure copies no more at once without putting it off
COPY_SECONDS = 3600  # that the store may read what it copies
READ = 4 * MIB  # that a reader holds in memory
UNFINISHED = "?blocks"  # stands in a place behind a blob that never came to be
ERRORS: dict[Any, int] = {"BlobNotFound": errno.ENOENT, 507: errno.ENOSPC}  # by code, or else by status
ADDRESS = re.compile(r"<[^>]* object at [^>]*>:? ?")  # in an error's words; another each time


@contextmanager
def as_os_errors() -> Iterator[None]:
    """Raise OSError for whatever the store or the way to it refuses, as files do."""
    try:
        yield
    except HttpResponseError as error:
        if error.response is None:
            raise OSError(errno.EIO, BROKEN_OFF) from None
        code = getattr(error, "error_code", None) or error.reason
        told = code.value if isinstance(code, StorageErrorCode) else code
        number = ERRORS.get(told) or ERRORS.get(error.status_code) or errno.EIO
        raise OSError(number, f"the store answered {told}") from None
    except AzureError as error:
        raise OSError(errno.EIO, ADDRESS.sub("", str(error))) from None


def _block(number: int) -> str:
    """Return the name of a block, all of one length, which tells when it came: the store does not."""
    return f"{number:05}-{int(time.time()):010}"


def _came(block: BlobBlock) -> datetime:
    return datetime.fromtimestamp(int(block.id.partition("-")[2]), UTC)


class IncomingBlob(IncomingParts):
    """Bytes on their way into a blob, as blocks if they are many: there is no blob until it is said of which."""

    most_parts = 50_000  # of one blob

    def __init__(self, storage: "AzureStorage") -> None:
        super().__init__(f"{storage.incoming}{uuid4().hex}", storage.part_size)
        self.storage = storage
        self.blob = storage.container.get_blob_client(self.place)
        self.blocks: list[BlobBlock] = []

    def put(self, content: bytes) -> None:
        with as_os_errors():
            self.blob.upload_blob(content, overwrite=True)

    def begin(self) -> None:
        """Nothing is to be said before the first block."""

    def send(self, number: int, part: bytes) -> None:
        block = BlobBlock(_block(number))
        with as_os_errors():
            self.blob.stage_block(block.id, part)
        self.blocks.append(block)

    def complete(self) -> None:
        with as_os_errors():
            self.blob.commit_block_list(self.blocks)

    def abort(self) -> None:
        self.storage.drop(f"{self.place}{UNFINISHED}")


class AzureStorage(Objects):
    """Keeps bytes in the blobs of one container."""

    def __init__(
        self,
        *,
        container: str,
        access_key: str,
        secret_key: str,
        prefix: str = "",
        endpoint_url: str = "",
        public_endpoint_url: str = "",
        part_size: int = PART_SIZE,
        timeout: int = TIMEOUT,
    ) -> None:
        super().__init__(prefix, part_size)
        endpoint = endpoint_url or f"https://{access_key}.blob.core.windows.net"
        self.credential = AzureNamedKeyCredential(access_key, secret_key)

        def client(url: str, seconds: int, again: int) -> ContainerClient:
            session = Session()
            for scheme in ("https://", "http://"):
                session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
            return ContainerClient(
                url,
                container,
                self.credential,
                session=session,
                connection_timeout=min(seconds, 10),
                read_timeout=seconds,
                retry_policy=LinearRetry(1, again, random_jitter_range=1),
                max_single_put_size=part_size,
                max_single_get_size=READ,
                max_chunk_get_size=READ,
            )

        self.container = client(endpoint, timeout, 2)
        self.probe = client(endpoint, PROBE_SECONDS, 0)
        self.public = client(public_endpoint_url or endpoint, timeout, 0)

    def receive(self) -> Incoming:
        """Open a place for bytes to come."""
        return IncomingBlob(self)

    def keep(self, received: Received, key: str) -> None:
        """Have the store copy received bytes to their key; they can be kept again until discarded."""
        source = self._signed(self.container.get_blob_client(received.place), COPY_SECONDS)
        with as_os_errors():
            if received.size <= LARGE:
                self._blob(key).start_copy_from_url(source, requires_sync=True)
            else:
                self._copy_pieces(source, received.size, self._blob(key))

    def _copy_pieces(self, source: str, size: int, target: BlobClient) -> None:
        # All who copy the same bytes name the pieces alike: what one has committed is there for the other.
        blocks = [BlobBlock(f"{number:05}") for number in range(-(-size // LARGE))]
        for block, start in zip(blocks, range(0, size, LARGE), strict=True):
            target.stage_block_from_url(block.id, source, start, min(LARGE, size - start))
        target.commit_block_list(blocks)

    def drop(self, place: str) -> None:
        """Remove an incoming blob, or the blocks of one that never came to be. Raises OSError."""
        name, unfinished, _ = place.partition(UNFINISHED)
        blob = self.container.get_blob_client(name)
        with as_os_errors():
            if unfinished:
                blob.commit_block_list([])  # of none: all that came are forgotten
            blob.delete_blob(delete_snapshots="include")

    def remove(self, key: str) -> None:
        """Remove the bytes of a key, if they are there."""
        with suppress(FileNotFoundError):
            self.drop(self.name(key))

    def read(self, key: str, start: int = 0, stop: int | None = None) -> IO[bytes]:
        """Open the bytes of a key for reading, from `start` on, to `stop` if given. Raises FileNotFoundError."""
        offset, length = start or (0 if stop else None), stop - start if stop else None
        with as_os_errors():
            stream = self._blob(key).download_blob(offset, length, max_concurrency=1)
        return cast(IO[bytes], Body(stream, AzureError))

    def link(self, key: str, *, mimetype: str, disposition: str) -> str:
        """Return a URL at the store itself that gives the bytes of a key to whoever has it, for a few minutes."""
        blob = self.public.get_blob_client(self.name(key))
        return self._signed(blob, LINK_SECONDS, mimetype, disposition)

    def names(self) -> Iterator[str]:
        """Give the names of all blobs under the prefix. Raises OSError."""
        with as_os_errors():
            yield from self.container.list_blob_names(name_starts_with=self.name(""))

    def leftovers(self, age: timedelta) -> Iterator[Received]:
        """Give incoming blobs, and blocks of such that never came to be, to which nothing came for `age`."""
        latest = datetime.now(UTC) - age
        with as_os_errors():
            for blob in self.container.list_blobs(name_starts_with=self.incoming, include=["uncommittedblobs"]):
                with suppress(FileNotFoundError):  # its request has just ended
                    last, received = self._progress(blob)
                    if last <= latest:
                        yield received

    def _progress(self, listed: BlobProperties) -> tuple[datetime, Received]:
        """Return when the last bytes came to an incoming blob, and what came. Raises FileNotFoundError."""
        with as_os_errors():
            _, blocks = self.container.get_blob_client(listed.name).get_block_list("uncommitted")
        if not blocks:
            return listed.last_modified, Received(listed.name, listed.size, sha256="")
        size = sum(block.size for block in blocks)
        return max(map(_came, blocks)), Received(f"{listed.name}{UNFINISHED}", size, sha256="")

    def _blob(self, key: str) -> BlobClient:
        return self.container.get_blob_client(self.name(key))

    def _signed(self, blob: BlobClient, seconds: int, mimetype: str = "", disposition: str = "") -> str:
        """Return a URL with which anybody can read a blob for so long."""
        account, secret = self.credential.named_key
        signature = generate_blob_sas(
            account,
            blob.container_name,
            blob.blob_name,
            account_key=secret,
            permission=BlobSasPermissions(read=True),
            expiry=datetime.now(UTC) + timedelta(seconds=seconds),
            content_type=mimetype or None,
            content_disposition=disposition or None,
        )
        return f"{blob.url}?{signature}"

    def is_healthy(self) -> bool:
        """Tell whether the container is there and we are let in; the answer never takes long."""
        with as_os_errors():
            self.probe.get_container_properties()
        return True
