"""What a request needs to add bytes to an upload session: the lock, the running sha256, and the body's chunks."""

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Lock, Thread
from typing import Any, Protocol

from django.db import DatabaseError, connection
from django.db.models import Q

from tenants.exceptions import Refused
from tenants.rows.fields import new_id, now
from versions.incoming import Progress
from versions.models import UploadSession
from versions.storage import BLOCK

LEASE = timedelta(seconds=5)  # after which the lock of a crashed or stuck request is free
RENEWAL = 1.0  # seconds between renewals of the lock, and between checkpoints
SMALLEST_READ, FAST = 32 * 1024, 0.1  # bytes read at once from a client; more if that took less than FAST seconds
KEPT_DIGESTS = 1000
logger = logging.getLogger(__name__)


class ByteStream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Digests:
    """The running sha256 of uploads whose next bytes may arrive at this process, for the most recent ones.

    Without it the bytes are read and hashed again at the end. It is that of the first `offset` bytes, which no longer
    change once the row has that offset.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self.known: OrderedDict[tuple[str, int], Any] = OrderedDict()

    def take(self, id: str, offset: int) -> Any:
        """Return the hash of the first `offset` bytes, or None."""
        with self.lock:
            known = self.known.pop((id, offset), None)
        return hashlib.sha256() if known is None and offset == 0 else known

    def put(self, id: str, offset: int, digest: Any) -> None:
        if digest is not None:
            with self.lock:
                self.known[id, offset] = digest
                if len(self.known) > KEPT_DIGESTS:
                    self.known.popitem(last=False)


digests = Digests()


class Locked(Refused):
    """Another request holds the lock of an upload."""

    def __init__(self, details: str = "Another request is sending bytes of this upload") -> None:
        super().__init__("upload_locked", details)


class Lease:
    """The right to write to a session, for a request. A crash or a stuck client loses it after LEASE."""

    def __init__(self, session: UploadSession) -> None:
        """Take the lock. Raises Refused: `upload_locked`, `resource_not_found`, `upload_offset` if it has moved on."""
        self.session, self.token = session, new_id()
        self.renewed = self.saved = time.monotonic()
        free = Q(locked_until=None) | Q(locked_until__lte=now())
        unchanged = UploadSession.objects.filter(free, pk=session.pk, offset=session.offset, taken=session.taken)
        if not unchanged.update(lock=self.token, locked_until=now() + LEASE):
            current = UploadSession.objects.filter(pk=session.pk).first()
            if current is None:
                raise Refused("resource_not_found", f"No such resource: {session.pk}")
            if current.offset != session.offset:
                raise wrong_offset(current, session.offset)
            raise Locked
        self.took_over = session.locked_until is not None  # a request that was stuck may still write

    def update(self, **fields: Any) -> None:
        """Write fields of the row and renew the lock. Raises Refused (`upload_locked`) if it is lost."""
        started = time.monotonic()
        mine = UploadSession.objects.filter(pk=self.session.pk, lock=self.token)
        if not mine.update(locked_until=now() + LEASE, **fields):
            raise Locked("Another request has taken this upload over")
        self.renewed = started

    def guard(self) -> None:
        """Raise Refused (`upload_locked`) if the lock is lost."""
        if time.monotonic() - self.renewed > RENEWAL:
            self.update()

    def is_due(self) -> bool:
        """Return whether it is time for a checkpoint."""
        return time.monotonic() - self.saved > RENEWAL

    def save(self, progress: Progress) -> None:
        """Write the progress to the row."""
        self.saved = time.monotonic()
        fields = {"offset": progress.offset, "sent": progress.sent, "place": progress.place, "tags": [*progress.tags]}
        fields |= {"crc32": progress.crc32}
        self.update(**fields)
        for name, value in fields.items():
            setattr(self.session, name, value)

    def release(self) -> None:
        UploadSession.objects.filter(pk=self.session.pk, lock=self.token).update(lock="", locked_until=None)

    @contextmanager
    def renewals(self) -> Iterator[None]:
        """Renew the lock in a thread, for work without checkpoints."""
        ended = Event()

        def renew() -> None:
            while not ended.wait(RENEWAL):
                try:
                    self.update()
                except (Refused, DatabaseError) as error:
                    logger.warning("the lock of an upload could not be renewed: %s", error)
            connection.close()

        thread = Thread(target=renew, name="upload-lock", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


@contextmanager
def locked(session: UploadSession) -> Iterator[Lease]:
    """Hold the lock of a session. Raises what `Lease` raises."""
    lease = Lease(session)
    try:
        yield lease
    finally:
        lease.release()


def wrong_offset(session: UploadSession, sent: int) -> Refused:
    return Refused("upload_offset", f"The upload is at offset {session.offset}, not {sent}")


class Body:
    """The chunks of a request's body, at most `limit` bytes. What arrived before it broke off is kept; see `error`."""

    def __init__(self, stream: ByteStream, limit: int) -> None:
        self.stream, self.left = stream, limit
        self.error: OSError | None = None

    def __iter__(self) -> Iterator[bytes]:
        size = SMALLEST_READ
        while self.left and self.error is None:
            started = time.monotonic()
            try:
                data = self.stream.read(min(size, self.left))
            except OSError as error:
                self.error, data = error, getattr(error.__cause__ or error, "received", b"")
            if not data:
                return
            size = min(2 * size, BLOCK) if time.monotonic() - started < FAST else SMALLEST_READ
            self.left -= len(data)
            yield data
