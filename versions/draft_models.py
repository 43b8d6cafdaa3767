"""Drafts: what the programs of a user log before it is a version of anything, with its files and series."""

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q

from tenants.models import TenantQuerySet
from tenants.rows.fields import KeyField, ListField, TextField, iso, now

RUN, MODEL = "run", "model"
SEPARATOR, AFTER_SEPARATOR = "\x1f", "\x20"  # no name has a control character
DEFAULT_EXPERIMENT = "0"  # of every user; it has a row once the user changes it


class Experiment(models.Model):
    """A named group of a user's drafts."""

    id = KeyField()
    tenant_id = TextField(max_length=64)
    owner_id = TextField(max_length=24)
    name = TextField(max_length=500)
    tags = ListField()  # `{name, value}`, values are texts
    deleted = models.DateTimeField(null=True)
    timestamp = models.DateTimeField(default=now, editable=False)
    lastmod = models.DateTimeField(default=now, editable=False)
    revision = models.PositiveBigIntegerField(default=0, editable=False)

    objects = TenantQuerySet["Experiment"].as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["owner_id", "name"], name="experiment_of_owner"),)
        indexes = (models.Index(fields=["tenant_id"], name="experiments_of_tenant"),)


class DraftQuerySet(TenantQuerySet["Draft"]):
    def owned_by(self, tenant_id: str | None, owner_id: str) -> Self:
        """Keep the user's drafts that have not expired."""
        lasting = Q(expires=None) | Q(expires__gt=now())
        return self.of(tenant_id).filter(lasting, owner_id=owner_id)


class Draft(models.Model):
    """A training run, or a model that was logged but not published: values, and files as `VersionFile` rows.

    The files have the draft's id in place of a version's. `params`, `metrics` and `tags` are lists of
    `{name, value}`; a metric also has the `step` and `timestamp` of its last point, and its earlier points are rows of
    `Point`. `inputs` are the data sets and models that a run used and made. `source` is the run that a model is from.
    `expires` is null if the draft is pinned or a version was made of it (`versions` counts them).
    """

    id = KeyField()
    tenant_id = TextField(max_length=64)
    owner_id = TextField(max_length=24)
    kind = TextField(max_length=8)
    experiment = TextField(max_length=24, default=DEFAULT_EXPERIMENT)
    name = TextField(max_length=255, default="", blank=True)
    status = TextField(max_length=32, default="", blank=True)
    source = TextField(max_length=24, default="", blank=True)
    params = ListField()
    metrics = ListField()
    tags = ListField()
    inputs = ListField()
    points = models.PositiveBigIntegerField(default=0)
    files = models.PositiveIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    versions = models.PositiveIntegerField(default=0)
    pinned = models.BooleanField(default=False)
    timestamp = models.DateTimeField(default=now, editable=False)
    lastmod = models.DateTimeField(default=now, editable=False)
    ended = models.DateTimeField(null=True)
    deleted = models.DateTimeField(null=True)
    expires = models.DateTimeField(null=True)
    revision = models.PositiveBigIntegerField(default=0, editable=False)

    objects = DraftQuerySet.as_manager()

    class Meta:
        indexes = (
            models.Index(fields=["owner_id", "-timestamp", "-id"], name="drafts_of_owner"),
            models.Index(fields=["tenant_id"], name="drafts_of_tenant"),
            models.Index(fields=["expires"], name="drafts_expire"),
        )

    def has_expired(self, at: datetime) -> bool:
        return self.expires is not None and self.expires <= at

    def to_api(self) -> dict[str, Any]:
        """Return the JSON document of the draft."""
        fields = ("kind", "name", "status", "source", "params", "metrics", "tags", "files", "size", "pinned")
        times = {"timestamp": iso(self.timestamp), "lastmod": iso(self.lastmod), "ended": iso(self.ended)}
        document = {"_id": self.pk, "id": self.pk, "experiment": self.experiment}
        document |= {field: getattr(self, field) for field in fields}
        return document | {"versions_count": self.versions} | times | {"expires": iso(self.expires)}


class Point(models.Model):
    """A point of a metric's series.

    `id` is `<draft>/<metric>`, a separator, and step, time and value, so a series is a range of ids in the order of its
    steps, and a point that is sent twice is one row. `value` is text, because engines differ in NaN and infinity.
    """

    id = TextField(primary_key=True, max_length=400, db_column="_id")
    tenant_id = TextField(max_length=64)
    step = models.BigIntegerField()
    milliseconds = models.BigIntegerField()
    value = TextField(max_length=32)

    objects = TenantQuerySet["Point"].as_manager()

    class Meta:
        indexes = (models.Index(fields=["tenant_id"], name="points_of_tenant"),)

    @staticmethod
    def series(draft_id: str, name: str) -> tuple[str, str]:
        """Return the first id of a series, and the first id after it."""
        return f"{draft_id}/{name}{SEPARATOR}", f"{draft_id}/{name}{AFTER_SEPARATOR}"

    @classmethod
    def key(cls, draft_id: str, name: str, step: int, milliseconds: int, value: str) -> str:
        """Return the id of a point; steps sort as numbers."""
        start, _ = cls.series(draft_id, name)
        return f"{start}{step + 2**63:020d} {milliseconds + 2**63:020d} {value}"
