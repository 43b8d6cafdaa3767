"""Tokens for machines: their form, creation, use and revocation.

A token is `mr_`, 32 random characters (190 bits) and a checksum of six, all of them letters and digits. Secret scanners
find it with the regular expression `\\bmr_[0-9A-Za-z]{38}\\b` and the checksum. Only its sha256 is stored.
"""

import base64
import logging
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import DatabaseError
from pymongo.errors import PyMongoError
from rest_framework.exceptions import AuthenticationFailed

from tenants.exceptions import Refused
from tenants.identity.resets import digest_of
from tenants.identity.services import refuse_ended_login
from tenants.ledger import Subject, created, deleted, record
from tenants.models import MachineToken, User
from tenants.rest.scopes import LONGEST_SCOPE, MAX_SCOPES, parse_scope
from tenants.rows.fences import reference_guard
from tenants.rows.fields import iso, now
from tenants.rows.prepared import Prepared
from tenants.rows.texts import refuse, unfit_title
from tenants.rows.transactions import atomic, retried

logger = logging.getLogger(__name__)

PREFIX = "mr_"
BASIC = "basic "
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM, CHECKSUM = 32, 6  # characters
FORM = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{RANDOM}}})([0-9A-Za-z]{{{CHECKSUM}}})")
MAX_TOKENS = 100  # of a user
DEFAULT_LIFETIME = timedelta(days=90)
UNLIMITED = timedelta(days=36500)  # the longest lifetime if `TOKEN_MAX_LIFETIME` sets no limit
DURATION = re.compile(r"([0-9]{1,6})([smhdw])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
token_of_digest = Prepared(lambda digest: MachineToken.objects.filter(digest=digest))


# --- The form of a token --------------------------------------------------------------------------------------------


def new_secret() -> str:
    """Return a new token."""
    random = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return PREFIX + random + checksum(random)


def checksum(random: str) -> str:
    """Return the CRC-32 of the random part in base 62, padded to six characters."""
    number, digits = zlib.crc32(random.encode()), ""
    for _ in range(CHECKSUM):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def is_well_formed(secret: str) -> bool:
    """Tell whether the text has the form and the checksum of a token."""
    match = FORM.fullmatch(secret)
    return bool(match) and checksum(match[1]) == match[2]  # type: ignore[index]


# --- Use ------------------------------------------------------------------------------------------------------------


def split_credential(sent: str) -> tuple[str | None, str]:
    """Return the username, or None if none was sent, and the token. Raises AuthenticationFailed for malformed Basic."""
    if sent.startswith(PREFIX):
        return None, sent
    try:
        pair = base64.b64decode(sent[len(BASIC) :].strip(), validate=True).decode()
    except ValueError as error:
        raise AuthenticationFailed("The header Authorization is not valid HTTP Basic") from error
    username, _, token = pair.rpartition(":")  # a username may have colons, a token has none
    return username, token


def find_token(secret: str) -> MachineToken | None:
    """Return the token with this secret, expired or not, with one indexed query, or None."""
    return token_of_digest.first(digest_of(secret)) if is_well_formed(secret) else None


def note_use(token: MachineToken, address: str) -> None:
    """Write the day and the address at most once a day. A failure is logged, and the request goes on."""
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    if token.last_used and token.last_used >= today:
        return
    try:
        unused = MachineToken.objects.filter(pk=token.pk).exclude(last_used__gte=today)
        unused.update(last_used=today, last_address=address[:64])
    except (DatabaseError, PyMongoError) as error:
        logger.warning("The use of the machine token %s is not noted: %s", token.pk, error)


# --- Creation and revocation ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CreatedToken:
    """A new token; `secret` is not stored, and not part of the representation."""

    token: MachineToken
    secret: str = field(repr=False)


@retried
def create_token(*, by: User, name: str, scopes: list[str], expires: datetime | None) -> CreatedToken:
    """Create a token that acts as the user within the scopes.

    Raises Refused (`post_request_error`) for an invalid or taken name, an invalid scope, and more than MAX_TOKENS
    tokens, and AuthenticationFailed if the caller's login has ended.
    """
    refuse([name], unfit_title, "post_request_error")
    _refuse_scopes(scopes)
    secret = new_secret()
    token = MachineToken(name=name, scopes=list(dict.fromkeys(scopes)), expires=expires, digest=digest_of(secret))
    token.tenant_id, token.owner_id = by.tenant_id or "", by.pk
    # Writers that change no items share one fence row, so creations of a tenant are serialized and the count is right.
    with reference_guard(token.tenant_id, by, changes_items=False):
        refuse_ended_login(by)
        others = MachineToken.objects.of(by.tenant_id).filter(owner_id=by.pk)
        if others.filter(name=name).exists():
            raise Refused("post_request_error", "A token with the same name already exists for this user")
        if others.count() >= MAX_TOKENS:
            raise Refused("post_request_error", f"A user has at most {MAX_TOKENS} tokens; revoke unused ones")
        token.save(force_insert=True)
        fields = created({"scopes": token.scopes, "expires": iso(expires)})
        record(tenant=token.tenant_id, type="token.created", actor=by, item=_subject(token), changes=fields)
    return CreatedToken(token, secret)


@retried
def revoke_token(*, token: MachineToken, by: User | None) -> None:
    """Delete a token: no later request can use it. Raises Refused (`resource_not_found`) if it is gone."""
    with atomic():
        if not MachineToken.objects.filter(pk=token.pk).delete()[0]:
            raise Refused("resource_not_found", f"No such resource: {token.pk}")
        fields = deleted({"scopes": token.scopes, "expires": iso(token.expires)})
        record(tenant=token.tenant_id, type="token.revoked", actor=by, item=_subject(token), changes=fields)


def expiry_of(text: str | None, *, start: datetime | None = None) -> datetime | None:
    """Return the end of a new token: `90d`, an ISO date or time (UTC without an offset), or None for no end.

    Raises Refused (`post_request_error`) for another text, the past, and more than `TOKEN_MAX_LIFETIME` from now.
    """
    start, longest = start or now(), settings.TOKEN_MAX_LIFETIME
    if text is None:
        if longest is not None:
            raise Refused("post_request_error", f"Path `expires` is required: at most {longest.days} days from now")
        return None
    try:
        left = _lifetime(text, start)
    except (ValueError, OverflowError):
        details = "expires: a duration such as `90d`, or an ISO date such as `2026-12-31`"
        raise Refused("post_request_error", details) from None
    if left <= timedelta():
        raise Refused("post_request_error", "expires: the date is in the past")
    if left > (longest or UNLIMITED):
        raise Refused("post_request_error", f"expires: at most {(longest or UNLIMITED).days} days from now")
    return start + left


def default_expiry() -> datetime:
    """Return the end of a new token whose request names none."""
    return now() + min(DEFAULT_LIFETIME, settings.TOKEN_MAX_LIFETIME or DEFAULT_LIFETIME)


def _lifetime(text: str, start: datetime) -> timedelta:
    if match := DURATION.fullmatch(text):
        return timedelta(**{UNITS[match[2]]: int(match[1])})
    date = datetime.fromisoformat(text)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)) - start


def _refuse_scopes(scopes: list[str]) -> None:
    if not 1 <= len(scopes) <= MAX_SCOPES:
        raise Refused("post_request_error", f"scopes: a token has 1 to {MAX_SCOPES}")
    for scope in scopes:
        if len(scope) > LONGEST_SCOPE:
            raise Refused("post_request_error", f"scopes: at most {LONGEST_SCOPE} characters each")
        try:
            parse_scope(scope)
        except ValueError as error:
            raise Refused("post_request_error", f"scopes: {error}") from None


def _subject(token: MachineToken) -> Subject:
    return Subject(token.pk, "token", token.name)
