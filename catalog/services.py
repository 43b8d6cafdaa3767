"""Writes: items and their versions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import orjson
from django.conf import settings

from catalog.changes import LISTS, ListChange, dataset_ids, renamed_metadata, unique, user_ids
from catalog.models import STATUSES, Item
from folksonomy.models import MetadataName, Tag
from folksonomy.services import use_terms
from tenants.exceptions import Refused
from tenants.models import User
from tenants.rows.batches import batches, keys_of
from tenants.rows.fences import reference_guard, removal_guard
from tenants.rows.fields import now
from tenants.rows.prepared import Prepared
from tenants.rows.texts import refuse, unfit_title
from tenants.rows.transactions import Conflict, retried
from versions.folders import FOLDER_TYPE, SentFiles, remove_bytes, stored_folder
from versions.models import Version
from versions.ordinals import refuse_taken
from versions.services import Upload, add_version, delete_version, delete_versions_of, with_bytes

CREATION, CHANGE = "post_request_error", "put_request_error"
LISTS_OF_ITEM = ("tags", "metadata", "users", "datasets")
LARGEST = 8 * 1024 * 1024  # bytes of an item's lists; MongoDB keeps at most 16 MiB in one document
BATCH = 100  # items per transaction when a word is replaced
items_named = Prepared(
    lambda tenant, kind, owner, name: (
        Item.objects.of(tenant).filter(kind=kind, owner_id=owner, name=name).values_list("pk")
    )
)


@retried
def create_item(
    *,
    kind: str,
    by: User,
    name: str,
    visibility: str = "private",
    users: Sequence[str] = (),
    datasets: Sequence[str] = (),
    tags: Sequence[str] = (),
    metadata: Sequence[Mapping[str, Any]] = (),
    status: str | None = None,
    kept: Mapping[str, Any] | None = None,
) -> Item:
    """Create a model, dataset or algorithm owned by `by`, and add its new words to the folksonomy.

    `kept` overrides fields of an imported item: its id, times and references. Users are given by id or username,
    datasets by id or name. Raises Refused (`post_request_error`) for a taken or invalid name, unknown users and
    datasets, and a duplicate metadata name.
    """
    refuse([name], unfit_title, CREATION)
    item = Item(tenant_id=by.tenant_id, kind=kind, name=name, owner=by, visibility=visibility)
    item.status = None if kind == "dataset" else status or STATUSES[0]
    item.lastmod = item.timestamp
    item.tags = unique(tags)
    item.metadata = _single_valued(metadata)
    with reference_guard(by.tenant_id, by):
        if items_named.rows(item.tenant_id, kind, by.pk, name):
            article = "An" if kind[0] == "a" else "A"
            raise Refused(CREATION, f"{article} {kind} with the same name already exists for this user")
        item.users = user_ids(unique(users), by=by, error=CREATION)
        item.datasets = [] if kind == "dataset" else dataset_ids(unique(datasets), by=by, error=CREATION)
        for field, value in (kept or {}).items():
            setattr(item, field, value)
        _refuse_too_large(item, CREATION)
        item.derive_readers()
        use_terms(Tag, item.tags, by=by)
        use_terms(MetadataName, (pair["name"] for pair in item.metadata), by=by)
        item.save(force_insert=True)
    return item


def _refuse_too_large(item: Item, error: str) -> None:
    """Raise Refused with that error if a list is longer than `MAX_LIST_LENGTH`, or all lists exceed LARGEST bytes."""
    lists = {name: getattr(item, name) for name in LISTS_OF_ITEM}
    for name, elements in lists.items():
        if len(elements) > settings.MAX_LIST_LENGTH:
            raise Refused(error, f"An item has at most {settings.MAX_LIST_LENGTH} {name}")
    if len(orjson.dumps(lists)) > LARGEST:
        raise Refused(error, f"The tags, metadata, users and datasets of an item have at most {LARGEST} bytes")


def _single_valued(metadata: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the metadata to store. Raises Refused (`post_request_error`) for a duplicate name."""
    seen: set[str] = set()
    for name in (pair["name"] for pair in metadata):
        if name in seen:
            raise Refused(CREATION, f"Metadata name duplicated ({name})")
        seen.add(name)
    return [{"name": pair["name"], "value": pair["value"]} for pair in metadata]


@retried
def update_item(*, item: Item, by: User, changes: Mapping[str, Any]) -> Item:
    """Apply all changes or none to the current state of the item.

    `changes` maps `visibility` and `status` to values and `users`, `datasets`, `tags`, `metadata` to ListChange.
    Raises Refused (`put_request_error`) for unknown references, invalid names, and updates that replace an element
    which is not in its list or that produce a duplicate.
    """
    with reference_guard(item.tenant_id, by):
        item = _current(item)
        for field, change in changes.items():
            is_list = isinstance(change, ListChange)
            setattr(item, field, LISTS[field](getattr(item, field), change, by) if is_list else change)
        _refuse_too_large(item, CHANGE)
        names = (pair["name"] for pair in changes.get("metadata", ListChange()).new)
        use_terms(Tag, changes.get("tags", ListChange()).new, by=by, error=CHANGE)
        use_terms(MetadataName, names, by=by, error=CHANGE)
        _write(item, ("visibility", "status", "users", "datasets", "tags", "metadata", "readers"))
    return item


