"""Tokens: who a caller is, signed (HS256) and for a limited time."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError

from tenants.fields import now
from tenants.models import User

PREFIX = "JWT "
ACCEPTED_PREFIXES = ("JWT ", "Bearer ")
EXPIRED = "Password validity expired, please reset password"


def issue(user: User) -> str:
    """Return a fresh token for `user`, as login answers it (`JWT eyJ…`)."""
    issued = now()
    lifetime = {"iat": issued.timestamp(), "exp": issued + settings.JWT_LIFETIME}
    claims = claims_of(user) | {"role": user.role} | lifetime
    return PREFIX + TokenBackend("HS256", settings.JWT_SECRET).encode(claims)


def claims_of(user: User) -> dict[str, Any]:
    """Return what a login is to be recognised by: the user, the tenant, and the password that was valid."""
    changed = _milliseconds(user.password_changed)
    return {"user": user.pk, "tenant": user.tenant_id, "password_changed": changed}


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


def claimed(claims: dict[str, Any]) -> User:
    """Return the user whom a login's claims name.

    Raises AuthenticationFailed for a user or tenant that is gone, and a password that was changed since or is too old.
    """
    user: User | None = User.objects.filter(
        pk=claims.get("user", ""), tenant_id=claims.get("tenant", ""), is_active=True
    ).first()
    if user is None or claims.get("password_changed") != _milliseconds(user.password_changed):
        raise AuthenticationFailed("The login is no longer valid, please log in again")
    refuse_old_password(user)
    return user


def refuse_old_password(user: User) -> None:
    """Raise AuthenticationFailed where the user's password is older than its validity."""
    if user.password_expired(now()):
        raise AuthenticationFailed(EXPIRED)


def _claims(token: str, renewing: bool) -> dict[str, Any]:
    leeway = settings.JWT_RENEW_LIFETIME if renewing else 0
    try:
        claims: dict[str, Any] = TokenBackend("HS256", settings.JWT_SECRET, leeway=leeway).decode(token)  # type: ignore[arg-type]
        time = datetime.now(UTC).timestamp()
        if time >= float(claims["exp"]) and time - float(claims["iat"]) > settings.JWT_RENEW_LIFETIME.total_seconds():
            raise AuthenticationFailed("The token has expired, please log in")
    except (TokenBackendError, KeyError, TypeError, ValueError) as error:
        raise AuthenticationFailed("The token is not valid or has expired") from error
    return claims


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)
