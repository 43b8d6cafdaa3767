"""Password resets: a link by mail that works once and for a limited time.

A link is created when it is sent (see `tenants.identity.outbox`), so that its secret is only in the mail: the database
stores its sha256.
"""

import hashlib
import logging
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q, QuerySet
from rest_framework.exceptions import AuthenticationFailed

from tenants.exceptions import Refused
from tenants.identity.emails import email_key
from tenants.identity.passwords import hashed, validation_error
from tenants.identity.services import write_user
from tenants.models import PasswordReset, User
from tenants.rows.fences import reference_guard
from tenants.rows.fields import now
from tenants.rows.transactions import atomic, retried

logger = logging.getLogger(__name__)

MAX_LINKS = 5  # valid links of a user; further requests send no mail
INVALID = "The reset link is unknown, used or expired"
SUBJECT = "Reset your password"
TEXT = """Somebody, we hope you, asked for a new password of the user {username}.

To choose one open this link, which works once and until {expires:%Y-%m-%d %H:%M} UTC:

{link}

If it was not you, do nothing: your password stays as it is.
"""


def digest_of(secret: str) -> str:
    """Return the stored form of a link's secret: its sha256 as hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def mail_reset_link(*, tenant_id: str, email: str) -> None:
    """Mail a reset link if a user of the tenant has the address, to the address as the user spells it.

    Raises OSError if the mail server does not accept the mail; no link remains then.
    """
    user = _user_with(tenant_id, email)
    if user is None:
        return
    purge_expired_links()
    if PasswordReset.objects.filter(user=user).count() >= MAX_LINKS:
        logger.warning("No reset link for user %s of %s: they have %d valid links", user.pk, tenant_id, MAX_LINKS)
        return
    secret = secrets.token_urlsafe(32)
    reset = PasswordReset(digest=digest_of(secret), user=user, expires=now() + settings.RESET_LIFETIME)
    try:
        _save(reset)
    except AuthenticationFailed:  # the user was deleted in the meantime
        return
    # After the `#`: browsers do not send this part, so no server logs it.
    link = f"{settings.PUBLIC_URL.rstrip('/')}/reset.html#{urlencode({'tenant': tenant_id, 'reset': secret})}"
    text = TEXT.format(username=user.username, expires=reset.expires, link=link)
    try:
        send_mail(f"{settings.EMAIL_TAG} {SUBJECT}".strip(), text, settings.DEFAULT_FROM_EMAIL, [str(user.email)])
    except BaseException:
        PasswordReset.objects.filter(pk=reset.pk).delete()
        raise


def _user_with(tenant_id: str, email: str) -> User | None:
    """Return the user with the address; an exact match takes precedence over a different case."""
    same = Q(email=email) | Q(email_key=email_key(email))
    users: list[User] = list(User.objects.of(tenant_id).filter(same, is_active=True, leaving=None))
    return min(users, key=lambda user: user.email != email, default=None)


@retried
def _save(reset: PasswordReset) -> None:
    with reference_guard(reset.user.tenant_id, reset.user):
        reset.save(force_insert=True)


def reset_password(*, digest: str, tenant_id: str, password: str) -> None:
    """Set a password with a mailed link, which works once.

    Raises Refused: `reset_invalid` for an invalid link, `put_request_error` for a weak password.
    """
    # Hashing takes time and memory, so it needs a valid link.
    if validation_error(password) is None and not _valid_links(digest, tenant_id).exists():
        raise Refused("reset_invalid", INVALID)
    _use_link(digest, tenant_id, hashed(password, "put_request_error"))


def _valid_links(digest: str, tenant_id: str) -> QuerySet[PasswordReset]:
    users = {"user__tenant_id": tenant_id, "user__is_active": True}
    return PasswordReset.objects.filter(pk=digest, expires__gt=now(), **users)


@retried
def _use_link(digest: str, tenant_id: str, changes: Mapping[str, Any]) -> None:
    with atomic():
        reset = _valid_links(digest, tenant_id).select_related("user").first()
        # Deleting the link claims it: of two concurrent requests, only one deletes a row.
        if reset is None or not PasswordReset.objects.filter(pk=digest).delete()[0]:
            raise Refused("reset_invalid", INVALID)
        write_user(reset.user, changes, reset.user, "With a reset link")
        PasswordReset.objects.filter(user=reset.user).delete()


def purge_expired_links() -> None:
    """Delete expired links; used links are deleted when they are used."""
    PasswordReset.objects.filter(expires__lte=now()).delete()
