"""Writes: items and their versions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import orjson
from django.conf import settings

from catalog.changes import LISTS, ListChange, dataset_ids, unique, user_ids
from catalog.models import STATUSES, Item
from folksonomy.models import MetadataName, Tag
from folksonomy.services import use_terms
from tenants.exceptions import Refused
from tenants.models import User
from tenants.rows.fences import reference_guard, removal_guard
from tenants.rows.fields import now
from tenants.rows.prepared import Prepared
from tenants.rows.texts import refuse, unfit_title
from tenants.rows.transactions import Conflict, retried
from versions.folders import FOLDER_TYPE, SentFiles, remove_bytes, stored_folder
from versions.models import UploadSession, Version
from versions.ordinals import refuse_taken
from versions.services import Upload, add_version, delete_version, delete_versions_of, with_bytes
from versions.uploads import claim_all

CREATION, CHANGE = "post_request_error", "put_request_error"
WORDS = ("tags", "metadata")
# Lists and their bytes. MongoDB keeps at most 16 MiB in one document; a page of ten items embeds a thousand versions.
BOUNDS: dict[type[Item | Version], tuple[str, tuple[str, ...], int]] = {
    Item: ("An item", (*WORDS, "users", "datasets"), 8 * 1024 * 1024),
    Version: ("A version", WORDS, 64 * 1024),
}
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
    refuse([name], unfit_title, CREATION)
    item = Item(tenant_id=by.tenant_id, kind=kind, name=name, owner=by, visibility=visibility)
    item.description = description
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
        _use_words(item.tags, item.metadata, by=by, error=CREATION)
        item.save(force_insert=True)
    return item


def _refuse_too_large(row: Item | Version, error: str) -> None:
    """Raise Refused with that error if a list is longer than `MAX_LIST_LENGTH`, or all lists have too many bytes."""
    what, names, largest = BOUNDS[type(row)]
    lists = {name: getattr(row, name) for name in names}
    for name, elements in lists.items():
        if len(elements) > settings.MAX_LIST_LENGTH:
            raise Refused(error, f"{what} has at most {settings.MAX_LIST_LENGTH} {name}")
    if len(orjson.dumps(lists)) > largest:
        *some, last = names
        raise Refused(error, f"The {', '.join(some)} and {last} of {what.lower()} have at most {largest} bytes")


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

    `changes` maps `description`, `visibility` and `status` to values and `users`, `datasets`, `tags`, `metadata` to
    ListChange.
    Raises Refused (`put_request_error`) for unknown references, invalid names, and updates that replace an element
    which is not in its list or that produce a duplicate.
    """
    with reference_guard(item.tenant_id, by):
        item = _current(item)
        for field, change in changes.items():
            is_list = isinstance(change, ListChange)
            setattr(item, field, LISTS[field](getattr(item, field), change, by) if is_list else change)
        _refuse_too_large(item, CHANGE)
        new = {field: changes.get(field, ListChange()).new for field in WORDS}
        _use_words(new["tags"], new["metadata"], by=by, error=CHANGE)
        _write(item, ("description", "visibility", "status", "users", "datasets", "tags", "metadata", "readers"))
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


def add_item_version(
    *,
    item: Item,
    upload: Upload,
    ordinal: str | None = None,
    by: User | None = None,
    session: UploadSession | None = None,
) -> Item:
    """Add an upload as a version of the item, and its new words, owned by `by` or the item's owner, to the folksonomy.

    `session` is the one that the upload came by, whose bytes the version takes. Raises Refused (`post_request_error`)
    for a taken ordinal, invalid words, a duplicate metadata name, or a session that another version has taken.
    """
    upload = _checked(item, upload, ordinal)
    sessions = [session.pk] if session else []
    named = partial(_name_version, item, upload, ordinal=ordinal, by=by, sessions=sessions)
    return with_bytes(tenant_id=item.tenant_id, received=upload.received, write=named)


