"""The pages where browsers log in and out."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from rest_framework.exceptions import APIException, Throttled

from registry_site.api.errors import ERRORS, error_name
from registry_site.pages.site import own_address, site_context
from tenants.identity import authentication, login
from tenants.identity.outbox import request_link
from tenants.identity.serializers import ResetRequest, credentials, tenant_of
from tenants.models import Tenant
from tenants.rest.collections import explain, valid_body


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


def forgot_page(request: HttpRequest) -> HttpResponse:
    """Mail a link that sets a new password; the page does not reveal whether a user has the address."""
    if request.method != "POST":
        return _forgot_form(request)
    try:
        body = valid_body(ResetRequest, {"email": request.POST.get("email", "")})
        tenant_id = tenant_of({"tenant": request.POST.get("tenant")})
        request_link(tenant_id=tenant_id, email=body["email"], address=login.address_of(request))
    except APIException as error:
        return _refused(request, error, _forgot_form)
    return _forgot_form(request, sent=True)


def _forgot_form(request: HttpRequest, *, error: dict[str, Any] | None = None, sent: bool = False) -> HttpResponse:
    context = _tenants(request) | {"error": error, "sent": sent, "hide_login": True}
    return _shown(request, "browsable/forgot.html", context)


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
    context = _tenants(request) | {
        "username": request.POST.get("username", ""),
        "next": _target(request),
        "error": error,
        "notice": notice,
        "hide_login": True,
    }
    return _shown(request, "browsable/login.html", context)


def _tenants(request: HttpRequest) -> dict[str, Any]:
    """Return the tenants to choose from, if the list is public, and the chosen one."""
    public = settings.PUBLIC_TENANT_LIST
    chosen = request.POST.get("tenant") or request.GET.get("tenant")
    return {
        "tenants": list(Tenant.objects.order_by("pk").values_list("pk", flat=True)) if public else [],
        "tenant": chosen or (settings.DEFAULT_TENANT if public else ""),
    }


def _shown(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    response = render(request, template, site_context(request) | context)
    response["Cache-Control"] = "no-store"
    return response


def _refused(request: HttpRequest, error: APIException, form: Any = None) -> HttpResponse:
    """Show the form again, with the error."""
    row = ERRORS[error_name(error, "POST") or "authentication_error"]
    response: HttpResponse = (form or _form)(request, error=row.answer(explain(error)))
    response.status_code = row.status
    if row.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="registry"'
    if isinstance(error, Throttled):
        response["Retry-After"] = str(error.wait)  # type: ignore[attr-defined]
    return response


def _target(request: HttpRequest) -> str:
    """Return the URL to open after the login; a `next` outside this registry is ignored."""
    return own_address(request.POST.get("next") or request.GET.get("next") or "", reverse("models-list"))
