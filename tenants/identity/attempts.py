"""Guessing is slowed: so many failures an account and an address, then a pause. Success costs nothing.

An account and an address have as many places as they may have failures. Who tries takes a place of each before his
secret is looked at, and gives it back unless it was wrong: of any number who try at once no more are looked at than
there are places. A unique constraint decides who has one.
"""

import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, ip_address, ip_network
from math import ceil

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from tenants.models import FailedAttempt
from tenants.rows.fields import now
from tenants.rows.hooks import hook
from tenants.rows.transactions import atomic, retried

TOO_MANY = "Too many failed attempts, please try again later"
PATIENCE = timedelta(seconds=30)  # for those whose secrets are being looked at; one who takes longer has failed
LONGEST_WAIT = timedelta(seconds=60)  # for a place, while others get theirs back
PAUSE = 0.05  # seconds until a place may be free
PLACES = 2**31  # that a number of a place can tell apart, on every engine


@dataclass
class Attempt:
    """A try at a secret, which counts as a failure unless somebody says that it was none."""

    failed: bool = True


def address_of(request: HttpRequest | Request) -> str:
    """Return whom failures count against: the address that the request came from, of IPv6 the network of 64 bits.

    Whoever has one address of IPv6 has all of its network. Behind proxies it is what `TRUSTED_PROXIES` tell.
    """
    sent = str(request.META.get("REMOTE_ADDR", ""))
    try:
        address = ip_address(sent)
    except ValueError:  # of a socket, or what a proxy made up
        return sent
    if isinstance(address, IPv4Address):
        return sent
    return str(address.ipv4_mapped or ip_network((int(address), 64), strict=False))


@contextmanager
def counted(*, address: str, account: str | None = None) -> Iterator[Attempt]:
    """Give a try of the address at the account, or at something that belongs to none.

    Raises Throttled where one of them failed too often within `LOGIN_FAILURES_WINDOW` seconds.
    """
    limits = {f"address {address}"[:255]: settings.LOGIN_FAILURES_ADDRESS_LIMIT}
    if account is not None:
        limits[f"account {account}"[:255]] = settings.LOGIN_FAILURES_LIMIT
    attempt, places = Attempt(), FailedAttempt.objects.filter(pk__in=_take_places(limits))
    try:
        yield attempt
    finally:
        if attempt.failed:
            places.update(pending=False)
            FailedAttempt.objects.filter(timestamp__lte=now() - _window()).delete()
        else:
            places.delete()


def _take_places(limits: dict[str, int]) -> list[str]:
    """Take a place of each key and return their ids, once those who may give theirs back have. Raises Throttled."""
    latest = now() + LONGEST_WAIT
    while True:
        taken = _taken_places(limits)
        if taken:
            return taken
        if now() > latest:
            raise Throttled(wait=1, detail=TOO_MANY)
        with hook("release_slot_while_waiting")():
            time.sleep(PAUSE)


@retried
def _taken_places(limits: dict[str, int]) -> list[str]:
    """Take a place of each key, or none where one may still become free. Raises Throttled where none will."""
    start = now()
    rows = _counting(limits, start)  # outside the transaction: refusing takes no lock that writers wait for
    full = [key for key, limit in limits.items() if len(rows[key]) >= limit]
    if full:
        _refuse_unless_pending([rows[key][: limits[key]] for key in full], start)
        return []
    places = {key: _free_place(limit, {row.place for row in rows[key]}) for key, limit in limits.items()}
    mine = [FailedAttempt(key=key, place=place, pending=True, timestamp=start) for key, place in places.items()]
    with atomic():
        FailedAttempt.objects.bulk_create(mine)
    return [row.pk for row in mine]


def _free_place(limit: int, taken: set[int]) -> int:
    """Return one of the places that is free, of which there is one; that there are millions costs nothing."""
    while (place := random.randrange(min(limit, PLACES))) in taken:
        pass
    return place


def _counting(keys: Iterable[str], at: datetime) -> dict[str, list[FailedAttempt]]:
    """Return the attempts that count, newest first, by key; the places of others are free again."""
    rows = list(FailedAttempt.objects.filter(key__in=list(keys)).order_by("-timestamp"))
    old = [row.pk for row in rows if row.timestamp <= at - _window()]
    if old:
        FailedAttempt.objects.filter(pk__in=old).delete()
    counting: dict[str, list[FailedAttempt]] = defaultdict(list)
    for row in rows[: len(rows) - len(old)]:
        counting[row.key].append(row)
    return counting


def _refuse_unless_pending(full: list[list[FailedAttempt]], at: datetime) -> None:
    """Raise Throttled where all places of a key are those of failures, with how long it takes until one is free."""
    waits = [
        (rows[-1].timestamp + _window() - at).total_seconds()
        for rows in full
        if not any(row.pending and row.timestamp > at - PATIENCE for row in rows)
    ]
    if waits:
        raise Throttled(wait=max(1, ceil(max(waits))), detail=TOO_MANY)


def _window() -> timedelta:
    return timedelta(seconds=settings.LOGIN_FAILURES_WINDOW)
