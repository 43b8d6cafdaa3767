"""The request log: who did what, with which result and how fast; written off the request's path."""

import atexit
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.conf import settings
from django.db import close_old_connections, connection
from django.http import HttpRequest, HttpResponseBase
from rest_framework.exceptions import AuthenticationFailed

from tenants.fields import now
from tenants.gates import referring
from tenants.models import RequestLog
from tenants.transactions import retried

logger = logging.getLogger(__name__)

SECRETS = {"password", "admin_password", "token", "reset", "api_token", "access_token", "authorization", "jwt"}
BLANK = "***"
DEEPEST = 20  # levels of a body
UNLOGGED_PATHS = {"/healthz"}
FLUSH_SECONDS = 1.0
CLEAN_SECONDS = 3600.0
WAITING_LIMIT = 10_000  # entries; when the database cannot keep up the oldest are dropped, never a request


def _blanked(value: Any, left: Iterator[int], depth: int = 0) -> Any:
    """Return a body without its secrets, and without what lies very deep, as far as numbers are left."""
    if isinstance(value, dict | list) and depth > DEEPEST:
        return BLANK
    if isinstance(value, dict):
        return {
            key: BLANK if key.lower() in SECRETS else _blanked(inner, left, depth + 1)
            for (key, inner), _ in zip(value.items(), left, strict=False)
        }
    if isinstance(value, list):
        return [_blanked(inner, left, depth + 1) for inner, _ in zip(value, left, strict=False)]
    return value


def blanked_url(request: HttpRequest) -> str:
    """Return path and query of a request without secrets."""
    query = request.META.get("QUERY_STRING", "")
    if any(secret in query.lower() for secret in SECRETS):
        pairs = parse_qsl(query, keep_blank_values=True)
        query = urlencode([(key, BLANK if key.lower() in SECRETS else value) for key, value in pairs])
    return request.path + (f"?{query}" if query else "")


def contents_of(request: HttpRequest) -> str:
    """Return the JSON body that was parsed, secrets blanked, cut to `LOG_CONTENTS_LIMIT` characters.

    No more of a large body is looked at than is kept.
    """
    if not hasattr(request, "parsed"):
        return ""
    limit: int = settings.LOG_CONTENTS_LIMIT
    text = json.dumps(_blanked(request.parsed.contents, iter(range(limit))), ensure_ascii=False)
    return text[:limit].replace("\0", "")


@retried
def keep(entries: list[RequestLog], tenant_id: str | None) -> None:
    """Write a tenant's entries; those of one that is gone, or that never was, are no tenant's."""
    try:
        with referring(tenant_id, changes_items=False) if tenant_id else nullcontext():
            RequestLog.objects.bulk_create(entries, batch_size=500)
    except AuthenticationFailed:
        for entry in entries:
            entry.tenant_id = None
        RequestLog.objects.bulk_create(entries, batch_size=500)


class Writer:
    """Writes entries in batches from a thread of its own, and what is left when the process stops."""

    def __init__(self) -> None:
        self.waiting: deque[RequestLog] = deque(maxlen=WAITING_LIMIT)
        self.thread: threading.Thread | None = None
        self.lock = threading.Lock()
        self.cleaned = 0.0

    def put(self, entry: RequestLog) -> None:
        """Take an entry; it is in the database within two seconds."""
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
        """Write all that waits; what the database refuses is dropped with a warning."""
        with self.lock:
            entries = [self.waiting.popleft() for _ in range(len(self.waiting))]
            if not entries:
                return
            try:
                close_old_connections()
                for tenant_id in {entry.tenant_id for entry in entries}:
                    keep([entry for entry in entries if entry.tenant_id == tenant_id], tenant_id)
            except Exception as error:  # noqa: BLE001 - whatever ails the log must not end it
                logger.warning("%d entries of the request log are lost: %s", len(entries), error)
                connection.close()

    def clean(self) -> None:
        """Forget entries older than `LOG_RETENTION_DAYS`."""
        self.cleaned = time.monotonic()
        try:
            RequestLog.objects.filter(date__lt=now() - timedelta(days=settings.LOG_RETENTION_DAYS)).delete()
        except Exception as error:  # noqa: BLE001
            logger.warning("old entries of the request log stay: %s", error)


writer = Writer()


class RequestLogMiddleware:
    """Notes every answered request but health checks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not settings.LOG or request.path.rstrip("/") in UNLOGGED_PATHS:
            return self.get_response(request)
        started, date = time.perf_counter(), now()
        response = self.get_response(request)
        user = getattr(request, "user", None)
        entry = RequestLog(
            tenant_id=getattr(user, "tenant_id", None) or getattr(request, "log_tenant_id", None),
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
