"""Password strength, and the user fields that a new password changes."""

import re
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError

from tenants.exceptions import Refused
from tenants.models import User

# (name, minimum kinds of character, minimum length), weakest first
LEVELS = (("Too weak", 0, 0), ("Weak", 2, 6), ("Medium", 4, 8), ("Strong", 4, 10))
KINDS = (re.compile(r"[a-z]"), re.compile(r"[A-Z]"), re.compile(r"[0-9]"), re.compile(r"[^a-zA-Z0-9]"))


def strength(password: str) -> int:
    """Return the password's level, 0 to 3: the strongest row of LEVELS that it meets."""
    kinds = sum(bool(kind.search(password)) for kind in KINDS)
    met = [kinds >= minimum and len(password) >= length for _, minimum, length in LEVELS]
    return max(level for level, is_met in enumerate(met) if is_met)


def validation_error(password: str) -> str | None:
    """Return why the password is too weak for `MIN_PASSWORD_STRENGTH`, or None."""
    level = strength(password)
    if level >= settings.MIN_PASSWORD_STRENGTH:
        return None
    return f"The password strength is {LEVELS[level][0]}, please choose a stronger password"


def hashed(password: str, error: str, kept_login: str = "") -> dict[str, Any]:
    """Return the user fields that a new password changes. Raises Refused with the code `error` for a weak password."""
    weakness = validation_error(password)
    if weakness:
        raise Refused(error, weakness)
    owner = User()
    owner.set_password(password)
    return {"password": owner.password, "password_changed": owner.password_changed, "kept_login": kept_login}


class StrengthValidator:
    """Applies the rule to Django's own forms and commands."""

    def validate(self, password: str, user: object = None) -> None:
        weakness = validation_error(password)
        if weakness:
            raise ValidationError(weakness)

    def get_help_text(self) -> str:
        _, kinds, length = LEVELS[settings.MIN_PASSWORD_STRENGTH]
        return f"At least {length} characters, with {kinds} of: lower case, upper case, digits, symbols."
