"""Routes of resumable uploads: the tus protocol, and each user's uploads as JSON."""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any, ClassVar

from django.conf import settings
from django.utils.http import http_date
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import MethodNotAllowed, UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.documentation import UPLOAD_HEADERS, UploadAnswer
from catalog.models import Item
from catalog.services import add_item_version
from tenants.exceptions import Refused
from tenants.models import TenantQuerySet
from tenants.rest.collections import CollectionViewSet
from tenants.rest.negotiation import AnyBody
from tenants.rest.permissions import ANYONE, USERS, refusal, refuse_outside_scope
from tenants.rest.scopes import WRITES_ITEMS
from tenants.rows.fields import now
from versions import tus, uploads
from versions.incoming import TooLarge
from versions.models import UploadSession
from versions.ordinals import refuse_taken
from versions.services import Upload
from versions.upload_requests import Body, ByteStream, Locked, locked, wrong_offset

ACTIONS = ("list", "create", "retrieve", "append", "override", "destroy")


class UploadViewSet(CollectionViewSet):
    """Uploads in any number of requests. An upload is its user's alone, until a version takes its bytes."""

    collection = "uploads"
    group = "uploads"
    model = UploadSession
    roles: ClassVar = {"capabilities": ANYONE} | dict.fromkeys(ACTIONS, USERS)
    query_fields: ClassVar = {
        "_id": "text:pk",
        "size": "number",
        "offset": "number",
        "sha256": "text",
        "timestamp": "date",
        "expires": "date",
    }
    scopes: ClassVar = dict.fromkeys(ACTIONS, WRITES_ITEMS)
    checks_names = True
    parser_classes = (AnyBody,)
    parameters: ClassVar = {
        "create": ("Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Concat"),
        "append": ("Tus-Resumable", "Upload-Offset"),
        "destroy": ("Tus-Resumable",),
    }
    answer_class = UploadAnswer
    bodies: ClassVar = {"create": None, "append": {tus.CONTENT_TYPE: OpenApiTypes.BINARY}}
    answers: ClassVar = {"create": {201: UploadAnswer}, "append": {204: None}, "destroy": {204: None}}
    answer_headers: ClassVar = UPLOAD_HEADERS

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        made = super().initialize_request(request, *args, **kwargs)
        if request.method == "OPTIONS":
            self.action = "capabilities"  # DRF has a fixed action for it
        return made

    def get_authenticators(self) -> Any:
        """Authenticate no caller who asks what the registry can do."""
        asks = self.request is not None and self.request.method == "OPTIONS"
        return [] if asks else super().get_authenticators()

    @property
    def allowed_methods(self) -> list[str]:
        """The methods for the header `Allow`, without the one that stands for others."""
        return [method for method in super().allowed_methods if method != "POST" or "pk" not in self.kwargs]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate the caller. Raises Refused (`tus_version`) for another version of the protocol."""
        super().initial(request, *args, **kwargs)
        if self.action == "override" and "X-HTTP-Method-Override" not in request.headers:
            raise MethodNotAllowed("POST")
        if request.method not in ("GET", "OPTIONS") and request.headers.get("Tus-Resumable") != tus.VERSION:
            needed = f"The header Tus-Resumable must be {tus.VERSION}"
            raise Refused("tus_version", needed, headers={"Tus-Version": tus.VERSION})

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response.headers["Tus-Resumable"] = tus.VERSION
        response.headers["Cache-Control"] = "no-store"
        return super().finalize_response(request, response, *args, **kwargs)

    def get_queryset(self) -> TenantQuerySet[UploadSession]:
        """Return the caller's uploads that are in no version."""
        mine = UploadSession.objects.visible_to(self.user)
        return mine.filter(owner_id=self.user.pk, taken=False, expires__gt=now())

    def get_object(self) -> UploadSession:
        return uploads.find(owner=self.user, id=self.kwargs["pk"])

    def capabilities(self, request: Request, **kwargs: Any) -> Response:
        """Tell which parts of the protocol the registry has."""
        headers = {"Tus-Version": tus.VERSION, "Tus-Extension": tus.EXTENSIONS}
        headers["Tus-Checksum-Algorithm"] = ",".join(tus.ALGORITHMS)
        if settings.MAX_UPLOAD_SIZE:
            headers["Tus-Max-Size"] = str(settings.MAX_UPLOAD_SIZE)
        return Response(status=204, headers=headers)

    def create(self, request: Request, **kwargs: Any) -> Response:
        """Begin an upload of `Upload-Length` bytes, the first of which may be the body; or join finished parts."""
        headers = request.headers
        metadata, concat = headers.get("Upload-Metadata", ""), headers.get("Upload-Concat", "")
        self._refuse_unwanted(metadata)
        if concat.startswith("final;"):
            return self._created(self._join(tus.parts_of(concat), metadata, concat))
        if concat not in ("", "partial"):
            raise Refused("post_request_error", "Upload-Concat is `partial` or `final;` and the URLs of the parts")
        size = tus.number_of(headers, "Upload-Length", "post_request_error")
        has_body = request.content_type == tus.CONTENT_TYPE
        session = uploads.begin(owner=self.user, size=size, metadata=metadata, concat=concat)
        if has_body or not size:
            self._receive(session)
        return self._created(session)

    def _refuse_unwanted(self, metadata: str) -> None:
        """Raise Refused now if the version that the metadata ask for will be refused at the end."""
        if destination := tus.destination_of(tus.metadata_of(metadata)):
            item = self._item(destination)
            if destination.ordinal is not None:
                refuse_taken(tenant_id=item.tenant_id, subject=item.pk, ordinal=destination.ordinal)

    def _item(self, destination: tus.Destination) -> Item:
        item = Item.objects.of(self.user.tenant_id).filter(pk=destination.item).first()
        if item is None or (destination.kind and destination.kind.removesuffix("s") != item.kind):
            raise Refused("resource_not_found", f"No such resource: {destination.item}")
        if not item.is_changeable_by(self.user):
            raise refusal("PUT", f"This {item.kind} is open only to its owner and administrators")
        refuse_outside_scope(self.request, self, item.name, (f"{item.kind}s:write",))
        return item

    def _join(self, ids: Sequence[str], metadata: str, concat: str) -> UploadSession:
        """Return the upload that consists of the parts; the same one if the request is repeated."""
        mine = UploadSession.objects.of(self.user.tenant_id).filter(owner_id=self.user.pk)
        if done := mine.filter(concat=concat, metadata=metadata, expires__gt=now()).exclude(sha256="").first():
            return done
        parts = [uploads.find(owner=self.user, id=id) for id in ids]
        for part in parts:
            if not (part.is_partial and part.sha256) or part.taken:
                raise Refused("post_request_error", f"Not a finished part: {part.pk}")
        size = sum(part.size for part in parts)
        session = uploads.begin(owner=self.user, size=size, metadata=metadata, concat=concat)
        with locked(session) as lease:
            uploads.join(lease, parts)
        self._publish(session)
        return session

    def _created(self, session: UploadSession) -> Response:
        location = f"/{settings.VERSION}/{self.collection}/{session.pk}"
        return Response(session.to_api(), 201, headers={"Location": location} | _state(session))

    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        """Tell how many bytes are there: in `Upload-Offset`, and as JSON."""
        session = self.get_object()
        if session.is_complete:
            with suppress(Locked):  # by a request that completes it, or that was killed a moment ago
                self._complete(session)
        sent = {"Upload-Metadata": session.metadata, "Upload-Concat": session.concat}
        headers = _state(session) | {"Upload-Length": str(session.size)}
        return Response(session.to_api(), headers=headers | {name: text for name, text in sent.items() if text})

    def append(self, request: Request, **kwargs: Any) -> Response:
        """Add the body at `Upload-Offset`. What arrives is kept, even if the connection breaks."""
        session = self.get_object()
        if request.content_type != tus.CONTENT_TYPE:
            raise UnsupportedMediaType(request.content_type or "", f"The Content-Type must be {tus.CONTENT_TYPE}")
        offset = tus.number_of(request.headers, "Upload-Offset", "put_request_error")
        if session.concat.startswith("final;"):
            raise refusal("PUT", "An upload that joins others takes no bytes")
        if offset != session.offset:
            raise wrong_offset(session, offset)
        self._receive(session)
        return Response(status=204, headers=_state(session))

    @extend_schema(exclude=True)  # another way to the operations above
    def override(self, request: Request, **kwargs: Any) -> Response:
        """Do what the header `X-HTTP-Method-Override` says, PATCH or DELETE, for clients that can only POST."""
        actions = {"PATCH": self.append, "DELETE": self.destroy}
        method = request.headers.get("X-HTTP-Method-Override", "")
        self.get_object()
        if method not in actions:
            raise Refused("method_not_allowed", 'Method "POST" not allowed.', headers={"Allow": "HEAD, PATCH, DELETE"})
        return actions[method](request, **kwargs)

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Delete the upload and its bytes."""
        uploads.remove(self.get_object())
        return Response(status=204)

    def _receive(self, session: UploadSession) -> None:
        """Add the request's body to the upload, and complete it with its last byte."""
        body, left = self.request._request, session.size - session.offset
        announced = int(self.request.META.get("CONTENT_LENGTH") or 0)
        chunked = "chunked" in self.request.headers.get("Transfer-Encoding", "").lower()
        if announced > left and not chunked:
            raise TooLarge(f"Only {left} bytes of this upload are missing")
        if left:
            self._append(session, body, left)
        if chunked and body.read(1):
            raise TooLarge("The body has more bytes than the upload lacked")
        if session.is_complete:
            self._complete(session)

    def _append(self, session: UploadSession, stream: ByteStream, left: int) -> None:
        with ExitStack() as cleanup:
            if checksum := self.request.headers.get("Upload-Checksum"):
                stream = cleanup.enter_context(tus.checked_body(checksum, stream, left))
            lease = cleanup.enter_context(locked(session))
            uploads.append(lease, Body(stream, left))

    def _complete(self, session: UploadSession) -> None:
        """Store the bytes of a complete upload, and make the version that its metadata ask for."""
        if not session.sha256:
            with locked(session) as lease:
                uploads.finish(lease)
        self._publish(session)

    def _publish(self, session: UploadSession) -> None:
        pairs = tus.metadata_of(session.metadata)
        announced = pairs.get("sha256", "").lower()
        if announced not in ("", session.sha256) and not session.taken:
            uploads.remove(session)
            details = f"The file's sha256 is {session.sha256}, announced was {announced}"
            raise Refused("post_request_error", details)
        destination = tus.destination_of(pairs)
        if destination is None or session.taken or session.is_partial:
            return
        about = {name: getattr(destination, name) for name in ("original", "mimetype", "description")}
        # Without a place the bytes are only referred to: if the upload is deleted meanwhile, the version is refused.
        received = replace(uploads.received(session), place="")
        upload = Upload(received, encoding="binary", creator=self.user.pk, **about)
        with suppress(uploads.AlreadyTaken):  # by another request that completes it
            item = self._item(destination)
            add_item_version(item=item, upload=upload, ordinal=destination.ordinal, by=self.user, session=session)


def _state(session: UploadSession) -> dict[str, str]:
    """Return the headers that tell how far an upload is, and how long it can go on."""
    return {"Upload-Offset": str(session.offset), "Upload-Expires": http_date(session.expires.timestamp())}
