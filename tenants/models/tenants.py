"""A tenant, and the rows on which its writers of references and its removals conflict."""

from typing import Any

from django.db import models

from tenants.rows.fields import KeyField, TextField, now
from tenants.rows.querysets import TenantQuerySet

FENCES = 64  # of a tenant: more than writers meet in one


class Tenant(models.Model):
    """A group of users with its own models, datasets and words, closed to all other tenants."""

    id = TextField(primary_key=True, max_length=64, db_column="_id")
    organization = TextField(max_length=255, blank=True)
    address = TextField(max_length=255, blank=True)
    email = TextField(max_length=255)
    phone = TextField(max_length=64, blank=True)
    passwordhash = models.BooleanField(default=True)
    database = TextField(max_length=255, blank=True)
    timestamp = models.DateTimeField(default=now, editable=False)

    def __str__(self) -> str:
        return self.id

    def to_api(self) -> dict[str, Any]:
        """Return what the tenant routes answer."""
        fields = ("organization", "address", "email", "phone", "passwordhash", "database")
        return {"_id": self.id, "id": self.id} | {field: getattr(self, field) for field in fields}


class Fence(models.Model):
    """One of the rows that references to a tenant's things and their removal both write (see `tenants.rows.fences`)."""

    id = KeyField()
    tenant = models.ForeignKey(Tenant, models.CASCADE)
    number = models.PositiveIntegerField()
    mark = models.BigIntegerField(default=0)
    shut_until = models.DateTimeField(null=True)

    objects = TenantQuerySet["Fence"].as_manager()

    class Meta:
        db_table = "tenants_gate"  # its first name
        indexes = (models.Index(fields=["tenant", "number"], name="gates_of_tenant"),)
