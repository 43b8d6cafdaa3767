"""The pages where browsers log in and out."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from rest_framework.exceptions import APIException, Throttled

from registry_site.api.errors import ERRORS, error_name
from registry_site.pages.site import site_context
from tenants.identity import authentication, login
from tenants.identity.serializers import credentials, tenant_of
from tenants.models import Tenant
from tenants.rest.collections import explain


def login_page(request: HttpRequest) -> HttpResponse:
    """Log in a user with tenant, username and password, then redirect them to the page they wanted."""
    if request.method != "POST":
        return _form(request)
    try:
        _enter(request)
    except APIException as error:
        return _refused(request, error)
    return HttpResponseRedirect(_target(request))


def logout_page(request: HttpRequest) -> HttpResponse:
    """Log out this browser and confirm it."""
    authentication.log_out(request)
    return _form(request, notice="You are logged out.")


def _enter(request: HttpRequest) -> None:
    """Log in by the same rules as the API. Raises the API's exceptions."""
    body = credentials(request.POST.dict())
    tenant_id = tenant_of(body)
    request.log_tenant_id = tenant_id  # type: ignore[attr-defined]
    user = login.authenticate(
        tenant_id=tenant_id,
        username=body["username"],
        password=body["password"],
        address=login.address_of(request),
    )
    authentication.log_in(request, user)
    request.user = user


def _form(request: HttpRequest, *, error: dict[str, Any] | None = None, notice: str = "") -> HttpResponse:
    public = settings.PUBLIC_TENANT_LIST
    context = {
        "tenants": list(Tenant.objects.order_by("pk").values_list("pk", flat=True)) if public else [],
        "tenant": request.POST.get("tenant") or (settings.DEFAULT_TENANT if public else ""),
        "username": request.POST.get("username", ""),
        "next": _target(request),
        "error": error,
        "notice": notice,
        "hide_login": True,
    }
    response = render(request, "browsable/login.html", site_context(request) | context)
    response["Cache-Control"] = "no-store"
    return response


def _refused(request: HttpRequest, error: APIException) -> HttpResponse:
    """Show the form again, with the error."""
    row = ERRORS[error_name(error, "POST") or "authentication_error"]
    response = _form(request, error=row.answer(explain(error)))
    response.status_code = row.status
    if row.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="registry"'
    if isinstance(error, Throttled):
        response["Retry-After"] = str(error.wait)  # type: ignore[attr-defined]
    return response


def _target(request: HttpRequest) -> str:
    """Return the URL to open after the login; a `next` outside this registry is ignored."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if safe else reverse("models-list")
