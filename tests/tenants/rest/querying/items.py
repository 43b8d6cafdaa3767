"""Items that differ in every field that filters use, and helpers to create and read them."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.db.models import QuerySet

from catalog.models import Item
from catalog.viewsets import ModelViewSet
from tenants.models import Tenant, User
from tenants.rest.querying.fields import field_table
from versions.models import Version

FIELDS = field_table(ModelViewSet.query_fields)
NAMES = ("a", "b", "B", "ab", "a\nb", "é", "É", "z", "\U0001f600", "a%b", "a.b", "\uffff", "x y")
TAGS = ("a", "b", "B", "ab", "a\n", "é", "q\"'\\", "", "$a", "\U0001f600", "1")
KEYS = ("acc", "loss", "a.b", "note", "k\"'", "$x")
VALUES = (0, 1, 1.0, -1.5, 0.9, 2**53 + 1, 1e22, "0.95", "a", "B", "é", "", "true", "1", True, False)
START = datetime(2024, 2, 29, 12, tzinfo=UTC)
DATES = tuple(START + timedelta(milliseconds=ms) for ms in (0, 1, 999, 60_000, 86_400_000))
STATUSES = (None, "training", "test", "production")
ORDINALS = ("1", "2", "10", "v1")
SIZES = (0, 1, 3, 2**40)
FILES = ("a.onnx", "B.onnx", "é.zip")


def make_items(count: int = 60) -> list[Item]:
    """Store `count` items of one tenant with versions. The items are the same in each run."""
    tenant = Tenant.objects.create(id="queries", email="q@example.org")
    users = [User.objects.create(tenant=tenant, username=name) for name in ("u", "w")]
    chance = random.Random(7)
    items, versions = [], []
    for index in range(count):
        items.append(_item(chance, index, tenant, users))
        for ordinal in chance.sample(ORDINALS, chance.choice((0, 0, 1, 2, 3))):
            versions.append(_version(chance, items[-1], ordinal))
    Item.objects.bulk_create(items)
    Version.objects.bulk_create(versions)
    return items


def _item(chance: random.Random, index: int, tenant: Tenant, users: list[User]) -> Item:
    keys = chance.sample(KEYS, chance.choice((0, 1, 2, 3)))
    return Item(
        id=str(ObjectId()),
        tenant=tenant,
        kind=("model", "dataset", "algorithm")[index % 3],  # a name is unique per owner and kind
        name=chance.choice(NAMES) + str(index) * (index >= 12),
        owner=chance.choice(users),
        status=chance.choice(STATUSES),
        users=[user.pk for user in chance.sample(users, chance.choice((0, 1, 2)))],
        tags=chance.sample(TAGS, chance.choice((0, 0, 1, 2, 3))),
        metadata=[{"name": key, "value": chance.choice(VALUES)} for key in keys],
        timestamp=chance.choice(DATES),
        lastmod=chance.choice(DATES),
    )


def _version(chance: random.Random, item: Item, ordinal: str) -> Version:
    return Version(
        id=str(ObjectId()),
        tenant_id=item.tenant_id,
        subject=item.pk,
        ordinal=ordinal,
        original=chance.choice(FILES),
        mimetype="application/zip",
        encoding="7bit",
        size=chance.choice(SIZES),
        sha256="0" * 64,
    )


def plain(queryset: QuerySet[Item]) -> dict[str, dict[str, Any]]:
    """Return the stored items by id, as the evaluator reads them."""
    versions: dict[str, list[dict[str, Any]]] = {}
    for version in Version.objects.all():
        versions.setdefault(version.subject, []).append(vars(version))
    return {item.pk: vars(item) | {"pk": item.pk, "versions": versions.get(item.pk, [])} for item in queryset}


def mongodb() -> bool:
    return bool(settings.DATABASES["default"]["ENGINE"] == "django_mongodb_backend")
