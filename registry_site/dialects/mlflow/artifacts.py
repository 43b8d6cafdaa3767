"""MLflow's artifacts: the files of drafts, which can be written, and of versions, which cannot."""

import zlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar

from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from registry_site.dialects.mlflow.errors import MLflowError, missing
from registry_site.dialects.mlflow.sources import Source, placed
from registry_site.dialects.mlflow.views import READ, WRITE, DialectView
from tenants.exceptions import Refused
from tenants.models import User
from tenants.rest.negotiation import AnyBody
from tenants.rest.permissions import refusal
from tenants.rows.texts import shown
from versions import draft_files
from versions.download import download
from versions.files import StoredFile, find_file, path_of
from versions.models import Version, VersionFile
from versions.sent import NewFile
from versions.storage import BLOCK, store
from versions.upload import guessed_type, valid_type

PAGE = 500  # rows that are read at once
MOST_LISTED = 100_000  # names in a folder


def listing(folder_id: str, path: str, *, relative: bool = True) -> list[dict[str, Any]]:
    """Return the files and folders directly below a path, by ranges of the primary key.

    The files of a folder below are skipped, not read. `relative` names are without the path.
    """
    prefix = f"{path}/" if path else ""
    after, found = "", []
    while True:
        batch = list(VersionFile.objects.in_version(folder_id, prefix, after=after).order_by("pk")[:PAGE])
        for row in batch:
            if after and row.pk <= after:
                continue
            name, slash, _ = row.path[len(prefix) :].partition("/")
            shown_name = name if relative else f"{prefix}{name}"
            if slash:
                found.append({"path": shown_name, "is_dir": True})
                after = f"{VersionFile.key(folder_id, prefix + name)}/\U0010ffff"
            else:
                found.append({"path": shown_name, "is_dir": False, "file_size": row.size})
                after = row.pk
        if len(batch) < PAGE or len(found) >= MOST_LISTED:
            return found


def located(user: User, path: str) -> tuple[Source | Version, str]:
    """Return the draft or version, and the path in it. Raises MLflowError if there is none."""
    place, _, rest = path.strip("/").partition("/")
    id, _, rest = rest.partition("/")
    try:
        found = placed(user, f"{place}/{id}", path)
    except (Refused, MLflowError):
        raise missing(f"No such artifact: '{shown(path)}'") from None
    return found, rest


class Artifacts(DialectView):
    """Routes of `mlflow-artifacts`: files by path, below `drafts/<id>` and `versions/<id>`."""

    parser_classes = (AnyBody,)
    group = "versions"
    scopes: ClassVar[Mapping[str, Sequence[str]]] = {
        **dict.fromkeys(("list", "get"), READ),
        **dict.fromkeys(("put", "destroy"), WRITE),
    }

    def list(self, request: Request) -> Response:
        """List a folder. Of a file, its own name is listed."""
        where, path = located(self.user, request.query_params.get("path", ""))
        if isinstance(where, Version) and not where.is_folder:
            files = _single(where, path)
        else:
            files = listing(where.pk if isinstance(where, Version) else where.draft.pk, path)
        return Response({"files": files} if files else {})

    def get(self, request: Request, artifact: str) -> HttpResponseBase:
        where, path = located(self.user, artifact)
        found = find_file(where, path) if isinstance(where, Version) else _file_of(where, path)
        if found is None:
            raise missing(f"No such artifact: '{shown(artifact)}'")
        return download(request._request, found)

    def put(self, request: Request, artifact: str) -> Response:
        """Store the body, which must arrive completely, as a file of a draft."""
        where, path = located(self.user, artifact)
        if isinstance(where, Version):
            raise refusal("PUT", "The files of a version do not change")
        with ExitStack() as cleanup:
            incoming, crc32 = cleanup.enter_context(store().receive()), 0
            while chunk := request._request.read(BLOCK):
                incoming.write(chunk)
                crc32 = zlib.crc32(chunk, crc32)
            received = incoming.finish()
            cleanup.callback(store().discard, received)
            kind = valid_type(request.content_type) or guessed_type(path)
            draft_files.put_file(draft=where.draft, file=NewFile(path, kind, received, crc32))
        return Response({})

    def destroy(self, request: Request, artifact: str) -> Response:
        where, path = located(self.user, artifact)
        if isinstance(where, Version):
            raise refusal("DELETE", "The files of a version do not change")
        draft_files.remove_files(draft=where.draft, path=path)
        return Response({})


def _single(version: Version, path: str) -> Sequence[Mapping[str, Any]]:
    """List a folder of a version of one file."""
    whole, prefix = path_of(version), f"{path}/" if path else ""
    if not whole.startswith(prefix):
        return []
    name, slash, _ = whole[len(prefix) :].partition("/")
    return [{"path": name, "is_dir": True} if slash else {"path": name, "is_dir": False, "file_size": version.size}]


def _file_of(source: Source, path: str) -> StoredFile | None:
    row = VersionFile.objects.filter(pk=VersionFile.key(source.draft.pk, path)).first()
    if row is None:
        return None
    about = (row.path, row.size, row.sha256, row.mimetype)
    return StoredFile(*about, key=row.blob, timestamp=source.draft.timestamp, crc32=row.crc32)
