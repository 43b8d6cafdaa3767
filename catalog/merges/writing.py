"""Writes the tags and metadata of many items and versions, in as many statements as for one."""

from collections.abc import Sequence
from typing import Any

from django.db import connections, router

from catalog.history import changed, item_state, version_state
from catalog.models import Item
from catalog.services import State
from catalog.values import change_values_of
from tenants.rows.fields import now
from tenants.rows.statements import update_rows
from tenants.rows.transactions import Conflict
from versions.models import Version

Changes = dict[str, Any]


def write_items(items: Sequence[Item], states: Sequence[State], fields: Sequence[str]) -> list[Changes]:
    """Write the items if their revisions are still those that were read, and return what changed, for the events.

    `states` are those of the items as they were read. Raises Conflict if a revision is newer.
    """
    updates = []
    for item in items:
        read = {"_id": item.pk, "revision": item.revision}
        item.lastmod, item.revision = now(), item.revision + 1
        updates.append((read, _stored(item, (*fields, "lastmod", "revision"))))
    if update_rows(Item, updates) != len(items):
        raise Conflict("an item was changed meanwhile")
    if "metadata" in fields:
        change_values_of([(item, before["metadata"]) for item, before in zip(items, states, strict=True)])
    return [changed(before, item_state(item)) for item, before in zip(items, states, strict=True)]


def write_versions(versions: Sequence[Version], states: Sequence[State], fields: Sequence[str]) -> list[Changes]:
    """Write the fields of versions, whose items' revisions detect concurrent changes; return what changed.

    `states` are those of the versions as they were read.
    """
    update_rows(Version, [({"_id": version.pk}, _stored(version, fields)) for version in versions])
    if "metadata" in fields:
        change_values_of([(each, before["metadata"]) for each, before in zip(versions, states, strict=True)])
    return [changed(before, version_state(version)) for version, before in zip(versions, states, strict=True)]


def _stored(row: Item | Version, fields: Sequence[str]) -> dict[str, Any]:
    """Return the columns of these fields as the engine stores them."""
    connection = connections[router.db_for_write(type(row))]
    columns: list[Any] = [row._meta.get_field(name) for name in fields]
    return {field.column: field.get_db_prep_save(getattr(row, field.name), connection) for field in columns}
