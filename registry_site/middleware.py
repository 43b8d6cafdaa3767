"""What holds for every request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

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


class OptionalTrailingSlash:
    """Takes `/v1/models/` for `/v1/models`, without a redirect, which would lose a body."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.endswith("/") and not request.path_info.startswith(KEEPS_SLASH):
            request.path_info = request.path_info.rstrip("/") or "/"
        return self.get_response(request)
