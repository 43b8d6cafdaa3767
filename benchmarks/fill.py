"""Fills an empty registry with reproducible items: `DATABASE=… python -m benchmarks.fill 100000`.

Half of the items are public. Each belongs to one of 50 users, is shared with up to two others, and has up to 3 tags
and 8 metadata. Half of the items have the tag `common`, 10 have `rare`. The user `guest` can read only 10 of the
private items; `regular` is an ordinary user, `curator` an administrator. Rows are inserted directly, so a million items
take minutes, not hours.
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

from benchmarks.in_process import ADMINISTRATOR, LOGIN  # noqa: E402
from catalog.models import Item, Value  # noqa: E402
from catalog.values import build_values  # noqa: E402
from folksonomy.models import MetadataName, Tag  # noqa: E402
from tenants.identity.services import create_user  # noqa: E402
from tenants.models import Tenant, User  # noqa: E402
from versions.models import Version  # noqa: E402

OWNERS, RARE, BATCH = 50, 10, 2000
WORDS = [f"word-{number}" for number in range(200)]
METRICS = ("accuracy", "loss", "f1", "epochs", "batch", "lr", "framework", "seed")
START = datetime(2024, 1, 1, tzinfo=UTC)


def fill(count: int) -> None:
    """Fill the default tenant, which has only its administrator after `serve --prepare-only`."""
    tenant = Tenant.objects.get(pk=settings.DEFAULT_TENANT)
    guest, *users = [
        create_user(tenant=tenant, username=name, password=LOGIN["password"])
        for name in ("guest", "regular", *(f"user-{number}" for number in range(OWNERS - 1)))
    ]
    create_user(tenant=tenant, role="admin", **ADMINISTRATOR)
    tags = [Tag(tenant=tenant, name=name, usage="folk", owner=users[0]) for name in ("common", "rare", *WORDS)]
    Tag.objects.bulk_create(tags)
    names = [MetadataName(tenant=tenant, name=name, usage="folk", owner=users[0]) for name in METRICS]
    MetadataName.objects.bulk_create(names)
    rows = items(tenant, users, guest, count)
    while batch := list(islice(rows, BATCH)):
        Item.objects.bulk_create(batch)
    build_values(Item, Version, Value)
    if connection.vendor != "mongodb":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def items(tenant: Tenant, users: list[User], guest: User, count: int) -> Iterator[Item]:
    """Yield `count` models."""
    rng = random.Random(1)
    step = max(1, count // RARE)
    for number in range(count):
        readers = [user.pk for user in rng.sample(users, rng.choice((0, 0, 1, 2)))]
        is_rare = number % step == step // 2
        item = Item(
            id=str(ObjectId()),
            tenant=tenant,
            kind="model",
            name=f"model-{number}",
            owner=rng.choice(users),
            visibility="private" if is_rare or rng.random() < 0.5 else "public",
            status=rng.choice(("training", "test", "production")),
            users=[*readers, guest.pk] if is_rare else readers,
            tags=[*(["rare"] if is_rare else ["common"] if rng.random() < 0.5 else []), *rng.sample(WORDS, 2)],
            metadata=[{"name": name, "value": value} for name, value in metadata(rng).items()],
            timestamp=START + timedelta(seconds=number),
        )
        item.lastmod = item.timestamp
        item.derive_readers()
        yield item


def metadata(rng: random.Random) -> dict[str, Any]:
    values = [round(rng.random(), 6) for _ in range(3)]
    return dict(zip(METRICS, [*values, rng.randrange(500), 32, 0.001, "torch", rng.randrange(2**31)], strict=True))


if __name__ == "__main__":
    fill(int(sys.argv[1]))
