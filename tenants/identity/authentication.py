"""Who is calling: a user with a signed token or a browser session, or the operator with the API token."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends import db
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.middleware.csrf import rotate_token
from django.utils.crypto import constant_time_compare
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError

from tenants.identity.login import EXPIRED, address_of, limited_attempt
from tenants.identity.machine_tokens import BASIC, find_token, note_use, split_credential
from tenants.identity.machine_tokens import PREFIX as MACHINE_PREFIX
from tenants.models import User
from tenants.rows.fields import now
from tenants.rows.prepared import Prepared

PREFIX = "JWT "
ACCEPTED_PREFIXES = ("JWT ", "Bearer ")
TOKEN_CACHE_SIZE = 4096  # tokens whose signatures were verified
FOREVER = timedelta(days=365_000)
SESSION_KEY = "registry_login"  # the admin site keeps its login under another key: one login never grants the other
SESSION_ID = re.compile("[a-z0-9]{32}")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
active_user = Prepared(lambda key, tenant: User.objects.filter(pk=key, tenant_id=tenant, is_active=True, leaving=None))


# --- Logins: what tokens and sessions share -------------------------------------------------------------------------


def login_claims(user: User) -> dict[str, Any]:
    """Return the claims that identify a login: its id, the user, the tenant, and when the password was set."""
    changed = _milliseconds(user.password_changed)
    return {"login": secrets.token_hex(16), "user": user.pk, "tenant": user.tenant_id, "password_changed": changed}


def user_of_claims(claims: Mapping[str, Any]) -> User:
    """Return the user that a login's claims identify, with the login's id in `login`.

    Raises AuthenticationFailed if the user or tenant is gone, or the password was changed since or has expired.
    """
    user = active_user.first(str(claims.get("user", "")), str(claims.get("tenant", "")))
    if user is None or not _is_current(claims, user):
        raise AuthenticationFailed("The login is no longer valid, please log in again")
    if user.password_expired:
        raise AuthenticationFailed(EXPIRED)
    user.login = str(claims.get("login", ""))
    return user


def _is_current(claims: Mapping[str, Any], user: User) -> bool:
    """Tell whether a login was made with the current password, or is the one that set it."""
    kept = bool(user.kept_login) and claims.get("login") == user.kept_login
    return kept or claims.get("password_changed") == _milliseconds(user.password_changed)


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


# --- Tokens: signed (HS256), valid for a limited time ---------------------------------------------------------------


def issue_token(user: User) -> str:
    """Return a new token for `user`, in the form that login answers (`JWT eyJ…`)."""
    issued = datetime.now(UTC)
    lifetime = {"iat": issued.timestamp(), "exp": issued + settings.JWT_LIFETIME}
    claims = login_claims(user) | {"role": user.role} | lifetime
    return PREFIX + TokenBackend("HS256", settings.JWT_SECRET).encode(claims)


def sent_token(request: Request | HttpRequest) -> str:
    """Return the token in the `Authorization` header, without its scheme; empty if there is none."""
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    for prefix in ACCEPTED_PREFIXES:
        if header[: len(prefix)].lower() == prefix.lower():
            return header[len(prefix) :].strip()
    return header.strip()


def user_of_token(token: str, *, renewing: bool = False) -> User:
    """Return the user that `token` was issued to.

    With `renewing`, an expired token that is younger than `JWT_RENEW_EXPIRATIONTIME` is valid too.
    Raises AuthenticationFailed for a forged or expired token, and as `user_of_claims` does.
    """
    try:
        claims = _verified_claims(token, settings.JWT_SECRET)
        issued, expires, time = float(claims["iat"]), float(claims["exp"]), datetime.now(UTC).timestamp()
    except (TokenBackendError, KeyError, TypeError, ValueError) as error:
        raise AuthenticationFailed("The token is not valid") from error
    if time >= expires and not (renewing and time - issued <= settings.JWT_RENEW_LIFETIME.total_seconds()):
        raise AuthenticationFailed("The token has expired, please log in")
    return user_of_claims(claims)


@lru_cache(TOKEN_CACHE_SIZE)
def _verified_claims(token: str, secret: str) -> Mapping[str, Any]:
    """Return a token's claims, expired or not; a verified signature stays valid. Raises TokenBackendError."""
    claims: dict[str, Any] = TokenBackend("HS256", secret, leeway=FOREVER).decode(token)  # type: ignore[arg-type]
    return MappingProxyType(claims)


