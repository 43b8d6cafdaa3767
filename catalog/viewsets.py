"""Routes on models, datasets and algorithms, and on their versions."""

from collections.abc import Callable, Hashable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from catalog.documentation import DatasetAnswer, ItemAnswer, VersionAnswer
from catalog.models import Item, Value, item_of_kind
from catalog.past import answer_past
from catalog.query_fields import DATASET_FIELDS, ITEM_FIELDS, VERSION_FIELDS
from catalog.representation import columns_of, item_documents
from catalog.serializers import DatasetChanges, DatasetInput, ItemChanges, ItemInput, VersionForm
from catalog.services import (
    add_item_version,
    create_item,
    delete_item,
    delete_item_version,
    update_item,
    update_item_version,
)
from catalog.values import VERSIONS
from catalog.version_words import FIXED, VersionChanges, words_in
from tenants.exceptions import Refused
from tenants.models import TenantQuerySet, User
from tenants.rest.collections import CollectionViewSet, valid_changes
from tenants.rest.negotiation import AnyBody, JSONParser
from tenants.rest.negotiation import FormParser as FlatFormParser
from tenants.rest.permissions import USERS, refusal, refuse_outside_scope
from tenants.rest.querying.query import time_in
from tenants.rows.fences import edition_of
from tenants.rows.prepared import Rows
from versions.download import download
from versions.models import Version, versions_of_item
from versions.services import Upload
from versions.upload import (
    FormParser,
    announced_digests,
    check_digests,
    upload_from_body,
    upload_from_form,
    valid_ordinal,
)

OF_THE_REGISTRY = ("owner", "owner_username", "versions", "versions_count", "timestamp", "lastmod")
FIXED_FIELDS = ("_id", "id", "name", *OF_THE_REGISTRY, "status", "datasets")


class ItemRoutes(CollectionViewSet):
    """Base of all routes on an item and on its versions: finds the item, checks access and answers it."""

    kind: ClassVar[str]
    checks_names = True
    change_method: ClassVar[str] = ""  # whose error refuses every change of the item; default: the request's own method
    answer_class: ClassVar[type[Serializer[Any]]] = ItemAnswer

    def get_object(self) -> Item:
        """Return the item. Raises Http404, and Refused (`restricted_access_*`) if the caller may not do this."""
        user = self.user
        item = item_of_kind.first(user.tenant_id or "", self.kind, self.kwargs["pk"])
        if item is None:
            raise Http404(f"No such resource: {self.kwargs['pk']}")
        reads = self.request.method in ("GET", "HEAD")
        if not (item.is_readable_by if reads else item.is_changeable_by)(user):
            who = "its owner, the users it is shared with" if reads else "its owner"
            method = self.request.method if reads else self.change_method or self.request.method
            raise refusal(method, f"This {self.kind} is open only to {who} and administrators")
        refuse_outside_scope(self.request, self, item.name)
        return item

    def answer(self, row: Item) -> Response:
        """Answer the item, cut to the fields that `select` names."""
        document = item_documents([row], self.user, self.is_selected)[0]
        return Response(self.selection.pick(document) if self.selection else document)

    def totals_key(self) -> Hashable:
        user = self.user
        return edition_of(user.tenant_id or ""), user.tenant_id if user.is_admin else user.pk, self.request.path


class ItemViewSet(ItemRoutes):
    """Lists, creates, reads, changes and deletes items of one kind."""

    model = Item
    roles: ClassVar = dict.fromkeys(("list", "retrieve", "create", "update", "destroy"), USERS)
    parameters: ClassVar = CollectionViewSet.parameters | {"retrieve": ("select", "at")}
    input_class: ClassVar[type[Serializer[Any]]] = ItemInput
    changes_class: ClassVar[type[Serializer[Any]]] = ItemChanges
    query_fields: ClassVar = ITEM_FIELDS

    @classmethod
    def visible_to(cls, user: User) -> TenantQuerySet[Item]:
        return Item.objects.visible_to(user).filter(kind=cls.kind)

    def get_values(self) -> TenantQuerySet[Value]:
        return Value.objects.of(self.user.tenant_id).filter(list=self.kind)

    def columns(self) -> tuple[str, ...]:
        return columns_of(self.kind, self.is_selected)

    def to_api_page(self, rows: Sequence[Any]) -> Sequence[dict[str, Any]]:
        return item_documents(rows, self.user, self.is_selected)

    def create_one(self, body: dict[str, Any]) -> Item:
        refuse_outside_scope(self.request, self, body["name"])
        return create_item(kind=self.kind, by=self.user, **body)

    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        """Get the item, or with `at` the item as it was at that time."""
        at = time_in(request)
        return super().retrieve(request) if at is None else answer_past(self, self.kind, at)

    def update(self, request: Request, **kwargs: Any) -> Response:
        item = self.get_object()
        changes = valid_changes(self.changes_class, request.data, FIXED_FIELDS)
        return self.answer(update_item(item=item, by=self.user, changes=changes))

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        item = self.get_object()
        answer = self.answer(item)
        delete_item(item=item, by=self.user)
        return answer


