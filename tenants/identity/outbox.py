"""The outbox: requests store mails, a background thread sends them, so no request waits for a mail server.

A request for a reset link writes one row whether or not a user has the address. Only the thread looks that up, so the
response time reveals nothing. A row holds an address and no secret. It stays until its mail is sent or has failed for
GIVE_UP, and so survives a restart. If a process dies while it sends, another sends a second mail with a new link.

The threads of all processes share the rows. A thread leases a row by moving its `due` to the end of the lease; an
update on the old value of `due` ensures that only one thread succeeds.
"""

import logging
import threading
import time
from datetime import timedelta

from django.db import close_old_connections, connections
from rest_framework.exceptions import Throttled

from tenants.identity.emails import email_key
from tenants.identity.login import limited_attempt
from tenants.identity.resets import mail_reset_link
from tenants.identity.services import TENANT_ID
from tenants.models import OutgoingMail
from tenants.rows.fields import now

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)  # longer than sending takes: EMAIL_TIMEOUT applies to each step of the protocol
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=5)  # backoff after a failure, doubling
GIVE_UP = timedelta(hours=1)  # by then users have requested another link
BATCH = 100  # rows per query
MAX_WAITING = 10_000  # rows; bounds the disk space that a flood of requests can take
POLL_SECONDS = 10.0  # between checks for rows that another process wrote or failed to send
DELAY_SECONDS = 0.5  # lets the response leave first, so that sending does not affect its time


def request_link(*, tenant_id: str, email: str, address: str) -> None:
    """Queue a reset link for a caller at this address. Every request counts. Raises Throttled."""
    known = TENANT_ID.fullmatch(tenant_id)
    with limited_attempt(address=address, account=f"reset {tenant_id if known else '?'}/{email_key(email)}"):
        if known:
            post(tenant_id=tenant_id, email=email)


def post(*, tenant_id: str, email: str) -> None:
    """Queue a mail with a reset link to the address, sent if a user of the tenant has it.

    Raises Throttled while too many mails wait.
    """
    if OutgoingMail.objects.order_by("due")[MAX_WAITING - 1 : MAX_WAITING].exists():
        raise Throttled(wait=60, detail="Too many mails wait to be sent, please try again later")
    OutgoingMail(tenant_id=tenant_id, email=email).save(force_insert=True)
    sender.wake()


def drain() -> None:
    """Send all mails that are due and that no other process is sending."""
    while rows := list(OutgoingMail.objects.filter(due__lte=now()).order_by("due")[:BATCH]):
        for row in rows:
            if _lease(row):
                _send(row)


def _lease(row: OutgoingMail) -> bool:
    """Lease the row for LEASE; return whether this thread got it."""
    unchanged = OutgoingMail.objects.filter(pk=row.pk, due=row.due)
    return bool(unchanged.update(due=now() + LEASE, tries=row.tries + 1))


def _send(row: OutgoingMail) -> None:
    """Send a leased row's mail and delete the row; after a failure retry later, until the row is too old."""
    age = now() - row.created
    if age < GIVE_UP:
        try:
            mail_reset_link(tenant_id=row.tenant_id, email=row.email)
        except Exception as error:  # noqa: BLE001 - a mail that fails must not block the others
            logger.warning("A mail for a user of %s was not sent and will be retried: %r", row.tenant_id, error)
            pause = min(FIRST_PAUSE * 2 ** min(row.tries, 16), LONGEST_PAUSE)
            OutgoingMail.objects.filter(pk=row.pk).update(due=now() + pause)
            return
    else:
        logger.error("A mail for a user of %s is dropped after %d attempts in %s", row.tenant_id, row.tries, age)
    OutgoingMail.objects.filter(pk=row.pk).delete()


class Sender:
    """Drains the outbox in a background thread: soon after this process posts, and every POLL_SECONDS."""

    def __init__(self) -> None:
        self.posted = threading.Event()

    def wake(self) -> None:
        """Wake the thread; in a process without it, the thread of another process finds the row by polling."""
        self.posted.set()

    def start(self) -> None:
        """Start the thread; every server process does this."""
        threading.Thread(target=self.run, name="outbox", daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                close_old_connections()
                drain()
            except Exception as error:  # noqa: BLE001 - the database may be temporarily unavailable
                logger.warning("Mails cannot be sent at the moment: %s", error)
            connections.close_all()
            if self.posted.wait(POLL_SECONDS):
                time.sleep(DELAY_SECONDS)
            self.posted.clear()


sender = Sender()
