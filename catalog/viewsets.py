"""Routes on models, datasets and algorithms; `version_viewsets.py` has those on their versions."""

from collections.abc import Hashable, Sequence, Set
from typing import Any, ClassVar

from django.http import Http404, StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from catalog.documentation import DatasetAnswer, ItemAnswer
from catalog.models import Item, Value, item_of_kind
from catalog.past import answer_past
from catalog.query_fields import DATASET_FIELDS, ITEM_FIELDS
from catalog.representation import FIELDS, columns_of, item_documents
from catalog.serializers import DatasetChanges, DatasetInput, ItemChanges, ItemInput
from catalog.services import create_item, delete_item, update_item
from catalog.words import TellsReplaced
from tenants.models import TenantQuerySet, User
from tenants.rest.collections import CollectionViewSet, valid_changes
from tenants.rest.permissions import USERS, refusal, refuse_outside_scope
from tenants.rest.querying.facets import facet_names, facets_of
from tenants.rest.querying.query import ListQuery, time_in
from tenants.rows.fences import edition_of

FACETS = {"visibility": "visibility", "owner": "owner_id", "tags": "tags"}
OF_THE_REGISTRY = ("owner", "owner_username", "versions", "versions_count", "aliases", "timestamp", "lastmod")
FIXED_FIELDS = ("_id", "id", *OF_THE_REGISTRY, "status", "datasets")


class ItemRoutes(TellsReplaced, CollectionViewSet):
    """Base of all routes on an item and on its versions: finds the item, checks access and answers it."""

    kind: ClassVar[str]
    readers_write: ClassVar[bool] = False  # whether the service decides which readers may change the item
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
        for_readers = reads or self.readers_write
        if not (item.is_readable_by if for_readers else item.is_changeable_by)(user):
            who = "its owner, the users it is shared with" if for_readers else "its owner"
            method = self.request.method if reads else self.change_method or self.request.method
            raise refusal(method, f"This {self.kind} is open only to {who} and administrators")
        refuse_outside_scope(self.request, self, item.name)
        return item

    @property
    def selected_fields(self) -> Set[str]:
        """The fields of the item's document that the caller selected."""
        fields, selection = FIELDS[self.kind], self.selection
        return fields.keys() if selection is None else {name for name in fields if selection.includes(name)}

    def answer(self, row: Item) -> Response:
        """Answer the item, cut to the fields that `select` names."""
        document = item_documents([row], self.user, self.selected_fields)[0]
        return Response(self.selection.pick(document) if self.selection else document)

    def totals_key(self, edition: int | None) -> Hashable:
        user = self.user
        edition = edition_of(user.tenant_id or "") if edition is None else int(edition)
        return edition, user.tenant_id if user.is_admin else user.pk, self.request.path


class ItemViewSet(ItemRoutes):
    """Lists, creates, reads, changes and deletes items of one kind."""

    model = Item
    roles: ClassVar = dict.fromkeys(("list", "retrieve", "create", "update", "destroy"), USERS)
    parameters: ClassVar = CollectionViewSet.parameters | {"list": ("facets",), "retrieve": ("select", "at")}
    input_class: ClassVar[type[Serializer[Any]]] = ItemInput
    changes_class: ClassVar[type[Serializer[Any]]] = ItemChanges
    query_fields: ClassVar = ITEM_FIELDS
    facets: ClassVar = FACETS | {"status": "status"}
    by_edition = True
    creates_together = True

    @classmethod
    def visible_to(cls, user: User) -> TenantQuerySet[Item]:
        return Item.objects.visible_to(user).filter(kind=cls.kind)

    def get_values(self) -> TenantQuerySet[Value]:
        return Value.objects.of(self.user.tenant_id).filter(list=self.kind)

    def columns(self) -> tuple[str, ...]:
        return columns_of(self.kind, self.selected_fields)

    def to_api_page(self, rows: Sequence[Any]) -> Sequence[dict[str, Any]]:
        return item_documents(rows, self.user, self.selected_fields)

    def create_one(self, body: dict[str, Any]) -> Item:
        refuse_outside_scope(self.request, self, body["name"])
        item: Item = self.tell(create_item(kind=self.kind, by=self.user, **body))
        return item

    def list(self, request: Request, **kwargs: Any) -> Response | StreamingHttpResponse:
        """List the items, and count the values of the fields that `facets` names."""
        counted = {name: self.facets[name] for name in facet_names(request, self.facets)}
        response = super().list(request, **kwargs)
        if counted and isinstance(response, Response):
            query = ListQuery.of(self.request, self.query_fields, self.default_sort)
            response.data["facets"] = facets_of(query, self.rows, counted)
        return response

    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        """Get the item, or with `at` the item as it was at that time."""
        at = time_in(request)
        return super().retrieve(request) if at is None else answer_past(self, self.kind, self.selected_fields, at)

    def update(self, request: Request, **kwargs: Any) -> Response:
        item = self.get_object()
        changes = valid_changes(self.changes_class, request.data, FIXED_FIELDS)
        if "name" in changes:
            refuse_outside_scope(request, self, changes["name"])
        return self.answer(self.tell(update_item(item=item, by=self.user, changes=changes)))

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
    facets: ClassVar = FACETS


class AlgorithmViewSet(ItemViewSet):
    """Algorithms: how models are trained."""

    kind = "algorithm"
    collection = "algorithms"
