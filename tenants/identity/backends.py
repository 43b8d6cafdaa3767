"""Who may enter the Django admin."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from tenants.models import User


class SuperuserBackend(BaseBackend):
    """Recognises superusers by username and password; users of tenants have the API."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        user = User.objects.filter(tenant=None, username=username, is_superuser=True, is_active=True).first()
        if user is None:
            make_password(password)  # takes as long as checking one
            return None
        return user if user.check_password(password or "") else None

    def get_user(self, user_id: str) -> User | None:
        return User.objects.filter(tenant=None, pk=user_id, is_superuser=True, is_active=True).first()
