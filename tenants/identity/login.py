"""Login: limits on failed attempts, password hashing, and from a username and a password to a user.

Each account and each address has as many slots as it may have failures. An attempt takes one slot of each before the
secret is checked, and releases them unless the secret was wrong. So concurrent guesses count toward the limit, and
success costs nothing. A unique constraint decides who has a slot; `FailedAttempt.place` is its number.
"""

import os
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network
from math import ceil

import bcrypt
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, BCryptPasswordHasher, get_hashers
from django.db import DatabaseError
from django.db.models import QuerySet
from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from tenants.models import FailedAttempt, Tenant, User
from tenants.rows.fields import now
from tenants.rows.hooks import hook
from tenants.rows.transactions import atomic, is_conflict, retried

INCORRECT = "Incorrect username or password"
EXPIRED = "Password validity expired, please reset password"
TOO_MANY = "Too many failed attempts, please try again later"
PENDING_TIMEOUT = timedelta(seconds=30)  # an attempt still unfinished after this counts as failed
SLOT_TIMEOUT_SECONDS = 60.0  # for a slot to become free, while pending attempts may release theirs
POLL_SECONDS = 0.05
MAX_SLOTS = 2**31  # slot numbers fit into the column on every engine


# --- Limits on failed attempts --------------------------------------------------------------------------------------


@dataclass
class Attempt:
    """An attempt at a secret, which counts as a failure unless the caller sets `failed` to False."""

    failed: bool = True


def address_of(request: HttpRequest | Request) -> str:
    """Return the client address that failures count against; for IPv6 its /64 network.

    A client usually controls a whole IPv6 network. Behind proxies, `TRUSTED_PROXIES` decides the address.
    """
    sent = str(request.META.get("REMOTE_ADDR", ""))
    try:
        address = ip_address(sent)
    except ValueError:  # a Unix socket, or an invalid value from a proxy
        return sent
    if isinstance(address, IPv4Address):
        return sent
    return str(address.ipv4_mapped or ip_network((int(address), 64), strict=False))


@contextmanager
def limited_attempt(*, address: str, account: str | None = None) -> Iterator[Attempt]:
    """Give an attempt by the address at the account, or at a secret that belongs to no account.

    Raises Throttled if either failed too often within `LOGIN_FAILURES_WINDOW` seconds.
    """
    limits = {f"address {address}"[:255]: settings.LOGIN_FAILURES_ADDRESS_LIMIT}
    if account is not None:
        limits[f"account {account}"[:255]] = settings.LOGIN_FAILURES_LIMIT
    attempt, slots = Attempt(), FailedAttempt.objects.filter(pk__in=_wait_for_slots(limits))
    try:
        yield attempt
    finally:
        _release_slots(slots, attempt)


@retried
def _release_slots(slots: QuerySet[FailedAttempt], attempt: Attempt) -> None:
    """Release the slots of an attempt unless it failed, and then remove the old ones of all."""
    if attempt.failed:
        slots.update(pending=False)
        FailedAttempt.objects.filter(timestamp__lte=now() - _window()).delete()
    else:
        slots.delete()


def _wait_for_slots(limits: dict[str, int]) -> list[str]:
    """Take a slot of each key and return their ids; wait while pending attempts may release one. Raises Throttled."""
    deadline = time.monotonic() + SLOT_TIMEOUT_SECONDS
    while not (taken := _take_slots(limits)):
        if time.monotonic() > deadline:
            raise Throttled(wait=1, detail=TOO_MANY)
        with hook("release_slot_while_waiting")():
            time.sleep(random.uniform(0, 2 * POLL_SECONDS))
    return taken


@retried
def _take_slots(limits: dict[str, int]) -> list[str]:
    """Take a slot of each key, or none if others took it or one may become free soon. Raises Throttled if none will."""
    start = now()
    rows = _counting_attempts(limits, start)  # outside the transaction: a refusal takes no write lock
    full = [key for key, limit in limits.items() if len(rows[key]) >= limit]
    if full:
        _refuse_unless_pending([rows[key][: limits[key]] for key in full], start)
        return []
    slots = {key: _free_slot(limit, {row.place for row in rows[key]}) for key, limit in limits.items()}
    taken = [FailedAttempt(key=key, place=slot, pending=True, timestamp=start) for key, slot in slots.items()]
    try:
        with atomic():
            FailedAttempt.objects.bulk_create(taken)
    except DatabaseError as error:
        if not is_conflict(error):
            raise
        return []  # `retried` would give up: of many logins at once, some lose more often than any other write
    return [row.pk for row in taken]


