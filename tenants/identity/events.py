"""The events of tenants and users: which fields they tell, and their types."""

from collections.abc import Mapping
from typing import Any

from tenants.ledger import created, deleted, record
from tenants.models import INSTALLATION, Tenant, User

TENANT_FIELDS = ("organization", "address", "email", "phone", "passwordhash", "database")
USER_FIELDS = ("username", "email", "role", "is_active", "validity_days")
# The type of a change's event, by the first of these fields that it changes; else `user.updated`.
USER_EVENTS = {"role": "user.role_changed", "password": "user.password_changed"}


def _state(row: Tenant | User) -> dict[str, Any]:
    return {field: getattr(row, field) for field in (USER_FIELDS if isinstance(row, User) else TENANT_FIELDS)}


def record_creation(row: Tenant | User, by: User | None, *, imported: bool = False) -> None:
    """Write that a tenant or user was created or imported, in the transaction that creates it."""
    kind, tenant = ("user", row.tenant_id) if isinstance(row, User) else ("tenant", row.pk)
    verb = "imported" if imported else "created"
    record(tenant=tenant, type=f"{kind}.{verb}", actor=by, item=row, changes=created(_state(row)))


def record_deletion(row: Tenant | User, by: User | None) -> None:
    """Write that a tenant or user was deleted. Events of a tenant go with it, so this one is the installation's."""
    kind, tenant = ("user", row.tenant_id) if isinstance(row, User) else ("tenant", INSTALLATION)
    record(tenant=tenant, type=f"{kind}.deleted", actor=by, item=row, changes=deleted(_state(row)))


def record_change(user: User, changes: Mapping[str, Any], by: User | None, reason: str) -> None:
    """Write that these fields of a user change; `user` still has the old ones."""
    done = {field: [getattr(user, field), changes[field]] for field in (*USER_FIELDS, "password") if field in changes}
    changed = {field for field, (old, new) in done.items() if old != new}
    type = next((type for field, type in USER_EVENTS.items() if field in changed), "user.updated")
    record(tenant=user.tenant_id, type=type, actor=by, item=user, changes=done, reason=reason)


def record_superuser(*, user: User) -> None:
    """Write that a superuser was created, in the transaction that creates them."""
    record_creation(user, None)
