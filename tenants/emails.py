"""E-mail addresses: in networks of their own, hosts have no dot (`ops@intranet`)."""

import re
from typing import Any

from django import forms
from django.core.validators import EmailValidator
from rest_framework import serializers


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
