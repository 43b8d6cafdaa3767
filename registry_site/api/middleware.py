"""Middleware for every request: limits, headers and paths."""

import re
from collections.abc import Callable
from typing import Any

from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.cache import patch_vary_headers

from registry_site.api.errors import METHODS, error_response
from registry_site.serving.headers import DATA_POLICY, PAGE_POLICY, TOO_LONG
from tenants.identity.authentication import sent_token
from tenants.rest.negotiation import MAX_PUBLIC_BODY

HEADER_NAMES = re.compile(r"[\w!#$%&'*+.^`|~-]{1,100}(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]{1,100}){0,99}", re.ASCII)
KEEPS_SLASH = ("/admin/", "/static/")
CORS_PATHS = re.compile(settings.CORS_URLS_REGEX)
# Their views authenticate the caller before they read a body.
API, LOGIN = (f"/{settings.VERSION}/", "/api/", "/ajax-api/"), "/login"


class ResponseHeaders:
    """Sets `Content-Length`, `X-Frame-Options` and, unless the view has set it, `Content-Security-Policy`.

    Django's CommonMiddleware also sets `Content-Length`, but rejects some host names.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        headers = response.headers
        if isinstance(response, HttpResponse) and "Content-Length" not in headers:
            headers["Content-Length"] = str(len(response.content))
        headers["X-Frame-Options"] = settings.X_FRAME_OPTIONS
        if "Content-Security-Policy" not in headers:
            is_page = headers.get("Content-Type", "").startswith("text/html")
            headers["Content-Security-Policy"] = PAGE_POLICY if is_page else DATA_POLICY
        return response


class CrossOrigin(CorsMiddleware):
    """Applies the `CORS_*` settings, and allows all headers that a page asks for.

    This is safe because browsers send no cookies, so a page can do no more than any other client.
    """

    def __call__(self, request: HttpRequest) -> Any:
        if "HTTP_ORIGIN" in request.META or request.method == "OPTIONS":
            return super().__call__(request)
        response: Any = self.get_response(request)
        if self.is_enabled(request):
            vary = response.headers.get("Vary")
            response.headers["Vary"] = f"{vary}, origin" if vary else "origin"
        return response

    def is_enabled(self, request: HttpRequest) -> bool:
        return bool(CORS_PATHS.match(request.path_info))

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
        size = sum([len(name) + len(value) for name, value in request.META.items() if name[:5] == "HTTP_"])
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


def uses_token(request: HttpRequest) -> bool:
    """Tell whether a request to the API has a token, which alone determines the caller: no cookie matters."""
    known: bool | None = request.__dict__.get("uses_token")
    if known is None:
        on_api = request.path_info.startswith(API) or request.path_info == LOGIN
        known = request.__dict__["uses_token"] = on_api and bool(sent_token(request))
    return known


class ForPages:
    """Skips a middleware of pages for calls of the API with a token: together they take a tenth of such a call."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request) if uses_token(request) else super().__call__(request)  # type: ignore[misc]


class PageSession(ForPages, SessionMiddleware):
    """Gives a request its session."""


class PageCsrf(ForPages, CsrfViewMiddleware):
    """Sets and checks the CSRF token of forms. The views of the API check it themselves, if a session logs in."""


class PageUser(ForPages, AuthenticationMiddleware):
    """Gives a request its user of the admin site."""


class PageMessages(ForPages, MessageMiddleware):
    """Gives a request its messages for the admin site."""


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
