"""Mails are written down in the request and sent by a thread: no request waits for a mail server.

A request for a reset link writes one row, whether or not anybody has the address: only the thread looks that up, so
that the time of the answer tells nothing. A row holds an address and no secret. It stays until its mail is sent, or was
tried for GIVE_UP, and so survives a restart; a process that is killed while it sends is followed by another one, which
sends a second mail with a link of its own.

The threads of all processes share the rows: one that takes a row moves its `due` to the end of a lease, which of
several at once only one can.
"""

import logging
import threading
import time
from datetime import timedelta

from django.db import close_old_connections, connections
from rest_framework.exceptions import Throttled

from tenants.identity.resets import mail_reset_link
from tenants.models import OutgoingMail
from tenants.rows.fields import now

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)  # longer than a mail server may take: EMAIL_TIMEOUT for each step of a conversation
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=5)  # after a failure; doubled in between
GIVE_UP = timedelta(hours=1)  # whoever waited longer for a link has asked again
BATCH = 100  # rows read at once
MOST_WAITING = 10_000  # rows; a flood of requests from many addresses fills no disk
POLL_SECONDS = 10.0  # until rows that another process wrote or failed to send are looked for
DELAY_SECONDS = 0.5  # until the answer has left, whose time sending must not change


def post(*, tenant_id: str, email: str) -> None:
    """Have a reset link mailed to the address, if a user of the tenant has it.

    Raises Throttled while too many mails wait.
    """
    if OutgoingMail.objects.order_by("due")[MOST_WAITING - 1 : MOST_WAITING].exists():
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
    """Take the row for LEASE; tell whether this process has it."""
    taken = OutgoingMail.objects.filter(pk=row.pk, due=row.due)
    return bool(taken.update(due=now() + LEASE, tries=row.tries + 1))


def _send(row: OutgoingMail) -> None:
    """Send a leased row's mail and forget the row; where that fails, try again later, until it is too old."""
    age = now() - row.created
    if age < GIVE_UP:
        try:
            mail_reset_link(tenant_id=row.tenant_id, email=row.email)
        except Exception as error:  # noqa: BLE001 - whatever ails one mail must not keep the others
            logger.warning("A mail for a user of %s was not sent, a new try follows: %r", row.tenant_id, error)
            pause = min(FIRST_PAUSE * 2 ** min(row.tries, 16), LONGEST_PAUSE)
            OutgoingMail.objects.filter(pk=row.pk).update(due=now() + pause)
            return
    else:
        logger.error("A mail for a user of %s is given up after %d tries in %s", row.tenant_id, row.tries, age)
    OutgoingMail.objects.filter(pk=row.pk).delete()


class Sender:
    """Drains the outbox from a thread of its own: soon after this process posts, and every POLL_SECONDS."""

    def __init__(self) -> None:
        self.posted = threading.Event()

    def wake(self) -> None:
        """Have the thread look at once; where it does not run, the thread of another process looks soon."""
        self.posted.set()

    def start(self) -> None:
        """Start the thread; each process of a server does."""
        threading.Thread(target=self.run, name="outbox", daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                close_old_connections()
                drain()
            except Exception as error:  # noqa: BLE001 - the database may be back soon
                logger.warning("Mails wait: %s", error)
            connections.close_all()
            if self.posted.wait(POLL_SECONDS):
                time.sleep(DELAY_SECONDS)
            self.posted.clear()


sender = Sender()
