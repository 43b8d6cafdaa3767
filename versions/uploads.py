"""Upload sessions: bytes on their way, sent in any number of requests, until a version takes them.

Bytes are durable before the row says so: the offset that a client is told survives a crash. A complete upload is stored
under its sha256 and counts as a reference to these bytes, which passes to a version in the transaction that adds it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.conf import settings
from django.db.models import F

from tenants.exceptions import Refused
from tenants.models import User
from tenants.rows.batches import batches
from tenants.rows.fields import now
from tenants.rows.texts import shown
from tenants.rows.transactions import Conflict, atomic, retried
from versions.incoming import Received, TooLarge
from versions.models import Blob, UploadSession
from versions.removal import remove_unreferenced
from versions.services import BytesGone, with_bytes
from versions.storage import BLOCK, measured, store
from versions.upload_requests import Body, Lease, digests, locked

MAX_OPEN = 10_000  # uploads of a user that no version has taken
LARGEST = 2**53  # bytes of an upload; JSON's integers are exact up to here
CREATION = "post_request_error"
CLAIMED = 500  # uploads that one statement takes


class AlreadyTaken(Refused):
    """Another version has taken the upload."""

    def __init__(self, id: str) -> None:
        super().__init__(CREATION, f"A version has taken the bytes of the upload {id}")


def begin(*, owner: User, size: int, metadata: str = "", concat: str = "") -> UploadSession:
    """Create an upload. Raises TooLarge, and Refused (`post_request_error`) if the user has too many."""
    limit = settings.MAX_UPLOAD_SIZE or LARGEST
    if size > limit:
        raise TooLarge(f"A file has at most {limit} bytes")
    waiting = UploadSession.objects.of(owner.tenant_id).filter(owner_id=owner.pk, taken=False, expires__gt=now())
    if waiting.count() >= MAX_OPEN:
        raise Refused(CREATION, f"A user has at most {MAX_OPEN} uploads that are in no version")
    session = UploadSession(tenant_id=owner.tenant_id, owner_id=owner.pk, size=size, metadata=metadata, concat=concat)
    session.expires = session.timestamp + settings.UPLOAD_RETENTION
    session.crc32 = None if session.is_partial else 0  # nobody needs that of a part
    session.save(force_insert=True)
    return session


def find(*, owner: User, id: str) -> UploadSession:
    """Return the user's upload. Raises Refused (`resource_not_found`)."""
    session = UploadSession.objects.of(owner.tenant_id).filter(owner_id=owner.pk, pk=id).first()
    if session is None or session.has_expired(now()):
        raise Refused("resource_not_found", f"No such resource: {id}")
    return session


def append(lease: Lease, chunks: Iterator[bytes] | Body) -> None:
    """Add the chunks to the upload, durably. A body that breaks off raises its error after what arrived is durable."""
    session, before = lease.session, lease.session.progress
    # After a takeover, the bytes that are stored may be those of the other request.
    digest = None if lease.took_over else digests.take(session.pk, before.offset)
    resumed = replace(before, crc32=None) if lease.took_over else before
    incoming = store().resume(session.pk, resumed, lease.guard, digest)
    try:
        for chunk in chunks:
            incoming.write(chunk)
            if lease.is_due() and (progress := incoming.checkpoint(whole=False)).offset > session.offset:
                lease.save(progress)
        lease.save(incoming.checkpoint(whole=True))
    finally:
        incoming.close()
    digests.put(session.pk, session.offset, incoming.digest)
    if session.offset > before.offset:
        store().settle(session.pk, before)
    if isinstance(chunks, Body) and chunks.error:
        raise chunks.error


def finish(lease: Lease, within: Callable[[], object] = lambda: None) -> None:
    """Store the bytes of a complete upload under their sha256; `within` is called in the transaction that says so.

    It can be repeated after a crash. Does nothing if it is done.
    """
    session = lease.session
    # Another request may have finished it between the reading of the session and its lock.
    session.sha256 = UploadSession.objects.filter(pk=session.pk).values_list("sha256", flat=True).first() or ""
    if session.sha256:
        return
    with lease.renewals():
        joined = store().join(session.pk, session.progress)
        digest = digests.take(session.pk, session.size)
        sha256, crc32 = (digest.hexdigest(), session.crc32) if digest else _sums(joined)
        whole = Received(joined.place, session.size, sha256)
        write = partial(_refer, lease, {"sha256": sha256, "crc32": crc32}, within)
        with_bytes(tenant_id=session.tenant_id, received=whole, write=write)
    session.sha256 = sha256
    store().abandon(session.pk, session.progress)


def _sums(joined: Received) -> tuple[str, int]:
    """Read all bytes and return their sha256 and crc32: needed if several processes have received them."""
    with store().reread(joined) as file:
        size, sha256, crc32 = measured(file)
    if size != joined.size:
        raise Refused(CREATION, f"The upload has {size} of {joined.size} bytes")
    return sha256, crc32


@retried
def _refer(lease: Lease, sums: Mapping[str, Any], within: Callable[[], object], mark: str) -> None:
    with atomic():
        lease.update(**sums)
        key = Blob.key(lease.session.tenant_id, sums["sha256"])
        changes = {"references": F("references") + 1} | ({} if sums["crc32"] is None else {"crc32": sums["crc32"]})
        if not Blob.objects.filter(pk=key, mark=mark).update(**changes):
            raise BytesGone(key)
        within()


