"""Tokens: who a caller is, signed (HS256) and for a limited time."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from django.conf import settings
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError

from tenants.models import User
from tenants.rows.fields import now
from tenants.rows.prepared import Prepared

PREFIX = "JWT "
ACCEPTED_PREFIXES = ("JWT ", "Bearer ")
active_user = Prepared(lambda key, tenant: User.objects.filter(pk=key, tenant_id=tenant, is_active=True, leaving=None))
KEPT = 4096  # tokens whose signatures are known to be good
FOREVER = timedelta(days=365_000)
EXPIRED = "Password validity expired, please reset password"


def issue(user: User) -> str:
    """Return a fresh token for `user`, as login answers it (`JWT eyJ…`)."""
    issued = now()
    lifetime = {"iat": issued.timestamp(), "exp": issued + settings.JWT_LIFETIME}
    claims = claims_of(user) | {"role": user.role} | lifetime
    return PREFIX + TokenBackend("HS256", settings.JWT_SECRET).encode(claims)


def claims_of(user: User) -> dict[str, Any]:
    """Return what a login is to be recognised by: itself, the user, the tenant, and the password that was valid."""
    changed = _milliseconds(user.password_changed)
    return {"login": secrets.token_hex(16), "user": user.pk, "tenant": user.tenant_id, "password_changed": changed}


def bare(header: str) -> str:
    """Return what an `Authorization` header carries, without the scheme before it."""
    for prefix in ACCEPTED_PREFIXES:
        if header[: len(prefix)].lower() == prefix.lower():
            return header[len(prefix) :].strip()
    return header.strip()


def user_of(token: str, *, renewing: bool = False) -> User:
    """Return the user whom `token` was issued to.

    With `renewing` an expired token is good too while it is younger than `JWT_RENEW_EXPIRATIONTIME`.
    Raises AuthenticationFailed for a forged or expired token, a user or tenant that is gone, and a password that was
    changed since or is too old.
    """
    return claimed(_claims(token, renewing))


def claimed(claims: Mapping[str, Any]) -> User:
    """Return the user whom a login's claims name, with its own name in `login`.

    Raises AuthenticationFailed for a user or tenant that is gone, and a password that was changed since or is too old.
    """
    user = active_user.first(str(claims.get("user", "")), str(claims.get("tenant", "")))
    if user is None or not _outlived(claims, user):
        raise AuthenticationFailed("The login is no longer valid, please log in again")
    refuse_old_password(user)
    user.login = str(claims.get("login", ""))
    return user


def _outlived(claims: Mapping[str, Any], user: User) -> bool:
    """Tell whether a login is from after the last change of password, or is the one that made it."""
    kept = bool(user.kept_login) and claims.get("login") == user.kept_login
    return kept or claims.get("password_changed") == _milliseconds(user.password_changed)


def refuse_old_password(user: User) -> None:
    """Raise AuthenticationFailed where the user's password is older than its validity."""
    if user.password_expired(now()):
        raise AuthenticationFailed(EXPIRED)


def _claims(token: str, renewing: bool) -> Mapping[str, Any]:
    try:
        claims = _signed(token, settings.JWT_SECRET)
        issued, expires, time = float(claims["iat"]), float(claims["exp"]), datetime.now(UTC).timestamp()
    except (TokenBackendError, KeyError, TypeError, ValueError) as error:
        raise AuthenticationFailed("The token is not valid") from error
    if time >= expires and not (renewing and time - issued <= settings.JWT_RENEW_LIFETIME.total_seconds()):
        raise AuthenticationFailed("The token has expired, please log in")
    return claims


@lru_cache(KEPT)
def _signed(token: str, secret: str) -> Mapping[str, Any]:
    """Return what a token says, however long ago: once checked, a signature stays good. Raises TokenBackendError."""
    claims: dict[str, Any] = TokenBackend("HS256", secret, leeway=FOREVER).decode(token)  # type: ignore[arg-type]
    return MappingProxyType(claims)


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)
