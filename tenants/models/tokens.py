"""The table of tokens for machines."""

from collections.abc import Mapping
from typing import Any

from django.db import models

from tenants.models.tenants import Tenant, TenantQuerySet, User
from tenants.rows.fields import KeyField, ListField, TextField, iso, now


class MachineTokenQuerySet(TenantQuerySet["MachineToken"]):
    def visible_to(self, user: User) -> "MachineTokenQuerySet":
        """Keep the user's own tokens; all of the tenant for administrators."""
        of_tenant = super().visible_to(user)
        return of_tenant if user.is_admin else of_tenant.filter(owner_id=user.pk)


class MachineToken(models.Model):
    """A token for programs, stored as the hash of its secret; it acts as its owner within its scopes.

    `last_used` is the day of the last use, and `last_address` the address of that day's first use.
    """

    id = KeyField()
    tenant = models.ForeignKey(Tenant, models.CASCADE)
    owner = models.ForeignKey(User, models.CASCADE)
    name = TextField(max_length=255)
    digest = TextField(max_length=64, editable=False)
    scopes = ListField()
    expires = models.DateTimeField(null=True)
    timestamp = models.DateTimeField(default=now, editable=False)
    last_used = models.DateTimeField(null=True)
    last_address = TextField(max_length=64, blank=True)

    objects = MachineTokenQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["digest"], name="digest_of_token"),
            models.UniqueConstraint(fields=["owner", "name"], name="token_of_owner"),
        )
        indexes = (models.Index(fields=["tenant", "-timestamp", "-id"], name="tokens_newest"),)

    def __str__(self) -> str:
        return self.name

    def to_api(self, usernames: Mapping[str, str]) -> dict[str, Any]:
        """Return the JSON document, which never contains the secret or its hash."""
        return {
            "_id": self.pk,
            "id": self.pk,
            "name": self.name,
            "scopes": self.scopes,
            "expires": iso(self.expires),
            "owner": self.owner_id,
            "owner_username": usernames.get(self.owner_id),
            "last_used": f"{self.last_used:%Y-%m-%d}" if self.last_used else None,
            "last_address": self.last_address,
            "timestamp": iso(self.timestamp),
        }
