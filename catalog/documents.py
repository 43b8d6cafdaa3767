"""What the routes answer of items, with as few queries for many items as for one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from catalog.models import Item
from tenants.models import User
from versions.embedded import NONE, Embedded, count_versions, embedded_versions


def item_documents(
    rows: Sequence[Item], reader: User, wants: Callable[[str], bool] = lambda field: True
) -> Sequence[dict[str, Any]]:
    """Return the documents of some items as `reader` sees them; `wants` tells which fields will be looked at."""
    named = {pk for row in rows for pk in (row.owner_id, *row.users)} - {reader.pk}
    usernames = User.objects.usernames(named) | {reader.pk: reader.username}
    ids = {pk for row in rows for pk in row.datasets}
    readable = Item.objects.visible_to(reader).datasets().filter(pk__in=ids) if ids else None
    datasets = dict(readable.values_list("pk", "name")) if readable is not None else {}
    versions = _versions([row.pk for row in rows], wants)
    return [row.to_api(usernames, datasets, versions.get(row.pk, NONE)) for row in rows]


def _versions(keys: Sequence[str], wants: Callable[[str], bool]) -> Mapping[str, Embedded]:
    if wants("versions"):
        return embedded_versions(keys)
    if wants("versions_count"):
        return {key: Embedded(count=count) for key, count in count_versions(keys).items()}
    return {}
