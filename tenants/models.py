"""Tenants, their users, failed logins, mails and the log of requests."""

from collections.abc import Iterable
from copy import copy
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.contrib.auth import hashers
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models

from tenants.fields import KeyField, TextField, iso, now
from tenants.prepared import Prepared
from tenants.querysets import TenantQuerySet
from tenants.texts import unfit_name

ROLES = ("admin", "regular")
GATES = 64  # of a tenant: more than writers meet in one


class Tenant(models.Model):
    """A group of users with its own models, datasets and words, closed to all other tenants."""

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
        """Return what the tenant routes answer."""
        fields = ("organization", "address", "email", "phone", "passwordhash", "database")
        return {"_id": self.id, "id": self.id} | {field: getattr(self, field) for field in fields}


class Gate(models.Model):
    """One of the rows that references to a tenant's things and their removal both write (see `tenants.gates`)."""

    id = KeyField()
    tenant = models.ForeignKey(Tenant, models.CASCADE)
    number = models.PositiveIntegerField()
    mark = models.BigIntegerField(default=0)
    shut_until = models.DateTimeField(null=True)

    objects = TenantQuerySet["Gate"].as_manager()

    class Meta:
        indexes = (models.Index(fields=["tenant", "number"], name="gates_of_tenant"),)


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
    email_key = TextField(max_length=512, null=True, blank=True, editable=False)  # see `tenants.emails`
    role = TextField(max_length=16, default="regular", choices=[(role, role) for role in ROLES])
    password_changed = models.DateTimeField(default=now, editable=False)
    validity_days = models.PositiveIntegerField(default=0)
    is_superuser = models.BooleanField(default=False, editable=False)
    is_active = models.BooleanField(default=True)
    leaving = models.DateTimeField(null=True, editable=False)  # since when the user is being deleted
    last_login = None
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
        """Keep the password's hash; tokens issued before are worth nothing from now on."""
        super().set_password(raw_password)
        self.password_changed = now()

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


class PasswordReset(models.Model):
    """A reset link that was mailed: kept as the hash of its secret, used once or never."""

    digest = TextField(primary_key=True, max_length=64, db_column="_id")
    user = models.ForeignKey(User, models.CASCADE)
    expires = models.DateTimeField()


class OutgoingMail(models.Model):
    """A reset link that somebody asked for: where to and for whom, but no link, which is made when it is sent."""

    id = KeyField()
    tenant_id = TextField(max_length=64)
    email = TextField(max_length=255)
    created = models.DateTimeField(default=now)
    due = models.DateTimeField(default=now)
    tries = models.PositiveIntegerField(default=0)

    objects = TenantQuerySet["OutgoingMail"].as_manager()

    class Meta:
        indexes = (models.Index(fields=["due"], name="mails_due"),)


class FailedAttempt(models.Model):
    """A wrong password or token, or while it is `pending` perhaps a right one; `key` says of which account or address.

    `place` is one of those that the key has: as many as it may have failures.
    """

    id = KeyField()
    key = TextField(max_length=255)
    place = models.PositiveIntegerField()
    pending = models.BooleanField(default=False)
    timestamp = models.DateTimeField(default=now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["key", "place"], name="place_of_key"),)
        indexes = (
            models.Index(fields=["key", "timestamp"], name="failed_attempts"),
            models.Index(fields=["timestamp"], name="failed_attempts_oldest"),
        )


class RequestLog(models.Model):
    """One answered request; it outlives the user it names."""

    id = KeyField()
    tenant_id = TextField(max_length=64, null=True)
    date = models.DateTimeField()
    user_id = TextField(max_length=24, null=True)
    username = TextField(max_length=150, blank=True)
    method = TextField(max_length=16)
    url = models.TextField()
    status = models.PositiveIntegerField()
    duration_ms = models.FloatField()
    contents = models.TextField(blank=True)

    objects = TenantQuerySet["RequestLog"].as_manager()

    class Meta:
        indexes = (
            models.Index(fields=["tenant_id", "-date", "-id"], name="log_newest"),
            models.Index(fields=["date"], name="log_oldest"),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.url}"

    def to_api(self) -> dict[str, Any]:
        user = self.user_id and {"_id": self.user_id, "username": self.username}
        rest = {field: getattr(self, field) for field in ("method", "url", "status", "duration_ms", "contents")}
        return {"_id": self.pk, "date": iso(self.date), "user": user} | rest
