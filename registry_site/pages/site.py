"""What all pages share: navigation, and the user who is logged in."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.encoding import escape_uri_path
from rest_framework.exceptions import AuthenticationFailed

from tenants.identity import authentication
from tenants.models import User

PLACES = ("models", "datasets", "algorithms", "tags", "metadata", "users", "tokens")


def known_user(request: HttpRequest) -> User | None:
    """Return the user who is logged in with this browser, if their login is still valid."""
    try:
        return authentication.user_of_session(request)
    except AuthenticationFailed:
        return None


def route_name(request: HttpRequest) -> str:
    """Return the name of the request's route; empty if no route matches."""
    return str(request.resolver_match.url_name) if request.resolver_match else ""


def site_context(request: HttpRequest, caller: User | None = None) -> dict[str, Any]:
    """Return the context of every page; looks up the caller in the session if the view did not."""
    caller = caller or known_user(request)
    places = [(place.capitalize(), reverse(f"{place}-list")) for place in PLACES] if caller else []
    if caller:
        places.append(("Production", reverse("holders-list", args=("production",))))
    places += [("Activity", reverse("events"))] if caller else []
    if caller and caller.is_admin:
        places += [("Protection", reverse("protection-list")), ("Log", reverse("log"))]
    here = request.path
    return {
        "api": f"/{settings.VERSION}",
        "caller": caller,
        "places": [(label, address, here == address or here.startswith(f"{address}/")) for label, address in places],
        "here": request.get_full_path(),
        "place": escape_uri_path(request.path_info),  # names can contain characters that URLs reserve
    }


def error_page(request: HttpRequest, error: dict[str, Any], *, crashed: bool = False) -> HttpResponse:
    """Show an error that no view of the API handled.

    It shows no user after a crash, since it must not query the database then, nor before the session is loaded.
    """
    known = hasattr(request, "session") and not crashed
    site = site_context(request) if known else {"here": request.get_full_path()}
    response = render(request, "browsable/error.html", site | {"error": error}, status=error["status"])
    response["Cache-Control"] = "no-store"
    return response
