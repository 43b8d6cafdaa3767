"""What all pages have in common: where they lead, and whom they greet."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.encoding import escape_uri_path
from rest_framework.exceptions import AuthenticationFailed

from tenants.identity import authentication
from tenants.models import User

PLACES = ("models", "datasets", "algorithms", "tags", "metadata", "users")


def known_user(request: HttpRequest) -> User | None:
    """Return who logged in with this browser, if his login is still good."""
    try:
        return authentication.user_of_session(request)
    except AuthenticationFailed:
        return None


def route_name(request: HttpRequest) -> str:
    """Return the name of the request's route, or nothing where there is none such."""
    return str(request.resolver_match.url_name) if request.resolver_match else ""


def site_context(request: HttpRequest, caller: User | None = None) -> dict[str, Any]:
    """Return what every page needs; the caller is looked for in the session where the view asked nobody."""
    caller = caller or known_user(request)
    places = [(place.capitalize(), reverse(f"{place}-list")) for place in PLACES] if caller else []
    if caller and caller.is_admin:
        places.append(("Log", reverse("log")))
    here = request.path
    return {
        "api": f"/{settings.VERSION}",
        "caller": caller,
        "places": [(label, address, here == address or here.startswith(f"{address}/")) for label, address in places],
        "here": request.get_full_path(),
        "place": escape_uri_path(request.path_info),  # names may hold what means something in an address
    }


def error_page(request: HttpRequest, error: dict[str, Any], *, crashed: bool = False) -> HttpResponse:
    """Show an error that no view of the API answered.

    The caller is not greeted after a crash, which asks nothing of the database, nor before the session is loaded.
    """
    known = hasattr(request, "session") and not crashed
    site = site_context(request) if known else {"here": request.get_full_path()}
    response = render(request, "browsable/error.html", site | {"error": error}, status=error["status"])
    response["Cache-Control"] = "no-store"
    return response
