"""The pages of words: duplicates, one word, and what was merged lately."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Count
from django.urls import reverse
from rest_framework.request import Request

from catalog.merges.models import Merge
from catalog.merges.undo import undoable
from catalog.models import KINDS, Item, has_word
from folksonomy.models import DIRECTIONS, MetadataName, Tag
from registry_site.pages.links import listing
from tenants.models import User
from tenants.rows.fields import iso

MODELS: Mapping[str, type[Tag | MetadataName]] = {"tags": Tag, "metadata": MetadataName}  # by route
DUPLICATES = tuple(f"duplicates/{route}" for route in MODELS)  # names of routes
FIELDS = {"tags": "tags", "metadata": "metadata.name"}  # of items
TITLES = {"tags": "Tags", "metadata": "Metadata"}
MERGES = {f"{model.kind}.{verb}" for model in MODELS.values() for verb in ("merged", "renamed")}  # types of events
RECENT = 10  # merges that a page shows
REASONS = {"case": "upper and lower case", "separators": "separators", "plural": "singular and plural"}
REASONS |= {"spelling": "spelling", "synonym": "synonym"}


def duplicates_context(view: Any, request: Request, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template context of the clusters of words that probably mean the same."""
    route = view.group
    return {
        "route": route,
        "title": f"Duplicate {'tags' if route == 'tags' else 'metadata names'}",
        "list_title": TITLES[route],
        "clusters": [[_word(route, word) for word in cluster["words"]] for cluster in data["docs"]],
        "page": data,
        "complete": data["complete"],
        "dismissed": request.query_params.get("dismissed") == "true",
        "merges": recent_merges(view.user, route),
    }


def _word(route: str, word: Mapping[str, Any]) -> dict[str, Any]:
    """Return a word of a cluster with the URL of its page, and of its items."""
    return {
        "name": word["_id"],
        "usage": word["usage"],
        "count": word["count"],
        "reason": REASONS.get(word["reason"], ""),
        "link": address_of_word(route, word["_id"]),
    }


def address_of_word(route: str, name: str) -> str:
    """Return the URL of the page of a word."""
    return reverse(f"{route}-detail", kwargs={"pk": name})


def term_context(view: Any, document: Mapping[str, Any], route: str, caller: User) -> dict[str, Any]:
    """Return the template context of a tag or metadata name."""
    name, shown = document["_id"], document.keys()
    return {
        "term": document,
        "pk": name,
        "uses": _uses(route, name, caller),
        "directions": DIRECTIONS,
        "synonyms": "\n".join(document.get("synonyms", ())),
        "may_curate": caller.is_admin and {"usage"} <= shown,
        "merges": recent_merges(caller, route, into=name) if caller.is_admin else (),
    }


def _uses(route: str, name: str, caller: User) -> Sequence[dict[str, Any]]:
    """Return the number of readable items of each kind that have the word, each with the URL of their list."""
    having = Item.objects.visible_to(caller).filter(has_word(MODELS[route], name)).order_by()
    counts = dict(having.values_list("kind").annotate(count=Count("pk")))
    return [
        {"kind": f"{kind}s", "count": counts.get(kind, 0), "link": listing(f"{kind}s", FIELDS[route], name)}
        for kind in KINDS
    ]


def recent_merges(caller: User, route: str, **conditions: Any) -> Sequence[dict[str, Any]]:
    """Return the newest merges and renames of these words that can be undone."""
    kind = MODELS[route].kind
    merges = Merge.objects.of(caller.tenant_id).filter(kind=kind, undone="", **conditions).exclude(event="")
    newest = list(merges.order_by("-timestamp", "-pk")[:RECENT])
    events = undoable(caller.tenant_id or "", [merge.event for merge in newest])
    return [
        {
            "event": merge.event,
            "word": merge.word,
            "into": merge.into,
            "items": merge.items,
            "when": iso(merge.timestamp),
        }
        for merge in newest
        if merge.event in events
    ]


def undoable_merges(caller: Any, events: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return the ids of those events that are merges or renames of words which the caller can undo now."""
    merges = [event["_id"] for event in events if event.get("type") in MERGES]
    if not (merges and isinstance(caller, User) and caller.is_admin):
        return frozenset()
    return frozenset(undoable(caller.tenant_id or "", merges))


def orders_of(route: str, caller: Any) -> Sequence[tuple[str, str]]:
    """Return the orders of a list of words, each with its URL, and for administrators the page of duplicates."""
    if route not in MODELS:
        return ()
    base = reverse(f"{route}-list")
    orders = [("All", base), ("Most used", f"{base}?uses=most"), ("Unused", f"{base}?uses=none")]
    return [*orders, ("Duplicates", reverse(f"duplicates/{route}"))] if caller.is_admin else orders
