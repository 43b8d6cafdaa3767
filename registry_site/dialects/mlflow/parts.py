"""MLflow's multipart upload: a file of a draft in parts, which clients send in parallel."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from registry_site.dialects.mlflow.artifacts import located
from registry_site.dialects.mlflow.errors import MLflowError
from registry_site.dialects.mlflow.sources import Source
from registry_site.dialects.mlflow.views import WRITE, DialectView
from tenants.rest.negotiation import AnyBody
from tenants.rest.permissions import refusal
from tenants.rows.fields import new_id
from versions import draft_parts
from versions.upload import guessed_type

# A client that gets this message sends the file in one request.
UNSUPPORTED = "Multipart upload is not supported for the current artifact repository"
ID = re.compile(r"[0-9a-f]{24}")


class Parts(DialectView):
    """Routes of `mlflow-artifacts/mpu`. The id of an upload names its parts; nothing is stored before the first one."""

    group = "versions"
    scopes: ClassVar[Mapping[str, Sequence[str]]] = dict.fromkeys(("create", "complete", "abort"), WRITE)

    def _file(self, folder: str) -> tuple[Source, str]:
        """Return the draft, and the path of the file, which has the name of the client's local file."""
        where, path = located(self.user, folder)
        if not isinstance(where, Source):
            raise refusal("PUT", "The files of a version do not change")
        name = re.split(r"[\\/]", self.sent.text("path"))[-1]
        return where, f"{path}/{name}" if path else name

    def create(self, request: Request, folder: str) -> Response:
        """Answer the id of an upload, and where its parts go: they come without the client's own `Authorization`."""
        self._file(folder)
        count = self.sent.integer("num_parts", 1)
        if not 0 <= count <= draft_parts.MOST:
            raise MLflowError(UNSUPPORTED)
        id = new_id()
        header = {"Authorization": request.headers.get("Authorization", "")}
        credentials = [
            {"url": self._url(id, number), "part_number": number, "headers": header} for number in range(1, count + 1)
        ]
        return Response({"upload_id": id, "credentials": credentials})

    def _url(self, id: str, number: int) -> str:
        return str(self.request.build_absolute_uri(f"/api/2.0/mlflow-artifacts/mpu/part/{id}/{number}"))

    def complete(self, request: Request, folder: str) -> Response:
        """Make a file of the parts, whose ids are the ETags that the client got."""
        where, path = self._file(folder)
        parts = self.sent.objects("parts", draft_parts.MOST)
        tags = sorted((part.integer("part_number", 0), part.text("etag").strip('"')) for part in parts)
        ids, upload = [tag for _, tag in tags], self._upload()
        if not all(map(ID.fullmatch, ids)) or len(set(ids)) < len(ids):
            raise MLflowError("Each part has the ETag that its upload was answered with")
        about: dict[str, Any] = {"draft": where.draft, "path": path, "mimetype": guessed_type(path)}
        draft_parts.join_parts(owner=self.user, upload=upload, ids=ids, **about)
        return Response({})

    def abort(self, request: Request, folder: str) -> Response:
        """Delete the parts that have arrived."""
        self._file(folder)
        draft_parts.remove_parts(owner=self.user, upload=self._upload())
        return Response({})

    def _upload(self) -> str:
        id = self.sent.text("upload_id")
        if not ID.fullmatch(id):
            raise MLflowError("`upload_id` is not one of this registry")
        return id


class PartBytes(DialectView):
    """The route of the bytes of a part."""

    parser_classes = (AnyBody,)
    group = "versions"
    scopes: ClassVar[Mapping[str, Sequence[str]]] = {"put": WRITE}

    def put(self, request: Request, upload: str, number: int) -> Response:
        """Store the body, which must arrive completely, and answer its id as `ETag`."""
        length = request.META.get("CONTENT_LENGTH") or ""
        if not ID.fullmatch(upload) or not 1 <= number <= draft_parts.MOST or not length.isdecimal():
            raise MLflowError("A part has a number, the id of an upload, and a Content-Length")
        sent: dict[str, Any] = {"size": int(length), "stream": request._request}
        id = draft_parts.receive_part(owner=self.user, upload=upload, number=number, **sent)
        return Response({}, headers={"ETag": f'"{id}"'})