class ModelViewSet(ItemViewSet):
    """Models: trained on datasets, described by metadata, stored as versions."""

    kind = "model"
    collection = "models"


class DatasetViewSet(ItemViewSet):
    """Datasets: what models were trained and tested with."""

    kind = "dataset"
    collection = "datasets"
    input_class = DatasetInput
    answer_class = DatasetAnswer
    changes_class = DatasetChanges
    query_fields: ClassVar = DATASET_FIELDS


class AlgorithmViewSet(ItemViewSet):
    """Algorithms: how models are trained."""

    kind = "algorithm"
    collection = "algorithms"


class VersionViewSet(ItemRoutes):
    """Lists, uploads, downloads and deletes the versions of one item; subclasses name the item's kind."""

    model = Version
    roles: ClassVar = dict.fromkeys(("list", "retrieve", "create", "stream", "change", "destroy"), USERS)
    query_fields: ClassVar = VERSION_FIELDS
    change_method = "PUT"  # adding or deleting a version modifies the item
    parser_classes = (FormParser, JSONParser, AnyBody)
    group = "versions"
    input_class = VersionForm
    bodies: ClassVar = {
        "create": {"multipart/form-data": VersionForm},
        "stream": {"application/octet-stream": OpenApiTypes.BINARY},
        "change": {"application/json": VersionChanges},
    }
    parameters: ClassVar = {
        "create": ("ordinal", "sha256", "Content-Digest"),
        "stream": ("ordinal", "sha256", "Content-Digest", "description", "tags", "metadata"),
        "retrieve": ("Range", "If-None-Match"),
    }
    answers: ClassVar = {"list": VersionAnswer, "change": VersionAnswer, "retrieve": OpenApiTypes.BINARY}

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

    def create(self, request: Request, **kwargs: Any) -> Response:
        """Add the `file` of a form as a version."""
        return self.add(partial(upload_from_form, request), lambda: words_in(request.data))

    def stream(self, request: Request, version: str, **kwargs: Any) -> Response:
        """Add the request body, which is the file, as a version with this file name."""
        words = words_in(request.query_params)
        return self.add(partial(upload_from_body, request, version), lambda: words)

    def add(self, receive: Callable[[ExitStack], Upload], words: Callable[[], dict[str, Any]]) -> Response:
        item = self.get_object()
        ordinal, announced = valid_ordinal(self.request), announced_digests(self.request)
        with ExitStack() as cleanup:
            upload = receive(cleanup)
            check_digests(upload.received, announced)
            upload = replace(upload, **words())
            return self.answer(add_item_version(item=item, upload=upload, ordinal=ordinal, by=self.user))

    def retrieve(self, request: Request, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        """Download a version, found by file name or else by ordinal."""
        return download(request._request, self.find_versions(self.get_object())[0])

    def change(self, request: Request, **kwargs: Any) -> Response:
        """Change description, tags and metadata of a version; its bytes stay. Answers the version."""
        item = self.get_object()
        changes = valid_changes(VersionChanges, request.data, FIXED)
        version = self.find_version(item, "put_request_error")
        return Response(update_item_version(item=item, version=version, by=self.user, changes=changes).to_api())

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Remove a version and its bytes."""
        item = self.get_object()
        found = self.find_version(item, "delete_request_error")
        delete_item_version(item=item, version=found, by=self.user)
        return self.answer(item)

    def find_version(self, item: Item, error: str) -> Version:
        """Return the one version that the URL names. Raises Http404, and Refused with that error for several."""
        found = self.find_versions(item)
        if len(found) > 1:
            ordinals = ", ".join(sorted(version.ordinal for version in found))
            raise Refused(error, f"Several versions bear this name, please give an ordinal: {ordinals}")
        return found[0]

    def find_versions(self, item: Item) -> Sequence[Version]:
        """Return the one or more versions of the item that the URL names, newest first. Raises Http404."""
        name = self.kwargs["version"]
        versions = Version.objects.of(item.tenant_id).filter(subject=item.pk).order_by("-timestamp", "-pk")
        found = list(versions.filter(original=name)) or list(versions.filter(ordinal=name))
        if not found:
            raise Http404(f"No such version: {name}")
        return found
