"""Guessing is slowed: so many failures an account and an address, then a pause. Success costs nothing."""

from datetime import timedelta
from ipaddress import IPv4Address, ip_address, ip_network
from math import ceil

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from tenants.fields import now
from tenants.models import FailedAttempt


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


def refuse_too_many(*, address: str, account: str | None = None) -> None:
    """Raise Throttled where the address or the account failed too often within `LOGIN_FAILURES_WINDOW` seconds."""
    time = now()
    window = timedelta(seconds=settings.LOGIN_FAILURES_WINDOW)
    limits = _keys(address, account)
    failures: dict[str, list[float]] = {key: [] for key in limits}
    recent = FailedAttempt.objects.filter(key__in=list(limits), timestamp__gt=time - window)
    for key, failed in recent.order_by("-timestamp").values_list("key", "timestamp"):
        failures[key].append((failed + window - time).total_seconds())
    waits = [failures[key][limit - 1] for key, limit in limits.items() if limit and len(failures[key]) >= limit]
    if waits:
        raise Throttled(wait=max(1, ceil(max(waits))), detail="Too many failed attempts, please try again later")


def record(*, address: str, account: str | None = None) -> None:
    """Remember a failure of the address and of the account, and forget those that no longer count."""
    window = timedelta(seconds=settings.LOGIN_FAILURES_WINDOW)
    FailedAttempt.objects.filter(timestamp__lt=now() - window).delete()
    FailedAttempt.objects.bulk_create([FailedAttempt(key=key) for key in _keys(address, account)])


def _keys(address: str, account: str | None) -> dict[str, int]:
    keys = {f"address {address}"[:255]: settings.LOGIN_FAILURES_ADDRESS_LIMIT}
    if account is not None:
        keys[f"account {account}"[:255]] = settings.LOGIN_FAILURES_LIMIT
    return keys