def _checked(item: Item, upload: Upload, ordinal: str | None) -> Upload:
    """Return the upload with the words to store. Raises Refused (`post_request_error`), before bytes are copied."""
    upload = replace(upload, tags=unique(upload.tags), metadata=_single_valued(upload.metadata))
    _refuse_too_large(Version(tags=upload.tags, metadata=upload.metadata), CREATION)
    if ordinal is not None:
        refuse_taken(tenant_id=item.tenant_id, subject=item.pk, ordinal=ordinal)
    return upload


def add_item_files(*, item: Item, upload: SentFiles, ordinal: str | None = None, by: User) -> Item:
    """Add files as one version, which takes the uploads that they came by.

    Raises Refused (`post_request_error`) as `add_item_version` does, and for bytes of another version that was deleted
    meanwhile.
    """
    files = upload.files
    sessions = sorted({file.upload for file in files if file.upload})
    whole = _checked(item, _whole(upload), ordinal)
    if len(files) == 1:
        named = partial(_name_version, item, whole, ordinal=ordinal, by=by, sessions=sessions)
        return with_bytes(tenant_id=item.tenant_id, received=whole.received, write=named)
    with stored_folder(tenant_id=item.tenant_id, files=files) as folder:
        whole = replace(whole, mimetype=FOLDER_TYPE, folder=folder)
        return _name_version(item, whole, "", ordinal=ordinal, by=by, sessions=sessions)


def _whole(sent: SentFiles) -> Upload:
    """Return the version of the files."""
    path = sent.files[0].path if len(sent.files) == 1 else ""
    original = sent.original or path
    about = {name: getattr(sent, name) for name in ("received", "description", "creator", "tags", "metadata")}
    path = "" if path == original else path
    return Upload(original=original, mimetype=sent.files[0].mimetype, encoding="binary", path=path, **about)


@retried
def _name_version(
    item: Item, upload: Upload, mark: str, *, ordinal: str | None, by: User | None, sessions: Sequence[str]
) -> Item:
    with reference_guard(item.tenant_id, by):
        item = _current(item)
        _write(item, (), at=item.lastmod if upload.timestamp else None)
        if upload.tags or upload.metadata:
            _use_words(upload.tags, upload.metadata, by=by or item.owner, error=CREATION)
        add_version(tenant_id=item.tenant_id, subject=item.pk, upload=upload, mark=mark, ordinal=ordinal)
        if sessions and by:
            claim_all(tenant_id=item.tenant_id, owner_id=by.pk, ids=sessions)
    return item


def _use_words(tags: Iterable[str], metadata: Iterable[Mapping[str, Any]], *, by: User, error: str) -> None:
    """Add new words to the folksonomy. Raises Refused with that error for an invalid one."""
    use_terms(Tag, tags, by=by, error=error)
    use_terms(MetadataName, (pair["name"] for pair in metadata), by=by, error=error)


@retried
def update_item_version(*, item: Item, version: Version, by: User, changes: Mapping[str, Any]) -> Version:
    """Apply all changes or none to the current state of a version of the item; its bytes stay.

    `changes` maps `description` to a text, `tags` and `metadata` to ListChange. Raises Refused: `put_request_error` as
    `update_item` does, `resource_not_found` if the item or version no longer exists.
    """
    with reference_guard(item.tenant_id, by):
        item = _current(item)
        _write(item, ())  # conflicts with concurrent changes of the item and its versions
        current = Version.objects.of(item.tenant_id).filter(pk=version.pk, subject=item.pk).first()
        if current is None:
            raise Refused("resource_not_found", f"No such version: {version.ordinal}")
        for field, change in changes.items():
            is_list = isinstance(change, ListChange)
            setattr(current, field, LISTS[field](getattr(current, field), change, by) if is_list else change)
        _refuse_too_large(current, CHANGE)
        new = {field: changes.get(field, ListChange()).new for field in WORDS}
        _use_words(new["tags"], new["metadata"], by=by, error=CHANGE)
        Version.objects.of(item.tenant_id).filter(pk=current.pk).update(
            description=current.description, tags=current.tags, metadata=current.metadata
        )
    return current


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
