"""Writes: files of drafts that arrive in parts, each of which is an upload session (see `versions.uploads`).

Parts belong together by the name of their upload, an id that their metadata contain in the form of the tus protocol.
"""

import base64
from collections.abc import Sequence
from contextlib import suppress

from tenants.exceptions import Refused
from tenants.models import User
from tenants.rows.fields import now
from tenants.rows.transactions import atomic, retried
from versions import uploads
from versions.draft_files import put_file
from versions.draft_models import Draft
from versions.incoming import Received
from versions.models import UploadSession
from versions.sent import NewFile
from versions.upload_requests import Body, ByteStream, locked

MOST = 1000  # parts of a file
CREATION = "post_request_error"


def receive_part(*, owner: User, upload: str, number: int, size: int, stream: ByteStream) -> str:
    """Store a part of `size` bytes and return its id. Raises what `uploads.begin` raises, and OSError."""
    session = uploads.begin(
        owner=owner, size=size, metadata=f"{_group(upload)}{_encoded(str(number))}", concat="partial"
    )
    try:
        with locked(session) as lease:
            uploads.append(lease, Body(stream, size))
            if not session.is_complete:
                raise Refused(CREATION, f"The part has {session.offset} of {size} bytes")
            uploads.finish(lease)
    except BaseException:
        with suppress(Refused):
            uploads.remove(session)
        raise
    return session.pk


def join_parts(*, draft: Draft, owner: User, upload: str, ids: Sequence[str], path: str, mimetype: str) -> None:
    """Make a file of the draft of the parts with these ids, in their order. It can be repeated.

    Raises Refused (`post_request_error`) for parts that are not there, and what `draft_files.put_file` raises.
    """
    concat = f"final;{upload}"
    mine = UploadSession.objects.of(owner.tenant_id).filter(owner_id=owner.pk, expires__gt=now())
    whole = mine.filter(concat=concat).exclude(sha256="").first() or _joined(owner, ids, concat)
    if whole.taken:
        return
    received = Received("", whole.size, whole.sha256)  # stored already, and referred to by the upload
    put_file(draft=draft, file=NewFile(path, mimetype, received, whole.crc32))
    _take(whole)


@retried
def _take(whole: UploadSession) -> None:
    with atomic():
        uploads.claim_all(tenant_id=whole.tenant_id, owner_id=whole.owner_id, ids=[whole.pk])


def _joined(owner: User, ids: Sequence[str], concat: str) -> UploadSession:
    parts = []
    for id in ids:
        part = uploads.find(owner=owner, id=id)
        if not part.is_partial or not part.sha256 or part.taken:
            raise Refused(CREATION, f"Not a finished part: {part.pk}")
        parts.append(part)
    session = uploads.begin(owner=owner, size=sum(part.size for part in parts), concat=concat)
    with locked(session) as lease:
        uploads.join(lease, parts)
    return uploads.find(owner=owner, id=session.pk)


def remove_parts(*, owner: User, upload: str) -> None:
    """Delete the parts that no file has taken."""
    mine = UploadSession.objects.of(owner.tenant_id).filter(owner_id=owner.pk, concat="partial", taken=False)
    for session in mine.filter(metadata__startswith=_group(upload)):
        with suppress(Refused):  # a request still sends bytes of it: it expires
            uploads.remove(session)


def _group(upload: str) -> str:
    return f"upload {_encoded(upload)},part "


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
