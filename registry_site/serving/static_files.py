"""Serves the pages' static files under `/static/`, with the security headers of every response."""

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.headers import Headers

from django.conf import settings
from django.contrib.staticfiles.finders import AppDirectoriesFinder
from whitenoise import WhiteNoise

from registry_site.serving.headers import DATA_POLICY

MAX_AGE = 0  # seconds; browsers revalidate each time, because an upgrade may have changed a file


class StaticFiles(WhiteNoise):  # type: ignore[misc]
    """Serves files that existed at startup; passes all other requests to the application."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        super().__init__(
            application, max_age=MAX_AGE, allow_all_origins=False, add_headers_function=_add_security_headers
        )
        for storage in AppDirectoriesFinder().storages.values():
            self.add_files(storage.location, prefix=settings.STATIC_URL)

    def serve(self, static_file: Any, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self.application(environ, start_response)
        environ.pop("HTTP_RANGE", None)  # WhiteNoise's 416 response would lack the security headers
        answer: Iterable[bytes] = super().serve(static_file, environ, start_response)
        return answer


def _add_security_headers(headers: Headers, path: str, url: str) -> None:
    headers["Content-Security-Policy"] = DATA_POLICY
    headers["Referrer-Policy"] = settings.SECURE_REFERRER_POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = settings.X_FRAME_OPTIONS
    if settings.SECURE_HSTS_SECONDS:
        headers["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
