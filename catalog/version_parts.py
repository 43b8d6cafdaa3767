"""Answers what a URL asks for of a version: its bytes, its files, one of them, its description, or what changed."""

from collections.abc import Callable, Iterator
from typing import Any

from django.http import Http404, HttpResponseBase
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from catalog.aliases.pointers import time_asked_for, versions_named
from tenants.exceptions import Refused
from tenants.models import User
from tenants.rest.negotiation import PAGE
from tenants.rest.querying.page import list_response
from tenants.rest.querying.query import ListQuery, selection_of
from tenants.rows.texts import shown, unreadable
from versions.archives import FORMATS
from versions.download import download
from versions.files import StoredFile, file_document, files_of, find_file, path_of, rows_of, the_file
from versions.lookup import Reading, version_before
from versions.models import Version
from versions.sent import digest_of

MOST_DIFFERENCES = 1000  # files in each list of a comparison


def content(view: GenericViewSet[Any], version: Version, reading: Reading) -> HttpResponseBase:
    """Download a file, or a folder as a zip or a tar; browsers that name no format get the page of a folder."""
    form = view.request.query_params.get("format")
    if form and form not in FORMATS:
        raise Refused("get_request_error", f"format is one of {', '.join(FORMATS)}, not {shown(form)}")
    if not version.is_folder:
        return download(view.request._request, the_file(version))
    if not form and view.request.accepted_renderer.media_type == PAGE:
        return info(view, version, reading)
    return download(view.request._request, FORMATS[form or "zip"](version))


def file(view: GenericViewSet[Any], version: Version, reading: Reading) -> HttpResponseBase:
    """Download one of the files. Raises Http404."""
    found = find_file(version, reading.path)
    if found is None:
        raise Http404(f"No such file: {reading.path}")
    return download(view.request._request, found)


def files(view: GenericViewSet[Any], version: Version, reading: Reading) -> HttpResponseBase:
    """List the files in the order of their paths."""
    prefix = view.request.query_params.get("prefix", "")
    if why := unreadable(prefix):
        raise Refused("get_request_error", f"prefix: {why}")
    rows, fields = rows_of(version, prefix)
    query = ListQuery.of(view.request, fields, "_id", selection_of(view.request))
    return list_response(
        query, rows, lambda page: [file_document(row) for row in page], lambda edition: (version.pk, prefix)
    )


def info(view: GenericViewSet[Any], version: Version, reading: Reading) -> Response:
    """Answer the version as JSON."""
    creator = User.objects.usernames({version.creator}) if version.creator else {}
    document = version.to_api() | {"files_count": version.files, "digest": folder_digest(version), "created_by": None}
    if version.creator in creator:
        document["created_by"] = {"_id": version.creator, "username": creator[version.creator]}
    selection = selection_of(view.request)
    return Response(selection.pick(document) if selection else document)


def folder_digest(version: Version) -> str:
    """Return the digest of the version's files."""
    return version.sha256 if version.is_folder else digest_of([(path_of(version), version.sha256, version.size)])


def diff(view: GenericViewSet[Any], version: Version, reading: Reading) -> Response:
    """Answer how the files differ from those of the version `from` of the item, by default the one before."""
    name = view.request.query_params.get("from", "")
    if not name:
        return Response(difference(version_before(version), version))
    found = versions_named(view.get_object(), name, time_asked_for(view.request))
    if not found:
        raise Refused("get_request_error", f"from: No such version: {shown(name)}")
    return Response(difference(found[0], version))


def difference(old: Version | None, new: Version) -> dict[str, Any]:
    """Return the files that were added, removed and changed; the first of each, and how many."""
    answer: dict[str, Any] = {
        "from": old.ordinal if old else None,
        "to": new.ordinal,
        "added": [],
        "removed": [],
        "changed": [],
    }
    counts = dict.fromkeys(("added", "removed", "changed"), 0)
    for before, after in _paired(old, new):
        kind, document = _change(before, after)
        if document:
            counts[kind] += 1
            if len(answer[kind]) < MOST_DIFFERENCES:
                answer[kind].append(document)
    answer["metadata"] = _changed_values(_values(old), _values(new))
    return answer | {f"{kind}_count": count for kind, count in counts.items()}


def _values(version: Version | None) -> dict[str, Any]:
    return {pair["name"]: pair["value"] for pair in version.metadata} if version else {}


def _changed_values(old: dict[str, Any], new: dict[str, Any]) -> dict[str, list[Any]]:
    """Return old and new value of the names whose values differ, in type or otherwise; null if there is none."""
    names = sorted(old.keys() | new.keys())
    pairs = {name: [old.get(name), new.get(name)] for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1] or type(pair[0]) is not type(pair[1])}


def _change(before: StoredFile | None, after: StoredFile | None) -> tuple[str, dict[str, Any]]:
    if before and after:
        if before.sha256 == after.sha256:
            return "changed", {}
        sizes, digests = [before.size, after.size], [before.sha256, after.sha256]
        return "changed", {"path": after.path, "size": sizes, "sha256": digests}
    one = after or before
    kind = "added" if after else "removed"
    return kind, {"path": one.path, "size": one.size, "sha256": one.sha256} if one else {}


def _paired(old: Version | None, new: Version) -> Iterator[tuple[StoredFile | None, StoredFile | None]]:
    """Yield the files of both versions by path, in constant memory."""
    if old and folder_digest(old) == folder_digest(new):
        return
    left, right = files_of(old) if old else iter(()), files_of(new)
    before, after = next(left, None), next(right, None)
    while before or after:
        is_left = after is None or (before is not None and before.path <= after.path)
        is_right = before is None or (after is not None and after.path <= before.path)
        yield before if is_left else None, after if is_right else None
        before = next(left, None) if is_left else before
        after = next(right, None) if is_right else after


PARTS: dict[str, Callable[[GenericViewSet[Any], Version, Reading], HttpResponseBase]] = {
    "": content,
    "files": files,
    "file": file,
    "info": info,
    "diff": diff,
}
