"""How strong a password is, and what a new one changes of its user."""

import re
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError

from tenants.exceptions import Refused
from tenants.models import User

# (name, fewest kinds of character, fewest characters), the weakest first
LEVELS = (("Too weak", 0, 0), ("Weak", 2, 6), ("Medium", 4, 8), ("Strong", 4, 10))
KINDS = (re.compile(r"[a-z]"), re.compile(r"[A-Z]"), re.compile(r"[0-9]"), re.compile(r"[^a-zA-Z0-9]"))


def strength(password: str) -> int:
    """Return the level, 0 to 3, of the strongest row of LEVELS that the password reaches."""
    kinds = sum(bool(kind.search(password)) for kind in KINDS)
    return max(level for level, (_, least, length) in enumerate(LEVELS) if kinds >= least and len(password) >= length)


def validation_error(password: str) -> str | None:
    """Return why the password is below `MIN_PASSWORD_STRENGTH`, or None where it is not."""
    level = strength(password)
    if level >= settings.MIN_PASSWORD_STRENGTH:
        return None
    return f"The password strength is {LEVELS[level][0]}, please choose a stronger password"


def hashed(password: str, error: str, kept_login: str = "") -> dict[str, Any]:
    """Return the fields of a user that a new password changes. Raises Refused with that error for a weak one."""
    weakness = validation_error(password)
    if weakness:
        raise Refused(error, weakness)
    owner = User()
    owner.set_password(password)
    return {"password": owner.password, "password_changed": owner.password_changed, "kept_login": kept_login}


class StrengthValidator:
    """Holds Django's own forms and commands to the rule."""

    def validate(self, password: str, user: object = None) -> None:
        weakness = validation_error(password)
        if weakness:
            raise ValidationError(weakness)

    def get_help_text(self) -> str:
        _, kinds, length = LEVELS[settings.MIN_PASSWORD_STRENGTH]
        return f"At least {length} characters, with {kinds} of: small letters, capital letters, digits, other signs."
