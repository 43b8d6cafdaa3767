"""Builds the response for a file or an archive: all bytes or a range, with at most one block in memory."""

import base64
import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Protocol, cast
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import http_date

from tenants.exceptions import Refused
from versions.storage import LinkingStore, store

RANGE = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE | re.ASCII)
QUOTED = re.compile(r'[^\x20-\x7e]|["\\%]')
CONDITIONS = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range")
BEHIND_NGINX = "/.versions/"  # nginx's internal location for the files of UPLOAD_PATH


class Download(Protocol):
    """What a response sends. The bytes behind an ETag never change; `key` and `sha256` are empty for archives."""

    @property
    def etag(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def mimetype(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def timestamp(self) -> datetime: ...
    def body(self, start: int, stop: int) -> StreamingHttpResponse: ...


def download(request: HttpRequest, content: Download) -> HttpResponseBase:
    """Return the content: 200, 206 or 416 for a range, 304 or 412 for a condition (RFC 9110)."""
    etag, modified = content.etag, content.timestamp.replace(microsecond=0)
    conditional = get_conditional_response(request, etag=etag, last_modified=int(modified.timestamp()))
    if conditional is not None and conditional.status_code == 412:
        changed = "The file is not, or no longer, the one that If-Match or If-Unmodified-Since ask for"
        raise Refused("get_request_error", changed, {"ETag": etag}, status=412)
    if conditional is not None:
        return _with_headers(conditional, content)
    span = _span(request, content) if request.method == "GET" else None
    if span is not None and span[0] >= span[1]:
        headers = {"Content-Range": f"bytes */{content.size}", "Accept-Ranges": "bytes"}
        raise Refused("get_request_error", f"The file has {content.size} bytes", headers, status=416)
    delegate = DELEGATES.get(settings.DOWNLOADS)
    if delegate and content.key and _can_delegate(request, span):
        response = delegate(content)
    else:
        response = _own_response(request, content, span)
    response["Content-Type"] = content.mimetype
    response["Content-Disposition"] = disposition(content.name)
    return _with_headers(response, content)


def _can_delegate(request: HttpRequest, span: tuple[int, int] | None) -> bool:
    """Return whether another server would answer alike: conditions and malformed ranges are handled differently."""
    has_condition = any(header in request.headers for header in CONDITIONS)
    return request.method == "GET" and not has_condition and (span is not None or "Range" not in request.headers)


def _to_nginx(content: Download) -> HttpResponseBase:
    return HttpResponse(headers={"X-Accel-Redirect": f"{BEHIND_NGINX}{content.key}"})


def _to_the_store(content: Download) -> HttpResponseBase:
    linking = cast(LinkingStore, store())
    url = linking.link(content.key, mimetype=content.mimetype, disposition=disposition(content.name))
    return HttpResponse(status=307, headers={"Location": url})


DELEGATES = {"accel": _to_nginx, "redirect": _to_the_store}


def _own_response(request: HttpRequest, content: Download, span: tuple[int, int] | None) -> HttpResponseBase:
    start, stop = span or (0, content.size)
    response: HttpResponseBase = HttpResponse() if request.method == "HEAD" else content.body(start, stop)
    response.status_code = 206 if span else 200
    if span:
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{content.size}"
    response["Content-Length"] = str(stop - start)
    response["Accept-Ranges"] = "bytes"
    return response


def _with_headers(response: HttpResponseBase, content: Download) -> HttpResponseBase:
    response["ETag"] = content.etag
    response["Last-Modified"] = http_date(content.timestamp.timestamp())
    if content.sha256:
        response["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(content.sha256)).decode()}:"
    response["X-Content-Type-Options"] = "nosniff"
    # Browsers must not run stored bytes as a page of this site, whatever their media type.
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def disposition(name: str) -> str:
    """Return a `Content-Disposition` with the last part of the name, any characters (RFC 6266, RFC 5987)."""
    name = name.rsplit("/", 1)[-1]
    plain = QUOTED.sub("_", name)
    extended = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{extended}'


def _span(request: HttpRequest, content: Download) -> tuple[int, int] | None:
    """Return start and stop of the one range asked for, None for the whole; start >= stop cannot be satisfied."""
    match = RANGE.fullmatch(request.headers.get("Range", ""))
    if not match or match.groups() == ("", "") or not _range_applies(request, content):
        return None
    first, last = match.groups()
    if not first:
        return max(0, content.size - int(last)), content.size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, content.size) if last else content.size


def _range_applies(request: HttpRequest, content: Download) -> bool:
    condition = request.headers.get("If-Range")
    if condition is None or condition == content.etag:
        return True
    try:
        return parsedate_to_datetime(condition).timestamp() == int(content.timestamp.timestamp())
    except (TypeError, ValueError):
        return False
