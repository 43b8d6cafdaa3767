"""Writes: items and their versions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from catalog.aliases.protection import refuse_protected_deletion, refuse_unprotecting
from catalog.aliases.services import forget_aliases, refuse_aliased
from catalog.changes import dataset_ids, unique, user_ids
from catalog.checks import (
    CHANGE,
    CREATION,
    checked_version,
    current_item,
    keep_name,
    refuse_bad_name,
    refuse_too_large,
    single_valued,
)
from catalog.history import changed, item_event, item_state, version_event, version_state
from catalog.models import STATUSES, FormerName, Item
from catalog.values import add_values, change_values, remove_values
from catalog.words import changed_in_words, in_words, use_new, used, words_of_new
from tenants.exceptions import Refused
from tenants.ledger import created, deleted, record_all
from tenants.models import User
from tenants.rows.fences import reference_guard, removal_guard
from tenants.rows.fields import now
from tenants.rows.transactions import Conflict, retried
from versions.folders import remove_bytes, stored_folder
from versions.models import UploadSession, Version
from versions.sent import SentFiles
from versions.services import Upload, add_version, delete_version, delete_versions_of, with_bytes
from versions.uploads import claim_all

CHANGEABLE = ("name", "description", "visibility", "status", "users", "datasets", "tags", "metadata")
State = dict[str, Any]  # fields by name


@retried
def create_item(
    *,
    kind: str,
    by: User,
    name: str,
    description: str = "",
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
    item = Item(tenant_id=by.tenant_id, kind=kind, name=name, owner=by, visibility=visibility)
    item.description = description
    item.status = None if kind == "dataset" else status or STATUSES[0]
    item.lastmod = item.timestamp
    with reference_guard(by.tenant_id, by):
        refuse_bad_name(item, CREATION)
        words = words_of_new(item, tags, metadata, CREATION)
        item.tags, item.metadata = unique(map(words.tags, tags)), single_valued(words.pairs(metadata))
        item.users = user_ids(unique(users), by=by, error=CREATION)
        item.datasets = [] if kind == "dataset" else dataset_ids(unique(datasets), by=by, error=CREATION)
        for field, value in (kept or {}).items():
            setattr(item, field, value)
        refuse_too_large(item, CREATION)
        item.derive_readers()
        events = words.use(item.tags, item.metadata, by=by, error=CREATION)
        item.save(force_insert=True)
        add_values(item)
        record_all([*events, item_event(item, "imported" if kept else "created", by, created(item_state(item)))])
    return used(words, item)


@retried
def update_item(*, item: Item, by: User, changes: Mapping[str, Any]) -> Item:
    """Apply all changes or none to the current state of the item.

    `changes` maps lists to ListChange and others to values. Raises Refused (`put_request_error`) for a taken name,
    unknown references, invalid names, and updates that replace what is not in a list or that produce a duplicate.
    """
    with reference_guard(item.tenant_id, by):
        item, before = read_again(item)
        words, changes = changed_in_words(item, changes, by, CHANGE)
        keep_name(item, before["name"])
        if item.name != before["name"] or not set(before["tags"]) <= set(item.tags):
            refuse_unprotecting(item, by, name=before["name"], tags=before["tags"])
        events = use_new(words, changes, by, CHANGE)
        done = write_item(item, before, (*CHANGEABLE, "readers"))
        change_values(item, before["metadata"])
        record_all([*events, item_event(item, "updated", by, done)])
    return used(words, item)


def read_again(item: Item) -> tuple[Item, State]:
    """Return the item as it is stored now, and its state for the event. Raises Refused (`resource_not_found`)."""
    current = current_item(item)
    return current, item_state(current)


def write_item(item: Item, before: State, fields: Sequence[str] = (), *, at: datetime | None = None) -> dict[str, Any]:
    """Write the fields if the revision is still the one that was read, and return what changed, for the event.

    `before` is the state of the item as it was read. Raises Conflict if the revision is newer.
    """
    item.derive_readers()
    item.lastmod = at or now()
    read = Item.objects.of(item.tenant_id).filter(pk=item.pk, revision=item.revision)
    item.revision += 1
    values = {field: getattr(item, field) for field in (*fields, "lastmod", "revision")}
    if not read.update(**values):
        raise Conflict(f"{item.pk} was changed meanwhile")
    return changed(before, item_state(item))


def add_item_version(
    *, item: Item, upload: Upload, by: User, ordinal: str | None = None, session: UploadSession | None = None
) -> tuple[Item, Version]:
    """Add an upload as a version of the item, and its new words, owned by `by`, to the folksonomy; return both.

    `session` is the one that the upload came by, whose bytes the version takes. Raises Refused (`post_request_error`)
    for a taken ordinal, invalid words, a duplicate metadata name, or a session that another version has taken.
    """
    upload = checked_version(item, upload, ordinal)
    sessions = [session.pk] if session else []
    named = partial(_name_version, item, upload, ordinal=ordinal, by=by, sessions=sessions)
    return with_bytes(tenant_id=item.tenant_id, received=upload.received, write=named)


def add_item_files(*, item: Item, upload: SentFiles, ordinal: str | None = None, by: User) -> tuple[Item, Version]:
    """Add files as one version, which takes the uploads that they came by; return the item and the version.

    Raises Refused (`post_request_error`) as `add_item_version` does, and for bytes of another version that was deleted
    meanwhile.
    """
    files = upload.files
    sessions = sorted({file.upload for file in files if file.upload})
    whole = checked_version(item, upload.as_upload(), ordinal)
    if len(files) == 1:
        named = partial(_name_version, item, whole, ordinal=ordinal, by=by, sessions=sessions)
        return with_bytes(tenant_id=item.tenant_id, received=whole.received, write=named)
    with stored_folder(tenant_id=item.tenant_id, files=files) as folder:
        whole = replace(whole, folder=folder)
        return _name_version(item, whole, "", ordinal=ordinal, by=by, sessions=sessions)


@retried
def _name_version(
    item: Item, upload: Upload, mark: str, *, ordinal: str | None, by: User, sessions: Sequence[str]
) -> tuple[Item, Version]:
    with reference_guard(item.tenant_id, by):
        item, before = read_again(item)
        done = write_item(item, before, at=item.lastmod if upload.timestamp else None)
        words = words_of_new(item, upload.tags, upload.metadata, CREATION)
        upload = checked_version(item, in_words(upload, words), None) if words.replaced else upload
        events = words.use(upload.tags, upload.metadata, by=by, error=CREATION)
        version = add_version(tenant_id=item.tenant_id, subject=item.pk, upload=upload, mark=mark, ordinal=ordinal)
        add_values(version)
        changes, verb = done | created(version_state(version)), "imported" if upload.timestamp else "created"
        record_all([*events, version_event(item, version, verb, by, changes)])
        if sessions:
            claim_all(tenant_id=item.tenant_id, owner_id=by.pk, ids=sessions)
    return used(words, item), used(words, version)


@retried
def update_item_version(*, item: Item, version: Version, by: User, changes: Mapping[str, Any]) -> Version:
    """Apply all changes or none to the current state of a version of the item; its bytes stay.

    `changes` maps `description` to a text, `tags` and `metadata` to ListChange. Raises Refused: `put_request_error` as
    `update_item` does, `resource_not_found` if the item or version no longer exists.
    """
    with reference_guard(item.tenant_id, by):
        item, before = read_again(item)
        done = write_item(item, before)  # conflicts with concurrent changes of the item and its versions
        current = Version.objects.of(item.tenant_id).filter(pk=version.pk, subject=item.pk).first()
        if current is None:
            raise Refused("resource_not_found", f"No such version: {version.ordinal}")
        old = version_state(current)
        words, changes = changed_in_words(current, changes, by, CHANGE)
        events = use_new(words, changes, by, CHANGE)
        done |= write_words(current, old)
        record_all([*events, version_event(item, current, "updated", by, done)])
    return used(words, current)


def write_words(version: Version, before: State) -> dict[str, Any]:
    """Write description, tags and metadata of a version, and return what changed since its state `before`."""
    Version.objects.of(version.tenant_id).filter(pk=version.pk).update(
        description=version.description, tags=version.tags, metadata=version.metadata
    )
    change_values(version, before["metadata"])
    return changed(before, version_state(version))


@retried
def delete_item_version(*, item: Item, version: Version, by: User) -> None:
    """Delete a version of the item, and its bytes if no other version refers to them.

    Raises Refused: `resource_not_found` if it is gone, `delete_request_error` if an alias points at it.
    """
    with reference_guard(item.tenant_id):
        item, before = read_again(item)
        refuse_aliased(item, version)
        done = write_item(item, before)
        current = Version.objects.of(item.tenant_id).filter(pk=version.pk).first()
        if current is None:
            raise Refused("resource_not_found", f"No such version: {version.ordinal}")
        remove_values(item=item, version=current)
        gone = delete_version(current)
        record_all([version_event(item, current, "deleted", by, done | deleted(version_state(current)))])
    remove_bytes(gone)


@retried
def delete_item(*, item: Item, by: User) -> None:
    """Delete an item with its versions and their bytes.

    Raises Refused: `delete_request_error` for a dataset that a model or algorithm refers to, `restricted_access_delete`
    if a rule protects the item from `by`.
    """
    with (removal_guard if item.kind == "dataset" else reference_guard)(item.tenant_id):
        item, before = read_again(item)
        refuse_protected_deletion(item, by)
        write_item(item, before)
        used = Item.objects.of(item.tenant_id).filter(datasets__holds=item.pk) if item.kind == "dataset" else None
        user = used.first() if used is not None else None
        if user is not None:
            raise Refused("delete_request_error", f"Used in {user.pk} {user.kind.capitalize()}")
        remove_values(item=item)
        gone = delete_versions_of(tenant_id=item.tenant_id, subject=item.pk)
        before |= {"versions": [version_state(version) for version in gone], "aliases": item.aliased}
        record_all([item_event(item, "deleted", by, deleted(before))])
        forget_aliases(tenant_id=item.tenant_id, subjects=[item.pk])
        FormerName.objects.of(item.tenant_id).filter(item=item.pk).delete()
        item.delete()
    remove_bytes(gone)
