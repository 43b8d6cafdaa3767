"""What is kept of the merge of a word, so that it can be undone for a while."""

from datetime import timedelta

from django.db import models

from tenants.models import TenantQuerySet
from tenants.rows.fields import KeyField, TextField, now

KEPT = timedelta(days=30)  # how long a merge can be undone


class Merge(models.Model):
    """A word that became another one: `event` is that of the ledger, empty until the merge is complete.

    `state` is JSON: the word as it was, and what the merge changed apart from items and versions. `undone` is the event
    of the undo.
    """

    id = KeyField()
    tenant_id = TextField(max_length=64)
    kind = TextField(max_length=16)
    word = TextField(max_length=255)
    into = TextField(max_length=255)
    state = models.TextField(default="{}")
    items = models.PositiveIntegerField(default=0)
    event = TextField(max_length=24, blank=True)
    undone = TextField(max_length=24, blank=True)
    timestamp = models.DateTimeField(default=now)

    objects = TenantQuerySet["Merge"].as_manager()

    class Meta:
        indexes = (
            models.Index(fields=["tenant_id", "event"], name="merges_by_event"),
            models.Index(fields=["timestamp"], name="merges_by_age"),
        )

    def __str__(self) -> str:
        return f"{self.word} → {self.into}"


class Replacement(models.Model):
    """An item or version whose word a merge replaced. `version` is empty for an item.

    `place` is that of the word in its list. `both` tells whether it had the other word, too, and so lost this one.
    `value` is JSON: `[value]` of the metadata, else `[]`.
    """

    id = KeyField()
    tenant_id = TextField(max_length=64)
    merge = TextField(max_length=24)
    item = TextField(max_length=24)
    version = TextField(max_length=24, blank=True)
    place = models.PositiveIntegerField()
    both = models.BooleanField()
    value = models.TextField()

    objects = TenantQuerySet["Replacement"].as_manager()

    class Meta:
        indexes = (models.Index(fields=["merge", "id"], name="replacements_of_merge"),)

    @property
    def holder(self) -> str:
        """The id of the item or version."""
        return self.version or self.item
