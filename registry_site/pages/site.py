"""What all pages share: navigation, and the user who is logged in."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.encoding import escape_uri_path
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import AuthenticationFailed

from tenants.identity import authentication
from tenants.models import User

THEME_COOKIE, THEME_AGE = "theme", 365 * 24 * 3600  # seconds
THEMES = {"": ("light", "◐"), "light": ("dark", "☀"), "dark": ("", "☾")}  # each with the next one and its icon
PLACES = ("models", "datasets", "algorithms", "tags", "metadata", "users", "drafts", "tokens")


def known_user(request: HttpRequest) -> User | None:
    """Return the user who is logged in with this browser, if their login is still valid."""
    try:
        return authentication.user_of_session(request)
    except AuthenticationFailed:
        return None


def route_name(request: HttpRequest) -> str:
    """Return the name of the request's route; empty if no route matches."""
    return str(request.resolver_match.url_name) if request.resolver_match else ""


def theme(request: HttpRequest) -> dict[str, Any]:
    """Return the colours that a browser chose, for every template; an empty name follows the system's preference."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    name = chosen if chosen in THEMES else ""
    following, icon = THEMES[name]
    return {"theme": {"name": name, "next": following, "icon": icon}}


@csrf_exempt
def theme_page(request: HttpRequest) -> HttpResponse:
    """Remember the colours that a browser chose, and return to the page; other sites may not do more than that."""
    chosen = request.POST.get("theme", "")
    response = HttpResponseRedirect(own_address(request.POST.get("next", ""), "/"))

    if chosen in THEMES:
        secure = settings.SESSION_COOKIE_SECURE
        response.set_cookie(THEME_COOKIE, chosen, THEME_AGE, secure=secure, httponly=True, samesite="Lax")
    return response


def own_address(wanted: str, default: str) -> str:
    """Return an address of this registry that a request names, or the default instead of any other address."""
    safe = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if safe else default


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
