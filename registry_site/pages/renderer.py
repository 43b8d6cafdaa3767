"""A response of the API as a page: its content, what the caller may do with it, and the raw response."""

from collections.abc import Mapping
from typing import Any

import orjson
from django.template.loader import render_to_string
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request

from catalog.models import KINDS
from registry_site.pages.compare import compare_context, part_context
from registry_site.pages.items import CHOICES, CONTEXTS
from registry_site.pages.lists import list_context
from registry_site.pages.overview import address_of_name
from registry_site.pages.search import facets_context, new_term
from registry_site.pages.site import route_name, site_context
from registry_site.pages.tables import COLLECTIONS
from registry_site.pages.versions import FILES, VERSION_PAGES, version_page
from registry_site.pages.words import DUPLICATES, duplicates_context
from tenants.models import User

FRAGMENT = "HTTP_HX_REQUEST"  # htmx asks for a part of a page
# Route -> template and context.
PAGES: dict[str, tuple[str, Any]] = {"compare": ("browsable/compare.html", compare_context)}
PAGES |= dict.fromkeys(DUPLICATES, ("browsable/duplicates.html", duplicates_context))
PARTS = {"compare": ("browsable/matrix_rows.html", part_context)}  # of a page
LONGEST_BODY = 20_000  # characters of the raw response that a page shows


class PageRenderer(BrowsableAPIRenderer):
    """Renders for browsers what programs get as JSON; `tables.py` describes each collection."""

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> str:
        context = dict(renderer_context or {})
        view, request, response = context["view"], context["request"], context["response"]
        response["Cache-Control"] = "no-store"  # the back button must show nothing after logging out
        site = site_context(request._request, request.user if isinstance(request.user, User) else None)
        added = new_term(request) if response.status_code < 500 else ""
        if added and site["caller"]:
            response.status_code, response["Location"] = 303, added
        template, shown = self.page_of(view, request, response, data, site["caller"])
        site |= {"raw_response": self.raw_response(request, response, data), **CHOICES}
        return render_to_string(template, site | shown, request)

    def page_of(
        self, view: Any, request: Request, response: Any, data: Any, caller: User | None
    ) -> tuple[str, dict[str, Any]]:
        """Return the template of the response and its context."""
        route, part = _split(route_name(request._request))
        collection = FILES if route.endswith("-versions-files") else COLLECTIONS.get(route)
        is_missing_item = response.status_code == 404 and part == "detail" and route[:-1] in KINDS
        refused = {"error": data} if response.status_code >= 400 else {}
        part_of_version = getattr(view, "read_part", None)
        if caller and not refused and part_of_version and part_of_version[2].part in VERSION_PAGES:
            return version_page(view, data, caller)
        if "facets" in (data or ()) and FRAGMENT in request.META:
            return "browsable/facets.html", facets_context(request, data)
        if caller and collection and part == "list" and response.status_code in (200, 303, 400):
            may_create = bool(collection.form) and caller.role in view.roles.get("create", ())
            shown = list_context(view, request, {} if refused else data, collection)
            return "browsable/list.html", shown | refused | {"route": route, "may_create": may_create}
        if refused:
            found = address_of_name(route[:-1], view.kwargs["pk"], caller) if caller and is_missing_item else ""
            if found:
                response.status_code, response["Location"] = 302, found
            return "browsable/error.html", refused
        if caller and route in PAGES:
            template, context = (PARTS if FRAGMENT in request.META and route in PARTS else PAGES)[route]
            return template, context(view, request, data)
        if caller and collection and part == "detail":
            may_delete = caller.role in view.roles.get("destroy", ())
            shown = CONTEXTS[route](view, data, route, caller)
            return collection.detail, {"may_delete": may_delete, "collection": collection, "route": route} | shown
        return "browsable/fields.html", {"title": view.get_view_name(), "value": data}

    @staticmethod
    def raw_response(request: Request, response: Any, data: Any) -> str:
        """Return request and response as a program sees them."""
        headers = dict(response.items()) | {"Content-Type": "application/json"}
        lines = [f"{request.method} {request.get_full_path()}", ""]
        lines += [f"HTTP {response.status_code} {response.status_text}"]
        lines += [f"{name}: {value}" for name, value in sorted(headers.items()) if name != "Cache-Control"]
        body = orjson.dumps(data, option=orjson.OPT_INDENT_2).decode()
        if len(body) > LONGEST_BODY:
            body = f"{body[:LONGEST_BODY]}\n… and {len(body) - LONGEST_BODY} more characters, which programs get"
        return "\n".join([*lines, "", body])


def _split(name: str) -> tuple[str, str]:
    """Return collection and part (`list`, `detail`) of a route's name; the log and the events have only a list."""
    if name in ("log", "events"):
        return name, "list"
    if name.endswith("-events"):
        return "events", "list"
    route, _, part = name.rpartition("-")
    if route.endswith("-versions") and part == "files":
        return name, "list"
    return (route, part) if part in ("list", "detail") else (name, "")
