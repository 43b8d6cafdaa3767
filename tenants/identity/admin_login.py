"""Login to the Django admin site: for superusers only, with the same limits on failed attempts as the API."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from rest_framework.exceptions import Throttled

from tenants.identity.login import address_of, limited_attempt
from tenants.models import User


class SuperuserBackend(BaseBackend):
    """Authenticates superusers by username and password; users of tenants use the API."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        user = User.objects.filter(tenant=None, username=username, is_superuser=True, is_active=True).first()
        if user is None:
            make_password(password)  # takes as long as a check
            return None
        return user if user.check_password(password or "") else None

    def get_user(self, user_id: str) -> User | None:
        return User.objects.filter(tenant=None, pk=user_id, is_superuser=True, is_active=True).first()


class LoginForm(AdminAuthenticationForm):
    """Asks for a superuser's username and password; says to wait after too many failures."""

    def clean(self) -> dict[str, Any]:
        address = address_of(self.request) if self.request else ""
        account = f"superuser {self.cleaned_data.get('username', '')}"
        try:
            with limited_attempt(address=address, account=account) as attempt:
                data = super().clean()
                attempt.failed = False
                return data
        except Throttled as throttled:
            raise ValidationError(f"{throttled.detail}.") from None
