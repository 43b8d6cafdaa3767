"""Which references are legal: what a body names must be in the caller's tenant and readable by him."""

from collections.abc import Iterable, Sequence

from django.db.models import Q

from catalog.models import Item
from tenants.exceptions import Refused
from tenants.models import User
from tenants.prepared import Prepared

users_of_tenant = Prepared(
    lambda tenant, keys: User.objects.of(tenant).named(keys).filter(leaving=None).values_list("pk", "username")
)


def unique(values: Iterable[str]) -> list[str]:
    """Return the values without repetitions, in order."""
    return list(dict.fromkeys(values))


def user_ids(keys: Sequence[str], *, by: User, error: str) -> list[str]:
    """Return the ids of users named by id or username. Raises Refused with that error for an unknown one."""
    found = users_of_tenant.rows(by.tenant_id or "", keys)
    ids = {name: pk for pk, name in found} | {pk: pk for pk, _ in found}
    for key in keys:
        if key not in ids:
            raise Refused(error, f"User not existent ({key})")
    return unique(ids[key] for key in keys)


def dataset_ids(keys: Sequence[str], *, by: User, error: str) -> list[str]:
    """Return the ids of datasets, named by id or name, that `by` may read.

    Where several readable datasets bear a name his own is meant. Raises Refused with that error for an unknown one
    and for a name that leaves open which is meant.
    """
    if not keys:
        return []
    readable = Item.objects.visible_to(by).datasets().filter(Q(pk__in=keys) | Q(name__in=keys))
    found = list(readable.values_list("pk", "name", "owner_id"))
    return unique(_dataset_id(key, found, by, error) for key in keys)


def _dataset_id(key: str, found: list[tuple[str, str, str]], by: User, error: str) -> str:
    candidates = [[pk for pk, _, _ in found if pk == key]]
    candidates.append([pk for pk, name, owner in found if name == key and owner == by.pk])
    candidates.append([pk for pk, name, _ in found if name == key])
    ids = next((ids for ids in candidates if ids), [])
    if not ids:
        raise Refused(error, f"Dataset not existent ({key})")
    if len(ids) > 1:
        raise Refused(error, f"Several datasets bear this name, please give the _id of one ({key})")
    return ids[0]
