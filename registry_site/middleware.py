"""What holds for every request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

KEEPS_SLASH = ("/admin/", "/static/")


class OptionalTrailingSlash:
    """Takes `/v1/models/` for `/v1/models`, without a redirect, which would lose a body."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.endswith("/") and not request.path_info.startswith(KEEPS_SLASH):
            request.path_info = request.path_info.rstrip("/") or "/"
        return self.get_response(request)
