"""Logging in: from a username and a password to a user."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework.exceptions import AuthenticationFailed

from tenants.identity import attempts, tokens
from tenants.identity.hashers import equalize_hash_time
from tenants.identity.serializers import LoginInput
from tenants.models import Tenant, User
from tenants.rest.collections import valid_body

INCORRECT = "Incorrect username or password"


def credentials(body: Any) -> dict[str, Any]:
    """Return the checked fields of a login's body.

    Raises AuthenticationFailed without a username or password, and ValidationError.
    """
    sent = {} if body is None else body
    for field in ("username", "password") if isinstance(sent, Mapping) else ():
        if sent.get(field) in (None, ""):
            raise AuthenticationFailed(f"Path `{field}` is required")
    return valid_body(LoginInput, sent)


def authenticate(*, tenant_id: str, username: str, password: str, address: str) -> User:
    """Return the user of the tenant with that name and password.

    Raises AuthenticationFailed, without telling which part was wrong and in the same time for unknown users, and
    Throttled after too many failures of the account or the address.
    """
    with attempts.counted(address=address, account=f"{tenant_id}/{username}") as attempt:
        user: User | None = User.objects.of(tenant_id).filter(username=username, is_active=True, leaving=None).first()
        if user is not None and user.check_password(password):
            attempt.failed = False
            tokens.refuse_old_password(user)
            return user
        if user is None and not Tenant.objects.filter(pk=tenant_id).exists():
            raise AuthenticationFailed("Incorrect tenant")
        equalize_hash_time(password, user.password if user else "")
        raise AuthenticationFailed(INCORRECT)


def answer(user: User) -> dict[str, object]:
    """Return what login answers: the user, a fresh token and for how long it is good."""
    document = user.to_api() | {"tenant": user.tenant_id}
    return {"user": document, "token": tokens.issue(user), "token_expiration_time": settings.JWT_EXPIRATIONTIME}
