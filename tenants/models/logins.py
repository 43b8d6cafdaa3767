"""What logins leave in the database: failed attempts, reset links, and mails that wait to be sent."""

from django.db import models

from tenants.models.tenants import TenantQuerySet, User
from tenants.rows.fields import KeyField, TextField, now


class PasswordReset(models.Model):
    """A reset link that was mailed: kept as the hash of its secret, used once or never."""

    digest = TextField(primary_key=True, max_length=64, db_column="_id")
    user = models.ForeignKey(User, models.CASCADE)
    expires = models.DateTimeField()


class OutgoingMail(models.Model):
    """A reset link that somebody asked for: where to and for whom, but no link, which is made when it is sent."""

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
    """A wrong password or token, or while it is `pending` perhaps a right one; `key` says of which account or address.

    `place` is one of those that the key has: as many as it may have failures.
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
