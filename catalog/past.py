"""An item as it was at a time: its state now, or when it was deleted, with all later changes undone, newest first.

This is exact even for items that are older than the ledger. Texts and lists that an event cut are named in the
document's field `cut`, because they cannot be told exactly.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import datetime
from typing import Any

from django.db import router
from django.db.models import Q
from django.http import Http404
from rest_framework.response import Response

from catalog.history import item_state, version_state
from catalog.models import Item
from catalog.representation import item_documents
from tenants.ledger.changes import is_cut, undo_change
from tenants.models import Chain, Event, User
from tenants.rest.collections import CollectionViewSet
from tenants.rest.querying.bounded import bounded_search, seconds_left
from tenants.rows.fields import iso
from tenants.rows.transactions import Conflict, retried
from versions.embedded import EMBEDDED
from versions.models import Version

READ = 500  # events at a time
OF_VERSIONS = {"versions", "versions_count"}
OF_ITEM = ("lastmod",)  # the fields of a version's event that are the item's
BEGINNINGS = ("created", "imported")


class Past:
    """The state of an item, from which events are taken back. `exists` tells whether there was an item then."""

    def __init__(self, kind: str, state: Mapping[str, Any] | None, versions: Iterable[Mapping[str, Any]]) -> None:
        self.kind, self.exists = kind, state is not None
        self.state: dict[str, Any] = dict(state or {})
        self.versions: dict[str, dict[str, Any]] = {version["ordinal"]: dict(version) for version in versions}

    def undo(self, event: Event) -> None:
        """Take back an event of the item, or of one of its versions or aliases; others are ignored."""
        kind, _, verb = event.type.partition(".")
        changes = event.to_api()["changes"]
        if kind == "version":
            _undo_in(self.state, {field: change for field, change in changes.items() if field in OF_ITEM})
            own = {field: change for field, change in changes.items() if field not in OF_ITEM}
            self._undo_version(str(event.version), verb, own)
        elif kind == self.kind and verb == "deleted":
            self.exists, self.state = True, {field: old for field, (old, _) in changes.items()}
            versions = self.state.pop("versions", None)
            self.state |= {"versions": versions} if is_cut(versions) else {}
            self.versions = {each["ordinal"]: each for each in versions or () if isinstance(each, dict)}
        elif kind == self.kind and verb in BEGINNINGS:
            self.exists = False
        elif kind in (self.kind, "alias"):
            _undo_in(self.state, changes)

    def _undo_version(self, ordinal: str, verb: str, changes: Mapping[str, Any]) -> None:
        if verb in BEGINNINGS:
            self.versions.pop(ordinal, None)
        elif verb == "deleted":
            self.versions[ordinal] = {field: old for field, (old, _) in changes.items()}
        elif ordinal in self.versions:
            _undo_in(self.versions[ordinal], changes)


def _undo_in(state: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for field, change in changes.items():
        state[field] = undo_change(state.get(field), change)


def answer_past(view: CollectionViewSet, kind: str, fields: Set[str], at: datetime) -> Response:
    """Answer the item that a view names as it was at a time; administrators read deleted items too.

    Raises what `view.get_object` raises, and Http404 if the item did not exist then, or if the ledger does not reach
    back that far.
    """
    user, pk = view.user, view.kwargs["pk"]
    try:
        view.get_object()
    except Http404:
        if not user.is_admin:
            raise
    tenant_id = user.tenant_id or ""
    chain = Chain.objects.of(tenant_id).first()
    if chain is not None and at < chain.since:
        raise Http404(f"The history is complete since {iso(chain.since)}")
    with bounded_search(router.db_for_read(Event)):
        past = _past(tenant_id, kind, pk, at)
    if not past.exists:
        raise Http404(f"No such resource at {iso(at)}: {pk}")
    document = _document(past, tenant_id, pk, user, fields)
    return Response(view.selection.pick(document) if view.selection else document)


@retried
def _past(tenant_id: str, kind: str, pk: str, at: datetime) -> Past:
    """Return the past state. Raises Conflict if the item changes while its events are read."""
    item = Item.objects.of(tenant_id).filter(kind=kind, pk=pk).first()
    versions = Version.objects.of(tenant_id).filter(subject=pk) if item else ()
    state = item_state(item) | {"aliases": item.aliased} if item else None
    past = Past(kind, state, [version_state(version) for version in versions])
    for event in _later_events(tenant_id, pk, at):
        past.undo(event)
    revision = Item.objects.of(tenant_id).filter(pk=pk).values_list("revision", flat=True).first()
    if revision != (item.revision if item else None):
        raise Conflict(f"{pk} was changed meanwhile")
    return past


def _later_events(tenant_id: str, pk: str, at: datetime) -> Iterator[Event]:
    """Yield the events of an item after a time, newest first. Raises Refused at the deadline of the search."""
    events = Event.objects.of(tenant_id).filter(item_id=pk, timestamp__gt=at, revision__isnull=False)
    rest = events
    while page := list(rest.order_by("-revision", "-id")[:READ]):
        yield from page
        seconds_left()
        last = page[-1]
        rest = events.filter(Q(revision__lt=last.revision) | Q(revision=last.revision, id__lt=last.pk))


def _document(past: Past, tenant_id: str, pk: str, reader: User, fields: Set[str]) -> dict[str, Any]:
    state = past.state
    columns = {field: [] if is_cut(state.get(field)) else state.get(field, []) for field in ("users", "datasets")}
    columns |= {field: state.get(field, []) for field in ("tags", "metadata")}
    columns |= {field: state.get(field) for field in ("name", "description", "visibility", "status")}
    columns["aliases"] = [{"name": name, "value": ordinal} for name, ordinal in (state.get("aliases") or {}).items()]
    row = Item(id=pk, tenant_id=tenant_id, kind=past.kind, owner_id=state["owner"], **columns)
    row.timestamp, row.lastmod = (datetime.fromisoformat(state[field]) for field in ("timestamp", "lastmod"))
    exact = User.objects.usernames  # the past names users who may be deleted
    document = item_documents([row], reader, fields - OF_VERSIONS, exact)[0]
    ordered = sorted(past.versions.values(), key=lambda version: version["timestamp"])
    versions = {"versions": ordered[-EMBEDDED:], "versions_count": len(ordered)}
    document |= {field: value for field, value in versions.items() if field in fields}
    cut = sorted({field for field, value in state.items() if field != "aliases" and is_cut(value)})
    cut += ["versions"] * (any(map(is_cut, ordered)) and "versions" not in cut)
    return document | ({"cut": cut} if cut else {})
