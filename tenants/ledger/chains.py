"""The chain of a tenant's events: what a hash covers, how events get theirs, and how a chain is verified.

The hash of an event is the sha256 of its predecessor's hash (empty for the first), a line feed, and the event as the
API returns it, with its tenant but without `id` and `hash`, as JSON with sorted keys and without spaces.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import orjson

from tenants.models import Chain, Event
from tenants.rows.prepared import Prepared
from tenants.rows.statements import Update, update_rows, update_where
from tenants.rows.transactions import Conflict, atomic, retried

BATCH = 200  # events sealed in one transaction: on SQLite it holds up writers for a few milliseconds
READ = 1000  # events verified at a time

# Compiling these takes longer than sealing the events of a second.
waiting = Prepared(lambda: Event.objects.filter(hash="").values_list("pk")[:1])
unsealed = Prepared(lambda: Event.objects.filter(hash="").order_by("id")[:BATCH])
chains = Prepared(Chain.objects.of)


def hash_of(event: Event, before: str) -> str:
    """Return the hash of an event that has its sequence, after the event with the hash `before`.

    It is empty if the event's changes are no JSON.
    """
    try:
        document = event.to_api() | {"tenant": event.tenant_id}
    except orjson.JSONDecodeError:
        return ""
    del document["id"], document["hash"]
    return hashlib.sha256(before.encode() + b"\n" + orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()


def has_unsealed() -> bool:
    """Return whether any event waits for its seal."""
    return bool(waiting.run())


def seal_all() -> int:
    """Seal all events that are committed, in batches, and return their number.

    Several processes may call it at the same time: a chain grows only from the end that was read.
    """
    count, sealed = 0, BATCH
    while sealed == BATCH:  # a smaller batch had all of them
        sealed = _seal_batch()
        count += sealed
    return count


@retried
def _seal_batch() -> int:
    """Seal the oldest events. They are read in one snapshot, so that none is missed that another one followed."""
    with atomic():
        events = sorted(unsealed(), key=lambda event: event.tenant_id)
        for tenant_id, group in groupby(events, lambda event: event.tenant_id):
            _append(tenant_id, list(group))
    return len(events)


def _append(tenant_id: str, events: Sequence[Event]) -> None:
    """Append events to their tenant's chain. Raises Conflict if another process did, or they are gone."""
    chain = chains.first(tenant_id) or Chain.objects.of(tenant_id).first()
    if chain is None:
        chain = Chain(tenant_id=tenant_id, since=events[0].timestamp)
        chain.save(force_insert=True)
    end, digest = chain.sequence, chain.hash
    updates: list[Update] = []
    for sequence, event in enumerate(events, end + 1):
        event.sequence = sequence
        digest = hash_of(event, digest)
        updates.append(({"_id": event.pk, "hash": ""}, {"sequence": sequence, "hash": digest}))
    found_by: dict[str, str | int | None] = {"_id": tenant_id, "sequence": end}
    grown = update_where(Chain, found_by, {"sequence": end + len(events), "hash": digest})
    if not grown or update_rows(Event, updates) != len(events):
        raise Conflict(f"the chain of {tenant_id!r} was changed concurrently")


def find_faults(tenant_id: str, expected: Mapping[int, str] | None = None) -> Iterator[str]:
    """Yield what is wrong with a tenant's sealed events, up to the first broken link.

    An alteration, a removal, an insertion and a change of order each break a link; the missing end of a chain shows in
    the chain's own row. `expected` are hashes by sequence that were kept elsewhere: they show that a chain was replaced
    by another. It works while the registry serves.
    """
    known = dict(expected or {})
    chain = Chain.objects.of(tenant_id).first()
    if chain is None:
        yield from [f"{tenant_id}: there is no chain"] * bool(known)
        return
    sequence, digest = chain.anchor, chain.anchor_hash
    sealed = Event.objects.of(tenant_id).filter(sequence__gt=sequence, sequence__lte=chain.sequence)
    for event in sealed.order_by("sequence").iterator(READ):
        if event.sequence != sequence + 1:
            yield f"{tenant_id}: after event {sequence} comes {event.sequence}"
            return
        if event.hash != hash_of(event, digest):
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
