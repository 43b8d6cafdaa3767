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
        """Refuse what no database can look for before any is asked."""

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if "\0" in request.path or any("\0" in text for text in _texts(request)):
                raise SuspiciousOperation("A NUL character in a request")
            response: HttpResponseBase = view(request, *args, **kwargs)
            return response

        return super().admin_view(update_wrapper(checked, view), cacheable)


def _texts(request: HttpRequest) -> list[str]:
    """Return all values of the query and of the form."""
    return [text for source in (request.GET, request.POST) for _, texts in source.lists() for text in texts]
