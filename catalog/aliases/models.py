"""The moves of aliases, the rules that protect aliases, and the proposals to move a protected one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

import orjson
from django.db import models
from django.db.models import Count, F, Q

from tenants.models import Tenant, TenantQuerySet
from tenants.rest.querying.fields import query_error
from tenants.rest.querying.lookups import MOST_IDS
from tenants.rows.fields import KeyField, ListField, TextField, iso, now


def pointing_at(at: datetime | None) -> Q:
    """Return the condition on the moves that say where aliases point now, or pointed at a time."""
    if at is None:
        return Q(until=None, ordinal__isnull=False)
    return Q(timestamp__lte=at, ordinal__isnull=False) & (Q(until=None) | Q(until__gt=at))


class AliasMoveQuerySet(TenantQuerySet["AliasMove"]):
    def of_alias(self, tenant_id: str, subject: str, alias: str) -> Self:
        """Keep the moves of one alias of an item."""
        return self.of(tenant_id).filter(subject=subject, alias=alias)

    def exceed(self, number: int) -> bool:
        """Return whether these are more moves than this number, without counting more."""
        return self[: number + 1].count() > number

    def holders(self) -> Sequence[str]:
        """Return the items that have the alias after these moves, which are all until a time, by id."""
        return [subject for subject, sets, removals in self._unequal() if sets > removals]

    def changed(self) -> tuple[Sequence[str], Sequence[str]]:
        """Return the items that got the alias by these moves, which are all since a time, and those that lost it."""
        rows = self._unequal()
        came = [subject for subject, sets, removals in rows if sets > removals]
        return came, [subject for subject, sets, removals in rows if sets < removals]

    def _unequal(self) -> Sequence[tuple[str, int, int]]:
        """Return how many of these moves set the alias of an item and how many remove it, if not as many.

        A move from one version to another does both, so it changes neither. Rejects too many items.
        """
        counts = self.order_by().values_list("subject").annotate(sets=Count("ordinal"), removals=Count("before"))
        rows = list(counts.exclude(sets=F("removals"))[: MOST_IDS + 1])
        if len(rows) > MOST_IDS:
            raise query_error("The search finds too much, please narrow it")
        return rows


class AliasMove(models.Model):
    """A move of an alias from one version to another; null means to or from none. `subject` is the id of the item.

    The moves of an alias are numbered from 1 without gaps. Each starts where the previous one ended: `before` is the
    previous `ordinal`, and `until` of the previous one is the `timestamp` of this one; `until` of the last is null.
    The item's column `aliases`, written in the same transaction, has the ordinals of the last moves.
    `version` is the id of the version, because a deleted version's ordinal may name another one later.
    """

    id = KeyField()
    tenant = models.ForeignKey(Tenant, models.CASCADE)
    subject = TextField(max_length=24)
    alias = TextField(max_length=64)
    number = models.PositiveIntegerField()
    before = TextField(max_length=64, null=True)
    ordinal = TextField(max_length=64, null=True)
    version = TextField(max_length=24, null=True)
    sha256 = TextField(max_length=64, null=True)
    actor_id = TextField(max_length=24)
    actor_name = TextField(max_length=150)
    reason = models.TextField(blank=True)
    proposal = TextField(max_length=24, null=True)
    timestamp = models.DateTimeField()
    until = models.DateTimeField(null=True)

    objects = AliasMoveQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["subject", "alias", "number"], name="moves_in_order"),)
        indexes = (models.Index(fields=["tenant", "alias", "subject", "timestamp"], name="moves_by_time"),)

    def __str__(self) -> str:
        return f"{self.alias} {self.number}"

    @property
    def cause(self) -> dict[str, Any]:
        """Who moved the alias, when and why."""
        return {
            "sequence": self.number,
            "actor": {"_id": self.actor_id, "username": self.actor_name},
            "reason": self.reason,
            "proposal": self.proposal,
            "timestamp": iso(self.timestamp),
        }

    @property
    def pointer(self) -> dict[str, Any]:
        """Where the alias points since this move, and by whom."""
        return {"version": self.ordinal, "sha256": self.sha256, "previous": self.before} | self.cause

    def to_api(self) -> dict[str, Any]:
        """Return the JSON document of the move, as the history shows it."""
        return {"_id": self.pk, "id": self.pk, "from": self.before, "to": self.ordinal} | self.cause


class ProtectionRule(models.Model):
    """Who may move some aliases of some items, to which versions, and with how many approvals.

    Empty `kinds` and `tags` mean all items. Empty `roles` and `users` mean those who may change the item.
    `condition` is a filter of versions as JSON, or empty.
    """

    id = KeyField()
    tenant = models.ForeignKey(Tenant, models.CASCADE)
    name = TextField(max_length=255)
    pattern = TextField(max_length=64)
    kinds = ListField()
    tags = ListField()
    roles = ListField()
    users = ListField()
    condition = models.TextField(blank=True)
    approvals = models.PositiveIntegerField(default=0)
    timestamp = models.DateTimeField(default=now, editable=False)
    lastmod = models.DateTimeField(default=now, editable=False)

    objects = TenantQuerySet["ProtectionRule"].as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["tenant", "name"], name="rule_name_in_tenant"),)

    def __str__(self) -> str:
        return self.name

    def to_api(self, usernames: Mapping[str, str]) -> dict[str, Any]:
        """Return the JSON document that administrators see."""
        lists = {field: getattr(self, field) for field in ("kinds", "tags", "roles")}
        return {
            "_id": self.pk,
            "id": self.pk,
            "name": self.name,
            "aliases": self.pattern,
            **lists,
            "users": [{"_id": pk, "username": usernames[pk]} for pk in self.users if pk in usernames],
            "condition": orjson.loads(self.condition) if self.condition else None,
            "approvals": self.approvals,
            "timestamp": iso(self.timestamp),
            "lastmod": iso(self.lastmod),
        }


class Proposal(models.Model):
    """A proposed move of an alias to a version (null: its removal), and what users decided about it.

    `status` is open, moved, rejected or withdrawn. `decisions` has one element for each user who approved or rejected.
    `revision` grows with every decision.
    """

    id = KeyField()
    tenant = models.ForeignKey(Tenant, models.CASCADE)
    subject = TextField(max_length=24)
    alias = TextField(max_length=64)
    ordinal = TextField(max_length=64, null=True)
    version = TextField(max_length=24, null=True)
    sha256 = TextField(max_length=64, null=True)
    reason = models.TextField(blank=True)
    status = TextField(max_length=16, default="open")
    author_id = TextField(max_length=24)
    author_name = TextField(max_length=150)
    decisions = ListField()
    revision = models.PositiveIntegerField(default=0)
    timestamp = models.DateTimeField(default=now, editable=False)
    lastmod = models.DateTimeField(default=now, editable=False)

    objects = TenantQuerySet["Proposal"].as_manager()

    class Meta:
        indexes = (models.Index(fields=["subject", "alias", "-timestamp", "-id"], name="proposals_newest"),)

    def __str__(self) -> str:
        return f"{self.alias} to {self.ordinal}"

    def to_api(self) -> dict[str, Any]:
        """Return the JSON document of the proposal."""
        return {
            "_id": self.pk,
            "id": self.pk,
            "alias": self.alias,
            "version": self.ordinal,
            "sha256": self.sha256,
            "reason": self.reason,
            "status": self.status,
            "author": {"_id": self.author_id, "username": self.author_name},
            "decisions": self.decisions,
            "timestamp": iso(self.timestamp),
            "lastmod": iso(self.lastmod),
        }
