"""Reads the body that names the files of a new version: uploads of the caller, or files of versions they may read."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from django.conf import settings
from rest_framework.request import Request

from catalog.aliases.pointers import versions_named
from catalog.models import Item
from tenants.exceptions import Refused
from tenants.models import User
from tenants.rest.negotiation import JSONParser
from tenants.rest.permissions import refuse_outside_scope
from tenants.rows.batches import batches
from tenants.rows.texts import shown
from versions.files import path_of
from versions.forms import receive_form
from versions.models import Version, VersionFile
from versions.sent import NewFile, SentFiles, check_paths
from versions.services import Upload
from versions.storage import Received
from versions.upload import files_from_form, guessed_type, upload_from_form, valid_description, valid_original
from versions.uploads import finished

BODY = {"original", "description", "tags", "metadata", "files"}
ENTRY = {"path", "upload", "version", "from", "item"}
MOST_SOURCES = 100  # versions that one request takes files from
BATCH = 500  # files that are looked up at once


def sent_version(view: Any, item: Item, cleanup: ExitStack) -> Upload | SentFiles:
    """Receive what a request adds as a version: the `file` or the `files` of a form, or files that JSON names."""
    request: Request = view.request
    if request.content_type.split(";")[0].strip().lower() == JSONParser.media_type:
        return files_from_json(request.data, item=item, view=view)
    form = receive_form(request, cleanup)
    return files_from_form(form) if form.files else upload_from_form(form)


def files_from_json(body: Any, *, item: Item, view: Any) -> SentFiles:
    """Return the files that a JSON body names. Raises Refused (`post_request_error`)."""
    if not isinstance(body, Mapping) or not body.get("files"):
        raise Refused("post_request_error", "Missing file")
    entries = _entries(body)
    paths = [entry["path"] for entry in entries]
    check_paths(paths)
    original = valid_original(_text(body, "original"), paths)
    return SentFiles(_files(entries, item, view), original, valid_description(_text(body, "description")))


def _entries(body: Mapping[str, Any]) -> Sequence[dict[str, str]]:
    """Return the entries of `files`, each with a path and one source of bytes."""
    _refuse_unknown(body, BODY)
    entries = body["files"]
    if not isinstance(entries, list):
        raise Refused("post_request_error", "`files` is a list")
    if len(entries) > settings.MAX_FILES:
        raise Refused("payload_too_large", f"A version has at most {settings.MAX_FILES} files")
    for entry in entries:
        is_object = isinstance(entry, dict) and "path" in entry
        if not is_object or not all(isinstance(text, str) for text in entry.values()):
            raise Refused("post_request_error", "Each of `files` is an object of texts with a `path`")
        _refuse_unknown(entry, ENTRY)
        if ("upload" in entry) == ("version" in entry):
            needed = f"A file names an `upload` or a `version` that has its bytes ({shown(entry['path'])})"
            raise Refused("post_request_error", needed)
    return entries


def _refuse_unknown(fields: Mapping[str, Any], known: set[str]) -> None:
    for field in fields:
        if field not in known:
            raise Refused("post_request_error", f"Unknown field ({shown(str(field))})")


def _text(body: Mapping[str, Any], field: str) -> str:
    text = body.get(field) or ""
    if not isinstance(text, str):
        raise Refused("post_request_error", f"`{field}` is a text")
    return text


def _files(entries: Sequence[dict[str, str]], item: Item, view: Any) -> Sequence[NewFile]:
    """Return the files with their bytes, in the order of the entries."""
    by_source: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    found: dict[str, NewFile] = {}
    for entry in entries:
        if "upload" in entry:
            found[entry["path"]] = _file_of_upload(entry, view.user)
        else:
            by_source[entry.get("item", item.pk), entry["version"]].append(entry)
    if len(by_source) > MOST_SOURCES:
        raise Refused("post_request_error", f"A request takes files from at most {MOST_SOURCES} versions")
    for (source, name), wanted in by_source.items():
        found |= _files_of_version(_version(item if source == item.pk else _other_item(source, view), name), wanted)
    return [found[entry["path"]] for entry in entries]


def _file_of_upload(entry: Mapping[str, str], by: User) -> NewFile:
    """Return a file whose bytes the caller has uploaded; the version takes the upload."""
    id, path = entry["upload"], entry["path"]
    uploaded = finished(tenant_id=by.tenant_id or "", owner_id=by.pk, id=id)
    return NewFile(path, guessed_type(path), Received("", uploaded.size, uploaded.sha256), upload=id)


def _other_item(key: str, view: Any) -> Item:
    """Return another item, if the caller, and the scopes of their token, may read it."""
    item = Item.objects.visible_to(view.user).filter(pk=key).first()
    if item is None:
        raise Refused("post_request_error", f"No such item: {shown(key)}")
    refuse_outside_scope(view.request, view, item.name, [f"{item.kind}s:read"])
    return item


def _version(item: Item, name: str) -> Version:
    found = versions_named(item, name)
    if not found:
        raise Refused("post_request_error", f"No such version: {shown(name)} of {item.pk}")
    return found[0]


def _files_of_version(version: Version, wanted: Sequence[Mapping[str, str]]) -> dict[str, NewFile]:
    """Return the wanted files of a version by their new paths."""
    sources = {entry.get("from", entry["path"]) for entry in wanted}
    rows: dict[str, Version | VersionFile] = {path_of(version): version}
    if version.is_folder:
        keys = (VersionFile.key(version.pk, path) for path in sorted(sources))
        found = (row for batch in batches(keys, BATCH) for row in VersionFile.objects.filter(pk__in=batch))
        rows = {row.path: row for row in found}
    if missing := sorted(sources - rows.keys()):
        raise Refused("post_request_error", f"Version {version.ordinal} has no file {shown(missing[0])}")
    return {entry["path"]: _copy(rows[entry.get("from", entry["path"])], entry["path"]) for entry in wanted}


def _copy(row: Version | VersionFile, path: str) -> NewFile:
    received = Received("", row.size, row.sha256)
    return NewFile(path, row.mimetype, received, row.crc32 if isinstance(row, VersionFile) else None)
