"""Routes on the events of the ledger: those of an item, of a version, and all that the caller may read."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from django.db.models import Exists, OuterRef, Q
from django.http import Http404, StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from catalog.models import KINDS, Item
from catalog.viewsets import ItemRoutes
from tenants.models import Event, TenantQuerySet
from tenants.rest.collections import CollectionViewSet
from tenants.rest.documentation import EventAnswer
from tenants.rest.permissions import USERS
from tenants.rest.querying.fields import query_error
from tenants.rest.querying.page import list_response
from tenants.rest.querying.query import ListQuery
from tenants.rows.prepared import Rows
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

    def totals_key(self) -> None:
        return None


class VersionEvents(ItemEvents):
    """The events of a version of an item, named by its file name or ordinal, or after its deletion by its ordinal."""

    def get_queryset(self) -> TenantQuerySet[Event]:
        name, events = self.kwargs["version"], super().get_queryset()
        versions = Version.objects.of(self.user.tenant_id or "").filter(subject=self.kwargs["pk"])
        named = versions.filter(original=name).order_by("-timestamp", "-pk").values_list("ordinal", flat=True).first()
        found = events.filter(version=named or name)
        if named is None and not versions.filter(ordinal=name).exists() and not found.exists():
            raise Http404(f"No such version: {name}")
        return found


def _of(base: type[ItemEvents], kind: str) -> type[ItemEvents]:
    """Return the routes of one kind of item."""
    return type(f"{kind.capitalize()}{base.__name__}", (base,), {"kind": kind, "__doc__": base.__doc__})


ITEM_EVENTS = {f"{kind}s": _of(ItemEvents, kind) for kind in KINDS}
VERSION_EVENTS = {f"{kind}s": _of(VersionEvents, kind) for kind in KINDS}
