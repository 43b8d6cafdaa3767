"""Undoes a merge or rename of a word: the items and versions that had the word get it back."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from catalog.aliases.rules import restore_tag_in_rules
from catalog.checks import CHANGE, WORDS, refuse_too_large
from catalog.history import item_event, item_state, version_event, version_state
from catalog.merges.models import KEPT, Merge, Replacement
from catalog.models import Item
from catalog.services import write_item, write_words
from catalog.values import change_values
from folksonomy.models import MetadataName, Tag
from folksonomy.services import delete_term, record_terms, set_direction
from folksonomy.synonyms import of_kind
from tenants.exceptions import Refused
from tenants.ledger import Row, event, record_all
from tenants.models import Event, User
from tenants.rows.fences import reference_guard, removal_guard
from tenants.rows.fields import now
from tenants.rows.transactions import retried
from versions.models import Version

BATCH = 100  # items and versions per transaction
MODELS: dict[str, type[Tag | MetadataName]] = {model.kind: model for model in (Tag, MetadataName)}


@dataclass(frozen=True)
class Undone:
    """The word that is back, the number of items that have it again, and of those that had changed since."""

    word: Tag | MetadataName
    items: int
    skipped: int
    event: str


def undoable(tenant_id: str, event_ids: Sequence[str]) -> set[str]:
    """Return which of these events are merges and renames that can be undone now."""
    kept = Merge.objects.of(tenant_id).filter(event__in=event_ids, undone="", timestamp__gt=now() - KEPT)
    return set(kept.values_list("event", flat=True))


def undo_merge(*, event_id: str, by: User) -> Undone:
    """Undo the merge or rename that an event of the caller's tenant tells about, in batches.

    Items and versions get the word back, with the value that they lost, unless they were changed since: without the
    other word, with another value, or with the word itself. An interrupted undo is completed by repeating it. Raises
    Refused: `resource_not_found`, and `put_request_error` if the event cannot be undone (any more).
    """
    merge = _find(by.tenant_id or "", event_id)
    state = orjson.loads(merge.state)
    term, into = _restore_word(merge, state, by)
    in_rules: dict[str, Any] = {"tenant_id": merge.tenant_id, "rules": state.get("rules", {}), "by": by}
    in_rules |= {"tag": merge.word, "other": merge.into}
    restore_tag_in_rules(**in_rules, keep=True)
    restored: set[str] = set()
    skipped: set[str] = set()
    while (found := _restore_batch(merge, by)) is not None:
        for item, is_restored in found:
            (restored if is_restored else skipped).add(item)
    restore_tag_in_rules(**in_rules, keep=False)
    if isinstance(into, MetadataName) and state["passed"] and into.better == state["better"]:
        set_direction(term=into, better=None, by=by)
    if state["is_new"]:
        with suppress(Refused):  # others use it now
            delete_term(term=into, by=by)
    return Undone(term, len(restored), len(skipped - restored), _complete(merge, term, by))


def _find(tenant_id: str, event_id: str) -> Merge:
    merge = Merge.objects.of(tenant_id).filter(event=event_id).first() if event_id else None
    if merge is None and not Event.objects.of(tenant_id).filter(pk=event_id).exists():
        raise Refused("resource_not_found", f"No such event: {event_id}")
    if merge is None or merge.timestamp <= now() - KEPT:
        raise Refused(CHANGE, f"Only merges and renames of words can be undone, for {KEPT.days} days")
    if merge.undone:
        raise Refused(CHANGE, f"The event {merge.undone} has undone this already")
    return merge


@retried
def _restore_word(merge: Merge, state: dict[str, Any], by: User) -> tuple[Tag | MetadataName, Tag | MetadataName]:
    """Create the word again, unless it is there, and let it have its synonyms; return it and the other word."""
    model: Any = MODELS[merge.kind]
    with removal_guard(merge.tenant_id):
        words = {
            term.name: term for term in model.objects.of(merge.tenant_id).filter(name__in=(merge.word, merge.into))
        }
        if merge.into not in words:
            raise Refused(CHANGE, f"The word {merge.into} is no longer there; undo first what became of it")
        into, term = words[merge.into], words.get(merge.word)
        if term is None:
            term = _word(merge, state)
            of_word = of_kind(term).filter(name=merge.word)
            if of_word.exclude(word=merge.into).exists():
                raise Refused(CHANGE, f"{merge.word} is a synonym of another word than {merge.into} now")
            of_word.delete()
            moved: Any = of_kind(term).filter(word=merge.into, name__in=state["synonyms"])
            moved.update(word=merge.word)
            term.save(force_insert=True)
            record_terms([term], "created", by)
    return term, into


def _word(merge: Merge, state: dict[str, Any]) -> Any:
    term: Any = MODELS[merge.kind](tenant_id=merge.tenant_id, name=merge.word, usage=state["usage"])
    term.description, term.timestamp = state["description"], datetime.fromisoformat(state["timestamp"])
    known = User.objects.of(merge.tenant_id).filter(pk=state["owner"], leaving=None)
    term.owner_id = state["owner"] if known.exists() else None
    if merge.kind == MetadataName.kind:
        term.better = state["better"]
    return term


@retried
def _restore_batch(merge: Merge, by: User) -> list[tuple[str, bool]] | None:
    """Restore the word in some items and versions; return their items' ids, and whether they have it again.

    Returns None if no more are left.
    """
    with reference_guard(merge.tenant_id, by):
        rows = list(Replacement.objects.of(merge.tenant_id).filter(merge=merge.pk).order_by("pk")[:BATCH])
        items = Item.objects.of(merge.tenant_id).in_bulk({row.item for row in rows})
        versions = Version.objects.of(merge.tenant_id).in_bulk({row.version for row in rows if row.version})
        events: list[Row] = []
        found = []
        for row in rows:
            item, version = items.get(row.item), versions.get(row.version)
            if item is None or (row.version and version is None):
                continue  # deleted since
            restored = _restore(merge, row, item, version, by)
            events += restored
            found.append((row.item, bool(restored)))
        record_all(events)
        Replacement.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return found if rows else None


def _restore(merge: Merge, row: Replacement, item: Item, version: Version | None, by: User) -> list[Row]:
    """Give an item or version its word back and return the event; none if it was changed since."""
    reason = f"Undo: {merge.into} became {merge.word} again"
    before, holder = item_state(item), version or item
    of_version = version_state(version) if version else {}
    restored = _restored_tags(merge, row, holder) if merge.kind == Tag.kind else _restored_metadata(merge, row, holder)
    if not restored:
        return []
    if version is None:
        done = write_item(item, before, WORDS)
        change_values(item, before["metadata"])
        return [item_event(item, "updated", by, done, reason=reason)]
    done = write_item(item, before) | write_words(version, of_version)
    return [version_event(item, version, "updated", by, done, reason=reason)]


def _restored_tags(merge: Merge, row: Replacement, holder: Item | Version) -> bool:
    if merge.word in holder.tags or merge.into not in holder.tags:
        return False
    tags = [merge.word if tag == merge.into and not row.both else tag for tag in holder.tags]
    if row.both:
        tags.insert(row.place, merge.word)
    return _set(holder, "tags", tags)


def _restored_metadata(merge: Merge, row: Replacement, holder: Item | Version) -> bool:
    values, (value,) = {pair["name"]: pair["value"] for pair in holder.metadata}, orjson.loads(row.value)
    if merge.word in values or merge.into not in values:
        return False
    pairs = [dict(pair) for pair in holder.metadata]
    if row.both:
        pairs.insert(row.place, {"name": merge.word, "value": value})
    elif type(values[merge.into]) is not type(value) or values[merge.into] != value:
        return False
    else:
        pairs = [{**pair, "name": merge.word} if pair["name"] == merge.into else pair for pair in pairs]
    return _set(holder, "metadata", pairs)


def _set(holder: Item | Version, field: str, value: Any) -> bool:
    """Set the list, unless the item or version would be too large; return whether it is set."""
    before = getattr(holder, field)
    setattr(holder, field, value)
    try:
        refuse_too_large(holder, CHANGE)
    except Refused:
        setattr(holder, field, before)
        return False
    return True


@retried
def _complete(merge: Merge, term: Tag | MetadataName, by: User) -> str:
    """Note that a merge is undone, with an event, whose id is returned. Raises Refused if another request did so."""
    with reference_guard(merge.tenant_id, by):
        changes = {"name": [merge.into, merge.word]}
        reason = f"Undo of the event {merge.event}"
        type = f"{merge.kind}.restored"
        row = event(tenant=merge.tenant_id, type=type, actor=by, item=term, changes=changes, reason=reason)
        if not Merge.objects.filter(pk=merge.pk, undone="").update(undone=row["_id"]):
            raise Refused(CHANGE, "Another request has undone this")
        record_all([row])
    return str(row["_id"])
