"""Fills an empty registry with items, always the same: `DATABASE=… python -m benchmarks.fill 100000`.

Half of the items are public, the rest belong to one of 50 users and are shared with up to two more. Each has up to 3
tags and 8 metadata. `common` is on half of them, `rare` on 10; the user `guest` may read only 10 private ones, and
`regular` is an ordinary one. It writes rows and no requests: a million takes minutes, not hours.
"""

import os
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_site.settings")
django.setup()

from bson import ObjectId  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from catalog.models import Item  # noqa: E402
from folksonomy.models import MetadataName, Tag  # noqa: E402
from tenants.identity.services import create_user  # noqa: E402
from tenants.models import Tenant, User  # noqa: E402

PASSWORD = "Bench-mark-1"
OWNERS, RARE, BATCH = 50, 10, 2000
WORDS = [f"word-{number}" for number in range(200)]
METRICS = ("accuracy", "loss", "f1", "epochs", "batch", "lr", "framework", "seed")
START = datetime(2024, 1, 1, tzinfo=UTC)


def fill(count: int) -> None:
    """Fill the default tenant, in which `serve --prepare-only` has left but its administrator."""
    tenant = Tenant.objects.get(pk=settings.DEFAULT_TENANT)
    guest, *users = [
        create_user(tenant=tenant, username=name, password=PASSWORD)
        for name in ("guest", "regular", *(f"user-{number}" for number in range(OWNERS - 1)))
    ]
    words = [Tag(tenant=tenant, name=name, usage="folk", owner=users[0]) for name in ("common", "rare", *WORDS)]
    Tag.objects.bulk_create(words)
    names = [MetadataName(tenant=tenant, name=name, usage="folk", owner=users[0]) for name in METRICS]
    MetadataName.objects.bulk_create(names)
    rows = items(tenant, users, guest, count)
    while batch := list(islice(rows, BATCH)):
        Item.objects.bulk_create(batch)
    if connection.vendor != "mongodb":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def items(tenant: Tenant, users: list[User], guest: User, count: int) -> Iterator[Item]:
    """Give that many models."""
    chance = random.Random(1)
    step = max(1, count // RARE)
    for number in range(count):
        others = [user.pk for user in chance.sample(users, chance.choice((0, 0, 1, 2)))]
        special = number % step == step // 2
        item = Item(
            id=str(ObjectId()),
            tenant=tenant,
            kind="model",
            name=f"model-{number}",
            owner=chance.choice(users),
            visibility="private" if special or chance.random() < 0.5 else "public",
            status=chance.choice(("training", "test", "production")),
            users=[*others, guest.pk] if special else others,
            tags=[*(["rare"] if special else ["common"] if chance.random() < 0.5 else []), *chance.sample(WORDS, 2)],
            metadata=[{"name": name, "value": value} for name, value in metadata(chance).items()],
            timestamp=START + timedelta(seconds=number),
        )
        item.lastmod = item.timestamp
        item.derive_readers()
        yield item


def metadata(chance: random.Random) -> dict[str, Any]:
    values = [round(chance.random(), 6) for _ in range(3)]
    return dict(
        zip(METRICS, [*values, chance.randrange(500), 32, 0.001, "torch", chance.randrange(2**31)], strict=True)
    )


if __name__ == "__main__":
    fill(int(sys.argv[1]))
