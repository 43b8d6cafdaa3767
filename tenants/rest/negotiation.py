"""Parses and renders JSON, and chooses HTML for browsers."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

UTF_8 = ("utf-8", "utf8")
MAX_PUBLIC_BODY = 64 * 1024  # bytes, for callers who have not logged in


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _too_deep(data: Any, body: bytes) -> bool:
    """Tell whether the body has more than `MAX_JSON_DEPTH` levels. Bodies with few brackets cost nothing to check."""
    if body.count(b"[") + body.count(b"{") <= settings.MAX_JSON_DEPTH:
        return False
    level = [data]
    for _ in range(settings.MAX_JSON_DEPTH):
        parts = (part.values() if isinstance(part, dict) else part for part in level)
        level = [inner for part in parts for inner in part if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _too_many(body: bytes) -> bool:
    """Tell whether the body has more than `MAX_JSON_ELEMENTS` names and values, by the number of separators.

    Separators inside strings do not count. They are excluded only if there are too many in all, to save time.
    """

    def separators(text: bytes) -> int:
        return sum(text.count(character) for character in (b",", b":", b"[", b"{"))

    most = settings.MAX_JSON_ELEMENTS
    if separators(body) <= most:
        return False
    without_escapes = body.replace(rb"\\", b"").replace(rb"\"", b"")
    if without_escapes.count(b'"') > 2 * most + 2:  # more strings than separators are allowed
        return True
    return separators(b"".join(without_escapes.split(b'"')[::2])) > most


class Parsed:
    """A parsed body, kept for the request log until the response is sent."""

    def __init__(self, contents: Any, request: Request) -> None:
        self.contents = contents
        self.request = request

    def forget(self) -> None:
        """Release the memory of the body, which the view's request also refers to."""
        self.contents = self.request._data = self.request._full_data = None  # type: ignore[attr-defined]


def _read(stream: Any, request: Request | None, what: str) -> bytes:
    """Return the whole body. Raises RequestDataTooBig above the limit, which is lower for anonymous callers."""
    known = request is None or request.user is not None
    longest = settings.MAX_BODY_SIZE if known else min(MAX_PUBLIC_BODY, settings.MAX_BODY_SIZE)
    body: bytes = stream.read(longest + 1)
    if len(body) > longest:
        raise RequestDataTooBig(f"{what} has at most {longest} bytes here")
    return body


class JSONParser(BaseParser):
    """Parses a JSON body. Limits its bytes, its levels, and the number of its names and values.

    Routes without login accept `MAX_PUBLIC_BODY` bytes. Numbers keep their type and all digits. The parsed body is
    stored on the request for the request log.
    """

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        request = parser_context["request"] if parser_context else None
        if request and request._request.content_params.get("charset", "utf-8").lower() not in UTF_8:
            raise UnsupportedMediaType(request.content_type, "JSON is in UTF-8")
        body = _read(stream, request, "A JSON body")
        if not body.strip():
            return {}
        if _too_many(body):
            raise RequestDataTooBig(f"A JSON body has at most {settings.MAX_JSON_ELEMENTS} names and values")
        try:
            data = json.loads(body.decode(), parse_constant=_refuse_constant)
            if b"\\ud" in body.lower():  # it may be a lone surrogate, which is not valid text
                json.dumps(data, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is not valid JSON: {error}") from error
        if isinstance(data, dict | list) and _too_deep(data, body):
            raise ParseError(f"A JSON body has at most {settings.MAX_JSON_DEPTH} levels")
        if request:
            request._request.parsed = Parsed(data, request)
        return data


class FormParser(BaseParser):
    """Parses a form of at most `MAX_BODY_SIZE` bytes into a flat object whose values are strings."""

    media_type = "application/x-www-form-urlencoded"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        request = parser_context["request"] if parser_context else None
        body = _read(stream, request, "A form")
        if body.lstrip()[:1] in (b"{", b"["):  # curl sends JSON like this if no type is given
            raise UnsupportedMediaType(self.media_type, "JSON needs the header `Content-Type: application/json`")
        most = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=most)
        except ValueError as error:
            raise ParseError(f"The body is not a valid form in UTF-8: {error}") from error
        data = dict(pairs)
        if len(data) < len(pairs):
            raise ParseError("A form has each field only once; send lists as JSON")
        if request:
            request._request.parsed = Parsed(data, request)
        return data


class AnyBody(BaseParser):
    """Leaves the body unread, for views that store it as a file."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        return {}


PAGE = "text/html"
SAFE = ("GET", "HEAD")


def reads_pages(request: HttpRequest) -> bool:
    """Tell whether the request comes from a browser: it prefers HTML to JSON and has no `Authorization` header."""
    if "HTTP_AUTHORIZATION" in request.META or PAGE not in request.META.get("HTTP_ACCEPT", ""):
        return False
    try:
        return request.get_preferred_type(["application/json", PAGE]) == PAGE
    except ValueError:  # a parameter names an unknown charset
        return False


class HtmlOrJsonNegotiation(DefaultContentNegotiation):
    """Returns HTML to browsers if the view has a page, and JSON otherwise, whatever `Accept` says."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        pages = [renderer for renderer in renderers[1:] if renderer.media_type == PAGE]
        looks = pages and request.method in SAFE and reads_pages(request._request)
        chosen = pages[0] if looks else renderers[0]
        return chosen, chosen.media_type


class JSONRenderer(BaseRenderer):
    """Renders JSON in UTF-8."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else orjson.dumps(data)
