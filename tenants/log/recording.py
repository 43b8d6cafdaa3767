"""The request log: who did what, with which result, how fast; a background thread writes it.

The thread also makes the rows of the requests. That and its own INSERT statement instead of the ORM's halve the CPU
time of `GET /v1/version`.
"""

import atexit
import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.http import HttpRequest, HttpResponseBase
from pymongo.errors import ConnectionFailure
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.response import Response

from tenants.identity.resets import purge_expired_links
from tenants.identity.services import TENANT_ID
from tenants.log.entries import URL_LIMIT, Answered, contents_of
from tenants.models import RequestLog, Tenant
from tenants.rows.fences import reference_guard
from tenants.rows.fields import now
from tenants.rows.statements import insert_rows
from tenants.rows.transactions import Conflict, atomic, retried

logger = logging.getLogger(__name__)

UNLOGGED_PATHS = {"/healthz"}
FLUSH_SECONDS = 1.0
CLEAN_SECONDS = 3600.0
WAITING_LIMIT = 10_000  # entries; beyond this the oldest are dropped, and requests are never blocked
MAX_SPLITS = 200  # of failed batches in one flush; entries in further failed batches are dropped
# The database is unavailable or busy: a retry may succeed.
TRANSIENT = (OperationalError, InterfaceError, Conflict, ConnectionFailure)


def _is_transient(error: Exception) -> bool:
    return isinstance(error, TRANSIENT) or isinstance(error.__cause__, TRANSIENT)


@retried
def keep(entries: Sequence[Answered], tenant_id: str | None) -> None:
    """Write entries of a tenant in one transaction; if the tenant does not exist, they belong to no tenant."""
    rows = [entry.row() | {"tenant_id": tenant_id} for entry in entries]
    try:
        with reference_guard(tenant_id, changes_items=False) if tenant_id else atomic():
            insert_rows(RequestLog, rows)
    except AuthenticationFailed:
        with atomic():
            insert_rows(RequestLog, [row | {"tenant_id": None} for row in rows])


def keep_all(entries: Sequence[Answered]) -> Sequence[Answered]:
    """Write entries of any tenants; return those to retry later because the database is unavailable.

    A batch that fails is halved until the entry at fault is alone; only that entry is dropped.
    """
    existing = set(Tenant.objects.filter(pk__in={entry.tenant_id for entry in entries}).values_list("pk", flat=True))
    batches: dict[str | None, list[Answered]] = defaultdict(list)
    for entry in entries:
        batches[entry.tenant_id if entry.tenant_id in existing else None].append(entry)
    left, splits = [(batch, tenant_id) for tenant_id, batch in batches.items()], 0
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
        self.waiting: deque[Answered] = deque(maxlen=WAITING_LIMIT)
        self.thread: threading.Thread | None = None
        self.lock = threading.Lock()
        self.cleaned = 0.0

    def put(self, entry: Answered) -> None:
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
    """Logs every answered request except health checks, then releases its body, which was kept for the log.

    It breaks the reference cycles of DRF's requests and responses, whose memory would otherwise stay in use until a
    full run of the garbage collector.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        is_logged = settings.LOG and request.path.rstrip("/") not in UNLOGGED_PATHS
        response = self.logged(request) if is_logged else self.get_response(request)
        parsed = request.__dict__.pop("parsed", None)
        if parsed is not None:
            parsed.forget()
        if isinstance(response, Response):
            response.renderer_context = {}  # type: ignore[attr-defined]
        return response

    def logged(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response, after the entry of the log is queued."""
        started, date = time.perf_counter(), now()
        response = self.get_response(request)
        user = getattr(request, "user", None)
        entry = Answered(
            tenant_id=_tenant_of(request, user),
            date=date,
            user_id=getattr(user, "pk", None),
            username=getattr(user, "username", ""),
            method=(request.method or "")[:16],
            path=request.path[:URL_LIMIT],
            query=request.META.get("QUERY_STRING", "")[:URL_LIMIT],
            status=response.status_code,
            duration_ms=round((time.perf_counter() - started) * 1000, 3),
            contents=contents_of(request),
        )
        writer.put(entry)
        return response
