"""Reads the body that names the files of a new version: uploads of the caller, or files of versions they may read."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
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
from versions.bundles import Part, files_in
from versions.files import path_of
from versions.forms import receive_form
from versions.models import Version, VersionFile
from versions.sent import NewFile, SentFiles, check_paths
from versions.services import Upload
from versions.storage import Received
from versions.upload import files_from_form, guessed_type, upload_from_form, valid_description, valid_original
from versions.uploads import LARGEST, finished

BODY = {"original", "description", "tags", "metadata", "files"}
ENTRY = {"path", "upload", "offset", "size", "version", "from", "item"}
NUMBERS = {"offset", "size"}
MOST_SOURCES = 100  # versions that one request takes files from
BATCH = 500  # files that are looked up at once


def sent_version(view: Any, item: Item, cleanup: ExitStack) -> Upload | SentFiles:
    """Receive what a request adds as a version: the `file` or the `files` of a form, or files that JSON names."""
    request: Request = view.request
    if request.content_type.split(";")[0].strip().lower() == JSONParser.media_type:
        return files_from_json(request.data, item=item, view=view, cleanup=cleanup)
    form = receive_form(request, cleanup)
    return files_from_form(form) if form.files else upload_from_form(form)


def files_from_json(body: Any, *, item: Item, view: Any, cleanup: ExitStack) -> SentFiles:
    """Return the files that a JSON body names. Raises Refused (`post_request_error`)."""
    if not isinstance(body, Mapping) or not body.get("files"):
        raise Refused("post_request_error", "Missing file")
    entries = _entries(body)
    paths = [entry["path"] for entry in entries]
    check_paths(paths)
    original = valid_original(_text(body, "original"), paths)
    description = valid_description(_text(body, "description"))
    return SentFiles(_files(entries, item, view, cleanup), original, description)


def _entries(body: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """Return the entries of `files`, each with a path and one source of bytes."""
    _refuse_unknown(body, BODY)
    entries = body["files"]
    if not isinstance(entries, list):
        raise Refused("post_request_error", "`files` is a list")
    if len(entries) > settings.MAX_FILES:
        raise Refused("payload_too_large", f"A version has at most {settings.MAX_FILES} files")
    for entry in entries:
        if not isinstance(entry, dict) or "path" not in entry or not all(map(_is_valid, entry.items())):
            needed = "Each of `files` is an object of texts with a `path`; `offset` and `size` are whole numbers"
            raise Refused("post_request_error", needed)
        _refuse_unknown(entry, ENTRY)
        _check_source(entry)
    return entries


def _is_valid(field: tuple[str, Any]) -> bool:
    name, value = field
    return type(value) is int and 0 <= value < LARGEST if name in NUMBERS else isinstance(value, str)


def _check_source(entry: Mapping[str, Any]) -> None:
    """Raise Refused (`post_request_error`) unless the entry has one source of bytes."""
    if ("upload" in entry) == ("version" in entry):
        needed = f"A file names an `upload` or a `version` that has its bytes ({shown(entry['path'])})"
        raise Refused("post_request_error", needed)
    if len(NUMBERS - entry.keys()) == 1 or (entry.keys() >= NUMBERS and "upload" not in entry):
        needed = f"`offset` and `size` together say which bytes of an `upload` a file is ({shown(entry['path'])})"
        raise Refused("post_request_error", needed)


def _refuse_unknown(fields: Mapping[str, Any], known: set[str]) -> None:
    for field in fields:
        if field not in known:
            raise Refused("post_request_error", f"Unknown field ({shown(str(field))})")


def _text(body: Mapping[str, Any], field: str) -> str:
    text = body.get(field) or ""
    if not isinstance(text, str):
        raise Refused("post_request_error", f"`{field}` is a text")
    return text


def _files(entries: Sequence[dict[str, Any]], item: Item, view: Any, cleanup: ExitStack) -> Sequence[NewFile]:
    """Return the files with their bytes, in the order of the entries."""
    by_source: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    by_bundle: dict[str, list[Part]] = defaultdict(list)
    found = _files_of_uploads([entry for entry in entries if "upload" in entry and "offset" not in entry], view.user)
    for entry in entries:
        if "offset" in entry:
            by_bundle[entry["upload"]].append(Part(entry["path"], entry["offset"], entry["size"]))
        elif "version" in entry:
            by_source[entry.get("item", item.pk), entry["version"]].append(entry)
    if len(by_source) > MOST_SOURCES:
        raise Refused("post_request_error", f"A request takes files from at most {MOST_SOURCES} versions")
    for (source, name), wanted in by_source.items():
        found |= _files_of_version(_version(item if source == item.pk else _other_item(source, view), name), wanted)
    bundles = finished(tenant_id=view.user.tenant_id or "", owner_id=view.user.pk, ids=by_bundle)
    for id, parts in by_bundle.items():
        found |= {file.path: file for file in files_in(id, bundles[id], parts, cleanup)}
    return [found[entry["path"]] for entry in entries]


def _files_of_uploads(entries: Sequence[Mapping[str, str]], by: User) -> dict[str, NewFile]:
    """Return the files whose bytes the caller has uploaded, by path; the version takes the uploads."""
    ids = {entry["upload"]: None for entry in entries}
    uploaded = finished(tenant_id=by.tenant_id or "", owner_id=by.pk, ids=ids)
    bytes_of = {id: replace(received, place="") for id, received in uploaded.items()}
    return {
        entry["path"]: NewFile(
            entry["path"], guessed_type(entry["path"]), bytes_of[entry["upload"]], upload=entry["upload"]
        )
        for entry in entries
    }


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
