"""Forgotten passwords: a link by mail, good for one use and a limited time."""

import hashlib
import logging
import secrets
from urllib.parse import urlencode

from django.conf import settings
from django.core.mail import send_mail
from rest_framework.exceptions import AuthenticationFailed

from tenants.fields import now
from tenants.gates import referring
from tenants.models import PasswordReset, User
from tenants.transactions import retried

logger = logging.getLogger(__name__)

SUBJECT = "Reset your password"
TEXT = """Somebody, we hope you, asked for a new password of the user {username}.

To choose one open this link, which works once and until {expires:%Y-%m-%d %H:%M} UTC:

{link}

If it was not you, do nothing: your password stays as it is.
"""


def digest_of(secret: str) -> str:
    """Return what is kept of a link's secret: its sha256 as hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def mail_reset_link(*, tenant_id: str, email: str) -> None:
    """Mail a reset link where a user of the tenant has that address; who asks cannot tell whether one has."""
    user = User.objects.of(tenant_id).filter(email=email, is_active=True, leaving=None).first()
    if user is None:
        return
    secret = secrets.token_urlsafe(32)
    reset = PasswordReset(digest=digest_of(secret), user=user, expires=now() + settings.RESET_LIFETIME)
    try:
        _keep(reset)
    except AuthenticationFailed:  # he has just been deleted
        return
    # After the `#`: browsers do not send that part, so that no server logs it.
    link = f"{settings.PUBLIC_URL.rstrip('/')}/reset.html#{urlencode({'tenant': tenant_id, 'reset': secret})}"
    text = TEXT.format(username=user.username, expires=reset.expires, link=link)
    try:
        send_mail(f"{settings.EMAIL_TAG} {SUBJECT}".strip(), text, settings.DEFAULT_FROM_EMAIL, [email])
    except OSError as error:  # an answer of its own would tell that the user exists
        logger.error("A reset link could not be mailed: %s", error)


@retried
def _keep(reset: PasswordReset) -> None:
    with referring(reset.user.tenant_id, reset.user):
        reset.save(force_insert=True)
