"""Imports models, datasets and algorithms with their versions."""

import zlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from catalog.aliases.pointers import versions_named
from catalog.aliases.services import move_alias
from catalog.models import STATUSES, VISIBILITIES, Item
from catalog.services import add_item_files, create_item
from registry_site.operations.importing.conversion import (
    Warn,
    convert_description,
    convert_file_name,
    convert_metadata,
    convert_ordinal,
    convert_path,
    convert_tags,
    convert_text,
    convert_title,
    convert_version_metadata,
)
from registry_site.operations.importing.source import SourceFile, SourceItem, SourceReadError, SourceVersion
from registry_site.operations.importing.target import ImportTarget
from tenants.exceptions import Refused
from versions.models import Version
from versions.sent import NewFile, SentFiles, check_paths
from versions.storage import TooLarge, store
from versions.upload import guessed_type

REASON = "Imported"  # of the aliases


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
    item = None if target.dry else Item.objects.of(target.tenant.pk).get(pk=key)
    present = _import_versions(target, source, key, item)
    _import_aliases(target, source, key, present)


def _import_versions(target: ImportTarget, source: SourceItem, key: str, item: Item | None) -> Mapping[str, str]:
    """Import the versions that do not exist; return the ordinals here of all that exist now, by those there."""
    known = _versions(target, key).values_list("ordinal", "original", "timestamp")
    existing = {ordinal: others for ordinal, *others in known}
    taken: list[str] = []
    present: dict[str, str] = {}
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
            is_there = _import_version(target, item, converted, what, warnings)
        # The name of an imported version can be that of its only file.
        elif is_there := bool({converted.name, version.timestamp}.intersection(existing[ordinal])):
            target.report.existing("version")
        else:
            target.report.left_out("version", what, f"its ordinal already belongs to {existing[ordinal][0]}")
        if is_there:
            present[version.ordinal] = ordinal
    return present


def _import_aliases(target: ImportTarget, source: SourceItem, key: str, present: Mapping[str, str]) -> None:
    """Point the aliases that do not exist at the versions that do."""
    item = Item.objects.of(target.tenant.pk).filter(pk=key).first() if source.aliases else None
    for alias, ordinal in source.aliases:
        what = f"alias {alias!r} of {source}"
        if item and alias in item.aliased:
            target.report.existing("alias")
        elif ordinal not in present:
            target.report.left_out("alias", what, f"its version {ordinal} was not imported")
        elif why := "" if target.dry or item is None else _point(target, item, alias, present[ordinal]):
            target.report.left_out("alias", what, why)
        else:
            target.report.imported("alias")


def _point(target: ImportTarget, item: Item, alias: str, ordinal: str) -> str:
    """Point an alias at a version; return why it does not, or an empty text."""
    if versions_named(item, ordinal)[0].ordinal != ordinal:
        return f"the ordinal {ordinal} is the name of another version"
    try:
        move_alias(
            item=item, alias=alias, version=ordinal, by=target.users[item.owner_id], reason=REASON, imported=True
        )
    except Refused as refused:
        return refused.details
    return ""


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
) -> bool:
    """Import a version completely or not at all; return whether it was."""
    try:
        with ExitStack() as cleanup:
            sent = _receive(version, cleanup, warnings.append, dry=item is None)
            if item and sent:
                add_item_files(item=item, upload=sent, by=target.users[item.owner_id], ordinal=version.ordinal)
                if version.size not in (None, sent.received.size):
                    warnings.append(f"it has {sent.received.size} bytes, but its record says {version.size}")
    except (SourceReadError, TooLarge, Refused) as error:
        target.report.left_out("version", what, error.details if isinstance(error, Refused) else str(error))
        return False
    target.report.imported("version")
    if warnings:
        target.report.changed("version", what, "; ".join(warnings))
    return True


def _receive(version: SourceVersion, cleanup: ExitStack, warn: Warn, *, dry: bool) -> SentFiles | None:
    """Store and hash the version's files; a dry run only checks that the first can be opened."""
    files = version.files()
    paths = [convert_path(file.path, warn) if file.path else version.name for file in files]
    if len(files) > 1:
        check_paths(paths)
    if dry:
        with files[0].open():
            return None
    return SentFiles(
        [_received(file, path, cleanup) for file, path in zip(files, paths, strict=True)],
        original=version.name if len(files) > 1 else "",
        description=version.description,
        tags=convert_tags(version.tags, warn),
        metadata=convert_version_metadata(version.metadata, warn),
        encoding=convert_text(version.encoding, 64) or "binary",
        timestamp=version.timestamp,
    )


def _received(file: SourceFile, path: str, cleanup: ExitStack) -> NewFile:
    crc32 = 0
    with file.open() as chunks, store().receive() as incoming:
        for chunk in chunks:
            crc32 = zlib.crc32(chunk, crc32)
            incoming.write(chunk)
        received = incoming.finish()
    cleanup.callback(store().discard, received)
    return NewFile(path, file.mimetype or guessed_type(path), received, crc32)
