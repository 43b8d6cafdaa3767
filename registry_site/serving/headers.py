"""Headers are bounded before anything parses them."""

from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.utils.http import parse_header_parameters

# Bytes. Python's parser of these takes time that grows with the square of their length: 3.5 s for 60,000 semicolons.
LONGEST = {"CONTENT_TYPE": 1024, "HTTP_ACCEPT": 2048}
NAMES = {"CONTENT_TYPE": "Content-Type", "HTTP_ACCEPT": "Accept"}
TOO_LONG = "registry.too_long"  # where the environment names a header that was taken out for its length


class BoundedRequest(WSGIRequest):
    """A request without headers that are too long to be parsed, which `RequestLimits` then refuses.

    Queries and forms are UTF-8, whatever charset `Content-Type` announces: it could name any codec of Python's.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        for name, longest in LONGEST.items():
            if len(environ.get(name, "")) > longest:
                environ[TOO_LONG] = f"{NAMES[name]} has at most {longest} bytes"
                environ[name] = ""
        super().__init__(environ)

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except ValueError:  # a parameter in a charset that does not exist
            meta["CONTENT_TYPE"] = self.content_type = meta["CONTENT_TYPE"].split(";")[0].strip().lower()
            self.content_params = {}
