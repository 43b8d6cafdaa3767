"""Checks that stored bytes match their rows."""

from collections.abc import Iterable

from versions.models import Blob, LooseFolder, UploadSession, Version, VersionFile
from versions.sent import digest_of
from versions.storage import measured, store

NAMED = 3  # versions listed in the description of a fault


def faults_of_bytes(keys: Iterable[str]) -> list[str]:
    """Read the bytes of these keys and return faults of the bytes and of their reference counts."""
    return [f"{blob.pk}: {fault}" for blob in Blob.objects.filter(pk__in=keys) for fault in _faults(blob)]


def _faults(blob: Blob) -> Iterable[str]:
    sha256 = blob.pk.rpartition("/")[2]
    versions = Version.objects.of(blob.tenant_id).filter(sha256=sha256, files=1)
    files = VersionFile.objects.of(blob.tenant_id).filter(sha256=sha256)
    uploads = UploadSession.objects.of(blob.tenant_id).filter(sha256=sha256, taken=False)
    named = versions.count() + files.count() + uploads.count()
    if blob.references != named:
        yield f"{blob.references} versions are counted, {named} name it"
    if not named:
        return
    sample = [f"{subject}/{ordinal}" for subject, ordinal in versions.values_list("subject", "ordinal")[:NAMED]]
    some = ", ".join([*sample, *files.values_list("pk", flat=True)[:NAMED]][:NAMED])
    try:
        size, found, crc32 = _measure(blob.pk)
    except FileNotFoundError:
        yield f"it is missing (versions {some})"
        return
    except OSError as error:
        yield f"it cannot be read: {error.strerror} (versions {some})"
        return
    if found != sha256:
        yield f"its content has changed, its sha256 is {found} (versions {some})"
    if blob.crc32 not in (None, crc32):
        yield f"its crc32 is {crc32}, its row says {blob.crc32}"
    for version in versions.exclude(size=size)[:NAMED]:
        yield f"it has {size} bytes, version {version.subject}/{version.ordinal} says {version.size}"
    for file in files.exclude(size=size)[:NAMED]:
        yield f"it has {size} bytes, file {file.pk} says {file.size}"
    for file in files.exclude(crc32=crc32)[:NAMED]:
        yield f"its crc32 is {crc32}, file {file.pk} says {file.crc32}"


def _measure(key: str) -> tuple[int, str, int]:
    """Return size, sha256 and crc32 of the bytes of a key. Raises OSError."""
    with store().read(key) as file:
        return measured(file)


def faults_of_versions(ids: Iterable[str]) -> list[str]:
    """Return faults of these versions: bytes without a row, and folders whose files do not match their digest."""
    versions = list(Version.objects.filter(pk__in=ids))
    keys = {version.blob for version in versions if not version.is_folder}
    known = set(Blob.objects.filter(pk__in=keys).values_list("pk", flat=True))
    lost = [version for version in versions if not version.is_folder and version.blob not in known]
    faults = [f"version {each.subject}/{each.ordinal}: no row of its bytes, {each.blob}" for each in lost]
    for version in versions:
        if version.is_folder and _digest_of_files(version) != version.sha256:
            faults.append(f"version {version.subject}/{version.ordinal}: its files do not match its digest")
    return faults


def _digest_of_files(version: Version) -> str:
    files = VersionFile.objects.in_version(version.pk).order_by("pk")
    return digest_of(files.values_list("path", "sha256", "size").iterator())


def faults_of_files(ids: Iterable[str]) -> list[str]:
    """Return faults of these files of folders: folders that do not exist, and bytes without a row."""
    files = list(VersionFile.objects.filter(pk__in=ids))
    known = set(Blob.objects.filter(pk__in={file.blob for file in files}).values_list("pk", flat=True))
    lost = [file for file in files if file.blob not in known]
    faults = [f"file {file.pk}: no row of its bytes, {file.blob}" for file in lost]
    folders = {file.version for file in files}
    holders = set(Version.objects.filter(pk__in=folders).values_list("pk", flat=True))
    holders |= set(LooseFolder.objects.filter(pk__in=folders).values_list("pk", flat=True))
    return faults + [f"version {folder} of some files does not exist" for folder in sorted(folders - holders)]
