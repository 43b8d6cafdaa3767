"""The landing page, which is the home page of a logged-in user, and the documentation page."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from registry_site import __version__
from registry_site.api.about import health
from registry_site.pages.home import home
from registry_site.pages.site import known_user
from tenants.rest.negotiation import JSONRenderer


def landing(request: HttpRequest) -> HttpResponse:
    """Describe the service and link to its parts: HTML for browsers, JSON for programs."""
    state = health()
    summary = {
        "name": "Model Registry",
        "version": __version__,
        "status": state["status"],
        "api": f"/{settings.VERSION}",
        "documentation": "/docs.html",
        "openapi": f"/{settings.VERSION}/docs",
        "health": "/healthz",
    }
    wants_page = request.get_preferred_type(["application/json", "text/html"]) == "text/html"
    caller = known_user(request) if wants_page and state["status"] == "ok" else None
    if caller:
        return home(request, caller)
    if wants_page:
        context: dict[str, Any] = {"health": state, "api_version": settings.VERSION, "version": __version__}
        response = render(request, "landing.html", context)
    else:
        response = HttpResponse(JSONRenderer().render(summary), "application/json")
    response["Vary"], response["Cache-Control"] = "Accept", "no-store"
    return response


def to_docs(request: HttpRequest) -> HttpResponse:
    """Redirect from the API's prefix, which is no resource, to the documentation."""
    return HttpResponseRedirect(reverse("docs-page"))


def docs(request: HttpRequest) -> HttpResponse:
    """Show the OpenAPI document in Swagger UI; all files are served from this registry."""
    return render(request, "docs.html", {"document": f"/{settings.VERSION}/docs"})
