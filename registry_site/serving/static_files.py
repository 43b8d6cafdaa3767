"""The pages' own files under `/static/`: from where their apps are installed, guarded like every answer."""

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.headers import Headers

from django.conf import settings
from django.contrib.staticfiles.finders import AppDirectoriesFinder
from whitenoise import WhiteNoise

from registry_site.api.policies import OF_DATA

ASK_AGAIN = 0  # seconds that browsers use a file without asking whether it has changed, as an upgrade may have done


class StaticFiles(WhiteNoise):  # type: ignore[misc]
    """Answers who reads a file that was there at the start; all else is the application's to answer."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        super().__init__(application, max_age=ASK_AGAIN, allow_all_origins=False, add_headers_function=_guard)
        for storage in AppDirectoriesFinder().storages.values():
            self.add_files(storage.location, prefix=settings.STATIC_URL)

    def serve(self, static_file: Any, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self.application(environ, start_response)
        environ.pop("HTTP_RANGE", None)  # nobody needs a part, and what it may answer has no headers of ours
        answer: Iterable[bytes] = super().serve(static_file, environ, start_response)
        return answer


def _guard(headers: Headers, path: str, url: str) -> None:
    headers["Content-Security-Policy"] = OF_DATA
    headers["Referrer-Policy"] = settings.SECURE_REFERRER_POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = settings.X_FRAME_OPTIONS
    if settings.SECURE_HSTS_SECONDS:
        headers["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
