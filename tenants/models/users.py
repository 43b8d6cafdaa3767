"""Users: members of a tenant, and superusers."""

from collections.abc import Iterable
from copy import copy
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.contrib.auth import hashers
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models

from tenants.models.tenants import Tenant
from tenants.rows.fields import KeyField, TextField, iso, now
from tenants.rows.prepared import Prepared
from tenants.rows.querysets import TenantQuerySet
from tenants.rows.texts import unfit_name

ROLES = ("admin", "regular")


class UserQuerySet(TenantQuerySet["User"]):
    def named(self, keys: list[str]) -> Self:
        """Keep the users whose id or username is among `keys`."""
        return self.filter(models.Q(pk__in=keys) | models.Q(username__in=keys))


class UserManager(BaseUserManager["User"].from_queryset(UserQuerySet)):  # type: ignore[misc]
    def usernames(self, ids: Iterable[str]) -> dict[str, str]:
        """Return the usernames of those of `ids` that exist, by id; no query where there are none."""
        return {row[0]: row[1] for row in users_named.rows(list(ids))}

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the superuser of that name: superusers belong to no tenant."""
        user: User = self.get(tenant=None, username=username)
        return user

    def create_superuser(self, username: str, password: str | None = None, **fields: Any) -> "User":
        """Make a user of the Django admin. Raises ValidationError for a name that is taken or breaks the rules.

        Databases do not hold names to be unique where there is no tenant (NULLs differ in constraints).
        """
        if why := unfit_name(username):
            raise ValidationError(why)
        if self.filter(tenant=None, username=username).exists():
            raise ValidationError("That username is already taken.")
        user: User = self.model(tenant=None, username=username, role="admin", is_superuser=True, **fields)
        user.set_password(password)
        user.save(force_insert=True)
        return user


class User(AbstractBaseUser):
    """A member of one tenant, or (with none) a superuser of the Django admin."""

    id = KeyField()
    tenant = models.ForeignKey(Tenant, models.CASCADE, null=True, blank=True, related_name="members")
    username = TextField(max_length=150)
    email = TextField(max_length=255, null=True, blank=True)
    email_key = TextField(max_length=512, null=True, blank=True, editable=False)  # see `tenants.identity.emails`
    role = TextField(max_length=16, default="regular", choices=[(role, role) for role in ROLES])
    password_changed = models.DateTimeField(default=now, editable=False)
    # The one login from before `password_changed` that stays good: users who change their password keep it.
    kept_login = TextField(max_length=32, default="", blank=True, editable=False)
    validity_days = models.PositiveIntegerField(default=0)
    is_superuser = models.BooleanField(default=False, editable=False)
    is_active = models.BooleanField(default=True)
    leaving = models.DateTimeField(null=True, editable=False)  # since when the user is being deleted
    last_login = None
    login = ""  # what the request's token or session is known by; no column
    timestamp = models.DateTimeField(default=now, editable=False)
    revision = models.PositiveIntegerField(default=0, editable=False)  # of all but the password's hash

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["tenant", "username"], name="username_in_tenant"),
            models.UniqueConstraint(fields=["tenant", "email_key"], name="email_key_in_tenant"),
        )
        indexes = (models.Index(fields=["tenant", "-timestamp", "-id"], name="users_newest"),)

    @property
    def is_admin(self) -> bool:
        """Whether the user administers his tenant."""
        return self.role == "admin"

    @property
    def is_staff(self) -> bool:
        """Whether the Django admin lets the user in."""
        return self.is_superuser

    @property
    def as_owner(self) -> "User | None":
        """The user as the owner of what he makes in a tenant: superusers, who belong to none, own nothing there."""
        return None if self.is_superuser else self

    def acting_in(self, tenant_id: str) -> "User":
        """Return the superuser as an administrator of a tenant, for services to know him by; never saved."""
        actor = copy(self)
        actor.tenant_id = tenant_id
        return actor

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.is_active and self.is_superuser

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_superuser

    def set_password(self, raw_password: str | None) -> None:
        """Keep the password's hash; tokens issued before are worth nothing from now on, unless `kept_login` is set."""
        super().set_password(raw_password)
        self.password_changed, self.kept_login = now(), ""

    def check_password(self, raw_password: str | None) -> bool:
        """Tell whether this is the password; a hash of an older kind gives way to one of today's, tokens stay good."""
        return hashers.check_password(raw_password, self.password, self._hash_anew)

    def _hash_anew(self, raw_password: str) -> None:
        checked, self.password = self.password, hashers.make_password(raw_password)
        # Only over the hash that was checked: the password may have been changed meanwhile.
        User.objects.filter(pk=self.pk, password=checked).update(password=self.password)

    def password_expired(self, at: datetime) -> bool:
        """Tell whether the password is older than it may be at that time."""
        return bool(self.validity_days) and at >= self.password_changed + timedelta(days=self.validity_days)

    def to_reference(self) -> dict[str, str]:
        return {"_id": self.pk, "username": self.username}

    def to_api(self) -> dict[str, Any]:
        """Return what administrators are told of the user."""
        return {
            "_id": self.pk,
            "id": self.pk,
            "username": self.username,
            "role": self.role,
            "email": self.email,
            "createdPassword": iso(self.password_changed),
            "validityPasswordDays": self.validity_days,
            "timestamp": iso(self.timestamp),
        }


users_named = Prepared(lambda ids: User.objects.filter(pk__in=ids).values_list("pk", "username"))
