"""What a PUT does to the lists of an item: remove first, then add."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.models import Item
from catalog.references import dataset_ids, unique, user_ids
from folksonomy.models import Tag
from tenants.exceptions import Refused
from tenants.models import User

ERROR = "put_request_error"


@dataclass(frozen=True)
class ListChange:
    """What goes from a list and what comes to it."""

    remove: Sequence[Any] = ()
    add: Sequence[Any] = ()


def changed_users(item: Item, change: ListChange, by: User) -> list[str]:
    """Return the item's users after the change."""
    gone = _known_ids(item.users, change.remove, lambda keys: user_ids(keys, by=by, error=ERROR))
    return _changed(item.users, gone, user_ids(change.add, by=by, error=ERROR))


def changed_datasets(item: Item, change: ListChange, by: User) -> list[str]:
    """Return the item's datasets after the change."""
    gone = _known_ids(item.datasets, change.remove, lambda keys: dataset_ids(keys, by=by, error=ERROR))
    return _changed(item.datasets, gone, dataset_ids(change.add, by=by, error=ERROR))


def changed_tags(item: Item, change: ListChange, by: User) -> list[str]:
    """Return the item's tags after the change."""
    strange = [tag for tag in change.remove if tag not in item.tags]
    known = Tag.objects.of(by.tenant_id).filter(name__in=strange).values_list("name", flat=True) if strange else ()
    for tag in strange:
        if tag not in known:
            raise _not_found(tag)
    return _changed(item.tags, change.remove, change.add)


def changed_metadata(item: Item, change: ListChange, by: User) -> list[dict[str, Any]]:
    """Return the item's metadata after the change; names decide, and a new value replaces the old one."""
    gone = {pair["name"] for pair in change.remove}
    values = {pair["name"]: pair["value"] for pair in item.metadata if pair["name"] not in gone}
    values |= {pair["name"]: pair["value"] for pair in change.add}
    return [{"name": name, "value": value} for name, value in values.items()]


def renamed_metadata(metadata: list[dict[str, Any]], old: str, new: str) -> list[dict[str, Any]]:
    """Return the metadata with `old` called `new`; where both are there the value of `new` stays."""
    taken = any(pair["name"] == new for pair in metadata)
    kept = [pair for pair in metadata if pair["name"] != old or not taken]
    return [{"name": new, "value": pair["value"]} if pair["name"] == old else pair for pair in kept]


LISTS: dict[str, Callable[[Item, ListChange, User], list[Any]]] = {
    "users": changed_users,
    "datasets": changed_datasets,
    "tags": changed_tags,
    "metadata": changed_metadata,
}


def _known_ids(listed: list[str], keys: Sequence[str], find: Callable[[list[str]], list[str]]) -> list[str]:
    """Return the ids of what is to be removed: what is listed can always be, even where it is not readable."""
    ids = [key for key in keys if key in listed]
    for key in keys:
        if key not in listed:
            try:
                ids += find([key])
            except Refused as refused:
                raise _not_found(key) from refused
    return ids


def _changed(listed: list[str], gone: Sequence[str], come: Sequence[str]) -> list[str]:
    return unique([value for value in listed if value not in gone] + list(come))


def _not_found(key: str) -> Refused:
    return Refused(ERROR, f"Resource to be removed from list not found: {key}")
