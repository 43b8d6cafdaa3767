"""A search of a list under a name."""

from collections.abc import Mapping
from typing import Any, Self

from django.db import models
from django.db.models import Q

from tenants.models import Tenant, TenantQuerySet, User
from tenants.rows.fields import KeyField, TextField, iso, now

LISTS = ("models", "datasets", "algorithms")


class SavedViewQuerySet(TenantQuerySet["SavedView"]):
    def visible_to(self, user: User) -> Self:
        """Keep the user's own views and those that are shared in their tenant."""
        return super().visible_to(user).filter(Q(owner_id=user.pk) | Q(shared=True))


class SavedView(models.Model):
    """The query string of a list that a user keeps; `shared` opens it to all users of the tenant."""

    id = KeyField()
    tenant = models.ForeignKey(Tenant, models.CASCADE)
    owner = models.ForeignKey(User, models.CASCADE)
    list = TextField(max_length=16, choices=[(name, name) for name in LISTS])
    name = TextField(max_length=255)
    query = models.TextField(blank=True)
    shared = models.BooleanField(default=False)
    timestamp = models.DateTimeField(default=now, editable=False)
    lastmod = models.DateTimeField(default=now, editable=False)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["tenant", "owner", "list", "name"], name="view_of_owner_and_list"),
        )

    def __str__(self) -> str:
        return self.name

    def to_api(self, usernames: Mapping[str, str]) -> dict[str, Any]:
        """Return the JSON document of the view."""
        return {
            "_id": self.pk,
            "id": self.pk,
            "name": self.name,
            "list": self.list,
            "query": self.query,
            "shared": self.shared,
            "owner": self.owner_id,
            "owner_username": usernames.get(self.owner_id),
            "timestamp": iso(self.timestamp),
            "lastmod": iso(self.lastmod),
        }
