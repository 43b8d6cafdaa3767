"""Stores bytes in Google Cloud Storage through its JSON API, under the same keys as the file store."""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import IO, Any, cast

from google.api_core.exceptions import GoogleAPICallError, NotFound, RetryError, ServiceUnavailable, from_http_response
from google.auth import default
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Blob, Client
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY
from google.oauth2.service_account import Credentials
from requests import PreparedRequest, RequestException, Response
from requests.adapters import HTTPAdapter
from storages.backends.gcloud import GoogleCloudStorage

from versions.objects import (
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

READ = 4 * MIB  # buffer of a reader
UNFINISHED = "?session="  # separates the object's name from its upload session's URL in a place
RESUME, CANCELLED = 308, (204, 404, 410, 499)  # status of a session after a part, and after its cancellation
LARGEST = 5 * 1024 * 1024 * MIB  # bytes per object
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TYPE = "application/octet-stream"
FULL = {"quotaExceeded": errno.EDQUOT, "insufficientStorage": errno.ENOSPC}
FAULTS = (GoogleAPICallError, GoogleAuthError, RetryError, InvalidResponse, DataCorruption, RequestException)


@contextmanager
def as_os_errors() -> Iterator[None]:
    """Convert every error of the store or the network into OSError, as file operations raise it."""
    try:
        yield
    except NotFound as error:
        raise OSError(errno.ENOENT, without_queries(error)) from None
    except GoogleAPICallError as error:
        reasons = [FULL[fault["reason"]] for fault in error.errors if fault.get("reason") in FULL]
        number = errno.ENOSPC if error.code == 507 else next(iter(reasons), errno.EIO)
        raise OSError(number, without_queries(error)) from None
    except FAULTS as error:
        raise OSError(errno.EIO, f"the store cannot be reached: {type(error).__name__}") from None


class TimeoutAdapter(HTTPAdapter):
    """Enforces the storage's `timeout`, which django-storages and Google's library do not pass on."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(pool_maxsize=CONNECTIONS)

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        return super().send(request, *args, **options | {"timeout": (min(self.seconds, 10), self.seconds)})


class Blocks:
    """Reads a blob in blocks of READ bytes, one in memory; Google's library resumes an interrupted block."""

    def __init__(self, blob: Blob, start: int, stop: int, retry: Any) -> None:
        self.blob, self.at, self.stop, self.retry = blob, start, stop, retry
        self.block = memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            return b"".join(iter(partial(self.read, READ), b""))
        if not self.block and self.at < self.stop:
            end = min(self.at + READ, self.stop)
            block = self.blob.download_as_bytes(start=self.at, end=end - 1, checksum=None, retry=self.retry)
            self.block, self.at = memoryview(block), end
        taken, self.block = self.block[:size], self.block[size:]
        return bytes(taken)


class GoogleStorage(ResumableObjectStore, GoogleCloudStorage):  # type: ignore[misc]
    """Stores bytes in the objects of one bucket."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._client: Client = None
        self.expiration = timedelta(seconds=LINK_SECONDS)
        self.retry = DEFAULT_RETRY.with_timeout(2 * self.timeout)
        if self.credentials_file:
            self.credentials = Credentials.from_service_account_file(self.credentials_file, scopes=[SCOPE])

    def get_default_settings(self) -> dict[str, Any]:
        return super().get_default_settings() | {"endpoint_url": None, "credentials_file": None}

    @property
    def most_parts(self) -> int:  # type: ignore[override]
        return LARGEST // self.part_size

    @property
    def client(self) -> Client:
        """One client for all threads. That of django-storages has no endpoint option and waits for minutes."""
        if self._client is None:
            if self.iam_sign_blob and not self.credentials:
                self.credentials, _ = default(scopes=[SCOPE])
            options = {"api_endpoint": self.endpoint_url} if self.endpoint_url else None
            client = Client(self.project_id, self.credentials, client_options=options)
            for scheme in ("https://", "http://"):
                client._http.mount(scheme, TimeoutAdapter(self.timeout))
            self._client = client
        return self._client

    @cached_property
    def probe(self) -> "GoogleStorage":
        """A copy of this storage with a short timeout, for health checks."""
        other = copy(self)
        other.__dict__ |= {"_client": None, "_bucket": None, "timeout": PROBE_SECONDS}
        return other

    @property
    def errors(self) -> Any:
        return as_os_errors()

    def put(self, name: str, content: bytes) -> None:
        with as_os_errors():
            self.bucket.blob(name).upload_from_string(content, TYPE, checksum="crc32c", retry=self.retry)

    def begin(self, name: str) -> str:
        with as_os_errors():
            session = self.bucket.blob(name).create_resumable_upload_session(TYPE, retry=self.retry)
        return f"{name}{UNFINISHED}{session}"

    def send(self, place: str, part: Part) -> str:
        with as_os_errors():
            self.retry(self._send)(place.partition(UNFINISHED)[2], part)
        return ""

    def _send(self, session: str, part: Part) -> None:
        total = part.stop if part.last else "*"
        headers = {"Content-Range": f"bytes {part.start}-{part.stop - 1}/{total}"}
        answer = self.client._http.put(session, data=part.content, headers=headers)
        if answer.status_code == RESUME and not part.last:
            # The session ignores bytes that it already has; it has more than this part after a crash.
            if int(answer.headers.get("Range", "0-0").rpartition("-")[2]) < part.stop - 1:
                raise ServiceUnavailable("only some of a part was taken")
        elif not (part.last and answer.ok):
            raise from_http_response(answer)

    def complete(self, place: str, tags: Sequence[str]) -> None:
        """Do nothing: the last part completes the object."""

    def drop(self, place: str) -> None:
        name, _, session = place.partition(UNFINISHED)
        with as_os_errors():
            if session:
                answer = self.client._http.delete(session)
                if answer.status_code not in CANCELLED:
                    raise from_http_response(answer)
            else:
                self.bucket.delete_blob(name, retry=self.retry)

    def put_copy(self, source: str, size: int, key: str) -> None:
        origin, target, token = self.bucket.blob(source), self.bucket.blob(self.name(key)), None
        while True:  # one call copies for at most half a minute
            token, _, _ = target.rewrite(origin, token=token, retry=self.retry)
            if token is None:
                return

    def read(self, key: str, start: int = 0, stop: int | None = None) -> IO[bytes]:
        """Open the bytes of a key for reading, from `start` to `stop` or the end. Raises FileNotFoundError."""
        blob: Blob = self.bucket.blob(self.name(key))
        with as_os_errors():
            blob.reload(retry=self.retry)
        blocks = Blocks(blob, start, blob.size if stop is None else stop, self.retry)
        return cast(IO[bytes], Body(blocks, FAULTS))

    def link(self, key: str, *, mimetype: str, disposition: str) -> str:
        """Return a signed URL at the store or its CDN that serves the bytes of a key for LINK_SECONDS."""
        parameters = {"response_type": mimetype, "response_disposition": disposition}
        endpoint = self.public_endpoint_url or self.endpoint_url
        if endpoint and not self.custom_endpoint:
            parameters["api_access_endpoint"] = endpoint
        with as_os_errors():  # without a private key, Google signs the URL
            return str(self.url(key, parameters=parameters))

    def names(self) -> Iterator[str]:
        for blob in self._listed(self.name("")):
            yield blob.name

    def leftovers(self, age: timedelta) -> Iterator[Received]:
        """Yield incoming objects not updated for `age`. Google deletes unfinished upload sessions itself."""
        latest = datetime.now(UTC) - age
        for blob in self._listed(self.incoming):
            if blob.updated <= latest:
                yield Received(blob.name, blob.size, sha256="")

    def _listed(self, prefix: str) -> Iterator[Blob]:
        with as_os_errors():
            yield from self.bucket.list_blobs(prefix=prefix, retry=self.retry)

    def is_healthy(self) -> bool:
        """Return True if the bucket exists and access is granted, within PROBE_SECONDS. Raises OSError otherwise."""
        with as_os_errors():
            self.probe.client.get_bucket(self.bucket_name, retry=None)
        return True
