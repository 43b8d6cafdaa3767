"""Nobody refers to what is being removed, and nothing is removed that somebody just referred to.

A tenant has a few gates. Who writes a reference passes one of them, that of his thread, so that writers hardly ever
meet; who removes what may be referred to shuts them all. Passing and shutting write the gates' rows: of two such
transactions one waits for the other or conflicts with it, on every engine.

Who passes leaves a random mark, never a count. So the sum of the marks is the edition of the tenant's items, a number
that every change of them alters and that never comes again: what was computed of the items is good for the edition that
was read before. One gate is for those who change no items, such as the request log.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from django.db import DatabaseError
from django.db.models import Sum
from rest_framework.exceptions import AuthenticationFailed

from tenants.models import FENCES, Fence, Tenant, User
from tenants.rows.fields import now
from tenants.rows.prepared import Prepared, update_where
from tenants.rows.transactions import Conflict, atomic

users_there = Prepared(lambda key: User.objects.filter(pk=key, leaving=None).values_list("pk"))
NO_ITEMS = 0  # the number of the gate for those who change no items, whose mark is no part of the edition
editions = Prepared(
    lambda tenant: (
        Fence.objects.of(tenant)
        .exclude(number=NO_ITEMS)
        .values("tenant")
        .annotate(edition=Sum("mark"))
        .values_list("edition")
    )
)
LARGEST_MARK = 2**48
PATIENCE = timedelta(seconds=5)  # for which a removal that never comes back keeps others waiting


def build_fences(tenant: Tenant) -> None:
    """Give a tenant that has none its gates."""
    Fence.objects.bulk_create([Fence(tenant=tenant, number=number, mark=_mark()) for number in range(FENCES)])


def edition_of(tenant_id: str) -> int:
    """Return the edition of the tenant's items."""
    return sum(int(edition) for (edition,) in editions.rows(tenant_id))


def _mark() -> int:
    return random.randrange(LARGEST_MARK)


def _pass(tenant_id: str, number: int) -> bool:
    """Update a fence row that no removal has shut; tell whether there was one."""
    return bool(update_where(Fence, {"tenant_id": tenant_id, "number": number, "shut_until": None}, {"mark": _mark()}))


def _pass_again(tenant_id: str, number: int) -> bool:
    """Pass a gate that a removal which never came back had shut; tell whether that was so."""
    gate = Fence.objects.of(tenant_id).filter(number=number, shut_until__lte=now())
    return bool(gate.update(mark=_mark()))


@contextmanager
def reference_guard(tenant_id: str, by: User | None = None, *, changes_items: bool = True) -> Iterator[None]:
    """Give a transaction in which nothing of the tenant that could be referred to is removed.

    The edition stays where it changes no items. Raises AuthenticationFailed where the tenant or `by` is gone, and
    Conflict while something is being removed.
    """
    number = 1 + threading.get_native_id() % (FENCES - 1) if changes_items else NO_ITEMS
    with atomic():
        if not (_pass(tenant_id, number) or _pass_again(tenant_id, number)):
            if Tenant.objects.filter(pk=tenant_id).exists():
                raise Conflict("something of the tenant is being removed")
            raise AuthenticationFailed("The tenant is no longer there")
        if by is not None and not users_there.rows(by.pk):
            raise AuthenticationFailed("The user is no longer there")
        yield


@contextmanager
def removal_guard(tenant_id: str) -> Iterator[None]:
    """Give a transaction during which nobody refers to anything of the tenant.

    Shutting the gates beforehand is only for fairness: on MongoDB a transaction does not wait for others, and a removal
    would never find all gates free in a busy tenant.
    """
    gates = Fence.objects.of(tenant_id)
    gates.update(shut_until=now() + PATIENCE)
    try:
        with atomic():
            gates.update(shut_until=None, mark=_mark())
            yield
    except BaseException:
        with suppress(DatabaseError):  # they open by themselves
            gates.update(shut_until=None)
        raise
