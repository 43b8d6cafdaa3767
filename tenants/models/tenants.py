"""Tenants, their users, the query set that keeps tenants apart, and the fence rows (see `tenants.rows.fences`)."""

from collections.abc import Collection, Iterable, Sequence
from copy import copy
from datetime import timedelta
from typing import Any, ClassVar, Self, TypeVar

from django.contrib.auth import hashers
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models

from tenants.rows.fields import KeyField, TextField, iso, now
from tenants.rows.hooks import hook
from tenants.rows.prepared import Prepared
from tenants.rows.texts import unfit_name
from tenants.rows.transactions import atomic

M = TypeVar("M", bound=models.Model, covariant=True)
ROLES = ("admin", "regular")
FENCES = 64  # fence rows of a tenant: more than it has concurrent writers
CACHED_USERNAMES = 10_000  # by this process


class TenantQuerySet(models.QuerySet[M]):
    """Rows that belong to tenants; every read and write starts with `of`."""

    def of(self, tenant_id: str | None) -> Self:
        """Keep the rows of this tenant, or with None those of no tenant."""
        return self.filter(tenant_id=tenant_id)

    def visible_to(self, user: "User") -> Self:
        """Keep the rows of their own tenant that `user` may read; models with owners narrow this further."""
        return self.of(user.tenant_id or "")


class Tenant(models.Model):
    """A group of users with its own models, datasets and words, isolated from all other tenants."""

    id = TextField(primary_key=True, max_length=64, db_column="_id")
    organization = TextField(max_length=255, blank=True)
    address = TextField(max_length=255, blank=True)
    email = TextField(max_length=255)
    phone = TextField(max_length=64, blank=True)
    passwordhash = models.BooleanField(default=True)
    database = TextField(max_length=255, blank=True)
    timestamp = models.DateTimeField(default=now, editable=False)

    def __str__(self) -> str:
        return self.id

    def to_api(self) -> dict[str, Any]:
        """Return the document that the tenant routes answer."""
        fields = ("organization", "address", "email", "phone", "passwordhash", "database")
        return {"_id": self.id, "id": self.id} | {field: getattr(self, field) for field in fields}


class Fence(models.Model):
    """A row that writers of references and removals both update, so that they conflict (see `tenants.rows.fences`)."""

    id = KeyField()
    tenant = models.ForeignKey(Tenant, models.CASCADE)
    number = models.PositiveIntegerField()
    mark = models.BigIntegerField(default=0)
    shut_until = models.DateTimeField(null=True)  # the end of a removal's lease

    objects = TenantQuerySet["Fence"].as_manager()

    class Meta:
        db_table = "tenants_gate"  # the table's first name
        indexes = (models.Index(fields=["tenant", "number"], name="gates_of_tenant"),)


class UserQuerySet(TenantQuerySet["User"]):
    def named(self, keys: list[str]) -> Self:
        """Keep the users whose id or username is among `keys`."""
        return self.filter(models.Q(pk__in=keys) | models.Q(username__in=keys))


class UserManager(BaseUserManager["User"].from_queryset(UserQuerySet)):  # type: ignore[misc]
    def usernames(self, ids: Iterable[str]) -> dict[str, str]:
        """Return the usernames of the users among `ids` that exist, by id; no query if `ids` is empty."""
        return {row[0]: row[1] for row in users_named.rows(list(ids))}

    def usernames_in_items(self, ids: Collection[str]) -> dict[str, str]:
        """Return the usernames of users that items name as owner or reader, by id, from a cache of this process.

        The cache is exact: a username never changes, and a user is deleted only after no item names them any more. It
        saves a query of nearly every read of items, which is a tenth of its CPU time.
        """
        found = {pk: name for pk in ids if (name := _usernames.get(pk))}
        if missing := [pk for pk in ids if pk not in found]:
            asked = self.usernames(missing)
            if len(_usernames) + len(asked) > CACHED_USERNAMES:
                self.forget_usernames()
            _usernames.update(asked)
            found |= asked
        return found

    @staticmethod
    def forget_usernames() -> None:
        """Empty the cache of `usernames_in_items`."""
        _usernames.clear()

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the superuser with this username: superusers belong to no tenant."""
        user: User = self.get(tenant=None, username=username)
        return user

    def create_superuser(self, username: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user of the Django admin. Raises ValidationError for a username that is taken or breaks the rules.

        The unique constraint does not apply without a tenant, because NULLs are distinct.
        """
        if why := unfit_name(username):
            raise ValidationError(why)
        if self.filter(tenant=None, username=username).exists():
            raise ValidationError("That username is already taken.")
        user: User = self.model(tenant=None, username=username, role="admin", is_superuser=True, **fields)
        user.set_password(password)
        with atomic():
            user.save(force_insert=True)
            hook("superuser_created")(user=user)
        return user