def _free_slot(limit: int, taken: set[int]) -> int:
    """Return a random free slot number, which must exist; the cost does not grow with the limit."""
    while (slot := random.randrange(min(limit, MAX_SLOTS))) in taken:
        pass
    return slot


def _counting_attempts(keys: Iterable[str], at: datetime) -> dict[str, list[FailedAttempt]]:
    """Return the attempts that count, newest first, by key; delete those before the window."""
    rows = list(FailedAttempt.objects.filter(key__in=list(keys)).order_by("-timestamp"))
    old = [row.pk for row in rows if row.timestamp <= at - _window()]
    if old:
        FailedAttempt.objects.filter(pk__in=old).delete()
    counting: dict[str, list[FailedAttempt]] = defaultdict(list)
    for row in rows[: len(rows) - len(old)]:
        counting[row.key].append(row)
    return counting


def _refuse_unless_pending(full: list[list[FailedAttempt]], at: datetime) -> None:
    """Raise Throttled, with the seconds until a slot is free, if failures hold all slots of a key."""
    waits = [
        (rows[-1].timestamp + _window() - at).total_seconds()
        for rows in full
        if not any(row.pending and row.timestamp > at - PENDING_TIMEOUT for row in rows)
    ]
    if waits:
        raise Throttled(wait=max(1, ceil(max(waits))), detail=TOO_MANY)


def _window() -> timedelta:
    return timedelta(seconds=settings.LOGIN_FAILURES_WINDOW)


# --- Password hashing -----------------------------------------------------------------------------------------------


class PasswordHasher(Argon2PasswordHasher):
    """Argon2id at the cost in OWASP's Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane.

    At Django's default of 100 MiB, a few concurrent logins would exhaust a small server. A shared thread pool does the
    hashing, because C's allocator keeps the memory of the last hash for each thread that hashed.
    """

    time_cost = 2
    memory_cost = 19_456  # KiB
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        return _hashing_threads(os.getpid()).submit(super().encode, password, salt).result()

    def verify(self, password: str, encoded: str) -> bool:
        return _hashing_threads(os.getpid()).submit(super().verify, password, encoded).result()


@lru_cache(maxsize=1)
def _hashing_threads(process_id: int) -> ThreadPoolExecutor:
    """Return the thread pool of a process; a forked process gets its own."""
    return ThreadPoolExecutor(os.cpu_count(), "hashing")


class ImportedHasher(BCryptPasswordHasher):
    """Bcrypt as the original system stores it, until the first login rehashes the password."""

    rounds = 8  # the original's cost

    def encode(self, password: str, salt: bytes) -> str:  # type: ignore[override]
        # The original ignored everything after 72 bytes, and the library rejects longer passwords.
        return f"{self.algorithm}${bcrypt.hashpw(password.encode()[:72], salt).decode()}"


def equalize_hash_time(password: str, checked: str = "") -> None:
    """Run every hasher except the one that produced `checked`, so that a failure's duration reveals nothing."""
    for hasher in get_hashers():
        if not checked.startswith(f"{hasher.algorithm}$"):
            hasher.encode(password, hasher.salt())


# --- Authentication -------------------------------------------------------------------------------------------------


def authenticate(*, tenant_id: str, username: str, password: str, address: str) -> User:
    """Return the user of the tenant with this username and password.

    Raises AuthenticationFailed, without revealing which part was wrong and in equal time for unknown users, and
    Throttled after too many failures of the account or the address.
    """
    with limited_attempt(address=address, account=f"{tenant_id}/{username}") as attempt:
        user: User | None = User.objects.of(tenant_id).filter(username=username, is_active=True, leaving=None).first()
        if user is not None and user.check_password(password):
            attempt.failed = False
            if user.password_expired:
                raise AuthenticationFailed(EXPIRED)
            return user
        if user is None and not Tenant.objects.filter(pk=tenant_id).exists():
            raise AuthenticationFailed("Incorrect tenant")
        equalize_hash_time(password, user.password if user else "")
        raise AuthenticationFailed(INCORRECT)