# --- Machine tokens -------------------------------------------------------------------------------------------------


def is_machine_credential(sent: str) -> bool:
    """Tell whether a value of `Authorization`, without `Bearer`, is a machine token or HTTP Basic."""
    return sent.startswith(MACHINE_PREFIX) or sent[: len(BASIC)].lower() == BASIC


def user_of_machine_credential(sent: str, address: str) -> User:
    """Return the owner of the machine token that was sent, bare or as the password of HTTP Basic, with its scopes.

    Raises AuthenticationFailed if the token is unknown or expired, if its owner is gone or disabled, or has another
    name than was sent; unknown tokens and wrong names count as failures of the address. Raises Throttled.
    """
    username, secret = split_credential(sent)
    token = find_token(secret)
    owner = active_user.first(token.owner_id, token.tenant_id) if token else None
    names = (None, owner.username, f"{owner.tenant_id}/{owner.username}") if owner else (username,)
    if token is None or username not in names:
        with limited_attempt(address=address):
            raise AuthenticationFailed("The token is not valid")
    if owner is None or (token.expires and token.expires <= now()):
        raise AuthenticationFailed("The token has expired or its user is gone")
    note_use(token, address)
    owner.scopes = token.scopes
    return owner


# --- Browser sessions -----------------------------------------------------------------------------------------------


class SessionStore(db.SessionStore):
    """Django's database sessions; only well-formed session ids reach the database.

    A cookie may hold any character, including NUL, which PostgreSQL rejects.
    """

    def _validate_session_key(self, key: str | None) -> bool:
        return bool(key and SESSION_ID.fullmatch(key))


def log_in(request: HttpRequest, user: User) -> None:
    """Log the user in with a new session id, which prevents session fixation."""
    request.session.cycle_key()
    request.session[SESSION_KEY] = login_claims(user)
    rotate_token(request)
    request.session.clear_expired()


def log_out(request: HttpRequest) -> None:
    """End the session and delete its data."""
    request.session.flush()


def user_of_session(request: HttpRequest) -> User | None:
    """Return the user logged in with this browser, or None. Raises AuthenticationFailed as `user_of_claims` does."""
    claims = request.session.get(SESSION_KEY)
    return user_of_claims(claims) if claims else None


def refuse_missing_csrf_token(request: HttpRequest) -> None:
    """Raise PermissionDenied for a change without the CSRF token of our pages in its header."""
    if request.method in SAFE_METHODS:
        return
    # For a POST, Django looks for the token in the form first, which would read a whole upload.
    checked = WSGIRequest(request.META | {"REQUEST_METHOD": "PUT"})
    check = CSRFCheck(lambda request: None)  # type: ignore[arg-type]
    check.process_request(checked)
    reason = check.process_view(checked, None, (), {})  # type: ignore[arg-type]
    if reason:
        raise PermissionDenied(f"CSRF Failed: {reason}")


# --- How views recognize their callers ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operator:
    """The holder of the API token: belongs to no tenant, creates and deletes tenants."""

    is_authenticated: bool = True
    role: str = "operator"
    tenant_id: None = None


class TokenAuthentication(BaseAuthentication):
    """Authenticates the user by the token in the `Authorization` header only."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        token = sent_token(request)
        if not token:
            return None
        if is_machine_credential(token):
            return user_of_machine_credential(token, address_of(request)), token
        return user_of_token(token), token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="registry"'


class SessionAuthentication(BaseAuthentication):
    """Authenticates the user by the browser session; changes also need the CSRF token of our pages."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        user = user_of_session(request._request)
        if user is None:
            return None
        refuse_missing_csrf_token(request._request)
        return user, None


class ApiTokenAuthentication(TokenAuthentication):
    """Authenticates the operator by the `API_TOKEN`, which no limit blocks; wrong tokens count as failures."""

    def authenticate(self, request: Request) -> tuple[Operator, str] | None:  # type: ignore[override]
        token = sent_token(request)
        if not token:
            return None
        if constant_time_compare(token, settings.API_TOKEN):
            return Operator(), token
        with limited_attempt(address=address_of(request)):
            raise AuthenticationFailed("The API token is not valid")
