"""Finds the versions that a URL names. This is the only place that knows how versions are named."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Q

from versions.models import Version

FILES = "/files/"
ENDS = {"/files": "files", "/info": "info", "/diff": "diff", "/events": "events"}  # end of a URL -> what it asks for
MOST_READINGS = 20  # of one URL; a path with more `/files/` is read from its first ones


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read the rest of a URL: the name of a version, and what of it is asked for."""

    name: str
    part: str = ""  # empty: the version itself; else `files`, `file`, `info`, `diff` or `events`
    path: str = ""  # of the file


def named_versions(*, tenant_id: str, subject: str, name: str) -> Sequence[Version]:
    """Return the versions with this file name, newest first, or else the one with this ordinal."""
    versions = Version.objects.of(tenant_id).filter(subject=subject).order_by("-timestamp", "-pk")
    found = list(versions.filter(Q(original=name) | Q(ordinal=name)))
    return [version for version in found if version.original == name] or found


def find_part(*, tenant_id: str, subject: str, rest: str) -> tuple[Version, Reading] | None:
    """Return the version that the rest of a URL names and what of it is asked for; the longest name wins."""
    for reading in sorted(readings(rest), key=lambda reading: -len(reading.name)):
        if found := named_versions(tenant_id=tenant_id, subject=subject, name=reading.name):
            return found[0], reading
    return None


def readings(rest: str) -> Iterator[Reading]:
    """Yield the ways to read the rest of a URL."""
    yield Reading(rest)
    for end, part in ENDS.items():
        if rest.endswith(end) and rest != end:
            yield Reading(rest.removesuffix(end), part)
    at = rest.find(FILES, 1)
    for _ in range(MOST_READINGS):
        if at < 0:
            return
        yield Reading(rest[:at], "file", rest[at + len(FILES) :])
        at = rest.find(FILES, at + 1)


def version_before(version: Version) -> Version | None:
    """Return the newest version of the item that is older than this one."""
    older = Q(timestamp__lt=version.timestamp) | Q(timestamp=version.timestamp, pk__lt=version.pk)
    versions = Version.objects.of(version.tenant_id).filter(older, subject=version.subject)
    return versions.order_by("-timestamp", "-pk").first()
