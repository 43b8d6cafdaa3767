"""Checks of items and versions before they are written: that they still exist, and what they hold."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from django.conf import settings

from catalog.changes import unique
from catalog.models import FormerName, Item
from tenants.exceptions import Refused
from tenants.rows.prepared import Prepared
from tenants.rows.texts import refuse, unfit_title
from versions.models import Version
from versions.ordinals import refuse_taken
from versions.services import Upload

CREATION, CHANGE = "post_request_error", "put_request_error"
WORDS = ("tags", "metadata")
MOST_NAMES = 20  # former names of an item that pages redirect from
items_named = Prepared(
    lambda tenant, kind, owner, name: (
        Item.objects.of(tenant).filter(kind=kind, owner_id=owner, name=name).values_list("pk")
    )
)
LISTS: dict[type[Item | Version], tuple[str, ...]] = {Item: (*WORDS, "users", "datasets"), Version: WORDS}
# Bytes of their lists. MongoDB keeps at most 16 MiB in one document; a page of ten items embeds a thousand versions.
BOUNDS: dict[type[Item | Version], tuple[str, int]] = {
    Item: ("An item", 8 * 1024 * 1024),
    Version: ("A version", 64 * 1024),
}


def current_item(item: Item) -> Item:
    """Return the item as it is stored now. Raises Refused (`resource_not_found`)."""
    current = Item.objects.of(item.tenant_id).filter(pk=item.pk).first()
    if current is None:
        raise Refused("resource_not_found", f"No such resource: {item.pk}")
    return current


def refuse_too_large(row: Item | Version, error: str) -> None:
    """Raise Refused with that error if a list is longer than `MAX_LIST_LENGTH`, or all lists have too many bytes."""
    _refuse_too_large(type(row), {name: getattr(row, name) for name in LISTS[type(row)]}, error)


def _refuse_too_large(model: type[Item | Version], lists: Mapping[str, Sequence[Any]], error: str) -> None:
    what, largest = BOUNDS[model]
    for name, elements in lists.items():
        if len(elements) > settings.MAX_LIST_LENGTH:
            raise Refused(error, f"{what} has at most {settings.MAX_LIST_LENGTH} {name}")
    if len(orjson.dumps(lists)) > largest:
        *some, last = lists
        raise Refused(error, f"The {', '.join(some)} and {last} of {what.lower()} have at most {largest} bytes")


def refuse_bad_name(item: Item, error: str) -> None:
    """Raise Refused with that error for an invalid name, and for one that another item of the kind and owner has."""
    refuse([item.name], unfit_title, error)
    taken = items_named.rows(item.tenant_id, item.kind, item.owner_id, item.name)
    if any(key != item.pk for (key,) in taken):
        article = "An" if item.kind[0] == "a" else "A"
        raise Refused(error, f"{article} {item.kind} with the same name already exists for this user")


def keep_name(item: Item, former: str) -> None:
    """Remember the former name of an item if it has a new one. Raises Refused for an invalid or a taken new name."""
    if item.name == former:
        return
    refuse_bad_name(item, CHANGE)
    known = FormerName.objects.of(item.tenant_id).filter(kind=item.kind, item=item.pk)
    known.filter(name__in=(former, item.name)).delete()
    oldest = known.order_by("-timestamp", "-pk").values_list("pk", flat=True)[MOST_NAMES - 1 :]
    known.filter(pk__in=list(oldest)).delete()
    FormerName(tenant_id=item.tenant_id, kind=item.kind, item=item.pk, name=former).save(force_insert=True)


def single_valued(metadata: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the metadata to store. Raises Refused (`post_request_error`) for a duplicate name."""
    seen: set[str] = set()
    for name in (pair["name"] for pair in metadata):
        if name in seen:
            raise Refused(CREATION, f"Metadata name duplicated ({name})")
        seen.add(name)
    return [{"name": pair["name"], "value": pair["value"]} for pair in metadata]


def checked_version(item: Item, upload: Upload, ordinal: str | None) -> Upload:
    """Return the upload with the words to store. Raises Refused (`post_request_error`), before bytes are copied."""
    upload = replace(upload, tags=unique(upload.tags), metadata=single_valued(upload.metadata))
    _refuse_too_large(Version, {"tags": upload.tags, "metadata": upload.metadata}, CREATION)
    if ordinal is not None:
        refuse_taken(tenant_id=item.tenant_id, subject=item.pk, ordinal=ordinal)
    return upload
