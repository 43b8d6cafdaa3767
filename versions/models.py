"""Versions, and the stored bytes that they refer to."""

from datetime import datetime
from typing import Any

from django.db import models

from tenants.models import Tenant, TenantQuerySet
from tenants.rows.fields import KeyField, ListField, TextField, iso, now
from versions.incoming import Progress


class Blob(models.Model):
    """Stored bytes, one row per tenant and content.

    `references` counts the versions that refer to the bytes; if it is 0, the bytes may or may not exist. An upload
    stores the bytes under a `mark`, a new id, and may refer to them only while the mark is set. A deletion first
    clears the mark in its own transaction. It deletes the bytes only while the mark is clear, in the transaction that
    deletes the row. The row can outlive its tenant until the bytes are deleted.
    """

    id = TextField(primary_key=True, max_length=140, db_column="_id")
    tenant_id = TextField(max_length=64, db_index=True)
    references = models.PositiveIntegerField(default=0)
    mark = TextField(max_length=24, default="")

    objects = TenantQuerySet["Blob"].as_manager()

    @staticmethod
    def key(tenant_id: str, sha256: str) -> str:
        """Return the key of the bytes in the store: `<tenant>/<aa>/<sha256>`."""
        return f"{tenant_id}/{sha256[:2]}/{sha256}"


class Hold(models.Model):
    """A lease that prevents the deletion of any bytes until it expires.

    `id` names the holder: `restore`, which stays until the restore has finished, or a backup or check.
    """

    id = TextField(primary_key=True, max_length=64, db_column="_id")
    until = models.DateTimeField()


class Version(models.Model):
    """A file with an ordinal. `subject` is the id of the item that it is a version of."""

    id = KeyField()
    tenant = models.ForeignKey(Tenant, models.CASCADE)
    subject = TextField(max_length=24)
    ordinal = TextField(max_length=64)
    number = models.BigIntegerField(null=True)
    original = TextField(max_length=1024)
    mimetype = TextField(max_length=255)
    encoding = TextField(max_length=64)
    size = models.BigIntegerField()
    sha256 = TextField(max_length=64)
    description = models.TextField(blank=True)
    tags = ListField()
    metadata = ListField()
    timestamp = models.DateTimeField(default=now, editable=False)

    objects = TenantQuerySet["Version"].as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["subject", "ordinal"], name="ordinal_of_subject"),)
        indexes = (
            models.Index(fields=["subject", "-timestamp", "-id"], name="versions_newest"),
            models.Index(fields=["tenant", "sha256"], name="versions_of_bytes"),
        )

    @property
    def blob(self) -> str:
        """The key of the version's bytes."""
        return Blob.key(self.tenant_id, self.sha256)

    def to_api(self) -> dict[str, Any]:
        """Return the JSON document of the version."""
        fields = ("ordinal", "original", "mimetype", "encoding", "size", "sha256", "description", "tags", "metadata")
        return {field: getattr(self, field) for field in fields} | {"timestamp": iso(self.timestamp)}


class UploadSession(models.Model):
    """Bytes on their way: what a user has sent so far of one file, in any number of requests.

    The first `offset` bytes are durable; `sent`, `place` and `tags` are what the store needs to continue (`Progress`).
    Once all `size` bytes are there they are stored under their `sha256`, and the session counts as a reference to them,
    until a version takes them (`taken`). The row stays until it `expires`, so that a client whose connection broke at
    the end learns that its upload is complete.
    A request that writes holds the `lock`, a lease which it renews until `locked_until`.
    """

    id = KeyField()
    tenant_id = TextField(max_length=64)
    owner_id = TextField(max_length=24)
    size = models.BigIntegerField()
    offset = models.BigIntegerField(default=0)
    sent = models.BigIntegerField(default=0)
    place = TextField(max_length=2048, default="", blank=True)
    tags = ListField()
    metadata = models.TextField(default="", blank=True)  # the headers Upload-Metadata and Upload-Concat, as sent
    concat = models.TextField(default="", blank=True)
    sha256 = TextField(max_length=64, default="", blank=True)
    taken = models.BooleanField(default=False)
    lock = TextField(max_length=24, default="", blank=True)
    locked_until = models.DateTimeField(null=True)
    timestamp = models.DateTimeField(default=now, editable=False)
    expires = models.DateTimeField()

    objects = TenantQuerySet["UploadSession"].as_manager()

    class Meta:
        indexes = (
            models.Index(fields=["owner_id", "-timestamp", "-id"], name="uploads_of_owner"),
            models.Index(fields=["tenant_id", "sha256"], name="uploads_of_bytes"),
            models.Index(fields=["expires"], name="uploads_expire"),
        )

    @property
    def progress(self) -> Progress:
        """What the store needs to continue the upload."""
        return Progress(self.offset, self.sent, self.place, tuple(self.tags))

    @property
    def blob(self) -> str:
        """The key of a finished upload's bytes."""
        return Blob.key(self.tenant_id, self.sha256)

    @property
    def is_complete(self) -> bool:
        """Whether all bytes have arrived."""
        return self.offset == self.size

    @property
    def is_partial(self) -> bool:
        """Whether it is one of the parts that are sent in parallel and joined."""
        return self.concat == "partial"

    def has_expired(self, at: datetime) -> bool:
        return self.expires <= at

    def to_api(self) -> dict[str, Any]:
        """Return the JSON document of the upload."""
        fields = ("size", "offset", "sha256")
        times = {"timestamp": iso(self.timestamp), "expires": iso(self.expires)}
        return {"_id": self.pk, "id": self.pk} | {field: getattr(self, field) for field in fields} | times


def versions_of_item(tenant_id: str, subject: str) -> TenantQuerySet[Version]:
    """Return the versions of an item of the tenant."""
    return Version.objects.of(tenant_id).filter(subject=subject)
