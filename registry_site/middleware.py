"""What holds for every request."""

import re
from collections.abc import Callable

from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers

from registry_site.errors import METHODS, refused
from registry_site.policies import OF_DATA, OF_PAGES

HEADER_NAMES = re.compile(r"[\w!#$%&'*+.^`|~-]{1,100}(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]{1,100}){0,99}", re.ASCII)
KEEPS_SLASH = ("/admin/", "/static/")


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


class Readable:
    """Refuses requests whose headers and URL are too large, or whose URL holds what no database can search for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        size = sum(len(name) + len(value) for name, value in request.META.items() if name.startswith("HTTP_"))
        query = request.META.get("QUERY_STRING", "")
        if size + len(request.path) + len(query) > settings.MAX_HEADER_SIZE:
            limit = f"Headers and URL have at most {settings.MAX_HEADER_SIZE} bytes"
            return refused(request, "payload_too_large", limit)
        if "\0" in request.path:
            return refused(request, "resource_not_found", "Nothing has a null character in its name")
        if "%00" in query:
            name = METHODS.get(request.method or "", "generic_request_error")
            return refused(request, name, "A query holds no null characters")
        return self.get_response(request)


class OptionalTrailingSlash:
    """Takes `/v1/models/` for `/v1/models`, without a redirect, which would lose a body."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.endswith("/") and not request.path_info.startswith(KEEPS_SLASH):
            request.path_info = request.path_info.rstrip("/") or "/"
        return self.get_response(request)
