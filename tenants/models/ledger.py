"""The ledger: an event for every change, and for each tenant the chain that seals its events."""

import random
import threading
import time
from typing import Any

import orjson
from django.db import models

from tenants.models.tenants import TenantQuerySet
from tenants.rows.fields import KeyField, TextField, iso, now
from tenants.rows.indexes import PositiveIndex

INSTALLATION = ""  # the tenant id of events that belong to no tenant, such as the deletion of one
RANDOM_BITS = 40

_clock_lock = threading.Lock()
_last_tick = 0


def event_id() -> str:
    """Return a new id of 24 hex characters that starts with the microsecond, so that ids sort by time.

    Ids of one process never go back; the random end keeps those of several processes apart.
    """
    global _last_tick  # noqa: PLW0603 - the clock of the process
    with _clock_lock:
        _last_tick = max(time.time_ns() // 1000, _last_tick + 1)
        tick = _last_tick
    return f"{tick:014x}{random.getrandbits(RANDOM_BITS):010x}"


class Event(models.Model):
    """A change: who changed what, when and why. It refers to nothing, so that it outlives what it tells about.

    `sequence` and `hash` are empty until the event is sealed (see `tenants.ledger.sealing`). `revision` is that of the
    item after the change, and orders the events of an item. `changes` is JSON text, because its hash must not depend
    on how an engine stores JSON.
    """

    id = KeyField(default=event_id)
    tenant_id = TextField(max_length=64)
    sequence = models.BigIntegerField(null=True)
    type = TextField(max_length=64)
    actor_id = TextField(max_length=24, null=True)
    actor_name = TextField(max_length=150, blank=True)
    item_id = TextField(max_length=64, null=True)
    item_kind = TextField(max_length=32, blank=True)
    item_name = TextField(max_length=255, blank=True)
    revision = models.BigIntegerField(null=True)
    version = TextField(max_length=255, null=True)
    changes = models.TextField(default="{}")
    reason = models.TextField(blank=True)
    timestamp = models.DateTimeField(default=now)
    hash = TextField(max_length=64, blank=True)

    objects = TenantQuerySet["Event"].as_manager()

    class Meta:
        indexes = (
            PositiveIndex(
                fields=["tenant_id", "sequence"], condition=models.Q(sequence__isnull=False), name="events_sealed"
            ),
            models.Index(fields=["tenant_id", "-timestamp", "-id"], name="events_newest"),
            models.Index(fields=["item_id", "-timestamp", "-id"], name="events_of_item"),
            models.Index(fields=["hash", "tenant_id", "id"], condition=models.Q(hash=""), name="events_unsealed"),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.item_name}".strip()

    def to_api(self) -> dict[str, Any]:
        return event_to_api(self)


def event_to_api(event: Any) -> dict[str, Any]:
    """Return an event, or a record of its columns, as the API does."""
    item = {"_id": event.item_id, "kind": event.item_kind, "name": event.item_name, "revision": event.revision}
    return {
        "_id": event.id,
        "id": event.id,
        "sequence": event.sequence,
        "type": event.type,
        "actor": event.actor_id and {"_id": event.actor_id, "username": event.actor_name},
        "item": item if event.item_id else None,
        "version": event.version,
        "changes": orjson.loads(event.changes),
        "reason": event.reason,
        "timestamp": iso(event.timestamp),
        "hash": event.hash or None,
    }


class Chain(models.Model):
    """The sealed events of a tenant: `sequence` and `hash` are those of the last one.

    The events up to `anchor` were removed because of their age, or never existed; `anchor_hash` is the hash that the
    oldest kept event continues. History is complete since `since`. The chain of the installation also holds the lease
    of the sealer.
    """

    tenant_id = TextField(primary_key=True, max_length=64, db_column="_id")
    sequence = models.BigIntegerField(default=0)
    hash = TextField(max_length=64, blank=True)
    anchor = models.BigIntegerField(default=0)
    anchor_hash = TextField(max_length=64, blank=True)
    since = models.DateTimeField(default=now)
    holder = TextField(max_length=24, blank=True)
    leased_until = models.DateTimeField(null=True)

    objects = TenantQuerySet["Chain"].as_manager()
