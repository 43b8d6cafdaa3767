"""What events tell about items and versions."""

from typing import Any

from catalog.models import Item
from tenants.ledger import Changes, Row, event
from tenants.models import User
from tenants.rows.fields import iso
from versions.models import Version

STATE = ("name", "description", "visibility", "status", "users", "datasets", "tags", "metadata")


def item_state(item: Item) -> dict[str, Any]:
    """Return the fields of an item that events record, as they are stored: users and datasets by id."""
    state = {field: getattr(item, field) for field in STATE}
    return state | {"owner": item.owner_id, "timestamp": iso(item.timestamp), "lastmod": iso(item.lastmod)}


def version_state(version: Version) -> dict[str, Any]:
    """Return the fields of a version that events record."""
    return version.to_api()


def changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return the changes between two states, for an event."""
    return {field: [before[field], value] for field, value in after.items()}


def item_event(item: Item, verb: str, by: User | None, changes: Changes, *, reason: str = "") -> Row:
    """Return the event of a change of an item, such as `model.updated`."""
    about: Any = {"item": item, "changes": changes, "reason": reason}
    return event(tenant=item.tenant_id, type=f"{item.kind}.{verb}", actor=by, **about)


def version_event(
    item: Item, version: Version, verb: str, by: User | None, changes: Changes, *, reason: str = ""
) -> Row:
    """Return the event of a change of a version, such as `version.created`."""
    about: Any = {"item": item, "version": version.ordinal, "changes": changes, "reason": reason}
    return event(tenant=item.tenant_id, type=f"version.{verb}", actor=by, **about)
