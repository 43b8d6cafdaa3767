"""The request log: who did what, with which result, how fast; a background thread writes it."""

import atexit
import json
import logging
import re
import threading
import time
import unicodedata
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.http import HttpRequest, HttpResponseBase
from pymongo.errors import ConnectionFailure
from rest_framework.exceptions import AuthenticationFailed

from tenants.identity.resets import purge_expired_links
from tenants.identity.services import TENANT_ID
from tenants.models import RequestLog, Tenant
from tenants.rows.fences import reference_guard
from tenants.rows.fields import now
from tenants.rows.transactions import Conflict, atomic, retried

logger = logging.getLogger(__name__)

# Parts of field names, without punctuation and case, whose values are never logged: `newPassword`, `api_key`.
SECRETS = re.compile(
    "passw|passphrase|passcode|pass$|pwd|secret|token|apikey|accesskey|privatekey|credential|authorization|auth$|jwt"
    "|bearer|cookie|session|reset|signature|^sig$"
)
MACHINE_TOKEN = re.compile("mr_[0-9A-Za-z]{16,}")  # in any text, also cut
UNPRINTABLE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
WORDS = re.compile(r"[\w-]+")
BLANK = "***"
MAX_DEPTH = 20  # of a body
URL_LIMIT, NAME_LIMIT = 2000, 100  # characters of a URL, and of a field's name
UNLOGGED_PATHS = {"/healthz"}
FLUSH_SECONDS = 1.0
CLEAN_SECONDS = 3600.0
WAITING_LIMIT = 10_000  # entries; beyond this the oldest are dropped, and requests are never blocked
MAX_SPLITS = 200  # of failed batches in one flush; entries in further failed batches are dropped
# The database is unavailable or busy: a retry may succeed.
TRANSIENT = (OperationalError, InterfaceError, Conflict, ConnectionFailure)


def is_secret(name: str) -> bool:
    """Tell whether a field of this name holds a secret."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return bool(SECRETS.search("".join(filter(str.isalnum, plain))))


def _blanked(value: Any, left: Iterator[int], limit: int, depth: int = 0) -> Any:
    """Return a body without secrets and deep levels, with texts cut to `limit`; stops when `left` is exhausted."""
    if isinstance(value, dict | list) and depth > MAX_DEPTH:
        return BLANK
    if isinstance(value, dict):
        return {
            key[:NAME_LIMIT]: BLANK if is_secret(key[:NAME_LIMIT]) else _blanked(inner, left, limit, depth + 1)
            for (key, inner), _ in zip(value.items(), left, strict=False)
        }
    if isinstance(value, list):
        return [_blanked(inner, left, limit, depth + 1) for inner, _ in zip(value, left, strict=False)]
    return value[:limit] if isinstance(value, str) else value


def _blanked_text(text: str) -> str:
    """Return a query parameter's value without the secrets in its JSON, if it is JSON."""
    if text[:1] not in ("{", "["):
        return text
    try:
        value = json.loads(text)
        blanked = _blanked(value, iter(range(URL_LIMIT)), URL_LIMIT)
    except (ValueError, RecursionError):
        return BLANK if "\\u" in text or any(map(is_secret, WORDS.findall(text))) else text
    return text if blanked == value else json.dumps(blanked, ensure_ascii=False)


def _printable(text: str) -> str:
    """Return the text without machine tokens.

    Line breaks, direction overrides and characters that cannot be stored are percent-encoded.
    """
    return UNPRINTABLE.sub(lambda match: quote(match[0], errors="backslashreplace"), MACHINE_TOKEN.sub(BLANK, text))


def blanked_url(request: HttpRequest) -> str:
    """Return a request's path and query without secrets, cut to `URL_LIMIT` characters."""
    path, query = request.path[:URL_LIMIT], request.META.get("QUERY_STRING", "")[:URL_LIMIT]
    pairs = parse_qsl(query, keep_blank_values=True)
    blanked = [(key, BLANK if is_secret(key) else _blanked_text(value)) for key, value in pairs]
    if blanked != pairs:
        query = urlencode(blanked)
    return _printable(path + (f"?{query}" if query else ""))[:URL_LIMIT]


def contents_of(request: HttpRequest) -> str:
    """Return the parsed body as JSON without secrets, cut to `LOG_CONTENTS_LIMIT` characters.

    Processes no more of a large body than the limit.
    """
    limit: int = settings.LOG_CONTENTS_LIMIT
    if not hasattr(request, "parsed") or not limit:
        return ""
    text = json.dumps(_blanked(request.parsed.contents, iter(range(limit)), limit), ensure_ascii=False)
    return _printable(text[:limit])[:limit]


def _is_transient(error: Exception) -> bool:
    return isinstance(error, TRANSIENT) or isinstance(error.__cause__, TRANSIENT)


