"""The chain of a tenant's events: what a hash covers, how events get theirs, and how a chain is verified.

The hash of an event is the sha256 of its predecessor's hash (empty for the first), a line feed, and the event as the
API returns it, with its tenant but without `id` and `hash`, as JSON with sorted keys and without spaces.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import orjson
from django.db.models import Q, QuerySet

from tenants.models import Chain, Event
from tenants.models.ledger import event_to_api
from tenants.rows.prepared import Prepared
from tenants.rows.statements import Update, update_rows, update_where
from tenants.rows.transactions import Conflict, atomic, retried

BATCH = 200  # events sealed in one transaction: on SQLite it holds up writers for a few milliseconds
READ = 1000  # events verified at a time


def _unsealed() -> QuerySet[Event]:
    """Return the events without a seal in the order of their index, which no engine then mistakes for another one."""
    return Event.objects.filter(hash="").order_by("hash", "tenant_id", "id")[:BATCH]


# Compiling these takes longer than sealing the events of a second.
waiting = Prepared(lambda: _unsealed().values_list("tenant_id"))
unsealed = Prepared(_unsealed)
chains = Prepared(lambda tenants: Chain.objects.filter(pk__in=tenants))


def hash_of(event: Any, sequence: int, before: str) -> str:
    """Return the hash of an event, or of a record of its columns, after the event with the hash `before`.

    It is empty if the event's changes are no JSON.
    """
    try:
        document = event_to_api(event)
    except orjson.JSONDecodeError:
        return ""
    document["tenant"], document["sequence"] = event.tenant_id, sequence
    del document["id"], document["hash"]
    return hashlib.sha256(before.encode() + b"\n" + orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()


def tenants_waiting() -> Sequence[str]:
    """Return the tenants of the next BATCH events without a seal."""
    return sorted({tenant_id for (tenant_id,) in waiting.run()})


def seal_all(tenants: Sequence[str] | None = None) -> int:
    """Seal all events that are committed, in batches; return their number. `tenants` are those of the first batch.

    Several processes may call it at the same time: a chain grows only from the end that was read.
    """
    count, sealed = 0, BATCH
    while sealed == BATCH:  # a smaller batch had all of them
        sealed = _seal_batch(tenants or tenants_waiting())
        count, tenants = count + sealed, None
    return count


@retried
def _seal_batch(tenants: Sequence[str]) -> int:
    """Seal the next events of these tenants. They are read in one snapshot, so none is missed that another followed.

    The chains are read before them: if another process seals meanwhile, a chain is no longer as it was read. Raises
    Conflict then, or if the events are gone.
    """
    if not tenants:
        return 0
    with atomic():
        known = {chain.tenant_id: chain for chain in chains(tenants)}
        updates: list[Update] = []
        for tenant_id, events in groupby(unsealed.records(), key=attrgetter("tenant_id")):
            if tenant_id in tenants:
                updates += _links(known.get(tenant_id), list(events))
        if update_rows(Event, updates) != len(updates):
            raise Conflict("events were removed concurrently")
    return len(updates)


def _links(chain: Chain | None, events: Sequence[Any]) -> list[Update]:
    """Add events of a tenant to its chain, which is made if it does not exist; return what seals them.

    Raises Conflict if the chain is no longer as it was read.
    """
    tenant_id = events[0].tenant_id
    if chain is None:
        chain = Chain(tenant_id=tenant_id, since=events[0].timestamp)
        chain.save(force_insert=True)
    end, digest = chain.sequence, chain.hash
    updates: list[Update] = []
    for sequence, event in enumerate(events, end + 1):
        digest = hash_of(event, sequence, digest)
        updates.append(({"_id": event.id}, {"sequence": sequence, "hash": digest}))
    found_by: dict[str, str | int | None] = {"_id": tenant_id, "sequence": end}
    if not update_where(Chain, found_by, {"sequence": end + len(events), "hash": digest}):
        raise Conflict(f"the chain of {tenant_id!r} was changed concurrently")
    return updates


def find_faults(tenant_id: str, expected: Mapping[int, str] | None = None) -> Iterator[str]:
    """Yield what is wrong with a tenant's sealed events, up to the first broken link.

    An alteration, a removal, an insertion and a change of order each break a link; the missing end of a chain shows in
    the chain's own row. Events that have a hash but no place in the chain are faults, too. `expected` are hashes by
    sequence that were kept elsewhere: they show that a chain was replaced by another. It works while the registry
    serves: if old events are removed meanwhile, it begins again with those that are kept.
    """
    while chain := Chain.objects.of(tenant_id).first():
        faults = list(_faults_of(chain, expected or {}))
        if not faults or Chain.objects.of(tenant_id).filter(anchor=chain.anchor).exists():
            yield from faults
            return
    if expected:
        yield f"{tenant_id}: there is no chain"


def _faults_of(chain: Chain, expected: Mapping[int, str]) -> Iterator[str]:
    """Yield what is wrong with the sealed events of a chain as it was read."""
    known, tenant_id = dict(expected), chain.tenant_id
    sequence, digest = chain.anchor, chain.anchor_hash
    sealed = Event.objects.of(tenant_id).filter(sequence__gt=sequence, sequence__lte=chain.sequence)
    for event in sealed.order_by("sequence").iterator(READ):
        if event.sequence != sequence + 1:
            yield f"{tenant_id}: after event {sequence} comes {event.sequence}"
            return
        if event.hash != hash_of(event, event.sequence, digest):
            yield f"{tenant_id}: event {event.sequence} ({event.pk}) was altered, or the one before it"
            return
        sequence, digest = event.sequence, event.hash
        if known.pop(sequence, digest) != digest:
            yield f"{tenant_id}: event {sequence} has another hash than it had"
            return
    if (sequence, digest) != (chain.sequence, chain.hash):
        yield f"{tenant_id}: the events after {sequence} are missing, the last one is {chain.sequence}"
    for place in known:
        if place > chain.anchor:
            yield f"{tenant_id}: event {place} is missing, the last one is {sequence}"
    yield from _strays(chain)


def _strays(chain: Chain) -> Iterator[str]:
    """Yield the faults of events that have a hash but no place in the chain, which somebody inserted."""
    tenant_id = chain.tenant_id
    events = Event.objects.of(tenant_id).exclude(hash="")
    stray = events.filter(Q(sequence=None) | Q(sequence__lte=chain.anchor)).order_by("id").first()
    if stray is None:
        stray = events.filter(sequence__gt=chain.sequence).order_by("-sequence").first()
        end = Chain.objects.of(tenant_id).values_list("sequence", flat=True).first()  # grows while the registry serves
        stray = None if stray is None or end is None or (stray.sequence or 0) <= end else stray
    if stray is not None:
        yield f"{tenant_id}: event {stray.pk} has a hash, but its sequence {stray.sequence} is not in the chain"
