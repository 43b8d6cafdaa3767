"""Checks that everything that items and versions refer to exists."""

from collections.abc import Iterable
from typing import Any

from catalog.models import Item
from tenants.models import User
from versions.models import Version


def faults_of_items(ids: Iterable[str]) -> list[str]:
    """Return faults of these items: references to what does not exist in their tenant, and wrong `readers`."""
    faults = []
    items = list(Item.objects.filter(pk__in=ids))
    users = _known(User, {key for item in items for key in item.users})
    datasets = _known(Item, {key for item in items for key in item.datasets})
    for item in items:
        unknown = [key for key in item.users if (key, item.tenant_id) not in users]
        missing = [key for key in item.datasets if (key, item.tenant_id) not in datasets]
        faults += [f"item {item.pk}: its user {key} does not exist" for key in unknown]
        faults += [f"item {item.pk}: its dataset {key} does not exist" for key in missing]
        stored = item.readers
        item.derive_readers()
        if sorted(stored) != sorted(item.readers):
            faults.append(f"item {item.pk}: its readers are {stored}, not {item.readers}")
    return faults


def faults_of_subjects(ids: Iterable[str]) -> list[str]:
    """Return faults of these versions: items that do not exist in their tenant."""
    versions = list(Version.objects.filter(pk__in=ids))
    items = _known(Item, {version.subject for version in versions})
    orphans = [version for version in versions if (version.subject, version.tenant_id) not in items]
    return [f"version {each.pk}: its item {each.subject} does not exist" for each in orphans]


def _known(model: Any, keys: set[str]) -> set[tuple[str, str]]:
    """Return the keys of the rows that exist, each with its tenant."""
    return set(model.objects.filter(pk__in=keys).values_list("pk", "tenant_id")) if keys else set()
