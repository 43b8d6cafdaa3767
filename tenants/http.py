"""JSON in and out, and pages for browsers."""

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


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _too_deep(data: Any, body: bytes) -> bool:
    """Tell whether the body has more than `MAX_JSON_DEPTH` levels, at no cost where it has fewer brackets."""
    if body.count(b"[") + body.count(b"{") <= settings.MAX_JSON_DEPTH:
        return False
    level = [data]
    for _ in range(settings.MAX_JSON_DEPTH):
        parts = (part.values() if isinstance(part, dict) else part for part in level)
        level = [inner for part in parts for inner in part if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _read(stream: Any, what: str) -> bytes:
    """Return the whole body. Raises RequestDataTooBig above `MAX_BODY_SIZE`."""
    body: bytes = stream.read(settings.MAX_BODY_SIZE + 1)
    if len(body) > settings.MAX_BODY_SIZE:
        raise RequestDataTooBig(f"{what} has at most {settings.MAX_BODY_SIZE} bytes")
    return body


class JSONParser(BaseParser):
    """Reads a JSON body of at most `MAX_BODY_SIZE` bytes and `MAX_JSON_DEPTH` levels.

    Numbers keep their type and all their digits. The parsed body is left on the request for the request log.
    """

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        body = _read(stream, "A JSON body")
        if not body.strip():
            return {}
        try:
            data = json.loads(body.decode(), parse_constant=_refuse_constant)
            if b"\\ud" in body.lower():  # perhaps half a surrogate pair, which is not text
                json.dumps(data, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is not valid JSON: {error}") from error
        if isinstance(data, dict | list) and _too_deep(data, body):
            raise ParseError(f"A JSON body has at most {settings.MAX_JSON_DEPTH} levels")
        if parser_context:
            parser_context["request"]._request.contents = data
        return data


class FormParser(BaseParser):
    """Reads a form of at most `MAX_BODY_SIZE` bytes as a flat JSON object, whose values are all texts."""

    media_type = "application/x-www-form-urlencoded"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        body = _read(stream, "A form")
        if body.lstrip()[:1] in (b"{", b"["):  # as curl sends it without being told a type
            raise UnsupportedMediaType(self.media_type, "JSON wants the header `Content-Type: application/json`")
        most = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=most)
        except ValueError as error:
            raise ParseError(f"The body is not a valid form in UTF-8: {error}") from error
        data = dict(pairs)
        if len(data) < len(pairs):
            raise ParseError("A form has each field once; lists are sent as JSON")
        if parser_context:
            parser_context["request"]._request.contents = data
        return data


class AnyBody(BaseParser):
    """Leaves a body that is a file to the view."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        return {}


PAGE = "text/html"
SAFE = ("GET", "HEAD")


def reads_pages(request: HttpRequest) -> bool:
    """Tell whether a browser asks: one that names HTML and prefers it to JSON, without a program's token."""
    if "Authorization" in request.headers or PAGE not in request.headers.get("Accept", ""):
        return False
    return request.get_preferred_type(["application/json", PAGE]) == PAGE


class OneForm(DefaultContentNegotiation):
    """Answers JSON whatever `Accept` asks for, and a page to browsers that look at a view which has one."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        pages = [renderer for renderer in renderers[1:] if renderer.media_type == PAGE]
        looks = pages and request.method in SAFE and reads_pages(request._request)
        chosen = pages[0] if looks else renderers[0]
        return chosen, chosen.media_type


class JSONRenderer(BaseRenderer):
    """Writes JSON in UTF-8."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else orjson.dumps(data)
