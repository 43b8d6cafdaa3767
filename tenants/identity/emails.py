"""E-mail addresses: kept as sent, compared without regard to case; a host needs no dot (`ops@intranet`)."""

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
    """Return what two spellings of one address have in common, None where there is no address.

    Lower case and no more: `straße.example` and `strasse.example` are two domains.
    """
    return email.lower() if email else None


def fill_email_keys(users: QuerySet[Any]) -> None:
    """Give users without a key the one of their address, unless another user of the tenant has it.

    Of several whose addresses differ in case alone the one that was created first gets it. The others keep their
    address, which still receives their own reset links, until somebody changes it. A warning counts them.
    """
    taken = set(users.exclude(email_key=None).values_list("tenant_id", "email_key"))
    without = users.filter(email_key=None).exclude(email=None).order_by("timestamp", "pk")
    clashing = []
    for pk, tenant_id, email in list(without.values_list("pk", "tenant_id", "email")):
        key = (tenant_id, email_key(email))
        if key in taken:
            clashing.append(pk)
        else:
            taken.add(key)
            users.filter(pk=pk).update(email_key=key[1])
    if clashing:
        logger.warning("%d users share an e-mail address but for its case: %s", len(clashing), ", ".join(clashing[:20]))


class EmailTaken(Refused):
    """Another user of the tenant has the e-mail address, which only administrators are told."""


def refuse_taken_email(tenant_id: str | None, key: str | None, error: str, but: User) -> None:
    """Raise EmailTaken where another user of the tenant has the address, be it in another case."""
    if key and User.objects.of(tenant_id).filter(email_key=key).exclude(pk=but.pk).exists():
        raise EmailTaken(error, f"a user with the same email already exists ({key})")


class AddressValidator(EmailValidator):
    """Takes a host of one label too."""

    LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII | re.IGNORECASE)

    def validate_domain_part(self, domain_part: str) -> bool:
        return super().validate_domain_part(domain_part) or bool(self.LABEL.fullmatch(domain_part))


class EmailField(serializers.EmailField):
    """An address in a body."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        others = [each for each in self.validators if not isinstance(each, EmailValidator)]
        self.validators = [*others, AddressValidator(message=self.error_messages["invalid"])]


class EmailFormField(forms.EmailField):
    """An address in a form."""

    default_validators = [AddressValidator()]
