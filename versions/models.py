"""Versions, the files of folders, and the stored bytes that they refer to."""

from datetime import datetime
from types import MappingProxyType
from typing import Any, Self

from django.db import models

from tenants.models import Tenant, TenantQuerySet
from tenants.rows.fields import KeyField, ListField, TextField, iso, now
from versions import draft_models  # noqa: F401 - Django finds its models here
from versions.incoming import Progress

LAST_CHARACTER = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)  # no text contains them


class Blob(models.Model):
    """Stored bytes, one row per tenant and content.

    `references` counts the versions and files of folders that refer to the bytes; if it is 0, the bytes may or may not
    exist. An upload stores the bytes under a `mark`, a new id, and may refer to them only while the mark is set. A
    deletion first clears the mark in its own transaction. It deletes the bytes only while the mark is clear, in the
    transaction that deletes the row. The row can outlive its tenant until the bytes are deleted.
    `crc32` is that of the bytes, for archives; None until it is needed or known.
    """

    id = TextField(primary_key=True, max_length=140, db_column="_id")
    tenant_id = TextField(max_length=64, db_index=True)
    references = models.PositiveIntegerField(default=0)
    mark = TextField(max_length=24, default="")
    crc32 = models.BigIntegerField(null=True)

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
    """One file or a folder, with an ordinal. `subject` is the id of the item that it is a version of.

    A version of one file is this row alone. `path` is the file's path if it differs from `original`. A folder has
    `files` > 1, and a `VersionFile` for each; its `sha256` is the digest of its files, its `size` is their sum, and
    `path_bytes` is the sum of the bytes of their paths.
    """

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
    files = models.PositiveIntegerField(default=1, editable=False)
    path = TextField(max_length=1024, default="", editable=False)
    path_bytes = models.PositiveBigIntegerField(default=0, editable=False)
    creator = TextField(max_length=24, default="", editable=False)  # the id of the user; empty if unknown
    replaced: Any = MappingProxyType({})  # what a request named by synonyms; not a column

    objects = TenantQuerySet["Version"].as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["subject", "ordinal"], name="ordinal_of_subject"),)
        indexes = (
            models.Index(fields=["subject", "-timestamp", "-id"], name="versions_newest"),
            models.Index(fields=["tenant", "sha256"], name="versions_of_bytes"),
        )

    @property
    def is_folder(self) -> bool:
        """Whether the version has several files."""
        return self.files > 1

    @property
    def blob(self) -> str:
        """The key of the bytes of a version of one file."""
        return Blob.key(self.tenant_id, self.sha256)

    def to_api(self) -> dict[str, Any]:
        """Return the JSON document of the version."""
        fields = ("ordinal", "original", "mimetype", "encoding", "size", "sha256", "description", "tags", "metadata")
        return {field: getattr(self, field) for field in fields} | {"timestamp": iso(self.timestamp)}


class VersionFileQuerySet(TenantQuerySet["VersionFile"]):
    def in_version(self, version_id: str, prefix: str = "", *, after: str = "") -> Self:
        """Keep the files whose path starts with `prefix`, or those after a key: SQLite uses one lower bound only."""
        start = f"{version_id}/{prefix}"
        lower = {"pk__gt": after} if after else {"pk__gte": start}
        return self.filter(**lower, pk__lt=f"{start[:-1]}{following(start[-1])}")


def following(character: str) -> str:
    """Return the next character in the order of code points; after the last one, two of it."""
    code = ord(character) + 1
    if code > LAST_CHARACTER:
        return 2 * character
    return chr(SURROGATES.stop if code in SURROGATES else code)


class VersionFile(models.Model):
    """A file of a folder. Its id is `<id of the version>/<path>`, so the files of a version are a range of ids.

    Rows never change. `crc32` is for archives: with it, the bytes of an archive are known before its files are read.
    """

    id = TextField(primary_key=True, max_length=1049, db_column="_id")
    tenant = models.ForeignKey(Tenant, models.CASCADE, db_index=False)
    path = TextField(max_length=1024)
    size = models.BigIntegerField()
    sha256 = TextField(max_length=64)
    crc32 = models.BigIntegerField()
    mimetype = TextField(max_length=255)

    objects = VersionFileQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=["tenant", "sha256"], name="files_of_bytes"),)

    @staticmethod
    def key(version_id: str, path: str) -> str:
        """Return the id of a file."""
        return f"{version_id}/{path}"

    @property
    def version(self) -> str:
        """The id of the file's version."""
        return self.pk.partition("/")[0]

    @property
    def blob(self) -> str:
        """The key of the file's bytes."""
        return Blob.key(self.tenant_id, self.sha256)


class LooseFolder(models.Model):
    """A folder whose version does not exist: yet, if `is_new`, or any more. `id` is that of the version.

    The files of a folder are too many for one transaction. They are stored in several, then one transaction deletes
    this row and creates the version. A deletion replaces the version by this row, then deletes the files in several
    transactions. After a crash, `collect_garbage` finds this row and deletes the files.
    """

    id = KeyField()
    tenant = models.ForeignKey(Tenant, models.CASCADE)
    is_new = models.BooleanField()

    objects = TenantQuerySet["LooseFolder"].as_manager()


class SpentOrdinal(models.Model):
    """The ordinal of a deleted version, which no other version of its subject gets."""

    id = KeyField()
    tenant = models.ForeignKey(Tenant, models.CASCADE)
    subject = TextField(max_length=24)
    ordinal = TextField(max_length=64)
    number = models.BigIntegerField(null=True)

    objects = TenantQuerySet["SpentOrdinal"].as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["subject", "ordinal"], name="spent_ordinal_of_subject"),)


class UploadSession(models.Model):
    """Bytes on their way: what a user has sent so far of one file, in any number of requests.

    The first `offset` bytes are durable; `sent`, `place`, `tags` and `crc32` are the store's `Progress`.
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
    crc32 = models.BigIntegerField(null=True)  # of the first `offset` bytes, if it is known
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
        return Progress(self.offset, self.sent, self.place, tuple(self.tags), self.crc32)

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
