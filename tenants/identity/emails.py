"""Email addresses: stored as sent, compared case-insensitively; a host needs no dot (`ops@intranet`)."""

import logging
import re
from typing import Any

from django import forms
from django.core.validators import EmailValidator
from django.db.models import QuerySet
from rest_framework import serializers

from tenants.exceptions import Refused
from tenants.models import User

logger = logging.getLogger(__name__)


def email_key(email: str | None) -> str | None:
    """Return the address in lower case, for comparisons; None if there is no address.

    Not `casefold`: `straße.example` and `strasse.example` are two domains.
    """
    return email.lower() if email else None


def fill_email_keys(users: QuerySet[Any]) -> None:
    """Set the missing email keys of users, unless another user of the tenant has the key.

    If several addresses differ only in case, the user created first gets the key. The others keep their address, which
    still receives their reset links, until it is changed. A warning counts them.
    """
    taken = set(users.exclude(email_key=None).values_list("tenant_id", "email_key"))
    missing = users.filter(email_key=None).exclude(email=None).order_by("timestamp", "pk")
    clashing = []
    for pk, tenant_id, email in list(missing.values_list("pk", "tenant_id", "email")):
        key = (tenant_id, email_key(email))
        if key in taken:
            clashing.append(pk)
        else:
            taken.add(key)
            users.filter(pk=pk).update(email_key=key[1])
    if clashing:
        text = "%d users have an email address that differs from another only in case: %s"
        logger.warning(text, len(clashing), ", ".join(clashing[:20]))


class EmailTaken(Refused):
    """Another user of the tenant has the email address; only administrators are told so."""


def refuse_taken_email(tenant_id: str | None, key: str | None, error: str, but: User) -> None:
    """Raise EmailTaken if another user of the tenant has the address, in any case."""
    if key and User.objects.of(tenant_id).filter(email_key=key).exclude(pk=but.pk).exists():
        raise EmailTaken(error, f"a user with the same email already exists ({key})")


class AddressValidator(EmailValidator):
    """Also accepts a host with a single label."""

    LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII | re.IGNORECASE)

    def validate_domain_part(self, domain_part: str) -> bool:
        return super().validate_domain_part(domain_part) or bool(self.LABEL.fullmatch(domain_part))


class EmailField(serializers.EmailField):
    """An email address in a request body."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        others = [validator for validator in self.validators if not isinstance(validator, EmailValidator)]
        self.validators = [*others, AddressValidator(message=self.error_messages["invalid"])]


class EmailFormField(forms.EmailField):
    """An email address in an HTML form."""

    default_validators = [AddressValidator()]
