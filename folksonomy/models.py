"""Tags and metadata names: administrators suggest `default` ones, `folk` ones come from use."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db import models

from tenants.models import Tenant, TenantQuerySet, User
from tenants.rows.fields import KeyField, TextField, iso, now

USAGES = ("default", "folk")
LONGEST_DESCRIPTION = 2000  # characters
DIRECTIONS = ("higher", "lower")  # which values of a metric are better


class Term(models.Model):
    """Base of tags and metadata names: a word of one tenant. `kind` names them in events."""

    kind: ClassVar[str]
    id = KeyField()
    tenant = models.ForeignKey(Tenant, models.CASCADE)
    name = TextField(max_length=255)
    usage = TextField(max_length=16, default="default", choices=[(usage, usage) for usage in USAGES])
    description = models.TextField(default="", blank=True)
    owner = models.ForeignKey(User, models.PROTECT, null=True)
    timestamp = models.DateTimeField(default=now, editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True
        constraints = (models.UniqueConstraint(fields=["tenant", "name"], name="%(class)s_in_tenant"),)
        indexes = (models.Index(fields=["tenant", "-timestamp", "-id"], name="%(class)s_newest"),)

    def __str__(self) -> str:
        return self.name

    def to_api(self, usernames: Mapping[str, str], synonyms: Sequence[str]) -> dict[str, Any]:
        """Return the term's JSON document with its synonyms; the term's text is its identifier.

        `usernames` maps the ids of existing users to their names.
        """
        return {
            "_id": self.name,
            "id": self.name,
            "usage": self.usage,
            "description": self.description,
            "synonyms": synonyms,
            "owner": self.owner_id,
            "owner_username": usernames.get(self.owner_id),
            "timestamp": iso(self.timestamp),
        }


class Tag(Term):
    """A label on models, datasets and algorithms."""

    kind = "tag"


class MetadataName(Term):
    """The name of a metadata value of models, datasets and algorithms. `better` says which values are, if any."""

    kind = "metadata"
    better = TextField(max_length=16, null=True, choices=[(direction, direction) for direction in DIRECTIONS])

    def to_api(self, usernames: Mapping[str, str], synonyms: Sequence[str]) -> dict[str, Any]:
        return super().to_api(usernames, synonyms) | {"better": self.better}


class Synonym(models.Model):
    """A name that stands for a word of its kind and tenant; it is never itself a word."""

    id = KeyField()
    tenant_id = TextField(max_length=64)
    kind = TextField(max_length=16)
    name = TextField(max_length=255)
    word = TextField(max_length=255)

    objects = TenantQuerySet["Synonym"].as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["tenant_id", "kind", "name"], name="synonym_in_tenant"),)
        indexes = (models.Index(fields=["tenant_id", "kind", "word", "name"], name="synonyms_of_word"),)

    def __str__(self) -> str:
        return self.name


class Dismissal(models.Model):
    """Words of a kind that are no duplicates of each other: `words` is a JSON list in order."""

    id = KeyField()
    tenant_id = TextField(max_length=64)
    kind = TextField(max_length=16)
    words = models.TextField()
    timestamp = models.DateTimeField(default=now, editable=False)

    objects = TenantQuerySet["Dismissal"].as_manager()

    class Meta:
        indexes = (models.Index(fields=["tenant_id", "kind", "-timestamp", "-id"], name="dismissals_newest"),)

    def __str__(self) -> str:
        return ", ".join(json.loads(self.words))
