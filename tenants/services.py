"""Writes: tenants, users, passwords."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from tenants.exceptions import Refused
from tenants.fields import now
from tenants.gates import build_gates, referring, removing
from tenants.hooks import hook
from tenants.models import PasswordReset, RequestLog, Tenant, User
from tenants.passwords import complaint
from tenants.texts import refuse, turning, unfit_name
from tenants.transactions import atomic, retried

TENANT_ID = re.compile(r"(?!\.+$)[A-Za-z0-9._-]{1,64}")
CONTACT_FIELDS = ("organization", "address", "email", "phone")


@dataclass(frozen=True)
class CreatedTenant:
    """A new tenant with its first administrator; `generated_password` is None where one was given."""

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
) -> CreatedTenant:
    """Make a tenant and its first administrator, both or neither.

    `admin` says more of the administrator, as `create_user` takes it.
    Raises Refused (`post_request_error`) for an id that is malformed or taken, and an organization or username that
    nobody should read.
    """
    if not TENANT_ID.fullmatch(id):
        raise Refused("post_request_error", "Path `_id` has 1 to 64 letters, digits, `.`, `_` or `-`")
    refuse([organization], turning, "post_request_error")
    generated = None if admin_password else secrets.token_urlsafe(18)
    tenant = Tenant(pk=id, email=email, organization=organization, address=address, phone=phone)
    tenant.passwordhash, tenant.database, tenant.timestamp = passwordhash, database, timestamp or now()
    with atomic():
        if Tenant.objects.filter(pk=id).exists():
            raise Refused("post_request_error", f"E11000 duplicate key error: the _id is already used ({id})")
        tenant.save(force_insert=True)
        build_gates(tenant)
        fields: dict[str, Any] = {
            "username": admin_username or settings.DEFAULT_TENANT_ADMIN_USERNAME,
            "password": admin_password or generated or "",
            "email": email,
        }
        fields |= dict(admin or {}) | {"role": "admin", "check_strength": False}
        user = create_user(tenant=tenant, **fields)
    return CreatedTenant(tenant, user, generated)


def update_tenant(*, tenant: Tenant, changes: dict[str, str]) -> Tenant:
    """Change contact data (`CONTACT_FIELDS`).

    Raises Refused: `resource_not_found` where it is gone, `put_request_error` for an organization nobody should read.
    """
    refuse([changes.get("organization", "")], turning, "put_request_error")
    for field, value in changes.items():
        setattr(tenant, field, value)
    if not Tenant.objects.filter(pk=tenant.pk).update(**changes):
        raise Refused("resource_not_found", f"No such resource: {tenant.pk}")
    return tenant


@retried
def delete_tenant(*, tenant: Tenant) -> None:
    """Remove the tenant with its users, items and bytes. Raises Refused for the default tenant."""
    tenant_id = tenant.pk
    if tenant_id == settings.DEFAULT_TENANT:
        raise Refused("delete_request_error", "The default tenant cannot be deleted")
    with removing(tenant_id):
        hook("tenant_leaves")(tenant=tenant)
        RequestLog.objects.of(tenant_id).delete()
        tenant.delete()
    hook("tenant_left")(tenant_id=tenant_id)


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
) -> User:
    """Make a user of the tenant.

    `kept` holds fields that stay as they are when a user moves in from elsewhere: his id, times and password's hash.
    Raises Refused (`post_request_error`) for a weak password, a username that cannot be a name, and a username or email
    that is taken in the tenant.
    """
    refuse([username], unfit_name, "post_request_error")
    weakness = complaint(password) if check_strength else None
    if weakness:
        raise Refused("post_request_error", weakness)
    user = User(tenant=tenant, username=username, role=role, email=email or None, **(kept or {}))
    user.validity_days = settings.DEFAULT_DAYS_VALIDITY_PASSWORD if validity_days is None else validity_days
    if not user.password:
        user.set_password(password)
    with referring(tenant.pk):
        others = User.objects.of(tenant.pk)
        if others.filter(username=username).exists():
            raise Refused("post_request_error", f"a user with the same username already exists ({username})")
        _refuse_taken_email(user, "post_request_error")
        user.save(force_insert=True)
    return user


@retried
def update_user(
    *, user: User, password: str | None = None, email: str | None = None, kept_login: str = "", **rights: Any
) -> User:
    """Change a user's password, email or rights: `role`, `is_active`, `validity_days`.

    A new password ends all logins of the user but `kept_login`.
    Raises Refused: `put_request_error` as `create_user` does, and where no administrator would be left;
    `resource_not_found` where the user is gone.
    """
    weakness = complaint(password) if password is not None else None
    if weakness:
        raise Refused("put_request_error", weakness)
    if password is not None:
        user.set_password(password)
        user.kept_login = kept_login
    # Two administrators who take each other's rights at once must not both succeed.
    with removing(user.tenant_id) if rights else atomic():
        if email is not None:
            user.email = email or None
            _refuse_taken_email(user, "put_request_error")
        for right, value in rights.items():
            setattr(user, right, value)
        if rights and not (user.is_admin and user.is_active):
            _refuse_last_administrator(user, "put_request_error", "The last administrator must remain one")
        _write(user, ("password", "password_changed", "kept_login", "email", *rights))
        if password is not None:  # links that were mailed before would set yet another one
            PasswordReset.objects.filter(user=user).delete()
    return user


def _write(user: User, fields: tuple[str, ...]) -> None:
    if not User.objects.filter(pk=user.pk).update(**{field: getattr(user, field) for field in fields}):
        raise Refused("resource_not_found", f"No such resource: {user.pk}")


def _refuse_last_administrator(user: User, error: str, details: str) -> None:
    """Raise Refused where the tenant has no administrator beside the user who may log in, and he is one."""
    administrators = User.objects.of(user.tenant_id).filter(role="admin", is_active=True)
    if administrators.filter(pk=user.pk).exists() and not administrators.exclude(pk=user.pk).exists():
        raise Refused(error, details)


def _refuse_taken_email(user: User, error: str) -> None:
    others = User.objects.of(user.tenant_id).exclude(pk=user.pk)
    if user.email and others.filter(email=user.email).exists():
        raise Refused(error, f"a user with the same email already exists ({user.email})")


@retried
def delete_user(*, user: User) -> None:
    """Remove a user and his name from every list of users.

    Raises Refused (`delete_request_error`) for the last administrator and for an owner of anything.
    """
    with removing(user.tenant_id):
        _refuse_last_administrator(user, "delete_request_error", "The last administrator cannot be deleted")
        hook("user_leaves")(user=user)
        user.delete()


@retried
def reset_password(*, digest: str, tenant_id: str, password: str) -> None:
    """Set a password with a mailed reset link, which works once. Raises Refused (`reset_invalid`)."""
    weakness = complaint(password)
    if weakness:
        raise Refused("put_request_error", weakness)
    with atomic():
        valid = PasswordReset.objects.filter(pk=digest, user__tenant_id=tenant_id, expires__gt=now())
        reset = valid.select_related("user").first()
        # The link is taken by deleting it: of two who try at once only one finds it.
        if reset is None or not PasswordReset.objects.filter(pk=digest).delete()[0]:
            raise Refused("reset_invalid", "The reset link is unknown, used or expired")
        reset.user.set_password(password)
        _write(reset.user, ("password", "password_changed", "kept_login"))
        PasswordReset.objects.filter(user=reset.user).delete()


def ensure_default_tenant() -> dict[str, Any]:
    """Make the default tenant, and the demo tenant where asked for, unless they are there."""
    wanted = [settings.DEFAULT_TENANT] + [settings.DEFAULT_TENANT_DEMO] * settings.DEMO
    made: dict[str, Any] = {}
    for id in wanted:
        if not Tenant.objects.filter(pk=id).exists():
            try:
                made[id] = create_tenant(
                    id=id,
                    email=settings.DEFAULT_TENANT_EMAIL,
                    organization=id,
                    admin_username=settings.DEFAULT_TENANT_ADMIN_USERNAME,
                    admin_password=settings.DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD,
                    passwordhash=settings.DEFAULT_TENANT_PASSWORDHASH,
                    database=settings.DEFAULT_TENANT_DATABASE,
                )
            except Refused:  # another process was quicker
                continue
    return made


def ensure_superuser() -> None:
    """Make the superuser that `SUPERUSER_PASSWORD` asks for, unless he is there; one who is there is left as he is.

    Raises Refused (`post_request_error`) for a weak password.
    """
    username, password = settings.SUPERUSER_USERNAME, settings.SUPERUSER_PASSWORD
    if not password or User.objects.of(None).filter(username=username).exists():
        return
    weakness = complaint(password)
    if weakness:
        raise Refused("post_request_error", f"SUPERUSER_PASSWORD: {weakness}")
    User.objects.create_superuser(username, password)
