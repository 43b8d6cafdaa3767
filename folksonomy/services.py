"""Writes: adds words when items use them, and lets administrators suggest and delete words."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from folksonomy.models import USAGES, MetadataName, Tag
from tenants.exceptions import Refused
from tenants.ledger import Row, created, event, record, record_all
from tenants.models import User
from tenants.rows.fences import reference_guard, removal_guard
from tenants.rows.fields import now
from tenants.rows.hooks import hook
from tenants.rows.prepared import Prepared
from tenants.rows.texts import refuse, unfit_name
from tenants.rows.transactions import atomic, retried

T = TypeVar("T", Tag, MetadataName)


def _known(model: type[Tag | MetadataName]) -> Prepared[Any]:
    return Prepared(lambda tenant, names: model.objects.of(tenant).filter(name__in=names).values_list("name"))


KNOWN = {model: _known(model) for model in (Tag, MetadataName)}


def use_terms(
    model: type[T],
    names: Iterable[str],
    *,
    by: User,
    timestamp: datetime | None = None,
    error: str = "post_request_error",
) -> Sequence[Row]:
    """Add the names that are new in the tenant as `folk` terms, and return their events, which the caller records.

    Call it in the transaction that refers to them.

    Raises Refused with that error for an invalid name.
    """
    used = set(names)
    refuse(used, unfit_name, error)
    if not used:
        return ()
    known = {name for (name,) in KNOWN[model].rows(by.tenant_id or "", sorted(used))}
    common = {"tenant_id": by.tenant_id, "usage": "folk", "owner": by.as_owner, "timestamp": timestamp or now()}
    terms = model.objects.bulk_create([model(name=name, **common) for name in sorted(used - known)])
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
    return {"name": term.name, "usage": term.usage, "owner": term.owner_id} | direction


@retried
def suggest_term(
    model: type[T], *, name: str, by: User, timestamp: datetime | None = None, usage: str = "default"
) -> T:
    """Create a term, or promote an existing `folk` term to `default`.

    Raises Refused (`post_request_error`) if the term exists and is not promoted, and for an invalid name.
    """
    refuse([name], unfit_name, "post_request_error")
    with reference_guard(by.tenant_id, by):
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


@retried
def set_direction(*, term: MetadataName, better: str | None, by: User | None) -> None:
    """Set which values of a metric are better: `higher`, `lower`, or None if that is unknown.

    Raises Refused (`resource_not_found`) if the name no longer exists.
    """
    with removal_guard(term.tenant_id):
        stored = MetadataName.objects.of(term.tenant_id).filter(pk=term.pk).values_list("better", flat=True)
        if not stored:
            raise Refused("resource_not_found", f"{term} is no longer there")
        term.better = better
        if stored[0] != better:
            MetadataName.objects.filter(pk=term.pk).update(better=better)
            changes = {"better": [stored[0], better]}
            record(tenant=term.tenant_id, type="metadata.updated", actor=by, item=term, changes=changes)


@retried
def delete_term(*, term: Tag | MetadataName, by: User | None, verb: str = "deleted", into: str | None = None) -> None:
    """Delete an unused term; the event says with `verb` and `into` what became of it.

    Raises Refused: `delete_request_error` if an item uses it, `resource_not_found` if it is gone.
    """
    with removal_guard(term.tenant_id):
        if hook("term_is_used")(term=term):
            raise Refused("delete_request_error", f"The term is in use ({term.name})")
        if not type(term).objects.of(term.tenant_id).filter(pk=term.pk).delete()[0]:
            raise Refused("resource_not_found", f"{term} is no longer there")
        changes = {field: [value, None] for field, value in _state(term).items()} | {"name": [term.name, into]}
        record(tenant=term.tenant_id, type=f"{term.kind}.{verb}", actor=by, item=term, changes=changes)
