"""Middleware for every request: limits, headers and paths."""

import re
from collections.abc import Callable

from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from rest_framework.response import Response

from registry_site.api.errors import METHODS, error_response
from registry_site.serving.headers import DATA_POLICY, PAGE_POLICY, TOO_LONG
from tenants.rest.negotiation import MAX_PUBLIC_BODY

HEADER_NAMES = re.compile(r"[\w!#$%&'*+.^`|~-]{1,100}(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]{1,100}){0,99}", re.ASCII)
KEEPS_SLASH = ("/admin/", "/static/")
API, LOGIN = f"/{settings.VERSION}/", "/login"  # their views authenticate the caller before they read a body


class ReleaseMemory:
    """Frees a request's body with the response, by breaking the reference cycles of DRF's requests and responses.

    Without it, the memory stays in use until a full run of the garbage collector.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        parsed = request.__dict__.pop("parsed", None)
        if parsed is not None:
            parsed.forget()
        if isinstance(response, Response):
            response.renderer_context = {}  # type: ignore[attr-defined]
        return response


class ContentLength:
    """Sets `Content-Length`. Django's CommonMiddleware also does, but rejects some host names."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if isinstance(response, HttpResponse) and not response.has_header("Content-Length"):
            response["Content-Length"] = str(len(response.content))
        return response


class ContentSecurityPolicy:
    """Sets `Content-Security-Policy`, unless the view has set it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_page = response.get("Content-Type", "").startswith("text/html")
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY if is_page else DATA_POLICY)
        return response


class CrossOrigin(CorsMiddleware):
    """Applies the `CORS_*` settings, and allows all headers that a page asks for.

    This is safe because browsers send no cookies, so a page can do no more than any other client.
    """

    def add_response_headers(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response = super().add_response_headers(request, response)
        asked = request.headers.get("Access-Control-Request-Headers", "")
        if response.has_header("Access-Control-Allow-Headers") and HEADER_NAMES.fullmatch(asked):
            response["Access-Control-Allow-Headers"] = asked
            patch_vary_headers(response, ("Access-Control-Request-Headers",))
        return response


class RequestLimits:
    """Refuses too large headers and URLs, null characters, and encoded bodies."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        refusal = self.refusal(request)
        return error_response(request, *refusal) if refusal else self.get_response(request)

    def refusal(self, request: HttpRequest) -> tuple[str, str] | None:
        """Return the name of the error and its details, or None."""
        size = sum(len(name) + len(value) for name, value in request.META.items() if name.startswith("HTTP_"))
        query = request.META.get("QUERY_STRING", "")
        if size + len(request.path) + len(query) > settings.MAX_HEADER_SIZE:
            return "payload_too_large", f"Headers and URL have at most {settings.MAX_HEADER_SIZE} bytes"
        if TOO_LONG in request.META:
            return "payload_too_large", request.META[TOO_LONG]
        if "\0" in request.path:
            return "resource_not_found", "Nothing has a null character in its name"
        if "%00" in query:
            return METHODS.get(request.method or "", "generic_request_error"), "A query holds no null characters"
        if request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() != "identity":
            return "unsupported_media_type", "Bodies come without a Content-Encoding"
        return None


class PageBodyLimit:
    """Refuses large bodies of pages, unless the user is logged in to the admin site.

    It runs last of all middleware, because the CSRF check of a view reads the form before it knows the user.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        is_page = not request.path_info.startswith(API) and request.path_info != LOGIN
        if length > MAX_PUBLIC_BODY and is_page and not request.user.is_authenticated:
            return error_response(request, "payload_too_large", f"This body has at most {MAX_PUBLIC_BODY} bytes")
        return self.get_response(request)


class OptionalTrailingSlash:
    """Treats `/v1/models/` as `/v1/models`, without a redirect, which would lose the body."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.endswith("/") and not request.path_info.startswith(KEEPS_SLASH):
            request.path_info = request.path_info.rstrip("/") or "/"
        return self.get_response(request)
