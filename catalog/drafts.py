"""Writes: a version that is made of a draft, or of files of another version."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from catalog.models import Item
from catalog.services import add_item_files
from tenants.exceptions import Refused
from tenants.models import User
from tenants.rows.fields import INT64
from tenants.rows.texts import unfit_name
from versions import drafts
from versions.draft_models import MODEL, Draft
from versions.models import Version, VersionFile
from versions.sent import NewFile, SentFiles, check_paths
from versions.storage import Received

SOURCES = {"run": "source_run", "model": "source_model"}  # the metadata that name the drafts of a version
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,17})?(e[+-]?[0-9]{1,3})?")
LONGEST_VALUE = 1000  # characters of a param that a version has; longer ones stay in the draft
MOST_VALUES, LARGEST_VALUES = 500, 48 * 1024  # of a version, in number and in bytes
Metadata = Sequence[Mapping[str, Any]]


def typed(text: str) -> Any:
    """Return the number that the text is, if printing it gives the same text again, or else the text."""
    if not NUMBER.fullmatch(text):
        return text
    value: int | float = int(text) if text.lstrip("-").isdigit() else float(text)
    fits = value in INT64 if isinstance(value, int) else math.isfinite(value)
    return value if fits and printed(value) == text else text


def printed(value: Any) -> str:
    """Return a metadata value as text."""
    return value if isinstance(value, str) else str(value)


def publish(
    *,
    draft: Draft,
    path: str,
    item: Item,
    by: User,
    description: str = "",
    tags: Sequence[str] = (),
    metadata: Metadata = (),
) -> Version:
    """Make a version of the files below `path` of a draft, and return it.

    Its metadata are the draft's params and last values of metrics, and `metadata`. The draft no longer expires, nor
    does the run that it is from. Raises Refused (`post_request_error`), also if there are no files.
    """
    used = [draft, *_sources(draft)]
    files = [_copied(file, file.path[len(path) + 1 if path else 0 :]) for file in files_below(draft.pk, path)]
    values = _metadata([*metadata, *({"name": SOURCES[each.kind], "value": each.pk} for each in used)], used)
    sent = SentFiles(files, item.name, description, by.pk, tags, values)
    for each in used:
        drafts.change(draft=each, apply=_count(1))
    try:
        return add_files(item=item, sent=sent, by=by)
    except BaseException:
        for each in used:
            drafts.change(draft=each, apply=_count(-1))
        raise


def add_files(*, item: Item, sent: SentFiles, by: User) -> Version:
    """Add files that are stored already as a version. Raises Refused (`post_request_error`) without any."""
    if not sent.files:
        raise Refused("post_request_error", "There are no files for a version")
    check_paths([file.path for file in sent.files])
    return add_item_files(item=item, upload=sent, by=by)[1]


def files_below(folder_id: str, path: str) -> Iterable[VersionFile]:
    """Yield the files of a draft or folder below a path; the file itself if the path is that of a file."""
    if path and (one := VersionFile.objects.filter(pk=VersionFile.key(folder_id, path)).first()):
        return [one]
    return VersionFile.objects.in_version(folder_id, f"{path}/" if path else "").order_by("pk").iterator()


def _copied(file: VersionFile, path: str) -> NewFile:
    """Return the file for another folder; its bytes are only referred to."""
    received = Received("", file.size, file.sha256)
    return NewFile(path or file.path.rpartition("/")[2], file.mimetype, received, file.crc32)


def copied_files(version: Version) -> list[NewFile]:
    """Return the files of a version for another one."""
    if version.is_folder:
        return [_copied(file, file.path) for file in files_below(version.pk, "")]
    received = Received("", version.size, version.sha256)
    return [NewFile(version.path or version.original, version.mimetype, received)]


def drafts_of(version: Version) -> list[Draft]:
    """Return the drafts that the version was made of. They are its creator's, whatever its metadata say."""
    ids = [pair["value"] for pair in version.metadata if pair["name"] in SOURCES.values()]
    named = [id for id in ids if isinstance(id, str)]
    if not (named and version.creator):
        return []
    own = Draft.objects.owned_by(version.tenant_id, version.creator)
    return list(own.filter(pk__in=named, versions__gt=0).order_by("-timestamp", "-pk"))


def _sources(draft: Draft) -> list[Draft]:
    """Return the run that a logged model is from, if it is still there."""
    if draft.kind != MODEL or not draft.source:
        return []
    return list(Draft.objects.owned_by(draft.tenant_id, draft.owner_id).filter(pk=draft.source))


def _count(number: int) -> Any:
    def apply(draft: Draft) -> None:
        draft.versions += number

    return apply


def _metadata(first: Metadata, used: Sequence[Draft]) -> list[dict[str, Any]]:
    """Return the metadata of a version: those that are given, then metrics, then params, as many as there is room."""
    found = {pair["name"]: pair["value"] for pair in first}
    metrics = [(pair["name"], pair["value"]) for each in used for pair in each.metrics]
    params = [(pair["name"], typed(pair["value"])) for each in used for pair in each.params]
    room = LARGEST_VALUES
    for name, value in (*metrics, *params):
        fits = len(found) < MOST_VALUES and len(str(value)) <= LONGEST_VALUE
        if name not in found and fits and value != "" and not unfit_name(name):
            room -= len(orjson.dumps([name, value])) + 20
            found |= {name: value} if room > 0 else {}
    return [{"name": name, "value": value} for name, value in found.items()]
