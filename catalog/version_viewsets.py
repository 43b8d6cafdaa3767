"""Routes on the versions of models, datasets and algorithms."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.utils.encoding import escape_uri_path
from drf_spectacular.types import OpenApiTypes
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.aliases.pointers import find_part, is_pointing, pointer_of, time_asked_for, versions_named
from catalog.documentation import DatasetAnswer, DifferenceAnswer, FilesAnswer, InfoAnswer, VersionAnswer
from catalog.models import Item, Value
from catalog.query_fields import VERSION_FIELDS
from catalog.services import add_item_files, add_item_version, delete_item_version, update_item_version
from catalog.values import VERSIONS
from catalog.version_files import sent_version
from catalog.version_parts import PARTS
from catalog.version_words import FIXED, VersionChanges, VersionForm, VersionInput, words_in
from catalog.viewsets import ItemRoutes
from tenants.exceptions import Refused
from tenants.models import TenantQuerySet
from tenants.rest.collections import valid_changes
from tenants.rest.negotiation import AnyBody, JSONParser
from tenants.rest.negotiation import FormParser as FlatFormParser
from tenants.rest.permissions import USERS
from tenants.rows.prepared import Rows
from tenants.rows.texts import shown
from versions.forms import FormParser
from versions.models import Version
from versions.sent import SentFiles
from versions.services import Upload
from versions.upload import announced_digests, check_digests, upload_from_body, valid_ordinal

# Action -> end of the URL of what it answers of a version.
ENDINGS = {"files": "files", "file": "files/<path:file>", "info": "info", "diff": "diff"}


def versions_of_item(tenant_id: str, subject: str) -> TenantQuerySet[Version]:
    return Version.objects.of(tenant_id).filter(subject=subject)


class VersionViewSet(ItemRoutes):
    """Lists, uploads, downloads and deletes the versions of one item; subclasses name the item's kind."""

    model = Version
    roles: ClassVar = dict.fromkeys(("list", "retrieve", "create", "stream", "change", "destroy", *ENDINGS), USERS)
    query_fields: ClassVar = VERSION_FIELDS
    change_method = "PUT"  # adding or deleting a version modifies the item
    parser_classes = (FormParser, JSONParser, AnyBody)
    group = "versions"
    input_class = VersionForm
    bodies: ClassVar = {
        "create": {"multipart/form-data": VersionForm, "application/json": VersionInput},
        "stream": {"application/octet-stream": OpenApiTypes.BINARY},
        "change": {"application/json": VersionChanges},
    }
    parameters: ClassVar = {
        "create": ("ordinal", "sha256", "Content-Digest"),
        "stream": ("ordinal", "sha256", "Content-Digest", "description", "tags", "metadata"),
        "retrieve": ("at", "format", "Range", "If-None-Match"),
        "file": ("at", "Range", "If-None-Match"),
        "files": ("at", "prefix", "filter", "sort", "page", "limit", "after", "select"),
        "info": ("at", "select"),
        "diff": ("at", "from"),
    }
    answers: ClassVar = {
        "list": VersionAnswer,
        "change": VersionAnswer,
        "retrieve": OpenApiTypes.BINARY,
        "file": OpenApiTypes.BINARY,
        "files": FilesAnswer,
        "info": InfoAnswer,
        "diff": DifferenceAnswer,
    }

    def get_parsers(self) -> list[BaseParser]:
        """Return the parsers of JSON for a change, and otherwise those of an upload."""
        changes = getattr(self.request, "method", "") == "PATCH"
        return [JSONParser(), FlatFormParser()] if changes else super().get_parsers()

    @property
    def rows(self) -> Rows:
        """The versions of the item. Raises what `get_object` raises."""
        item = self.get_object()
        return Rows(Version, versions_of_item, (item.tenant_id, item.pk))

    def get_values(self) -> TenantQuerySet[Value]:
        return Value.objects.of(self.user.tenant_id).filter(item=self.kwargs["pk"], list=VERSIONS)

    def list(self, request: Request, **kwargs: Any) -> Response | StreamingHttpResponse:
        """List the versions, newest first."""
        return super().list(request)

    @property
    def rest(self) -> str:
        """The rest of the URL, which a version's name may fill, whatever route matched."""
        return self.request.path_info.partition("/versions/")[2]

    def create(self, request: Request, **kwargs: Any) -> Response:
        """Add a version: the `file` of a form, its `files` as a folder, or the files that a JSON body names."""
        return self.add(partial(sent_version, self), lambda: words_in(request.data))

    def stream(self, request: Request, **kwargs: Any) -> Response:
        """Add the request body, which is the file, as a version with this file name."""
        if is_pointing(self.rest):
            raise Refused("put_request_error", f"{shown(self.rest)} names an alias, which the routes of aliases move")
        words = words_in(request.query_params)
        return self.add(lambda item, cleanup: upload_from_body(request, self.rest, cleanup), lambda: words)

    def add(
        self, receive: Callable[[Item, ExitStack], Upload | SentFiles], words: Callable[[], dict[str, Any]]
    ) -> Response:
        item = self.get_object()
        ordinal, announced = valid_ordinal(self.request), announced_digests(self.request)
        with ExitStack() as cleanup:
            sent = receive(item, cleanup)
            check_digests(sent.received, announced)
            add: Any = add_item_files if isinstance(sent, SentFiles) else add_item_version
            upload = replace(sent, creator=self.user.pk, **words())
            return self.answer(self.tell(add(item=item, upload=upload, ordinal=ordinal, by=self.user)[0]))

    def retrieve(self, request: Request, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        """Download a version, found by file name, ordinal or alias: its file, or its folder as a zip or a tar."""
        return self.read()

    def files(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """List the files of a version, in the order of their paths."""
        return self.read()

    def file(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """Download a file of a version."""
        return self.read()

    def info(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """Describe a version, with the number and the digest of its files."""
        return self.read()

    def diff(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """Compare the files of a version with those of the version `from`."""
        return self.read()

    def read(self) -> HttpResponseBase:
        """Answer what the URL asks for, which depends on the names of the item's versions. Raises Http404."""
        item = self.get_object()
        found = find_part(item, self.rest, time_asked_for(self.request))
        if found is None:
            raise Http404(f"No such version: {self.kwargs['version']}")
        version, reading = found
        self.read_part = item, version, reading  # for the page
        response = PARTS[reading.part](self, version, reading)
        if pointer_of(reading.name):
            named = self.rest.removeprefix(reading.name)
            response["Content-Location"] = escape_uri_path(
                f"{self.request.path.removesuffix(self.rest)}{version.ordinal}{named}"
            )
        return response

    def change(self, request: Request, **kwargs: Any) -> Response:
        """Change description, tags and metadata of a version; its bytes stay. Answers the version."""
        item = self.get_object()
        changes = valid_changes(VersionChanges, request.data, FIXED)
        version = self.find_version(item, "put_request_error")
        changed = update_item_version(item=item, version=version, by=self.user, changes=changes)
        return Response(self.tell(changed).to_api())

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Remove a version and its bytes."""
        item = self.get_object()
        found = self.find_version(item, "delete_request_error")
        delete_item_version(item=item, version=found, by=self.user)
        return self.answer(item)

    def find_version(self, item: Item, error: str) -> Version:
        """Return the one version that the URL names. Raises Http404, and Refused with that error for several."""
        found = versions_named(item, self.rest, time_asked_for(self.request))
        if not found:
            raise Http404(f"No such version: {self.rest}")
        if len(found) > 1:
            ordinals = ", ".join(sorted(version.ordinal for version in found))
            raise Refused(error, f"Several versions bear this name, please give an ordinal: {ordinals}")
        return found[0]


class ModelVersions(VersionViewSet):
    """The versions of a model."""

    kind = "model"
    collection = "models"


class DatasetVersions(VersionViewSet):
    """The versions of a dataset."""

    kind = "dataset"
    collection = "datasets"
    answer_class = DatasetAnswer


class AlgorithmVersions(VersionViewSet):
    """The versions of an algorithm."""

    kind = "algorithm"
    collection = "algorithms"
