"""The first page of a user: their items, what others share with them, what changed, and what waits for them."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from catalog.aliases.models import Proposal
from catalog.aliases.protection import lets, rules_for
from catalog.models import KINDS, Item
from registry_site.pages.activity import sentence
from registry_site.pages.site import site_context
from tenants.models import Event, User
from tenants.rest.querying.page import ordered_page
from tenants.rows.fields import iso

SHOWN = 6  # items in a part of the page
RECENT = 100  # events that are searched for items which changed
OPEN = 20  # newest open proposals that are looked at: each needs the rules of its item


def home(request: HttpRequest, caller: User) -> HttpResponse:
    """Show the home page of a logged-in user."""
    items = Item.objects.visible_to(caller)
    parts = [
        ("Yours", linked(items.filter(owner=caller)), "owner:me"),
        ("Shared with you", linked(items.filter(users__holds=caller.pk)), "shared:me"),
    ]
    context = {"parts": parts, "changes": _changes(items, caller), "proposals": _waiting(caller)}
    response = render(request, "browsable/home.html", site_context(request, caller) | context)
    response["Vary"], response["Cache-Control"] = "Accept", "no-store"
    return response


def linked(items: QuerySet[Item]) -> Sequence[dict[str, Any]]:
    """Return the newest of some items, each with its URL. Each kind has its query, which an index puts in order."""
    columns = ("pk", "kind", "name", "status", "visibility", "timestamp", "lastmod")
    newest = items.order_by("-timestamp", "-pk")
    rows = [row for kind in KINDS for row in newest.filter(kind=kind).values(*columns)[:SHOWN]]
    rows.sort(key=lambda row: (row["timestamp"], row["pk"]), reverse=True)
    return [
        row | {"link": reverse(f"{row['kind']}s-detail", args=(row["pk"],)), "when": iso(row["lastmod"])}
        for row in rows[:SHOWN]
    ]


def _changes(items: QuerySet[Item], caller: User) -> Sequence[dict[str, Any]]:
    """Return the newest event of each readable item that changed lately."""
    rows = Event.objects.of(caller.tenant_id).filter(item_kind__in=KINDS).order_by("-timestamp", "-pk")
    events = ordered_page(rows, 0, RECENT)  # MongoDB would sort all for a slice
    newest: dict[str, Event] = {}
    for event in events:
        newest.setdefault(event.item_id or "", event)
    readable = dict(items.filter(kind__in=KINDS, pk__in=list(newest)).values_list("pk", "kind"))
    shown = [event for key, event in newest.items() if key in readable][:SHOWN]
    return [
        {
            "sentence": sentence(event.to_api()),
            "when": iso(event.timestamp),
            "link": reverse(f"{readable[event.item_id or '']}s-detail", args=(event.item_id,)),
        }
        for event in shown
    ]


def _waiting(caller: User) -> Sequence[dict[str, Any]]:
    """Return the open proposals of others that the rules let the caller approve."""
    opened = Proposal.objects.of(caller.tenant_id).filter(status="open").exclude(author_id=caller.pk)
    found = list(opened.order_by("-timestamp", "-pk")[:OPEN])
    items = {item.pk: item for item in Item.objects.visible_to(caller).filter(pk__in=[each.subject for each in found])}
    return [
        {"proposal": each, "item": items[each.subject], "link": _alias_page(items[each.subject], each.alias)}
        for each in found
        if each.subject in items and _decides(caller, items[each.subject], each)
    ]


def _decides(caller: User, item: Item, proposal: Proposal) -> bool:
    decided = any(decision["user"]["_id"] == caller.pk for decision in proposal.decisions)
    return not decided and any(lets(rule, caller, item) for rule in rules_for(item, proposal.alias))


def _alias_page(item: Item, alias: str) -> str:
    return reverse(f"{item.kind}s-aliases-detail", args=(item.pk, alias)) + "#proposals"
