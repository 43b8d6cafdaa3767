"""Writes: adds words when items use them, and lets administrators suggest and delete words."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from folksonomy.models import LONGEST_DESCRIPTION, USAGES, MetadataName, Tag
from folksonomy.synonyms import Found, look_up, of_kind, redirect, refuse_synonym, replace_synonyms, synonyms_of
from tenants.exceptions import Refused
from tenants.ledger import Row, created, event, record, record_all
from tenants.models import User
from tenants.rows.fences import reference_guard, removal_guard
from tenants.rows.fields import now
from tenants.rows.hooks import hook
from tenants.rows.texts import refuse, unfit_name
from tenants.rows.transactions import atomic, retried

T = TypeVar("T", Tag, MetadataName)


def use_terms(
    model: type[T],
    names: Iterable[str],
    *,
    by: User,
    timestamp: datetime | None = None,
    error: str = "post_request_error",
    found: Found | None = None,
) -> Sequence[Row]:
    """Add the names that are new in the tenant as `folk` terms, and return their events, which the caller records.

    Call it in the transaction that refers to them. `found` is what they mean, if the caller has refused invalid names
    and looked the others up. Raises Refused with that error for an invalid name.
    """
    used = set(names)
    if found is None:
        refuse(used, unfit_name, error)
        found = look_up(model, by.tenant_id or "", used)
    new = sorted(used - found.known - found.words.keys() - set(found.words.values()))
    if not new:
        return ()
    common = {"tenant_id": by.tenant_id, "usage": "folk", "owner": by.as_owner, "timestamp": timestamp or now()}
    terms = model.objects.bulk_create([model(name=name, **common) for name in new])
    return _events(terms, "imported" if timestamp else "created", by)


@retried
def import_term(model: type[T], name: str, *, by: User, timestamp: datetime | None) -> None:
    """Add a `folk` term, unless it exists."""
    with reference_guard(by.tenant_id, by):
        record_all(use_terms(model, [name], by=by, timestamp=timestamp))


def record_terms(terms: Sequence[Tag | MetadataName], verb: str, by: User | None) -> None:
    """Write the events of new terms, in the transaction that creates them."""
    record_all(_events(terms, verb, by))


def _events(terms: Sequence[Tag | MetadataName], verb: str, by: User | None) -> Sequence[Row]:
    return [
        event(tenant=term.tenant_id, type=f"{term.kind}.{verb}", actor=by, item=term, changes=created(_state(term)))
        for term in terms
    ]


def _state(term: Tag | MetadataName) -> dict[str, Any]:
    direction = {"better": term.better} if isinstance(term, MetadataName) and term.better else {}
    described = {"description": term.description} if term.description else {}
    return {"name": term.name, "usage": term.usage, "owner": term.owner_id} | described | direction


@retried
def suggest_term(
    model: type[T], *, name: str, by: User, timestamp: datetime | None = None, usage: str = "default"
) -> T:
    """Create a term, or promote an existing `folk` term to `default`.

    Raises Refused (`post_request_error`) if the term exists and is not promoted, for a synonym and for an invalid
    name.
    """
    refuse([name], unfit_name, "post_request_error")
    with reference_guard(by.tenant_id, by):
        refuse_synonym(model, by.tenant_id or "", name, "post_request_error")
        term = model.objects.of(by.tenant_id).filter(name=name).first()
        if term is None:
            term = model(tenant_id=by.tenant_id, name=name, owner=by.as_owner, timestamp=timestamp or now())
            term.usage = usage
            term.save(force_insert=True)
            record_terms([term], "imported" if timestamp else "created", by)
        elif (term.usage, usage) != ("folk", "default"):
            raise Refused("post_request_error", f"E11000 duplicate key error: the _id is already used ({name})")
        else:
            set_term_usage(term, usage, by)
    return term


def set_term_usage(term: Tag | MetadataName, usage: str, by: User | None) -> None:
    """Update only the usage of a term. Raises Refused (`resource_not_found`) if the term no longer exists."""
    stored = type(term).objects.of(term.tenant_id).filter(pk=term.pk)
    with atomic():
        if stored.exclude(usage=usage).update(usage=usage):
            changes = {"usage": [next(each for each in USAGES if each != usage), usage]}
            record(tenant=term.tenant_id, type=f"{term.kind}.updated", actor=by, item=term, changes=changes)
        elif not stored.exists():
            raise Refused("resource_not_found", f"{term} is no longer there")
    term.usage = usage


def set_direction(*, term: MetadataName, better: str | None, by: User | None) -> None:
    """Set which values of a metric are better: `higher`, `lower`, or None if that is unknown."""
    change_term(term=term, changes={"better": better}, by=by)


@retried
def change_term(*, term: Tag | MetadataName, changes: Mapping[str, Any], by: User | None) -> None:
    """Change a word's `description`, `synonyms`, and a metadata name's `better`: all of them or none.

    Raises Refused: `put_request_error` for a text that is too long and for synonyms as `replace_synonyms` does,
    `resource_not_found` if the word no longer exists.
    """
    columns = {column: value for column, value in changes.items() if column != "synonyms"}
    if len(columns.get("description", "")) > LONGEST_DESCRIPTION:
        raise Refused("put_request_error", f"The description of a word has at most {LONGEST_DESCRIPTION} characters")
    with removal_guard(term.tenant_id):
        rows = type(term).objects.of(term.tenant_id).filter(pk=term.pk)
        stored = rows.first()
        if stored is None:
            raise Refused("resource_not_found", f"{term} is no longer there")
        done = {column: (getattr(stored, column), value) for column, value in columns.items()}
        if columns:
            rows.update(**columns)
        if "synonyms" in changes:
            done["synonyms"] = replace_synonyms(term, changes["synonyms"])
        done = {field: pair for field, pair in done.items() if pair[0] != pair[1]}
        if done:
            record(tenant=term.tenant_id, type=f"{term.kind}.updated", actor=by, item=term, changes=done)
    for column, value in columns.items():
        setattr(term, column, value)


@retried
def delete_term(
    *,
    term: Tag | MetadataName,
    by: User | None,
    verb: str = "deleted",
    into: str | None = None,
    reason: str = "",
    also: Callable[[str, Sequence[str]], object] = lambda event, synonyms: None,
) -> None:
    """Delete an unused term; the event says with `verb`, `into` and `reason` what became of it.

    With `into`, it and its synonyms become synonyms of that word; without, they are deleted. `also` is called in the
    transaction, with the id of the event and the synonyms that the term had.
    Raises Refused: `delete_request_error` if an item uses it, `resource_not_found` if it is gone.
    """
    with removal_guard(term.tenant_id):
        if hook("term_is_used")(term=term):
            raise Refused("delete_request_error", f"The term is in use ({term.name})")
        before, synonyms = _state(term), synonyms_of([term])[term.pk]
        deleted = type(term).objects.of(term.tenant_id).filter(pk=term.pk).delete()[0]
        if not deleted:
            raise Refused("resource_not_found", f"{term} is no longer there")
        of_kind(term).filter(word=term.name).delete() if into is None else redirect(term, into)
        before |= {"synonyms": synonyms} if synonyms else {}
        changes = {field: [value, None] for field, value in before.items()} | {"name": [term.name, into]}
        row = event(
            tenant=term.tenant_id, type=f"{term.kind}.{verb}", actor=by, item=term, changes=changes, reason=reason
        )
        record_all([row])
        also(row["_id"], synonyms)
