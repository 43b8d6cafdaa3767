"""The pages that people meet first: what this is, and the documentation."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from registry_site import __version__
from registry_site.api.about import health
from tenants.rest.negotiation import JSONRenderer


def landing(request: HttpRequest) -> HttpResponse:
    """Say what this is and where its parts are: as a page to browsers, as JSON to programs."""
    state = health()
    told = {
        "name": "Model Registry",
        "version": __version__,
        "status": state["status"],
        "api": f"/{settings.VERSION}",
        "documentation": "/docs.html",
        "openapi": f"/{settings.VERSION}/docs",
        "health": "/healthz",
    }
    if request.get_preferred_type(["application/json", "text/html"]) == "text/html":
        parts: dict[str, Any] = {"health": state, "api_version": settings.VERSION, "version": __version__}
        response = render(request, "landing.html", parts)
    else:
        response = HttpResponse(JSONRenderer().render(told), "application/json")
    response["Vary"], response["Cache-Control"] = "Accept", "no-store"
    return response


def to_docs(request: HttpRequest) -> HttpResponse:
    """Lead from the API's prefix, where nothing is, to its documentation."""
    return HttpResponseRedirect(reverse("docs-page"))


def docs(request: HttpRequest) -> HttpResponse:
    """Show the OpenAPI document, to be read and tried; all that the page needs comes from here."""
    return render(request, "docs.html", {"document": f"/{settings.VERSION}/docs"})
