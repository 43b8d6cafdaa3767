"""The lists of an item: which users and datasets a body may name, and what a PUT changes in a list.

A PUT removes elements first, then replaces elements in place, then appends.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from catalog.models import Item
from folksonomy.models import Tag
from tenants.exceptions import Refused
from tenants.models import User
from tenants.rows.prepared import Prepared

CREATION, CHANGE = "post_request_error", "put_request_error"
Found = Mapping[str, Sequence[str]]  # by key: the ids that it may refer to; an unknown key is absent

users_of_tenant = Prepared(
    lambda tenant, keys: User.objects.of(tenant).named(keys).filter(leaving=None).values_list("pk", "username")
)


def unique(values: Iterable[str]) -> list[str]:
    """Return the values without duplicates, in order."""
    return list(dict.fromkeys(values))


@dataclass(frozen=True)
class References:
    """A kind of resource that items refer to. `find` looks up all keys for a user with one query."""

    label: str
    find: Callable[[Sequence[str], User], Found]

    def ids(self, keys: Sequence[str], *, by: User, error: str) -> dict[str, str]:
        """Return the id of each key.

        Raises Refused with that error for an unknown key and for an ambiguous one.
        """
        found = self.find(keys, by) if keys else {}
        return {key: self._one(key, found.get(key, ()), error) for key in keys}

    def _one(self, key: str, ids: Sequence[str], error: str) -> str:
        if not ids:
            raise Refused(error, f"{self.label} not existent ({key})")
        if len(ids) > 1:
            raise Refused(error, f"Several {self.label.lower()}s bear this name, please give the _id of one ({key})")
        return ids[0]


def _find_users(keys: Sequence[str], by: User) -> Found:
    found = users_of_tenant.rows(by.tenant_id or "", keys)
    return {name: [pk] for pk, name in found} | {pk: [pk] for pk, _ in found}


def _find_datasets(keys: Sequence[str], by: User) -> Found:
    """Look up datasets. If several readable datasets have the same name, the name refers to the user's own."""
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
    """Return the ids of users given by id or username. Raises Refused with that error for an unknown one."""
    return unique(USERS.ids(keys, by=by, error=error).values())


def dataset_ids(keys: Sequence[str], *, by: User, error: str) -> list[str]:
    """Return the ids of datasets, given by id or name, that `by` may read. Raises Refused as `References.ids` does."""
    return unique(DATASETS.ids(keys, by=by, error=error).values())


@dataclass(frozen=True)
class Replacement:
    """The name of a list element and the element that replaces it."""

    old: str
    new: Any


@dataclass(frozen=True)
class ListChange:
    """Elements to remove from a list, to replace in place, and to append."""

    remove: Sequence[Any] = ()
    update: Sequence[Replacement] = ()
    add: Sequence[Any] = ()

    @property
    def new(self) -> Sequence[Any]:
        """The elements that the change puts into the list, including those that are already in it."""
        return [*(each.new for each in self.update), *self.add]


def _changed_references(references: References) -> Callable[[list[str], ListChange, User], list[str]]:
    """Return a function that applies a change to a list of such references."""

    def changed(listed: list[str], change: ListChange, by: User) -> list[str]:
        removed = _listed_ids(references, listed, change.remove, by, "removed from")
        old = _listed_ids(references, listed, [each.old for each in change.update], by, "updated in")
        new = references.ids(change.new, by=by, error=CHANGE)
        update = [Replacement(old[each.old], new[each.new]) for each in change.update]
        return unique([*_updated(_without(listed, removed.values()), update), *(new[key] for key in change.add)])

    return changed


def changed_tags(listed: list[str], change: ListChange, by: User) -> list[str]:
    """Return the item's tags after the change."""
    unlisted = _without(change.remove, listed)
    known = Tag.objects.of(by.tenant_id).filter(name__in=unlisted).values_list("name", flat=True) if unlisted else ()
    for tag in unlisted:
        if tag not in known:
            raise _not_found("removed from", tag)
    return unique([*_updated(_without(listed, change.remove), change.update), *change.add])


def changed_metadata(listed: list[dict[str, Any]], change: ListChange, by: User) -> list[dict[str, Any]]:
    """Return the item's metadata after the change. Elements match by name; an added value replaces the old one."""
    removed = {pair["name"] for pair in change.remove}
    kept = [pair for pair in listed if pair["name"] not in removed]
    renamed = [Replacement(each.old, each.new["name"]) for each in change.update]
    names = _updated([pair["name"] for pair in kept], renamed)
    new = {each.old: each.new["value"] for each in change.update}
    values = {name: new.get(pair["name"], pair["value"]) for name, pair in zip(names, kept, strict=True)}
    values |= {pair["name"]: pair["value"] for pair in change.add}
    return [{"name": name, "value": value} for name, value in values.items()]


def renamed_metadata(metadata: list[dict[str, Any]], old: str, new: str) -> list[dict[str, Any]]:
    """Return the metadata with `old` renamed to `new`. If both exist, the value of `new` stays."""
    taken = any(pair["name"] == new for pair in metadata)
    kept = [pair for pair in metadata if pair["name"] != old or not taken]
    return [{"name": new, "value": pair["value"]} if pair["name"] == old else pair for pair in kept]


LISTS: dict[str, Callable[[Any, ListChange, User], list[Any]]] = {
    "users": _changed_references(USERS),
    "datasets": _changed_references(DATASETS),
    "tags": changed_tags,
    "metadata": changed_metadata,
}


def _listed_ids(
    references: References, listed: list[str], keys: Sequence[str], by: User, done: str
) -> Mapping[str, str]:
    """Return the ids of keys. A listed id is always accepted, even if the user cannot read its resource."""
    unlisted = _without(keys, listed)
    found = references.find(unlisted, by) if unlisted else {}
    for key in unlisted:
        if len(found.get(key, ())) != 1:
            raise _not_found(done, key)
    return {key: key for key in keys} | {key: found[key][0] for key in unlisted}


def _without(values: Iterable[str], removed: Iterable[str]) -> list[str]:
    excluded = set(removed)
    return [value for value in values if value not in excluded]


def _updated(names: list[str], update: Sequence[Replacement]) -> list[str]:
    """Return the names with all replacements applied in place at once, so two names can be swapped.

    Raises Refused for an old name that is not in the list or is replaced twice, and for a duplicate in the result.
    """
    replaced = {each.old: each.new for each in update}
    for name in _without(replaced, names):
        raise _not_found("updated in", name)
    if len(replaced) < len(update):
        raise Refused(CHANGE, "An element of a list is updated twice")
    changed = [replaced.get(name, name) for name in names]
    counts = Counter(changed)
    for name in replaced.values():
        if counts[name] > 1:
            raise Refused(CHANGE, f"Already in the list: {name}")
    return changed


def _not_found(done: str, key: str) -> Refused:
    return Refused(CHANGE, f"Resource to be {done} list not found: {key}")
