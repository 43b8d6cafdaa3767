"""Tables of failed attempts, reset links, and mails waiting to be sent."""

from django.db import models

from tenants.models.tenants import TenantQuerySet, User
from tenants.rows.fields import KeyField, TextField, now


class PasswordReset(models.Model):
    """A mailed reset link, stored as the hash of its secret; it works once."""

    digest = TextField(primary_key=True, max_length=64, db_column="_id")
    user = models.ForeignKey(User, models.CASCADE)
    expires = models.DateTimeField()


class OutgoingMail(models.Model):
    """A requested reset link: its tenant and address; the link itself is created when the mail is sent."""

    id = KeyField()
    tenant_id = TextField(max_length=64)
    email = TextField(max_length=255)
    created = models.DateTimeField(default=now)
    due = models.DateTimeField(default=now)
    tries = models.PositiveIntegerField(default=0)

    objects = TenantQuerySet["OutgoingMail"].as_manager()

    class Meta:
        indexes = (models.Index(fields=["due"], name="mails_due"),)


class FailedAttempt(models.Model):
    """A failed attempt at a password or token, or a `pending` one; `key` identifies the account or address.

    `place` is the number of the slot that the attempt takes: a key has as many slots as it may have failures.
    """

    id = KeyField()
    key = TextField(max_length=255)
    place = models.PositiveIntegerField()
    pending = models.BooleanField(default=False)
    timestamp = models.DateTimeField(default=now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["key", "place"], name="place_of_key"),)
        indexes = (
            models.Index(fields=["key", "timestamp"], name="failed_attempts"),
            models.Index(fields=["timestamp"], name="failed_attempts_oldest"),
        )