class User(AbstractBaseUser):
    """A member of one tenant, or without a tenant a superuser of the Django admin."""

    id = KeyField()
    tenant = models.ForeignKey(Tenant, models.CASCADE, null=True, blank=True, related_name="members")
    username = TextField(max_length=150)
    email = TextField(max_length=255, null=True, blank=True)
    email_key = TextField(max_length=512, null=True, blank=True, editable=False)  # see `tenants.identity.emails`
    role = TextField(max_length=16, default="regular", choices=[(role, role) for role in ROLES])
    password_changed = models.DateTimeField(default=now, editable=False)
    # The one login from before `password_changed` that stays valid: the login that changed the password.
    kept_login = TextField(max_length=32, default="", blank=True, editable=False)
    validity_days = models.PositiveIntegerField(default=0)
    is_superuser = models.BooleanField(default=False, editable=False)
    is_active = models.BooleanField(default=True)
    leaving = models.DateTimeField(null=True, editable=False)  # when the user's deletion started
    last_login = None
    login = ""  # the id of the request's login; not a column
    scopes: Sequence[str] | None = None  # of the request's machine token, None for other logins; not a column
    timestamp = models.DateTimeField(default=now, editable=False)
    revision = models.PositiveIntegerField(default=0, editable=False)  # counts changes, except of the password's hash

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
        """Whether the user administers their tenant."""
        return self.role == "admin"

    @property
    def is_staff(self) -> bool:
        """Whether the user may log in to the Django admin."""
        return self.is_superuser

    @property
    def as_owner(self) -> "User | None":
        """The user as the owner of what they create in a tenant; None for superusers, who belong to no tenant."""
        return None if self.is_superuser else self

    def acting_in(self, tenant_id: str) -> "User":
        """Return a copy of the superuser that services treat as an administrator of the tenant; never saved."""
        actor = copy(self)
        actor.tenant_id = tenant_id
        return actor

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.is_active and self.is_superuser

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_superuser

    def set_password(self, raw_password: str | None) -> None:
        """Set the password's hash; earlier tokens become invalid, except that of `kept_login` if set afterwards."""
        super().set_password(raw_password)
        self.password_changed, self.kept_login = now(), ""

    def check_password(self, raw_password: str | None) -> bool:
        """Tell whether the password matches; an outdated hash is replaced, and tokens stay valid."""
        return hashers.check_password(raw_password, self.password, self._rehash)

    def _rehash(self, raw_password: str) -> None:
        checked, self.password = self.password, hashers.make_password(raw_password)
        # Replaces only the hash that was checked: the password may have changed in the meantime.
        User.objects.filter(pk=self.pk, password=checked).update(password=self.password)

    @property
    def password_expired(self) -> bool:
        """Whether the password is older than its validity."""
        return bool(self.validity_days) and now() >= self.password_changed + timedelta(days=self.validity_days)

    def to_reference(self) -> dict[str, str]:
        return {"_id": self.pk, "username": self.username}

    def to_api(self) -> dict[str, Any]:
        """Return the document that administrators see."""
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


_usernames: dict[str, str] = {}  # of `usernames_in_items`, by user id
users_named = Prepared(lambda ids: User.objects.filter(pk__in=ids).values_list("pk", "username"))
