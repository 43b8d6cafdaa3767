"""Fences: no transaction adds a reference to a row while another transaction removes it.

A tenant has a few fence rows. A writer of references updates one fence row, chosen by thread, so that writers rarely
conflict with each other. A removal of anything that can be referenced updates all fence rows. So a writer and a removal
always update a common row: on every engine one waits for the other, or they conflict and one is retried.

Before a removal starts, it takes a lease on all fence rows (the column `shut_until`): until the lease is released or
expires, writers raise Conflict and retry.

A writer sets its fence row's `mark` to a random number. The edition of a tenant's items is the sum of the marks: a
number that changes with every change of the items and does not recur, so a value cached under the edition that was read
before it was computed is never stale. One fence row is for writers that change no items, such as the request log; the
edition leaves out its mark.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from django.db import DatabaseError
from django.db.models import QuerySet, Sum
from rest_framework.exceptions import AuthenticationFailed

from tenants.models import FENCES, Fence, Tenant, User
from tenants.rows.fields import now
from tenants.rows.prepared import Prepared
from tenants.rows.statements import update_where
from tenants.rows.transactions import Conflict, atomic

existing_users = Prepared(lambda key: User.objects.filter(pk=key, leaving=None).values_list("pk"))
NO_ITEMS = 0  # number of the fence row for writers that change no items
MARK_LIMIT = 2**48
LEASE = timedelta(seconds=5)  # after which a removal whose process died blocks writers no longer


def build_fences(tenant: Tenant) -> None:
    """Create the fence rows of a tenant that has none."""
    Fence.objects.bulk_create([Fence(tenant=tenant, number=number, mark=_random_mark()) for number in range(FENCES)])


def edition_rows(tenant_id: str) -> QuerySet[Fence, tuple[int]]:
    """Return the query of the edition of the tenant's items, in one row."""
    fences = Fence.objects.of(tenant_id).exclude(number=NO_ITEMS)
    return fences.values("tenant").annotate(edition=Sum("mark")).values_list("edition")


def edition_stage(tenant_id: str) -> dict[str, Any]:
    """Return the stage of MongoDB that adds a document with the `edition` of the tenant's items."""
    fences = [
        {"$match": {"tenant_id": tenant_id, "number": {"$ne": NO_ITEMS}}},
        {"$group": {"_id": None, "edition": {"$sum": "$mark"}}},
    ]
    return {"$unionWith": {"coll": Fence._meta.db_table, "pipeline": fences}}


editions = Prepared(edition_rows)


def edition_of(tenant_id: str) -> int:
    """Return the edition of the tenant's items."""
    return sum(int(edition) for (edition,) in editions.rows(tenant_id))


def _random_mark() -> int:
    return random.randrange(MARK_LIMIT)


def _update_unleased(tenant_id: str, number: int) -> bool:
    """Update a fence row that no removal has leased; return whether there was one."""
    unleased: dict[str, str | int | None] = {"tenant_id": tenant_id, "number": number, "shut_until": None}
    return bool(update_where(Fence, unleased, {"mark": _random_mark()}))


def _update_expired(tenant_id: str, number: int) -> bool:
    """Update a fence row whose lease has expired; return whether there was one."""
    fence = Fence.objects.of(tenant_id).filter(number=number, shut_until__lte=now())
    return bool(fence.update(mark=_random_mark()))


@contextmanager
def reference_guard(tenant_id: str, by: User | None = None, *, changes_items: bool = True) -> Iterator[None]:
    """Give a transaction in which nothing of the tenant that can be referenced is removed.

    With `changes_items=False` the edition stays the same. Raises AuthenticationFailed if the tenant or `by` no longer
    exists, and Conflict during a removal.
    """
    number = 1 + threading.get_native_id() % (FENCES - 1) if changes_items else NO_ITEMS
    with atomic():
        if not (_update_unleased(tenant_id, number) or _update_expired(tenant_id, number)):
            if Tenant.objects.filter(pk=tenant_id).exists():
                raise Conflict("something of the tenant is being removed")
            raise AuthenticationFailed("The tenant is no longer there")
        if by is not None and not existing_users.rows(by.pk):
            raise AuthenticationFailed("The user is no longer there")
        yield


@contextmanager
def removal_guard(tenant_id: str) -> Iterator[None]:
    """Give a transaction in which nobody adds a reference to anything of the tenant.

    The lease is only for fairness: on MongoDB a transaction that conflicts fails at once, and in a busy tenant a
    removal would always conflict with some writer.
    """
    fences = Fence.objects.of(tenant_id)
    fences.update(shut_until=now() + LEASE)
    try:
        with atomic():
            fences.update(shut_until=None, mark=_random_mark())
            yield
    except BaseException:
        with suppress(DatabaseError):  # the lease expires by itself
            fences.update(shut_until=None)
        raise
