"""Which references are legal: what a body names must be in the caller's tenant and readable by them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from catalog.models import Item
from tenants.exceptions import Refused
from tenants.models import User
from tenants.rows.prepared import Prepared

Found = Mapping[str, Sequence[str]]  # ids that a key may mean, by key; none where nothing is so called

users_of_tenant = Prepared(
    lambda tenant, keys: User.objects.of(tenant).named(keys).filter(leaving=None).values_list("pk", "username")
)


def unique(values: Iterable[str]) -> list[str]:
    """Return the values without repetitions, in order."""
    return list(dict.fromkeys(values))


@dataclass(frozen=True)
class References:
    """Things that are referred to: `find` gives what keys may mean to a user, with one query for all keys."""

    thing: str
    find: Callable[[Sequence[str], User], Found]

    def ids(self, keys: Sequence[str], *, by: User, error: str) -> dict[str, str]:
        """Return the id of each key.

        Raises Refused with that error for an unknown key, and one that leaves open which thing is meant.
        """
        found = self.find(keys, by) if keys else {}
        return {key: self._one(key, found.get(key, ()), error) for key in keys}

    def _one(self, key: str, ids: Sequence[str], error: str) -> str:
        if not ids:
            raise Refused(error, f"{self.thing} not existent ({key})")
        if len(ids) > 1:
            raise Refused(error, f"Several {self.thing.lower()}s bear this name, please give the _id of one ({key})")
        return ids[0]


def _find_users(keys: Sequence[str], by: User) -> Found:
    found = users_of_tenant.rows(by.tenant_id or "", keys)
    return {name: [pk] for pk, name in found} | {pk: [pk] for pk, _ in found}


def _find_datasets(keys: Sequence[str], by: User) -> Found:
    """Where several readable datasets bear a name, the user's own is meant."""
    readable = Item.objects.visible_to(by).datasets().filter(Q(pk__in=keys) | Q(name__in=keys))
    found = list(readable.values_list("pk", "name", "owner_id"))
    ids: dict[str, list[str]] = {}
    for pk, name, _ in found:
        ids.setdefault(name, []).append(pk)
    own = {name: [pk] for pk, name, owner in found if owner == by.pk}
    return ids | own | {pk: [pk] for pk, _, _ in found}


USERS = References("User", _find_users)
DATASETS = References("Dataset", _find_datasets)


def user_ids(keys: Sequence[str], *, by: User, error: str) -> list[str]:
    """Return the ids of users named by id or username. Raises Refused with that error for an unknown one."""
    return unique(USERS.ids(keys, by=by, error=error).values())


def dataset_ids(keys: Sequence[str], *, by: User, error: str) -> list[str]:
    """Return the ids of datasets, named by id or name, that `by` may read. Raises Refused as `References.ids` does."""
    return unique(DATASETS.ids(keys, by=by, error=error).values())
