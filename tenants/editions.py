"""The edition of a tenant's items: a number that every write of items or versions changes, in its own transaction.

What was computed of the items is good for the edition that was read before, and for no other. The number is the sum of
several rows, so that writers need not wait for each other. A row takes a random number and no count, so that no sum
comes again, not even one that was read while rows were changing.
"""

import random
import threading

from django.db.models import Sum

from tenants.models import Edition

ROWS = 64
LARGEST = 2**48


def advance_edition(tenant_id: str) -> None:
    """Change the edition; call it last in the transaction of the change, since it is what writers could wait for."""
    # Threads that start one after another have such ids, which keeps them apart, also those of several processes.
    key = f"{tenant_id}/{threading.get_native_id() % ROWS}"
    number = random.randrange(LARGEST)
    if not Edition.objects.of(tenant_id).filter(pk=key).update(number=number):
        Edition(pk=key, tenant_id=tenant_id, number=number).save(force_insert=True)


def edition_of(tenant_id: str) -> int | None:
    """Return the edition of the tenant's items; None where nobody has changed one yet."""
    total = Edition.objects.of(tenant_id).aggregate(total=Sum("number"))["total"]
    return None if total is None else int(total)
