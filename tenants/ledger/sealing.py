"""Seals events in the background: writers do not wait for a number or a hash, the sealer gives them afterwards.

Every worker process runs the thread. The one that holds the lease, which it extends while there is work, seals; the
others take over when it expires, so a crash delays seals and loses nothing. The lease only saves work: if two seal at
the same time, one of them retries. A transaction that commits late gets a later sequence.

A thread looks for events soon after its process writes some, every POLL_SECONDS while it has the lease, and otherwise
every IDLE_SECONDS, for those that commands and crashed processes leave.
"""

import logging
import threading
import time
from datetime import timedelta

from django.conf import settings
from django.db import close_old_connections, connection
from django.db.models import Max, Q

from tenants.ledger.chains import seal_all, tenants_waiting
from tenants.ledger.recording import written
from tenants.models import INSTALLATION, Chain, Event
from tenants.rows.fields import new_id, now
from tenants.rows.transactions import Conflict, atomic, retried

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.6
IDLE_SECONDS = 1.6
LEASE = timedelta(seconds=4)
CLEAN_SECONDS = 3600.0
REMOVED = 1000  # events removed in one transaction


class Sealer:
    """Seals events in a background thread, and removes old ones every CLEAN_SECONDS."""

    def __init__(self) -> None:
        self.holder = new_id()
        self.leased_until = now()
        self.cleaned = 0.0
        self.fails = False

    def start(self) -> None:
        """Start the thread; every server process does this."""
        threading.Thread(target=self.run, name="sealer", daemon=True).start()

    def run(self) -> None:
        while True:
            self.wait()
            self.work()

    def wait(self) -> None:
        """Return when it is time to look for events; after a write, its transaction has POLL_SECONDS to commit."""
        if self.leased_until > now() or written.wait(IDLE_SECONDS):
            time.sleep(POLL_SECONDS)
        written.clear()

    def work(self) -> None:
        """Seal, and remove old events every CLEAN_SECONDS. A lost database is logged once, and its return."""
        try:
            close_old_connections()
            self.seal()
            if time.monotonic() - self.cleaned > CLEAN_SECONDS:
                self.cleaned = time.monotonic()
                remove_old_events()
            if self.fails:
                logger.warning("Events are sealed again")
            self.fails = False
        except Exception as error:  # noqa: BLE001 - the database may be temporarily unavailable
            if not self.fails:
                logger.warning("Events cannot be sealed at the moment: %s", error)
            self.fails = True
            connection.close()

    def seal(self) -> int:
        """Seal all committed events and return their number; 0 if another process has the lease."""
        tenants = tenants_waiting()
        return seal_all(tenants) if tenants and self.has_lease() else 0

    @retried  # the first processes make its row at the same time
    def has_lease(self) -> bool:
        """Take the lease or extend it; return whether this process has it."""
        time = now()
        if self.leased_until > time + LEASE / 2:
            return True
        row = Chain.objects.filter(pk=INSTALLATION)
        free = Q(holder=self.holder) | Q(leased_until=None) | Q(leased_until__lte=time)
        if not row.filter(free).update(holder=self.holder, leased_until=time + LEASE):
            if row.exists():
                return False
            Chain(tenant_id=INSTALLATION, holder=self.holder, leased_until=time + LEASE).save(force_insert=True)
        self.leased_until = time + LEASE
        return True


def remove_old_events() -> int:
    """Remove sealed events older than `EVENT_RETENTION_DAYS` (0: none) in short transactions; return their number.

    The anchor of each chain moves to the last removed event, so the rest can still be verified.
    """
    if not settings.EVENT_RETENTION_DAYS:
        return 0
    removed = 0
    for tenant_id in list(Chain.objects.values_list("pk", flat=True)):
        while count := _remove_batch(tenant_id):
            removed += count
    return removed


@retried
def _remove_batch(tenant_id: str) -> int:
    """Remove the oldest events of a chain, up to the first one that is young enough."""
    limit = now() - timedelta(days=settings.EVENT_RETENTION_DAYS)
    with atomic():
        chain = Chain.objects.of(tenant_id).first()
        if chain is None:
            return 0
        end = chain.anchor + REMOVED
        sealed = Event.objects.of(tenant_id).filter(sequence__gt=chain.anchor, sequence__lte=end)
        kept = sealed.filter(timestamp__gte=limit).order_by("sequence").values_list("sequence", flat=True).first()
        last = sealed.filter(sequence__lt=kept or end + 1).order_by("-sequence").first()
        if last is None:
            return 0
        removed = sealed.filter(sequence__lte=last.sequence)
        latest = removed.aggregate(latest=Max("timestamp"))["latest"]
        moved = {"anchor": last.sequence, "anchor_hash": last.hash, "since": max(chain.since, latest)}
        if not Chain.objects.of(tenant_id).filter(anchor=chain.anchor).update(**moved):
            raise Conflict(f"the chain of {tenant_id!r} was changed concurrently")
        return removed.delete()[0]


sealer = Sealer()
