"""The admin site: for superusers, under `/admin/`."""

from functools import update_wrapper
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponseBase

from tenants.login_form import LoginForm


class RegistryAdminSite(AdminSite):
    """Django's admin site, with this registry's name and way in."""

    site_header = site_title = "Model Registry"
    index_title = "Administration"
    site_url = None
    login_form = LoginForm

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Refuse forms with what no database can look for; a middleware does so for URLs."""

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if any("\0" in text for _, texts in request.POST.lists() for text in texts):
                raise SuspiciousOperation("A NUL character in a form")
            response: HttpResponseBase = view(request, *args, **kwargs)
            return response

        return super().admin_view(update_wrapper(checked, view), cacheable)
