"""What holds for every request."""

import re
from collections.abc import Callable

from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from rest_framework.response import Response

from registry_site.api.errors import METHODS, refused
from registry_site.api.policies import OF_DATA, OF_PAGES
from registry_site.serving.headers import TOO_LONG
from tenants.rest.negotiation import MAX_PUBLIC_BODY

HEADER_NAMES = re.compile(r"[\w!#$%&'*+.^`|~-]{1,100}(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]{1,100}){0,99}", re.ASCII)
KEEPS_SLASH = ("/admin/", "/static/")
API, LOGIN = f"/{settings.VERSION}/", "/login"  # whose views read a body only once they know the caller


class Release:
    """Gives memory back with the answer: the views' requests and answers refer to themselves, and would keep a body.

    The garbage collector would find it, but not before it has looked at all that lives.
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
    """Tells how long an answer is, which Django's CommonMiddleware does too, but only to hosts with proper names."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if isinstance(response, HttpResponse) and not response.has_header("Content-Length"):
            response["Content-Length"] = str(len(response.content))
        return response


class ContentPolicy:
    """Tells browsers what an answer may load and run, unless its view has said so itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_page = response.get("Content-Type", "").startswith("text/html")
        response.headers.setdefault("Content-Security-Policy", OF_PAGES if is_page else OF_DATA)
        return response


class CrossOrigin(CorsMiddleware):
    """Answers pages of other origins as `CORS_*` say, and lets them send whatever headers they ask for.

    Browsers send no cookies along, so headers give a page nothing that a program does not have.
    """

    def add_response_headers(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response = super().add_response_headers(request, response)
        asked = request.headers.get("Access-Control-Request-Headers", "")
        if response.has_header("Access-Control-Allow-Headers") and HEADER_NAMES.fullmatch(asked):
            response["Access-Control-Allow-Headers"] = asked
            patch_vary_headers(response, ("Access-Control-Request-Headers",))
        return response


class RequestLimits:
    """Refuses what is not worth reading: headers and URL that are too large, null characters, encoded bodies."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        refusal = self.refusal(request)
        return refused(request, *refusal) if refusal else self.get_response(request)

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


class PageBodies:
    """Refuses large bodies for pages, unless they come from somebody who is logged in to the admin site.

    It runs last: views that check the CSRF token read the form before they know the caller.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        is_page = not request.path_info.startswith(API) and request.path_info != LOGIN
        if length > MAX_PUBLIC_BODY and is_page and not request.user.is_authenticated:
            return refused(request, "payload_too_large", f"This body has at most {MAX_PUBLIC_BODY} bytes")
        return self.get_response(request)


class OptionalTrailingSlash:
    """Takes `/v1/models/` for `/v1/models`, without a redirect, which would lose a body."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.endswith("/") and not request.path_info.startswith(KEEPS_SLASH):
            request.path_info = request.path_info.rstrip("/") or "/"
        return self.get_response(request)
