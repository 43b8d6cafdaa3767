"""The way into the admin site: guessing is slowed as at the API's login."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from rest_framework.exceptions import Throttled

from tenants.identity import attempts


class LoginForm(AdminAuthenticationForm):
    """Asks for a superuser's name and password, and for patience after too many failures."""

    def clean(self) -> dict[str, Any]:
        address = attempts.address_of(self.request) if self.request else ""
        account = f"superuser {self.cleaned_data.get('username', '')}"
        try:
            with attempts.counted(address=address, account=account) as attempt:
                data = super().clean()
                attempt.failed = False
                return data
        except Throttled as throttled:
            raise ValidationError(f"{throttled.detail}.") from None