@retried
def keep(entries: Sequence[RequestLog], tenant_id: str | None) -> None:
    """Write a tenant's entries in one transaction; if the tenant does not exist, they belong to no tenant."""
    try:
        with reference_guard(tenant_id, changes_items=False) if tenant_id else atomic():
            RequestLog.objects.bulk_create(entries, batch_size=500)
    except AuthenticationFailed:
        for entry in entries:
            entry.tenant_id = None
        with atomic():
            RequestLog.objects.bulk_create(entries, batch_size=500)


def keep_all(entries: Sequence[RequestLog]) -> Sequence[RequestLog]:
    """Write entries of any tenants; return those to retry later because the database is unavailable.

    A batch that fails is halved until the entry at fault is alone; only that entry is dropped.
    """
    existing = set(Tenant.objects.filter(pk__in={entry.tenant_id for entry in entries}).values_list("pk", flat=True))
    batches: dict[str | None, list[RequestLog]] = defaultdict(list)
    for entry in entries:
        batches[entry.tenant_id if entry.tenant_id in existing else None].append(entry)
    for entry in batches[None]:
        entry.tenant_id = None
    left, splits = [(batch, tenant_id) for tenant_id, batch in batches.items() if batch], 0
    while left:
        batch, tenant_id = left.pop()
        try:
            keep(batch, tenant_id)
        except Exception as error:  # noqa: BLE001 - one bad entry must not lose the others
            if _is_transient(error):
                return [*batch, *(entry for others, _ in left for entry in others)]
            splits += 1
            if len(batch) == 1 or splits > MAX_SPLITS:
                logger.warning("%d entries of the request log are lost: %s", len(batch), error)
            else:
                middle = len(batch) // 2
                left += [(batch[:middle], tenant_id), (batch[middle:], tenant_id)]
    return ()


class Writer:
    """Writes entries in batches in a background thread, and the remaining ones when the process stops."""

    def __init__(self) -> None:
        self.waiting: deque[RequestLog] = deque(maxlen=WAITING_LIMIT)
        self.thread: threading.Thread | None = None
        self.lock = threading.Lock()
        self.cleaned = 0.0

    def put(self, entry: RequestLog) -> None:
        """Queue an entry; it is in the database within two seconds."""
        self.waiting.append(entry)
        if self.thread is None:
            self.start()

    def start(self) -> None:
        with self.lock:
            if self.thread is None:
                self.thread = threading.Thread(target=self.run, name="request-log", daemon=True)
                self.thread.start()
                atexit.register(self.flush)

    def run(self) -> None:
        while True:
            time.sleep(FLUSH_SECONDS)
            self.flush()
            if time.monotonic() - self.cleaned > CLEAN_SECONDS:
                self.clean()

    def flush(self) -> None:
        """Write all waiting entries; they stay queued while the database is unavailable."""
        with self.lock:
            entries = [self.waiting.popleft() for _ in range(len(self.waiting))]
            if not entries:
                return
            try:
                close_old_connections()
                waiting = keep_all(entries)
            except Exception as error:  # noqa: BLE001 - an error must not stop the log
                waiting = entries if _is_transient(error) else ()
                logger.warning("The request log is not written: %s", error)
            if waiting:
                self.waiting.extendleft(reversed(waiting))
                logger.warning("%d entries of the request log wait for the database", len(waiting))
                connection.close()

    def clean(self) -> None:
        """Delete entries older than `LOG_RETENTION_DAYS`, and expired reset links."""
        self.cleaned = time.monotonic()
        try:
            RequestLog.objects.filter(date__lt=now() - timedelta(days=settings.LOG_RETENTION_DAYS)).delete()
            purge_expired_links()
        except Exception as error:  # noqa: BLE001
            logger.warning("Old entries of the request log or reset links are not deleted: %s", error)


writer = Writer()


def _tenant_of(request: HttpRequest, user: Any) -> str | None:
    """Return the id of the user's tenant, or the one that a login named if it is well-formed, or None."""
    named = getattr(user, "tenant_id", None) or getattr(request, "log_tenant_id", None)
    return named if named and TENANT_ID.fullmatch(named) else None


class RequestLogMiddleware:
    """Logs every answered request except health checks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not settings.LOG or request.path.rstrip("/") in UNLOGGED_PATHS:
            return self.get_response(request)
        started, date = time.perf_counter(), now()
        response = self.get_response(request)
        user = getattr(request, "user", None)
        entry = RequestLog(
            tenant_id=_tenant_of(request, user),
            date=date,
            user_id=getattr(user, "pk", None),
            username=getattr(user, "username", ""),
            method=(request.method or "")[:16],
            url=blanked_url(request),
            status=response.status_code,
            duration_ms=round((time.perf_counter() - started) * 1000, 3),
            contents=contents_of(request),
        )
        writer.put(entry)
        return response
