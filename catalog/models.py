"""Models, datasets and algorithms: one row each, which contains its tags, metadata, users and datasets."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Self

from django.db import connections, models

from catalog.aliases.models import AliasMove, pointing_at
from folksonomy.models import MetadataName, Tag
from tenants.models import Tenant, TenantQuerySet, User
from tenants.rest.querying.lookups import having_row
from tenants.rows.fields import KeyField, ListField, LongTextField, TextField, now
from tenants.rows.prepared import Prepared

KINDS = ("model", "dataset", "algorithm")
VISIBILITIES = ("public", "private")
STATUSES = ("training", "test", "production", "deploy")
EVERYBODY = "*"
FEW_MOVES = 1000  # of an alias in a tenant
MANY_MOVES = 10_000  # since a time; then MongoDB finds what had an alias by the moves until then, if they are fewer


def has_word(kind: type[Tag | MetadataName], word: str) -> models.Q:
    """Return the condition on items and on versions that they have this tag or metadata name."""
    return models.Q(tags__holds=word) if kind is Tag else models.Q(metadata__holds={"name": word})


def ordinals(aliases: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the ordinal that each alias of an item points at, from the item's column."""
    return {pair["name"]: pair["value"] for pair in aliases}


class ItemQuerySet(TenantQuerySet["Item"]):
    def visible_to(self, user: User) -> Self:
        """Keep public, own and shared items of the user's tenant; all items of the tenant for administrators."""
        of_tenant = super().visible_to(user)
        if user.is_admin:
            return of_tenant
        return of_tenant.filter(models.Q(readers__holds=EVERYBODY) | models.Q(readers__holds=user.pk))

    def with_alias(self, alias: str, tenant_id: str, at: datetime | None = None) -> Self:
        """Keep the items of the tenant that have this alias, or had it at a time.

        Items have their present aliases in a column; only for a time the moves are read. An alias with FEW_MOVES at
        most is looked up by its items, so that no list walks all items to find them.
        """
        pointing, moves = models.Q(aliases__holds={"name": alias}), AliasMove.objects.of(tenant_id).filter(alias=alias)
        if at is not None and connections[self.db].vendor == "mongodb":  # a lookup would run for every item
            since, until = moves.filter(timestamp__gt=at), moves.filter(timestamp__lte=at)
            if since.exceed(MANY_MOVES) and not until.exceed(MANY_MOVES):
                pointing = models.Q(pk__in=until.holders())
            else:
                set_since, lost_since = since.changed()
                pointing = (pointing & ~models.Q(pk__in=set_since)) | models.Q(pk__in=lost_since)
        elif at is not None:
            pointing = having_row(AliasMove, "subject", models.Q(alias=alias) & pointing_at(at), tenant_id)
        rows = self.of(tenant_id).filter(pointing)
        subjects = list(moves.values_list("subject", flat=True)[: FEW_MOVES + 1])
        return rows if len(subjects) > FEW_MOVES else rows.filter(pk__in=set(subjects))

    def datasets(self) -> Self:
        return self.filter(kind="dataset")


class Item(models.Model):
    """A registered model, dataset or algorithm (`kind` says which).

    `readers` is derived from owner, users and visibility, so that read access is one indexed condition.
    `revision` grows with every change. A change is written only if the revision is still the one that was read.
    """

    id = KeyField()
    tenant = models.ForeignKey(Tenant, models.CASCADE)
    kind = TextField(max_length=16, choices=[(kind, kind) for kind in KINDS])
    name = TextField(max_length=255)
    description = LongTextField(default="", blank=True)
    owner = models.ForeignKey(User, models.PROTECT)
    visibility = TextField(max_length=16, default="private", choices=[(text, text) for text in VISIBILITIES])
    status = TextField(max_length=16, null=True, choices=[(text, text) for text in STATUSES])
    users = ListField(words=True)
    datasets = ListField(words=True)
    tags = ListField(words=True)
    metadata = ListField()
    readers = ListField(editable=False)
    aliases = ListField(editable=False)  # `{name, value}`: where each alias points now, see `catalog.aliases.models`
    timestamp = models.DateTimeField(default=now, editable=False)
    lastmod = models.DateTimeField(default=now, editable=False)
    revision = models.PositiveBigIntegerField(default=0, editable=False)

    replaced: Mapping[tuple[str, str], str] = MappingProxyType({})  # what a request named by synonyms; not a column

    objects = ItemQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["tenant", "kind", "owner", "name"], name="name_of_owner_and_kind"),
        )
        indexes = (models.Index(fields=["tenant", "kind", "-timestamp", "-id"], name="items_newest"),)

    def __str__(self) -> str:
        return self.name

    def derive_readers(self) -> None:
        """Set `readers` from owner, users and visibility."""
        public = [EVERYBODY] if self.visibility == "public" else []
        self.readers = [*public, self.owner_id, *self.users]

    def is_readable_by(self, user: User) -> bool:
        """Return whether `user`, of the same tenant, may read the item."""
        return user.is_admin or EVERYBODY in self.readers or user.pk in self.readers

    def is_changeable_by(self, user: User) -> bool:
        """Return whether `user`, of the same tenant, may change or delete the item."""
        return user.pk == self.owner_id or user.is_admin

    @property
    def aliased(self) -> dict[str, str]:
        """The ordinal that each alias points at."""
        return ordinals(self.aliases)


item_of_kind = Prepared(lambda tenant, kind, key: Item.objects.of(tenant).filter(kind=kind, pk=key))


class FormerName(models.Model):
    """A name that an item had, which pages redirect from."""

    id = KeyField()
    tenant_id = TextField(max_length=64)
    kind = TextField(max_length=16)
    name = TextField(max_length=255)
    item = TextField(max_length=24)
    timestamp = models.DateTimeField(default=now)

    objects = TenantQuerySet["FormerName"].as_manager()

    class Meta:
        indexes = (
            models.Index(fields=["tenant_id", "kind", "name"], name="former_names"),
            models.Index(fields=["item"], name="former_names_of_item"),
        )


class Value(models.Model):
    """A metadata value of an item or version, in an index that sorts lists by it; `catalog.values` maintains the rows.

    `id` is the holder's id and the name. `list` is what the value is sorted among: items of a kind, or versions.
    Numbers (`type` 0) sort before texts (1) and booleans (2). `number` is 0 for texts, `text` is empty for the others
    and has the first `SORTED` characters of a text.
    """

    SORTED = 200  # a key of PostgreSQL's index has at most 2,700 bytes

    id = TextField(primary_key=True, max_length=24 + 255, db_column="_id")
    tenant_id = TextField(max_length=64)
    item = TextField(max_length=24)
    holder = TextField(max_length=24)
    list = TextField(max_length=16)
    name = TextField(max_length=255)
    type = models.PositiveSmallIntegerField()
    number = models.FloatField()
    text = TextField(max_length=SORTED)

    objects = TenantQuerySet["Value"].as_manager()

    class Meta:
        indexes = (
            models.Index(
                fields=["tenant_id", "list", "name", "type", "number", "text", "holder"], name="values_in_order"
            ),
            models.Index(fields=["item", "list", "name"], name="values_of_item"),
        )


class Model(Item):
    """An item of the kind `model`, for the admin site."""

    class Meta:
        proxy = True


class Dataset(Item):
    """An item of the kind `dataset`, for the admin site."""

    class Meta:
        proxy = True


class Algorithm(Item):
    """An item of the kind `algorithm`, for the admin site."""

    class Meta:
        proxy = True
