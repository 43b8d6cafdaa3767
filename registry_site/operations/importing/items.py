"""Imports models, datasets and algorithms with their versions."""

from dataclasses import replace
from typing import Any

from catalog.models import STATUSES, VISIBILITIES, Item
from catalog.services import add_item_version, create_item
from registry_site.operations.importing.conversion import (
    Warn,
    convert_description,
    convert_file_name,
    convert_metadata,
    convert_ordinal,
    convert_tags,
    convert_text,
    convert_title,
    convert_type,
    convert_version_metadata,
)
from registry_site.operations.importing.source import SourceItem, SourceReadError, SourceVersion
from registry_site.operations.importing.target import ImportTarget
from tenants.exceptions import Refused
from versions.models import Version
from versions.services import Upload
from versions.storage import Received, TooLarge, store


def import_item(target: ImportTarget, source: SourceItem) -> None:
    """Import an item and its versions; skip those that exist."""
    key = target.target_id(Item, source.id, target.items)
    is_new = target.items.get(key) != source.kind
    if not is_new:
        target.report.existing(source.kind)
    elif not _create(target, source, key):
        return
    if source.kind == "dataset":
        target.dataset_ids[source.id] = key
    existing = {} if is_new else dict(_versions(target, key).values_list("ordinal", "original"))
    item = None if target.dry else Item.objects.of(target.tenant.pk).get(pk=key)
    taken: list[str] = []
    for version in source.versions:
        warnings: list[str] = []
        ordinal = convert_ordinal(version.ordinal, taken, warnings.append)
        converted = replace(
            version,
            ordinal=ordinal,
            name=convert_file_name(version.name, warnings.append),
            description=convert_description(version.description, warnings.append),
        )
        taken.append(ordinal)
        what = f"version {ordinal} ({converted.name}) of {source}"
        if ordinal not in existing:
            _import_version(target, item, converted, what, warnings)
        elif existing[ordinal] == converted.name:
            target.report.existing("version")
        else:
            target.report.left_out("version", what, f"its ordinal already belongs to {existing[ordinal]}")


def _versions(target: ImportTarget, key: str) -> Any:
    return Version.objects.of(target.tenant.pk).filter(subject=key)


def _create(target: ImportTarget, source: SourceItem, key: str) -> bool:
    """Create the item; return whether it was created."""
    warnings: list[str] = []
    owner = target.owner(source.owner, warnings.append)
    name = convert_title(source.name, key, warnings.append)
    if (source.kind, owner.pk, name) in target.names:
        name = f"{name[:220]} ({key})"
        warnings.append(f"its owner has another {source.kind} of that name; it is now {name!r}")
    fields: dict[str, Any] = {
        "visibility": _choice(source.visibility, VISIBILITIES, "private", "visibility", warnings.append),
        "users": [user for id in source.users if (user := _user(target, id, warnings.append))],
        "tags": convert_tags(source.tags, warnings.append),
        "metadata": convert_metadata(source.metadata, warnings.append),
        "description": convert_description(source.description, warnings.append),
    }
    preserved: dict[str, Any] = {"id": key, "timestamp": source.timestamp, "lastmod": source.lastmod}
    if source.kind != "dataset":
        fields["status"] = _choice(source.status, STATUSES, STATUSES[0], "status", warnings.append)
        preserved["datasets"] = [
            pk for id in dict.fromkeys(source.datasets) if (pk := _dataset(target, id, warnings.append))
        ]
    try:
        if not target.dry:
            create_item(kind=source.kind, by=owner, name=name, kept=preserved, **fields)
    except Refused as refused:
        target.report.left_out(source.kind, source, refused.details)
        return False
    target.names.add((source.kind, owner.pk, name))
    target.report.imported(source.kind)
    if warnings:
        target.report.changed(source.kind, source, "; ".join(warnings))
    return True


def _choice(value: str, known: tuple[str, ...], default: str, what: str, warn: Warn) -> str:
    if value in known:
        return value
    if value:
        warn(f"the {what} {value!r} is unknown; it is now {default}")
    return default


def _user(target: ImportTarget, id: str, warn: Warn) -> str:
    if id not in target.users_by_source_id:
        warn(f"removed user {id}, who does not exist")
        return ""
    return str(target.users_by_source_id[id].pk)


def _dataset(target: ImportTarget, id: str, warn: Warn) -> str:
    if id not in target.dataset_ids:
        warn(f"removed dataset {id}, which does not exist")
    return target.dataset_ids.get(id, "")


def _import_version(
    target: ImportTarget, item: Item | None, version: SourceVersion, what: str, warnings: list[str]
) -> None:
    try:
        received = _receive(version, dry=item is None)
    except (SourceReadError, TooLarge) as error:
        target.report.left_out("version", what, str(error))
        return
    if item and received:
        try:
            owner = target.users[item.owner_id]
            add_item_version(
                item=item, upload=_upload(version, received, warnings.append), by=owner, ordinal=version.ordinal
            )
        except Refused as refused:
            target.report.left_out("version", what, refused.details)
            return
        finally:
            store().discard(received)
        if version.size not in (None, received.size):
            warnings.append(f"it has {received.size} bytes, but its record says {version.size}")
    target.report.imported("version")
    if warnings:
        target.report.changed("version", what, "; ".join(warnings))


def _receive(version: SourceVersion, *, dry: bool) -> Received | None:
    """Store and hash the version's bytes; a dry run only checks that they can be opened."""
    with version.open() as chunks:
        if dry:
            return None
        with store().receive() as incoming:
            for chunk in chunks:
                incoming.write(chunk)
            return incoming.finish()


def _upload(version: SourceVersion, received: Received, warn: Warn) -> Upload:
    return Upload(
        received=received,
        original=version.name,
        mimetype=convert_type(version.mimetype),
        encoding=convert_text(version.encoding, 64) or "binary",
        description=version.description,
        timestamp=version.timestamp,
        tags=convert_tags(version.tags, warn),
        metadata=convert_version_metadata(version.metadata, warn),
    )
