"""Counts what each tenant stores in the registry."""

from collections.abc import Iterable, Sequence

from django.db.models import Count, Sum

from catalog.models import KINDS, Item
from tenants.models import User
from versions.models import Version


def tenant_usage(tenant_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the number of users, models, datasets, algorithms, versions and bytes by tenant, in three queries."""
    users = User.objects.filter(tenant_id__in=tenant_ids).values("tenant_id").annotate(count=Count("pk"))
    kinds = Item.objects.filter(tenant_id__in=tenant_ids).values("tenant_id", "kind").annotate(count=Count("pk"))
    versions = Version.objects.filter(tenant_id__in=tenant_ids).values("tenant_id")
    stored = list(versions.annotate(count=Count("pk"), bytes=Sum("size")))
    items = list(kinds)
    usage = {"users": [(row["tenant_id"], row["count"]) for row in users]}
    usage |= {f"{kind}s": [(row["tenant_id"], row["count"]) for row in items if row["kind"] == kind] for kind in KINDS}
    usage["versions"] = [(row["tenant_id"], row["count"]) for row in stored]
    usage["bytes"] = [(row["tenant_id"], row["bytes"]) for row in stored]
    return {name: _for_all(tenant_ids, counts) for name, counts in usage.items()}


def _for_all(tenant_ids: Sequence[str], counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    return dict.fromkeys(tenant_ids, 0) | dict(counts)
