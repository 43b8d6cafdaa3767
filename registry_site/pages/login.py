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
    """Let a user in who gives tenant, username and password, and lead him on to where he wanted."""
    if request.method != "POST":
        return _form(request)
    try:
        _enter(request)
    except APIException as error:
        return _refused(request, error)
    return HttpResponseRedirect(_target(request))


def logout_page(request: HttpRequest) -> HttpResponse:
    """End the browser's login, and say so."""
    authentication.log_out(request)
    return _form(request, said="You are logged out.")


def _enter(request: HttpRequest) -> None:
    """Log in by the rules of the API. Raises what it answers with."""
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


def _form(request: HttpRequest, *, error: dict[str, Any] | None = None, said: str = "") -> HttpResponse:
    public = settings.PUBLIC_TENANT_LIST
    context = {
        "tenants": list(Tenant.objects.order_by("pk").values_list("pk", flat=True)) if public else [],
        "tenant": request.POST.get("tenant") or (settings.DEFAULT_TENANT if public else ""),
        "username": request.POST.get("username", ""),
        "next": _target(request),
        "error": error,
        "said": said,
        "hide_login": True,
    }
    response = render(request, "browsable/login.html", site_context(request) | context)
    response["Cache-Control"] = "no-store"
    return response


def _refused(request: HttpRequest, error: APIException) -> HttpResponse:
    """Show the form again, with what is wrong."""
    row = ERRORS[error_name(error, "POST") or "authentication_error"]
    response = _form(request, error=row.answer(explain(error)))
    response.status_code = row.status
    if row.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="registry"'
    if isinstance(error, Throttled):
        response["Retry-After"] = str(error.wait)  # type: ignore[attr-defined]
    return response


def _target(request: HttpRequest) -> str:
    """Return where to go after the login: a page of this registry, whatever `next` says."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if safe else reverse("models-list")
