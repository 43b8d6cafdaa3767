"""Writes to tenants and users."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from rest_framework.exceptions import AuthenticationFailed

from tenants.exceptions import Refused
from tenants.identity.emails import email_key, refuse_taken_email
from tenants.identity.events import record_change, record_creation
from tenants.identity.passwords import hashed, validation_error
from tenants.ledger import record
from tenants.models import PasswordReset, Tenant, User
from tenants.rows.fences import build_fences, reference_guard, removal_guard
from tenants.rows.fields import now
from tenants.rows.texts import refuse, unfit_name, unreadable
from tenants.rows.transactions import Conflict, atomic, retried

TENANT_ID = re.compile(r"(?!\.+$)[A-Za-z0-9._-]{1,64}")
CONTACT_FIELDS = ("organization", "address", "email", "phone")
ONE_LINE = ("organization", "phone")  # an address may have several lines


@dataclass(frozen=True)
class CreatedTenant:
    """A new tenant with its first administrator; `generated_password` is None if the caller gave a password."""

    tenant: Tenant
    admin: User
    generated_password: str | None


@retried
def create_tenant(
    *,
    id: str,
    email: str,
    organization: str = "",
    address: str = "",
    phone: str = "",
    admin_username: str = "",
    admin_password: str = "",
    passwordhash: bool = True,
    database: str = "",
    timestamp: datetime | None = None,
    admin: Mapping[str, Any] | None = None,
    by: User | None = None,
) -> CreatedTenant:
    """Create a tenant and its first administrator in one transaction.

    `admin` holds further arguments of `create_user` for the administrator.
    Raises Refused (`post_request_error`) for an id that is malformed or taken, and an organization, phone, database or
    username that breaks the rules for names.
    """
    if not TENANT_ID.fullmatch(id):
        raise Refused("post_request_error", "Path `_id` has 1 to 64 letters, digits, `.`, `_` or `-`")
    refuse([organization, phone, database], unreadable, "post_request_error")
    generated = None if admin_password else secrets.token_urlsafe(18)
    tenant = Tenant(pk=id, email=email, organization=organization, address=address, phone=phone)
    tenant.passwordhash, tenant.database, tenant.timestamp = passwordhash, database, timestamp or now()
    with atomic():
        if Tenant.objects.filter(pk=id).exists():
            raise Refused("post_request_error", f"E11000 duplicate key error: the _id is already used ({id})")
        tenant.save(force_insert=True)
        build_fences(tenant)
        record_creation(tenant, by, imported=timestamp is not None)
        fields: dict[str, Any] = {
            "username": admin_username or settings.DEFAULT_TENANT_ADMIN_USERNAME,
            "password": admin_password or generated or "",
            "email": email,
        }
        fields |= dict(admin or {}) | {"role": "admin", "check_strength": False, "by": by}
        user = create_user(tenant=tenant, **fields)
    return CreatedTenant(tenant, user, generated)


@retried
def update_tenant(*, tenant: Tenant, changes: dict[str, str], by: User | None = None) -> Tenant:
    """Change contact data (`CONTACT_FIELDS`).

    Raises Refused: `resource_not_found` if the tenant is gone, `put_request_error` for data that breaks the rules.
    """
    refuse([changes.get(field, "") for field in ONE_LINE], unreadable, "put_request_error")
    with atomic():
        current = Tenant.objects.filter(pk=tenant.pk).first()
        if current is None:
            raise Refused("resource_not_found", f"No such resource: {tenant.pk}")
        before = {field: getattr(current, field) for field in changes}
        if not Tenant.objects.filter(pk=tenant.pk, **before).update(**changes):
            raise Conflict(f"{tenant.pk} was changed concurrently")
        done = {field: [before[field], value] for field, value in changes.items()}
        record(tenant=tenant, type="tenant.updated", actor=by, item=tenant, changes=done)
    for field, value in changes.items():
        setattr(tenant, field, value)
    return tenant


@retried
def create_user(
    *,
    tenant: Tenant,
    username: str,
    password: str,
    role: str = "regular",
    email: str | None = None,
    validity_days: int | None = None,
    check_strength: bool = True,
    kept: Mapping[str, Any] | None = None,
    by: User | None = None,
) -> User:
    """Create a user of the tenant.

    `kept` holds the fields that an imported user keeps: id, times and the password's hash.
    Raises Refused (`post_request_error`) for a weak password, an invalid username, and a username or email that is
    taken in the tenant.
    """
    refuse([username], unfit_name, "post_request_error")
    weakness = validation_error(password) if check_strength else None
    if weakness:
        raise Refused("post_request_error", weakness)
    user = User(tenant=tenant, username=username, role=role, email=email or None, **(kept or {}))
    user.email_key = email_key(email)
    user.validity_days = settings.DEFAULT_DAYS_VALIDITY_PASSWORD if validity_days is None else validity_days
    if not user.password:
        user.set_password(password)
    with reference_guard(tenant.pk):
        others = User.objects.of(tenant.pk)
        if others.filter(username=username).exists():
            raise Refused("post_request_error", f"a user with the same username already exists ({username})")
        refuse_taken_email(tenant.pk, user.email_key, "post_request_error", but=user)
        user.save(force_insert=True)
        record_creation(user, by, imported=kept is not None)
    return user


def update_user(
    *,
    user: User,
    by: User | None = None,
    password: str | None = None,
    email: str | None = None,
    kept_login: str = "",
    **rights: Any,
) -> User:
    """Change a user's password, email or rights (`role`, `is_active`, `validity_days`) and return the changed user.

    Writes only the fields given, so concurrent changes of other fields are kept. The transaction checks the login of
    the caller `by` again; None stands for the operator. A new password ends all logins except `kept_login`.
    Raises AuthenticationFailed if the caller's login has ended; Refused: `put_request_error` as `create_user` does, and
    if no administrator would remain; `resource_not_found` if the user is gone.
    """
    changes = rights | (hashed(password, "put_request_error", kept_login) if password is not None else {})
    if email is not None:
        changes |= {"email": email or None, "email_key": email_key(email)}
    return _change_user(user, by, changes, needs_guard=bool(rights))


@retried
def _change_user(user: User, by: User | None, changes: Mapping[str, Any], *, needs_guard: bool) -> User:
    # Two administrators who revoke each other's rights concurrently must not both succeed.
    with removal_guard(user.tenant_id) if needs_guard else atomic():
        current = User.objects.filter(pk=user.pk).first()
        if current is None:
            raise Refused("resource_not_found", f"No such resource: {user.pk}")
        if by is not None and not by.is_superuser:
            refuse_ended_login(by)
        refuse_taken_email(user.tenant_id, changes.get("email_key"), "put_request_error", but=user)
        if needs_guard and not (
            changes.get("role", current.role) == "admin" and changes.get("is_active", current.is_active)
        ):
            refuse_last_administrator(current, "put_request_error", "The last administrator must remain one")
        write_user(current, changes, by)
        if "password" in changes:  # earlier reset links could set yet another password
            PasswordReset.objects.filter(user=current).delete()
    return current


def write_user(user: User, changes: Mapping[str, Any], by: User | None, reason: str = "") -> None:
    """Write the fields and the event if the row still has the revision that was read. Raises Conflict otherwise."""
    values = dict(changes) | {"revision": user.revision + 1}
    if not User.objects.filter(pk=user.pk, revision=user.revision).update(**values):
        raise Conflict(f"{user.pk} was changed concurrently")
    record_change(user, changes, by, reason)
    for field, value in values.items():
        setattr(user, field, value)


def refuse_ended_login(by: User) -> None:
    """Raise AuthenticationFailed if the caller's password or rights changed since their login was checked."""
    unchanged = {"password_changed": by.password_changed, "role": by.role, "is_active": True, "leaving": None}
    if not User.objects.filter(pk=by.pk, **unchanged).exists():
        raise AuthenticationFailed("The login is no longer valid, please log in again")