def _current(item: Item) -> Item:
    """Return the item as it is stored now. Raises Refused (`resource_not_found`)."""
    current = Item.objects.of(item.tenant_id).filter(pk=item.pk).first()
    if current is None:
        raise Refused("resource_not_found", f"No such resource: {item.pk}")
    return current


def _write(item: Item, fields: Sequence[str], *, at: datetime | None = None) -> None:
    """Write the fields if the revision is still the one that was read. Raises Conflict if it is newer."""
    item.derive_readers()
    item.lastmod = at or now()
    read = Item.objects.of(item.tenant_id).filter(pk=item.pk, revision=item.revision)
    item.revision += 1
    values = {field: getattr(item, field) for field in (*fields, "lastmod", "revision")}
    if not read.update(**values):
        raise Conflict(f"{item.pk} was changed meanwhile")


def add_item_version(*, item: Item, upload: Upload, ordinal: str | None = None) -> Item:
    """Add an upload as a version of the item. Raises Refused (`post_request_error`) for a taken ordinal."""
    if ordinal is not None:  # fail before copying bytes
        refuse_taken(tenant_id=item.tenant_id, subject=item.pk, ordinal=ordinal)
    named = partial(_name_version, item, upload, ordinal)
    return with_bytes(tenant_id=item.tenant_id, received=upload.received, write=named)


def add_item_files(*, item: Item, sent: SentFiles, ordinal: str | None = None, by: User) -> Item:
    """Add files as one version. Raises Refused (`post_request_error`) for a taken ordinal.

    Also if a file names bytes of another version that was deleted meanwhile.
    """
    upload = Upload(
        received=sent.received,
        original=sent.original or sent.files[0].path,
        mimetype=sent.files[0].mimetype,
        encoding="binary",
        description=sent.description,
        creator=by.pk,
    )
    if len(sent.files) == 1:
        path = sent.files[0].path
        upload = replace(upload, path="" if path == upload.original else path)
        return add_item_version(item=item, upload=upload, ordinal=ordinal)
    if ordinal is not None:  # fail before copying bytes
        refuse_taken(tenant_id=item.tenant_id, subject=item.pk, ordinal=ordinal)
    with stored_folder(tenant_id=item.tenant_id, files=sent.files) as folder:
        upload = replace(upload, mimetype=FOLDER_TYPE, folder=folder)
        return _name_version(item, upload, ordinal, mark="")


@retried
def _name_version(item: Item, upload: Upload, ordinal: str | None, mark: str) -> Item:
    with reference_guard(item.tenant_id):
        item = _current(item)
        _write(item, (), at=item.lastmod if upload.timestamp else None)
        add_version(tenant_id=item.tenant_id, subject=item.pk, upload=upload, mark=mark, ordinal=ordinal)
    return item


@retried
def delete_item_version(*, item: Item, version: Version) -> None:
    """Delete a version of the item, and its bytes if no other version refers to them."""
    with reference_guard(item.tenant_id):
        item = _current(item)
        _write(item, ())
        current = Version.objects.of(item.tenant_id).filter(pk=version.pk).first()
        deleted = delete_version(current) if current else ()
    remove_bytes(deleted)


@retried
def delete_item(*, item: Item) -> None:
    """Delete an item with its versions and their bytes.

    Raises Refused (`delete_request_error`) for a dataset that a model or algorithm refers to.
    """
    with (removal_guard if item.kind == "dataset" else reference_guard)(item.tenant_id):
        item = _current(item)
        _write(item, ())
        used = Item.objects.of(item.tenant_id).filter(datasets__holds=item.pk) if item.kind == "dataset" else None
        user = used.first() if used is not None else None
        if user is not None:
            raise Refused("delete_request_error", f"Used in {user.pk} {user.kind.capitalize()}")
        deleted = delete_versions_of(tenant_id=item.tenant_id, subject=item.pk)
        item.delete()
    remove_bytes(deleted)


def uses_term(*, term: Tag | MetadataName) -> bool:
    """Return whether any item of the tenant has the tag or metadata name."""
    return Item.objects.with_term(term).exists()


def count_with_both(*, term: Tag | MetadataName, name: str) -> int:
    """Return the number of items that have both the term and the word `name`."""
    return Item.objects.with_term(term).with_word(type(term), name).count()


def replace_term(*, term: Tag | MetadataName, name: str) -> int:
    """Replace the term by the word `name` in every item; return the number of changed items.

    Items are changed in batches, each in its own transaction on the current state. An interruption leaves every item
    consistent.
    """
    changed = 0
    while uses_term(term=term):  # again, for items that got the term meanwhile
        for keys in batches(keys_of(Item.objects.with_term(term)), BATCH):
            changed += _replace_in(keys, term, name)
    return changed


@retried
def _replace_in(keys: Sequence[str], term: Tag | MetadataName, name: str) -> int:
    with reference_guard(term.tenant_id):
        if not type(term).objects.of(term.tenant_id).filter(name=name).exists():
            raise Refused("put_request_error", f"The term is no longer there ({name})")
        items = list(Item.objects.with_term(term).filter(pk__in=keys))
        for item in items:
            if isinstance(term, Tag):
                item.tags = unique(name if tag == term.name else tag for tag in item.tags)
            else:
                item.metadata = renamed_metadata(item.metadata, term.name, name)
            _write(item, ("tags", "metadata"))
    return len(items)
