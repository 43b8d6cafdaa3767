"""Keeps what a merge replaces, in the transactions that replace it, so that it can be undone."""

from collections.abc import Sequence
from typing import Any

import orjson

from catalog.aliases.models import ProtectionRule
from catalog.merges.models import Merge, Replacement
from catalog.models import Item
from folksonomy.models import MetadataName, Tag
from tenants.rows.fences import reference_guard
from tenants.rows.fields import iso, new_id, now
from tenants.rows.statements import insert_rows
from tenants.rows.transactions import retried
from versions.models import Version

Term = Tag | MetadataName


@retried
def begin_merge(*, term: Term, into: Term, is_new: bool = False) -> Merge:
    """Return the row of a merge that begins, or that was interrupted. `is_new`: `into` was created for it."""
    with reference_guard(term.tenant_id):
        same = {"kind": term.kind, "word": term.name, "into": into.name, "event": ""}
        found = Merge.objects.of(term.tenant_id).filter(**same).first()
        if found is not None:
            return found
        merge = Merge(tenant_id=term.tenant_id, state=orjson.dumps(_state(term, into, is_new)).decode(), **same)
        merge.save(force_insert=True)
    return merge


def _state(term: Term, into: Term, is_new: bool) -> dict[str, Any]:
    """Return the word as it is, and what the merge will change apart from items and versions."""
    state: dict[str, Any] = {
        "usage": term.usage,
        "description": term.description,
        "owner": term.owner_id,
        "timestamp": iso(term.timestamp),
        "is_new": is_new,
    }
    if isinstance(term, MetadataName) and isinstance(into, MetadataName):
        return state | {"better": term.better, "passed": into.better is None and term.better is not None}
    rules = ProtectionRule.objects.of(term.tenant_id).filter(tags__holds=term.name)
    return state | {"rules": {rule.pk: into.name in rule.tags for rule in rules}}


def complete_merge(merge: Merge, event: str, synonyms: Sequence[str]) -> None:
    """Note that a merge is complete, in the transaction of its event; `synonyms` are those that the word had."""
    merge.event, merge.timestamp = event, now()
    merge.state = orjson.dumps(orjson.loads(merge.state) | {"synonyms": list(synonyms)}).decode()
    merge.items = Replacement.objects.filter(merge=merge.pk).values("item").distinct().count()
    merge.save(update_fields=["event", "timestamp", "state", "items"])


def keep_replaced(merge: Merge, holders: Sequence[Item | Version], term: Term, name: str) -> None:
    """Keep what items or versions have of the word that is now replaced in them, in the caller's transaction."""
    rows = [_kept(merge, holder, term, name) for holder in holders]
    if rows:
        insert_rows(Replacement, rows)


def _kept(merge: Merge, holder: Item | Version, term: Term, name: str) -> dict[str, Any]:
    is_tag = isinstance(term, Tag)
    names = list(holder.tags) if is_tag else [pair["name"] for pair in holder.metadata]
    place = names.index(term.name)
    value = [] if is_tag else [holder.metadata[place]["value"]]
    of_version = isinstance(holder, Version)
    return {
        "_id": new_id(),
        "tenant_id": holder.tenant_id,
        "merge": merge.pk,
        "item": holder.subject if isinstance(holder, Version) else holder.pk,
        "version": holder.pk if of_version else "",
        "place": place,
        "both": name in names,
        "value": orjson.dumps(value).decode(),
    }
