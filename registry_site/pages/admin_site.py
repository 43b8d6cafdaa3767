"""The admin site: for superusers, under `/admin/`."""

from functools import update_wrapper
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from tenants.identity.admin_login import LoginForm
from tenants.identity.services import update_user


class OwnPasswordForm(AdminPasswordChangeForm):
    """Changes a superuser's own password and no other field."""

    def save(self, commit: bool = True) -> Any:
        self.user = update_user(user=self.user, by=self.user, password=self.cleaned_data["new_password1"])
        return self.user


class RegistryAdminSite(AdminSite):
    """Django's admin site, with this registry's name and login form."""

    site_header = site_title = "Model Registry"
    index_title = "Administration"
    site_url = None
    login_form = LoginForm

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Refuse forms that contain NUL characters, which PostgreSQL cannot store; a middleware checks URLs."""

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if any("\0" in text for _, texts in request.POST.lists() for text in texts):
                raise SuspiciousOperation("A NUL character in a form")
            response: HttpResponseBase = view(request, *args, **kwargs)
            return response

        return super().admin_view(update_wrapper(checked, view), cacheable)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show Django's page with a form that writes only the password."""
        context = {**self.each_context(request), **(extra_context or {})}
        done = reverse("admin:password_change_done", current_app=self.name)
        view = PasswordChangeView.as_view(form_class=OwnPasswordForm, success_url=done, extra_context=context)
        return view(request)
