"""Writes for curating tags and metadata names: suggest, merge, rename, delete.

An interrupted merge loses nothing: every item and version has one of the two words and both words exist. Running the
merge again completes it.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from catalog.aliases.rules import rename_tag_in_rules
from catalog.changes import renamed_metadata
from catalog.checks import CHANGE
from catalog.history import item_event, item_state, version_event, version_state
from catalog.merges.kept import begin_merge, complete_merge, keep_replaced
from catalog.merges.models import Merge
from catalog.merges.preview import refuse_loss
from catalog.merges.writing import write_items, write_versions
from catalog.models import Item, has_word
from folksonomy.models import MetadataName, Tag
from folksonomy.services import T, delete_term, record_terms, set_direction, set_term_usage, suggest_term
from folksonomy.synonyms import of_kind, refuse_synonym
from tenants.exceptions import Refused
from tenants.ledger import record_all
from tenants.models import User
from tenants.rows.batches import batches, keys_of
from tenants.rows.fences import reference_guard, removal_guard
from tenants.rows.texts import refuse, unfit_name
from tenants.rows.transactions import retried
from versions.models import Version

BATCH = 100  # rows per transaction when a word is replaced
HOLDERS: tuple[Any, ...] = (Item, Version)  # what has tags and metadata


def suggest_terms(model: type[T], *, names: Sequence[str], by: User) -> list[T]:
    """Create or promote `default` terms and return them; terms that are already default are skipped.

    Raises Refused (`post_request_error`) for an invalid name, before any term is created.
    """
    refuse(names, unfit_name, "post_request_error")
    made = []
    for name in names:
        try:
            made.append(suggest_term(model, name=name, by=by))
        except Refused:
            continue
    return made


@retried
def set_usage(*, term: Tag | MetadataName, usage: str, by: User | None) -> None:
    """Set the usage of a term: `default` or `folk`."""
    set_term_usage(term, usage, by)


def merge_term(*, term: T, into: T, by: User | None, values_lost: int | None = None, reason: str = "") -> Merge:
    """Replace the term by `into` in every item and version, then delete it, so that it is a synonym of `into`.

    An item or version that has both keeps one; of two metadata values it keeps the value of `into`. Which values of the
    term are better applies to `into` too, if that is unknown. Returns what is kept to undo the merge.
    Raises Refused (`put_request_error`) for terms of two tenants, if `values_lost` is not the number of values that
    the merge loses now (None: any), and if the term is still in use afterwards.
    """
    if term.tenant_id != into.tenant_id or term.pk == into.pk:
        raise Refused(CHANGE, f"{term} and {into} cannot become one")
    refuse_loss(term=term, name=into.name, values_lost=values_lost)
    return _merge(begin_merge(term=term, into=into), term, into, by=by, verb="merged", reason=reason)


def rename_term(
    *, term: T, name: str, by: User | None, values_lost: int | None = None, reason: str = ""
) -> tuple[T, Merge]:
    """Rename the term in the folksonomy and in all items and versions; merge it if a term of that name exists.

    Returns the term of that name, and what is kept to undo this. The old name is a synonym of the new one.
    Raises Refused (`put_request_error`) as `merge_term` does, and for an invalid name and a synonym of another word.
    """
    if name == term.name:
        raise Refused(CHANGE, f"This is already its name ({name})")
    refuse([name], unfit_name, CHANGE)
    refuse_loss(term=term, name=name, values_lost=values_lost)
    renamed, is_new = _get_or_copy(term=term, name=name, by=by)
    merge = begin_merge(term=term, into=renamed, is_new=is_new)
    return renamed, _merge(merge, term, renamed, by=by, verb="renamed", reason=reason)


def _merge(merge: Merge, term: T, into: T, *, by: User | None, verb: str, reason: str) -> Merge:
    replace_term(term=term, name=into.name, by=by, merge=merge)
    if isinstance(term, MetadataName) and isinstance(into, MetadataName) and term.better and not into.better:
        set_direction(term=into, better=term.better, by=by)
    done = partial(complete_merge, merge)
    delete_term(term=term, by=by, verb=verb, into=into.name, reason=reason, also=done)
    return merge


@retried
def _get_or_copy(*, term: T, name: str, by: User | None) -> tuple[T, bool]:
    """Return the term of that name, and whether it is new: then it is a copy of `term`."""
    with removal_guard(term.tenant_id):
        found: T | None = type(term).objects.of(term.tenant_id).filter(name=name).first()
        is_new = found is None
        if found is None:
            refuse_synonym(type(term), term.tenant_id, name, CHANGE, other_than=term.name)
            of_kind(term).filter(name=name).delete()
            found = type(term)(tenant_id=term.tenant_id, name=name, usage=term.usage, owner_id=term.owner_id)
            found.timestamp, found.description = term.timestamp, term.description
            if isinstance(found, MetadataName) and isinstance(term, MetadataName):
                found.better = term.better
            found.save(force_insert=True)
            record_terms([found], "created", by)
    return found, is_new


def delete_if_unused(*, term: Tag | MetadataName, by: User | None) -> bool:
    """Delete the term and return True, or return False if an item or version uses it."""
    try:
        delete_term(term=term, by=by)
    except Refused:
        return False
    return True


def uses_term(*, term: Tag | MetadataName) -> bool:
    """Return whether any item or version of the tenant has the tag or metadata name."""
    return any(_with_term(model, term).exists() for model in HOLDERS)


def count_with_both(*, term: Tag | MetadataName, name: str) -> int:
    """Return the number of items that have both the term and the word `name`, or a version with both."""
    with_name = has_word(type(term), name)
    items = set(_with_term(Item, term).filter(with_name).values_list("pk", flat=True))
    return len(items | set(_with_term(Version, term).filter(with_name).values_list("subject", flat=True)))


def replace_term(*, term: Tag | MetadataName, name: str, by: User | None, merge: Merge) -> None:
    """Replace the term by the word `name` in every item and version, and keep for the merge what each had.

    Rows are changed in batches, each in its own transaction on the current state. An interruption leaves every row
    consistent.
    """
    if isinstance(term, Tag):  # rules protect the items that have one of the two tags
        rename_tag_in_rules(tenant_id=term.tenant_id, old=term.name, new=name, by=by, keep=True)
    while uses_term(term=term):  # again, for rows that got the term meanwhile
        for keys in batches(keys_of(_with_term(Item, term)), BATCH):
            _replace_in_items(keys, term, name, by, merge)
        for keys in batches(keys_of(_with_term(Version, term)), BATCH):
            _replace_in_versions(keys, term, name, by, merge)
    if isinstance(term, Tag):
        rename_tag_in_rules(tenant_id=term.tenant_id, old=term.name, new=name, by=by, keep=False)


def _with_term(model: Any, term: Tag | MetadataName) -> Any:
    return model.objects.of(term.tenant_id).filter(has_word(type(term), term.name))


@retried
def _replace_in_items(keys: Sequence[str], term: Tag | MetadataName, name: str, by: User | None, merge: Merge) -> None:
    with reference_guard(term.tenant_id):
        _refuse_missing(term, name)
        items = list(_with_term(Item, term).filter(pk__in=keys))
        keep_replaced(merge, items, term, name)
        states = [item_state(item) for item in items]
        for item in items:
            _replace(item, term, name)
        done, reason = write_items(items, states, _fields(term)), f"{term.name} became {name}"
        changed = zip(items, done, strict=True)
        record_all([item_event(item, "updated", by, changes, reason=reason) for item, changes in changed])


@retried
def _replace_in_versions(
    keys: Sequence[str], term: Tag | MetadataName, name: str, by: User | None, merge: Merge
) -> None:
    """Replace the word in these versions. The revisions of their items, read first, detect concurrent changes."""
    with reference_guard(term.tenant_id):
        _refuse_missing(term, name)
        reason = f"{term.name} became {name}"
        holders = _with_term(Version, term).filter(pk__in=keys)
        items = Item.objects.of(term.tenant_id).in_bulk(set(holders.values_list("subject", flat=True)))
        of_items = write_items([*items.values()], [item_state(item) for item in items.values()], ())
        written = dict(zip(items, of_items, strict=True))
        versions = [version for version in holders if version.subject in items]  # others got the word meanwhile
        keep_replaced(merge, versions, term, name)
        states = [version_state(version) for version in versions]
        for version in versions:
            _replace(version, term, name)
        changed = zip(versions, write_versions(versions, states, _fields(term)), strict=True)
        record_all(
            [
                version_event(items[each.subject], each, "updated", by, written[each.subject] | changes, reason=reason)
                for each, changes in changed
            ]
        )


def _fields(term: Tag | MetadataName) -> Sequence[str]:
    """Return the fields that have the word."""
    return ("tags",) if isinstance(term, Tag) else ("metadata",)


def _refuse_missing(term: Tag | MetadataName, name: str) -> None:
    if not type(term).objects.of(term.tenant_id).filter(name=name).exists():
        raise Refused(CHANGE, f"The term is no longer there ({name})")


def _replace(row: Item | Version, term: Tag | MetadataName, name: str) -> None:
    if isinstance(term, Tag):
        kept = [tag for tag in row.tags if tag != term.name or name not in row.tags]
        row.tags = [name if tag == term.name else tag for tag in kept]
    else:
        row.metadata = renamed_metadata(row.metadata, term.name, name)