def refuse_last_administrator(user: User, error: str, details: str) -> None:
    """Raise Refused if the user is the tenant's only administrator who may log in."""
    administrators = User.objects.of(user.tenant_id).filter(role="admin", is_active=True, leaving=None)
    if administrators.filter(pk=user.pk).exists() and not administrators.exclude(pk=user.pk).exists():
        raise Refused(error, details)


@retried
def ensure_default_tenant() -> dict[str, Any]:
    """Create the default tenant, and with `DEMO` the demo tenant, unless they exist."""
    wanted = [settings.DEFAULT_TENANT] + [settings.DEFAULT_TENANT_DEMO] * settings.DEMO
    created: dict[str, Any] = {}
    for id in wanted:
        if not Tenant.objects.filter(pk=id).exists():
            try:
                created[id] = create_tenant(
                    id=id,
                    email=settings.DEFAULT_TENANT_EMAIL,
                    organization=id,
                    admin_username=settings.DEFAULT_TENANT_ADMIN_USERNAME,
                    admin_password=settings.DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD,
                    passwordhash=settings.DEFAULT_TENANT_PASSWORDHASH,
                    database=settings.DEFAULT_TENANT_DATABASE,
                )
            except Refused:  # another process created it first
                continue
    return created


def ensure_superuser() -> None:
    """Create the superuser that `SUPERUSER_PASSWORD` asks for; an existing superuser is not changed.

    Raises Refused (`post_request_error`) for a weak password and a username that breaks the rules for names.
    """
    username, password = settings.SUPERUSER_USERNAME, settings.SUPERUSER_PASSWORD
    if not password or User.objects.of(None).filter(username=username).exists():
        return
    refuse([username], unfit_name, "post_request_error")
    weakness = validation_error(password)
    if weakness:
        raise Refused("post_request_error", f"SUPERUSER_PASSWORD: {weakness}")
    User.objects.create_superuser(username, password)
