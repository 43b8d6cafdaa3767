"""Logins of browsers: kept in Django's session, under a key of their own.

The admin site keeps its logins under another key: neither lets anybody into the other.
"""

import re

from django.contrib.sessions.backends import db
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.middleware.csrf import rotate_token
from rest_framework.authentication import CSRFCheck
from rest_framework.exceptions import PermissionDenied

from tenants.identity import tokens
from tenants.models import User

KEY = "registry_login"
SAFE = ("GET", "HEAD", "OPTIONS")
MADE_HERE = re.compile("[a-z0-9]{32}")


class SessionStore(db.SessionStore):
    """Django's sessions in the database, which is asked for keys that it can have made and for no others.

    A cookie may hold any character, such as a NUL, which PostgreSQL refuses.
    """

    def _validate_session_key(self, key: str | None) -> bool:
        return bool(key and MADE_HERE.fullmatch(key))


def log_in(request: HttpRequest, user: User) -> None:
    """Make the session that of `user`, under a fresh key: who planted the old one has nothing."""
    request.session.cycle_key()
    request.session[KEY] = tokens.claims_of(user)
    rotate_token(request)
    request.session.clear_expired()


def log_out(request: HttpRequest) -> None:
    """End the session, with all that it holds."""
    request.session.flush()


def user_of(request: HttpRequest) -> User | None:
    """Return who logged in with this browser, or None.

    Raises AuthenticationFailed where the login is void, for the reasons that a token is.
    """
    claims = request.session.get(KEY)
    return tokens.claimed(claims) if claims else None


def refuse_forgery(request: HttpRequest) -> None:
    """Raise PermissionDenied for a change that does not carry the CSRF token of our pages in its header."""
    if request.method in SAFE:
        return
    # Of a POST the token would be looked for in its form first, which would read a whole upload.
    checked = WSGIRequest(request.META | {"REQUEST_METHOD": "PUT"})
    check = CSRFCheck(lambda request: None)  # type: ignore[arg-type]
    check.process_request(checked)
    reason = check.process_view(checked, None, (), {})  # type: ignore[arg-type]
    if reason:
        raise PermissionDenied(f"CSRF Failed: {reason}")
