"""Builds the response for a version: all bytes or a range, with at most one block in memory."""

import base64
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import IO, cast
from urllib.parse import quote

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import http_date

from tenants.exceptions import Refused
from versions.models import Version
from versions.storage import BLOCK, LinkingStore, store

RANGE = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE | re.ASCII)
QUOTED = re.compile(r'[^\x20-\x7e]|["\\%]')
CONDITIONS = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range")
BEHIND_NGINX = "/.versions/"  # nginx's internal location for the files of UPLOAD_PATH


def download(request: HttpRequest, version: Version) -> HttpResponseBase:
    """Return a version's bytes: 200, 206 or 416 for a range, 304 or 412 for a condition (RFC 9110)."""
    etag, modified = f'"{version.sha256}"', version.timestamp.replace(microsecond=0)
    conditional = get_conditional_response(request, etag=etag, last_modified=int(modified.timestamp()))
    if conditional is not None and conditional.status_code == 412:
        changed = "The file is not, or no longer, the one that If-Match or If-Unmodified-Since ask for"
        raise Refused("get_request_error", changed, {"ETag": etag}, status=412)
    if conditional is not None:
        return _with_headers(conditional, version)
    span = _span(request, version, etag) if request.method == "GET" else None
    if span is not None and span[0] >= span[1]:
        headers = {"Content-Range": f"bytes */{version.size}", "Accept-Ranges": "bytes"}
        raise Refused("get_request_error", f"The file has {version.size} bytes", headers, status=416)
    delegate = DELEGATES.get(settings.DOWNLOADS)
    if delegate and _can_delegate(request, span):
        response = delegate(version)
    else:
        response = _own_response(request, version, span)
    response["Content-Type"] = version.mimetype
    response["Content-Disposition"] = disposition(version.original)
    return _with_headers(response, version)


def _can_delegate(request: HttpRequest, span: tuple[int, int] | None) -> bool:
    """Return whether another server would answer alike: conditions and malformed ranges are handled differently."""
    has_condition = any(header in request.headers for header in CONDITIONS)
    return request.method == "GET" and not has_condition and (span is not None or "Range" not in request.headers)


def _to_nginx(version: Version) -> HttpResponseBase:
    return HttpResponse(headers={"X-Accel-Redirect": f"{BEHIND_NGINX}{version.blob}"})


def _to_the_store(version: Version) -> HttpResponseBase:
    linking = cast(LinkingStore, store())
    url = linking.link(version.blob, mimetype=version.mimetype, disposition=disposition(version.original))
    return HttpResponse(status=307, headers={"Location": url})


DELEGATES = {"accel": _to_nginx, "redirect": _to_the_store}


def _own_response(request: HttpRequest, version: Version, span: tuple[int, int] | None) -> HttpResponseBase:
    start, stop = span or (0, version.size)
    response: HttpResponseBase = HttpResponse() if request.method == "HEAD" else _bytes(version, start, stop)
    response.status_code = 206 if span else 200
    if span:
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{version.size}"
    response["Content-Length"] = str(stop - start)
    response["Accept-Ranges"] = "bytes"
    return response


def _bytes(version: Version, start: int, stop: int) -> FileResponse:
    file = store().read(version.blob, start, stop)
    if (start, stop) != (0, version.size):
        response = FileResponse(_limited(file, stop - start))
        response._resource_closers.append(file.close)  # type: ignore[attr-defined]
        return response
    response = FileResponse(file)
    response.block_size = BLOCK  # Django's default of 4 KiB is several times slower
    return response


def _limited(file: IO[bytes], missing: int) -> Iterator[bytes]:
    while missing and (chunk := file.read(min(BLOCK, missing))):
        missing -= len(chunk)
        yield chunk


def _with_headers(response: HttpResponseBase, version: Version) -> HttpResponseBase:
    response["ETag"] = f'"{version.sha256}"'
    response["Last-Modified"] = http_date(version.timestamp.timestamp())
    response["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(version.sha256)).decode()}:"
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


def _span(request: HttpRequest, version: Version, etag: str) -> tuple[int, int] | None:
    """Return start and stop of the one range asked for, None for the whole; start >= stop cannot be satisfied."""
    match = RANGE.fullmatch(request.headers.get("Range", ""))
    if not match or match.groups() == ("", "") or not _range_applies(request, version, etag):
        return None
    first, last = match.groups()
    if not first:
        return max(0, version.size - int(last)), version.size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, version.size) if last else version.size


def _range_applies(request: HttpRequest, version: Version, etag: str) -> bool:
    condition = request.headers.get("If-Range")
    if condition is None or condition == etag:
        return True
    try:
        return parsedate_to_datetime(condition).timestamp() == int(version.timestamp.timestamp())
    except (TypeError, ValueError):
        return False
