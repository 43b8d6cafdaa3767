"""The page of one resource: its fields, and what the caller may do with it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.urls import reverse

from catalog.models import KINDS, STATUSES, VISIBILITIES, Item
from registry_site.pages.activity import newest_of_item, newest_of_user
from registry_site.pages.aliases import alias_context, item_aliases
from registry_site.pages.drafts import draft_context
from registry_site.pages.home import linked
from registry_site.pages.links import listing
from registry_site.pages.markdown import render
from registry_site.pages.overview import deletion, grouped, snippets, trends, uses
from registry_site.pages.versions import address_of, pairs_of, shared_names
from registry_site.pages.words import term_context
from tenants.models import ROLES, User

TAGS, PAIRS = 6, 12  # of a version, that the page of its item shows
CHOICES = {"statuses": STATUSES, "visibilities": VISIBILITIES, "roles": ROLES}


def item_context(view: Any, document: Mapping[str, Any], route: str, caller: User) -> dict[str, Any]:
    """Return the template context of a model, dataset or algorithm."""
    item = view.get_object()
    pairs, versions = pairs_of(document.get("metadata", ())), document.get("versions", ())
    may_change = item.is_changeable_by(caller)
    return {
        "item": document,
        "description": render(document.get("description", "")),
        "pk": item.pk,
        "kind": item.kind,
        "may_change": may_change,
        "pairs": pairs,
        "groups": grouped(pairs),
        "trends": trends(versions),
        "snippets": snippets(route, item, versions, caller),
        "deletion": deletion(item) if may_change else None,
        "versions": _versions(route, item.pk, document.get("versions", ())),
        "older_versions": document.get("versions_count", 0) - len(document.get("versions", ())),
        "most_files": settings.MAX_FILES,
        "has_status": item.kind != "dataset",
        "has_lineage": item.kind == "dataset" or bool(document.get("datasets")),
        "uses": _uses(item.pk, caller) if item.kind == "dataset" else (),
        "events": newest_of_item(item.tenant_id, item.pk),
        "all_events": reverse(f"{route}-events", kwargs={"pk": item.pk}),
    } | item_aliases(item, route)


def user_context(view: Any, document: Mapping[str, Any], route: str, caller: User) -> dict[str, Any]:
    """Return the template context of a user."""
    own = document["_id"] == caller.pk
    may_change = own or caller.is_admin
    shown = {"person": document, "pk": document["_id"], "own": own, "may_change": may_change}
    condition = json.dumps([{"item": document["_id"]}, {"actor": document["_id"]}])
    events = newest_of_user(view.get_object()) if may_change else ()
    items = Item.objects.visible_to(caller).filter(owner_id=document["_id"])
    lists = [(kind, listing(f"{kind}s", "owner", document["username"])) for kind in KINDS if "username" in document]
    shown |= {"owned": linked(items), "lists": lists}
    return shown | {"events": events, "all_events": reverse("events", query={"filter": condition})}


def rule_context(view: Any, document: Mapping[str, Any], route: str, caller: User) -> dict[str, Any]:
    """Return the template context of a rule that protects aliases."""
    condition = json.dumps(document.get("condition")) if document.get("condition") else ""
    users = ", ".join(user["username"] for user in document.get("users", ()))
    return {"rule": document, "pk": view.kwargs["pk"], "condition": condition, "rule_users": users}


def token_context(view: Any, document: Mapping[str, Any], route: str, caller: User) -> dict[str, Any]:
    """Return the template context of a token for machines."""
    return {"token": document, "pk": document["_id"]}


def view_context(view: Any, document: Mapping[str, Any], route: str, caller: User) -> dict[str, Any]:
    """Return the template context of a saved view."""
    saved = view.get_object()
    return {
        "view": document,
        "pk": saved.pk,
        "address": f"{reverse(f'{saved.list}-list')}?{saved.query}",
        "may_change": saved.owner_id == caller.pk,
        "may_delete": saved.owner_id == caller.pk or caller.is_admin,
    }


CONTEXTS = dict.fromkeys(("models", "datasets", "algorithms"), item_context)
CONTEXTS |= {"users": user_context, "tokens": token_context, "tags": term_context, "metadata": term_context}
CONTEXTS |= dict.fromkeys(("models-aliases", "datasets-aliases", "algorithms-aliases"), alias_context)
CONTEXTS |= {"protection": rule_context, "views": view_context, "drafts": draft_context}


def _uses(pk: str, caller: User) -> Sequence[dict[str, Any]]:
    """Return the models and algorithms that use the dataset, each kind with the URL of the list of all."""
    return [group | {"list": listing(group["kind"], "datasets", pk)} for group in uses(pk, caller)]


def _versions(route: str, pk: str, versions: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Return the versions with their URLs, newest first."""
    shared = shared_names(versions)
    return [_version(route, pk, version, shared) for version in reversed(versions)]


def _version(route: str, pk: str, version: dict[str, Any], shared: frozenset[str]) -> dict[str, Any]:
    """Return a version with its URLs, and its metadata as the form shows them."""
    arguments = {"pk": pk, "version": version.get("ordinal") or version.get("original")}
    return version | {
        "address": address_of(route, pk, version, shared),
        "tick": f"{pk}@{version['ordinal']}" if version.get("ordinal") else "",
        "by_ordinal": reverse(f"{route}-versions-detail", kwargs=arguments) if arguments["version"] else "",
        "pairs": pairs_of(version.get("metadata", ())),
        "more": max(0, len(version.get("tags", ())) - TAGS) + max(0, len(version.get("metadata", ())) - PAIRS),
    }
