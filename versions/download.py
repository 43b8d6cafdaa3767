"""From a version to a response: the bytes, whole or a range, never more than a block of them in memory."""

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
BEHIND_NGINX = "/.versions/"  # the internal location of the front server that has the files of UPLOAD_PATH


def download(request: HttpRequest, version: Version) -> HttpResponseBase:
    """Answer a version's bytes: 200, 206 or 416 for a range, 304 or 412 for a condition (RFC 9110)."""
    etag, modified = f'"{version.sha256}"', version.timestamp.replace(microsecond=0)
    judged = get_conditional_response(request, etag=etag, last_modified=int(modified.timestamp()))
    if judged is not None and judged.status_code == 412:
        changed = "The file is not, or no longer, the one that If-Match or If-Unmodified-Since ask for"
        raise Refused("get_request_error", changed, {"ETag": etag}, status=412)
    if judged is not None:
        return _described(judged, version)
    span = _span(request, version, etag) if request.method == "GET" else None
    if span is not None and span[0] >= span[1]:
        headers = {"Content-Range": f"bytes */{version.size}", "Accept-Ranges": "bytes"}
        raise Refused("get_request_error", f"The file has {version.size} bytes", headers, status=416)
    hand_over = HANDING_OVER.get(settings.DOWNLOADS)
    if hand_over and _may_be_handed_over(request, span):
        response = hand_over(version)
    else:
        response = _answered_here(request, version, span)
    response["Content-Type"] = version.mimetype
    response["Content-Disposition"] = disposition(version.original)
    return _described(response, version)


def _may_be_handed_over(request: HttpRequest, span: tuple[int, int] | None) -> bool:
    """Tell whether another server answers just as we do: it judges conditions and malformed ranges differently."""
    conditional = any(header in request.headers for header in CONDITIONS)
    return request.method == "GET" and not conditional and (span is not None or "Range" not in request.headers)


def _to_nginx(version: Version) -> HttpResponseBase:
    return HttpResponse(headers={"X-Accel-Redirect": f"{BEHIND_NGINX}{version.blob}"})


def _to_the_store(version: Version) -> HttpResponseBase:
    linking = cast(LinkingStore, store())
    url = linking.link(version.blob, mimetype=version.mimetype, disposition=disposition(version.original))
    return HttpResponse(status=307, headers={"Location": url})


HANDING_OVER = {"accel": _to_nginx, "redirect": _to_the_store}


def _answered_here(request: HttpRequest, version: Version, span: tuple[int, int] | None) -> HttpResponseBase:
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
        response = FileResponse(_first(file, stop - start))
        response._resource_closers.append(file.close)  # type: ignore[attr-defined]
        return response
    response = FileResponse(file)
    response.block_size = BLOCK  # the default of 4 KiB is several times slower
    return response


def _first(file: IO[bytes], missing: int) -> Iterator[bytes]:
    while missing and (chunk := file.read(min(BLOCK, missing))):
        missing -= len(chunk)
        yield chunk


def _described(response: HttpResponseBase, version: Version) -> HttpResponseBase:
    response["ETag"] = f'"{version.sha256}"'
    response["Last-Modified"] = http_date(version.timestamp.timestamp())
    response["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(version.sha256)).decode()}:"
    response["X-Content-Type-Options"] = "nosniff"
    # Stored bytes are never a page of ours, whatever they claim to be.
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def disposition(name: str) -> str:
    """Return a `Content-Disposition` that saves under the name's last part, in any language (RFC 6266, RFC 5987)."""
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
