"""Writes events in the transaction of the change, so that neither is ever kept without the other."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.db.models import Model

from tenants.ledger.changes import Change, Changes, encode_changes
from tenants.models import INSTALLATION, Event, Tenant, User
from tenants.models.ledger import event_id
from tenants.rows.fields import now
from tenants.rows.statements import insert_rows
from tenants.rows.transactions import in_transaction

Row: TypeAlias = Mapping[str, Any]

REASON_LIMIT = 2000  # characters

written = threading.Event()  # set when this process writes events, for its sealer


@dataclass(frozen=True)
class Subject:
    """What an event is about, as it was named then."""

    id: str
    kind: str
    name: str = ""
    revision: int | None = None


def record(
    *,
    tenant: Tenant | str | None,
    type: str,
    actor: User | None,
    item: Model | Subject | str | None = None,
    version: str | None = None,
    changes: Changes | None = None,
    reason: str = "",
) -> None:
    """Write an event in the caller's transaction.

    `type` is `kind.verb`, such as `model.created`; `actor` is None for the operator and for the registry itself; an
    `item` that is only an id has the kind of the type. `changes` maps fields to `[old, new]`, complete: what did not
    change, secrets and texts that are too long are left out here. Raises RuntimeError without a transaction.
    """
    about = event(tenant=tenant, type=type, actor=actor, item=item, version=version, changes=changes, reason=reason)
    record_all([about])


def event(
    *,
    tenant: Tenant | str | None,
    type: str,
    actor: User | None,
    item: Model | Subject | str | None = None,
    version: str | None = None,
    changes: Changes | None = None,
    reason: str = "",
) -> Row:
    """Return the row of an event for `record_all`, with the arguments of `record`."""
    subject = _subject(item, type)
    return {
        "_id": event_id(),
        "tenant_id": tenant.pk if isinstance(tenant, Tenant) else tenant or INSTALLATION,
        "sequence": None,
        "type": type,
        "actor_id": actor.pk if actor else None,
        "actor_name": actor.username if actor else "",
        "item_id": subject.id if subject else None,
        "item_kind": subject.kind if subject else "",
        "item_name": subject.name[:255] if subject else "",
        "revision": subject.revision if subject else None,
        "version": version[:255] if version else version,
        "changes": encode_changes(changes or {}),
        "reason": reason[:REASON_LIMIT],
        "timestamp": now(),
        "hash": "",
    }


def record_all(events: Sequence[Row]) -> None:
    """Write events in the caller's transaction, in one statement. Raises RuntimeError without a transaction."""
    if not in_transaction():
        raise RuntimeError("an event needs the transaction of its change")
    if events:
        insert_rows(Event, events)
        written.set()


def created(fields: Mapping[str, Any]) -> dict[str, Change]:
    """Return the changes of an event that says how something was created."""
    return {field: [None, value] for field, value in fields.items()}


def deleted(fields: Mapping[str, Any]) -> dict[str, Change]:
    """Return the changes of an event that says what was deleted."""
    return {field: [value, None] for field, value in fields.items()}


def _subject(item: Model | Subject | str | None, type: str) -> Subject | None:
    """Return what the event is about: an item tells its kind, other rows have that of their model."""
    if item is None or isinstance(item, Subject):
        return item
    if isinstance(item, str):
        return Subject(item, type.partition(".")[0])
    kind = getattr(item, "kind", item._meta.model_name)
    return Subject(str(item.pk), str(kind), _name(item), getattr(item, "revision", None))


def _name(item: Model) -> str:
    return str(getattr(item, "name", None) or getattr(item, "username", None) or item.pk)
