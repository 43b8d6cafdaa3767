"""Routes on the events of the ledger: those of an item, of a version, and all that the caller may read."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import Exists, OuterRef, Q
from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from catalog.aliases.pointers import find_part, time_asked_for
from catalog.models import KINDS, Item
from catalog.version_viewsets import AlgorithmVersions, DatasetVersions, ModelVersions, VersionViewSet
from catalog.viewsets import ItemRoutes
from tenants.models import Event, TenantQuerySet
from tenants.rest.collections import CollectionViewSet
from tenants.rest.documentation import EventAnswer
from tenants.rest.permissions import USERS, refuse_outside_scope
from tenants.rest.querying.fields import query_error
from tenants.rest.querying.page import list_response
from tenants.rest.querying.query import ListQuery
from tenants.rows.prepared import Rows
from versions.lookup import Reading
from versions.models import Version

WORDS = ("tag", "metadata")  # kinds of items that all users of a tenant can read
OWN = ("user", "token", "view")  # kinds of which users read what is about themselves, or what they did
LONGEST_SEQUENCE = 18  # digits; an id in `after` has 24 characters


class EventRoutes(CollectionViewSet):
    """Base of the lists of events, newest first. `after` with a sequence instead of an id follows the sealed events."""

    model = Event
    collection = "events"
    group = "history"
    scope_kind = "events"
    answer_class: ClassVar[type[Serializer[Any]]] = EventAnswer
    roles: ClassVar = {"list": USERS}
    query_fields: ClassVar = {
        "_id": "text:pk",
        "sequence": "number?",
        "type": "text",
        "actor": "user?:actor_id",
        "item": "text?:item_id",
        "kind": "text:item_kind",
        "name": "text:item_name",
        "version": "text?",
        "reason": "text",
        "timestamp": "date",
    }

    def list(self, request: Request, **kwargs: Any) -> Response | StreamingHttpResponse:
        """List the events, newest first, or with a sequence in `after` the sealed ones that follow it."""
        after = request.query_params.get("after", "").strip()
        if not (after.isascii() and after.isdigit() and len(after) <= LONGEST_SEQUENCE):
            return super().list(request)
        if request.query_params.get("sort", "").strip():
            raise query_error("sort and a sequence in after exclude each other")
        query = replace(ListQuery.of(request, self.query_fields, "sequence,_id", self.selection), after="")
        following = self.get_queryset().filter(sequence__gt=int(after))
        return list_response(query, Rows.of(following), self.to_api_page, self.totals_key, self.columns())

    def get_queryset(self) -> TenantQuerySet[Event]:
        raise NotImplementedError


class EventViewSet(EventRoutes):
    """All events that the caller may read: administrators all of their tenant, also those of what was deleted."""

    def get_queryset(self) -> TenantQuerySet[Event]:
        user, events = self.user, Event.objects.of(self.user.tenant_id or "")
        if user.is_admin:
            return events
        items = Item.objects.visible_to(user).filter(pk=OuterRef("item_id"))
        own = Q(item_kind__in=OWN) & (Q(item_id=user.pk) | Q(actor_id=user.pk) & ~Q(item_kind="user"))
        return events.filter(Q(item_kind__in=WORDS) | own | Q(item_kind__in=KINDS) & Exists(items))


class ItemEvents(EventRoutes, ItemRoutes):
    """The events of an item and its versions. Administrators read them also after its deletion."""

    def get_queryset(self) -> TenantQuerySet[Event]:
        pk, user = self.kwargs["pk"], self.user
        events = Event.objects.of(user.tenant_id or "").filter(item_id=pk, item_kind=self.kind)
        try:
            self.get_object()
        except Http404:
            if not (user.is_admin and events.exists()):
                raise
        return events

    def to_api_page(self, rows: Sequence[Any]) -> Sequence[dict[str, Any]]:
        return [row.to_api() for row in rows]

    def totals_key(self, edition: int | None) -> None:
        return None


class VersionEvents(ItemEvents, VersionViewSet):
    """The events of a version of an item, which has the names that a download has; after its deletion, its ordinal.

    The name of a version can end like the URL of its events: then all methods are about that version.
    """

    roles: ClassVar = VersionViewSet.roles
    scope_kind = ""
    model: ClassVar[Any] = Event
    answers: ClassVar = VersionViewSet.answers | {"list": EventAnswer}

    @property
    def rows(self) -> Rows:
        return Rows.of(self.get_queryset())

    def list(self, request: Request, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        """List the events, newest first, or with a sequence in `after` the sealed ones that follow it."""
        if self.found and self.found[1].part != "events":
            refuse_outside_scope(request, self, needed=(f"{self.collection}:read",))
            return self.read()
        refuse_outside_scope(request, self, needed=("events:read",))
        return super().list(request)

    @cached_property
    def found(self) -> tuple[Version, Reading] | None:
        """The version that the URL names, and what of it; None if it was deleted. Raises what `get_object` raises."""
        try:
            item = self.get_object()
        except Http404:
            if not self.user.is_admin:
                raise
            return None
        return find_part(item, self.rest, time_asked_for(self.request))

    def get_queryset(self) -> TenantQuerySet[Event]:
        ordinal = self.found[0].ordinal if self.found else self.kwargs["version"]
        events = super().get_queryset().filter(version=ordinal)
        if self.found is None and not events.exists():
            raise Http404(f"No such version: {ordinal}")
        return events


def _of(kind: str, *bases: type[Any], **more: Any) -> type[Any]:
    """Return the routes of one kind of item."""
    base = bases[0]
    return type(f"{kind.capitalize()}{base.__name__}", bases, {"kind": kind, "__doc__": base.__doc__} | more)


VERSIONS = {"model": ModelVersions, "dataset": DatasetVersions, "algorithm": AlgorithmVersions}
ITEM_EVENTS = {f"{kind}s": _of(kind, ItemEvents) for kind in KINDS}
VERSION_EVENTS = {
    f"{kind}s": _of(
        kind,
        VersionEvents,
        versions,
        collection=f"{kind}s",
        scopes={"list": ("events:read", f"{kind}s:read")},  # `list` tells which
    )
    for kind, versions in VERSIONS.items()
}
