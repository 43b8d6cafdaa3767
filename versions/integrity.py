"""Checks that stored bytes match their rows."""

import hashlib
from collections.abc import Iterable

from versions.models import Blob, UploadSession, Version
from versions.storage import BLOCK, store

NAMED = 3  # versions listed in the description of a fault


def faults_of_bytes(keys: Iterable[str]) -> list[str]:
    """Read the bytes of these keys and return faults of the bytes and of their reference counts."""
    return [f"{blob.pk}: {fault}" for blob in Blob.objects.filter(pk__in=keys) for fault in _faults(blob)]


def _faults(blob: Blob) -> Iterable[str]:
    sha256 = blob.pk.rpartition("/")[2]
    versions = Version.objects.of(blob.tenant_id).filter(sha256=sha256)
    uploads = UploadSession.objects.of(blob.tenant_id).filter(sha256=sha256, taken=False)
    named = versions.count() + uploads.count()
    if blob.references != named:
        yield f"{blob.references} versions are counted, {named} name it"
    if not named:
        return
    some = ", ".join(f"{subject}/{ordinal}" for subject, ordinal in versions.values_list("subject", "ordinal")[:NAMED])
    try:
        size, found = _measure(blob.pk)
    except FileNotFoundError:
        yield f"it is missing (versions {some})"
        return
    except OSError as error:
        yield f"it cannot be read: {error.strerror} (versions {some})"
        return
    if found != sha256:
        yield f"its content has changed, its sha256 is {found} (versions {some})"
    for version in versions.exclude(size=size)[:NAMED]:
        yield f"it has {size} bytes, version {version.subject}/{version.ordinal} says {version.size}"


def _measure(key: str) -> tuple[int, str]:
    """Return size and sha256 of the bytes of a key. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with store().read(key) as file:
        while chunk := file.read(BLOCK):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


def faults_of_versions(ids: Iterable[str]) -> list[str]:
    """Return faults of these versions: bytes without a row."""
    versions = list(Version.objects.filter(pk__in=ids))
    keys = {version.blob for version in versions}
    known = set(Blob.objects.filter(pk__in=keys).values_list("pk", flat=True))
    lost = [version for version in versions if version.blob not in known]
    return [f"version {each.subject}/{each.ordinal}: no row of its bytes, {each.blob}" for each in lost]