def join(lease: Lease, parts: Sequence[UploadSession]) -> None:
    """Make an upload of finished parts, in their order, and take them. Raises Refused if one is gone meanwhile."""
    try:
        append(lease, _contents(parts))
    except FileNotFoundError:
        raise Refused(CREATION, "A part is no longer there") from None
    finish(lease, within=partial(_claim_parts, parts))
    remove_unreferenced({part.blob for part in parts})


def _contents(parts: Sequence[UploadSession]) -> Iterator[bytes]:
    for part in parts:
        with store().read(part.blob) as file:
            while chunk := file.read(BLOCK):
                yield chunk


def finished(*, tenant_id: str, owner_id: str, ids: Iterable[str]) -> dict[str, Received]:
    """Return the bytes of finished uploads by id, whose keys are the places. Raises Refused (`post_request_error`).

    The bytes stay while the uploads refer to them.
    """
    found: dict[str, Received] = {}
    for batch in batches(ids, CLAIMED):
        mine = UploadSession.objects.of(tenant_id).filter(owner_id=owner_id, pk__in=batch, expires__gt=now())
        sessions = {session.pk: session for session in mine}
        for id in batch:
            if id not in sessions:
                raise Refused(CREATION, f"You have no upload {shown(id)}")
            if sessions[id].is_partial:
                raise Refused(CREATION, f"The upload {id} is a part of another one")
            found[id] = received(sessions[id])
    return found


def received(session: UploadSession) -> Received:
    """Return the bytes of a finished upload; `place` is their key. Raises Refused (`post_request_error`) otherwise."""
    if session.taken:
        raise AlreadyTaken(session.pk)
    if not session.sha256:
        raise Refused(CREATION, f"The upload {session.pk} has {session.offset} of {session.size} bytes")
    return Received(session.blob, session.size, session.sha256)


def claim_all(*, tenant_id: str, owner_id: str, ids: Sequence[str]) -> None:
    """Take the bytes of finished uploads, in the caller's transaction.

    The uploads no longer refer to them: the caller adds references of its own (`Blob.references`) in the same
    transaction. Raises Refused (`post_request_error`) for an upload that does not exist, is not the owner's, is not
    finished, or is taken already.
    """
    for batch in batches(ids, CLAIMED):
        mine = UploadSession.objects.of(tenant_id).filter(owner_id=owner_id, pk__in=batch, taken=False)
        sessions = {session.pk: session for session in mine.exclude(sha256="").exclude(concat="partial")}
        for id in batch:
            if id not in sessions:
                finished(tenant_id=tenant_id, owner_id=owner_id, ids=[id])  # raises what is wrong
                raise AlreadyTaken(id)
        if UploadSession.objects.filter(pk__in=batch, taken=False).update(taken=True) != len(batch):
            raise AlreadyTaken(batch[0])
        counts = Counter(session.blob for session in sessions.values())
        for times in set(counts.values()):
            keys = [key for key, count in counts.items() if count == times]
            Blob.objects.filter(pk__in=keys).update(references=F("references") - times)


def _claim_parts(parts: Sequence[UploadSession]) -> None:
    for part in parts:
        _take(part.pk, part.blob)


def _take(id: str, key: str) -> None:
    """Take an upload whose bytes have this key; call it in a transaction. Raises AlreadyTaken."""
    if not UploadSession.objects.filter(pk=id, taken=False).update(taken=True):
        raise AlreadyTaken(id)
    Blob.objects.filter(pk=key).update(references=F("references") - 1)


def remove(session: UploadSession) -> None:
    """Delete an upload with its bytes. Raises Refused (`upload_locked`) while a request sends bytes of it."""
    with locked(session):
        keys = _remove_row(session.pk)
    if not session.sha256:
        store().abandon(session.pk, session.progress)
    remove_unreferenced(keys)


@retried
def _remove_row(id: str) -> list[str]:
    """Delete the row and its reference; return the keys of bytes that it referred to."""
    with atomic():
        session = UploadSession.objects.filter(pk=id).first()
        if session is None:
            return []
        if not UploadSession.objects.filter(pk=id, taken=session.taken, sha256=session.sha256).delete()[0]:
            raise Conflict(f"the upload {id} was changed meanwhile")  # a version has taken it
        if session.taken or not session.sha256:
            return []
        Blob.objects.filter(pk=session.blob).update(references=F("references") - 1)
        return [session.blob]


def remove_expired(id: str) -> bool:
    """Delete an upload that has expired; return False if it is gone, or if a request still sends bytes of it."""
    session = UploadSession.objects.filter(pk=id, expires__lte=now()).first()
    if session is None:
        return False
    try:
        remove(session)
    except Refused:
        return False
    return True


def unfinished(ids: Sequence[str]) -> set[str]:
    """Return those of the ids that are uploads whose bytes still arrive."""
    return set(UploadSession.objects.filter(pk__in=ids, sha256="").values_list("pk", flat=True))


def references_of_uploads() -> Counter[str]:
    """Return how many finished uploads refer to bytes, by key."""
    waiting = UploadSession.objects.filter(taken=False).exclude(sha256="").values_list("tenant_id", "sha256")
    return Counter(Blob.key(*owned) for owned in waiting.iterator())
