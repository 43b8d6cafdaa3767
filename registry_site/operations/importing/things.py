"""Where models, datasets and algorithms land, with their files."""

from dataclasses import replace
from typing import Any

from catalog.models import STATUSES, VISIBILITIES, Item
from catalog.services import add_item_version, create_item
from registry_site.operations.importing.fitting import (
    Tell,
    fitting_description,
    fitting_file_name,
    fitting_metadata,
    fitting_ordinal,
    fitting_tags,
    fitting_text,
    fitting_title,
    fitting_type,
)
from registry_site.operations.importing.people import ImportTarget
from registry_site.operations.importing.shapes import File, SourceItem, Unreadable
from tenants.exceptions import Refused
from versions.models import Version
from versions.services import Upload
from versions.storage import Received, TooLarge, store


def import_item(landing: ImportTarget, thing: SourceItem) -> None:
    """Bring an item if it is not here yet, and those of its files that are not."""
    key = landing.key_here(Item, thing.id, landing.items)
    is_new = landing.items.get(key) != thing.kind
    if not is_new:
        landing.report.present(thing.kind)
    elif not _create(landing, thing, key):
        return
    if thing.kind == "dataset":
        landing.datasets[thing.id] = key
    here = {} if is_new else dict(_versions(landing, key).values_list("ordinal", "original"))
    item = None if landing.dry else Item.objects.of(landing.tenant.pk).get(pk=key)
    taken: list[str] = []
    for file in thing.files:
        told: list[str] = []
        ordinal = fitting_ordinal(file.ordinal, taken, told.append)
        description = fitting_description(file.description, told.append)
        name = fitting_file_name(file.name, told.append)
        fitting = replace(file, ordinal=ordinal, name=name, description=description)
        taken.append(ordinal)
        what = f"version {ordinal} ({fitting.name}) of {thing}"
        if ordinal not in here:
            _bring_file(landing, item, fitting, what, told)
        elif here[ordinal] == fitting.name:
            landing.report.present("version")
        else:
            landing.report.left_out("version", what, f"its ordinal is that of {here[ordinal]} here")


def _versions(landing: ImportTarget, key: str) -> Any:
    return Version.objects.of(landing.tenant.pk).filter(subject=key)


def _create(landing: ImportTarget, thing: SourceItem, key: str) -> bool:
    """Make the item, and tell whether it could be made."""
    told: list[str] = []
    owner = landing.owner(thing.owner, told.append)
    name = fitting_title(thing.name, key, told.append)
    if (thing.kind, owner.pk, name) in landing.names:
        name = f"{name[:220]} ({key})"
        told.append(f"its owner has another {thing.kind} of that name, it is {name!r} now")
    fields: dict[str, Any] = {
        "visibility": _choice(thing.visibility, VISIBILITIES, "private", "visibility", told.append),
        "users": [user for id in thing.users if (user := _user(landing, id, told.append))],
        "tags": fitting_tags(thing.tags, told.append),
        "metadata": fitting_metadata(thing.metadata, told.append),
    }
    kept: dict[str, Any] = {"id": key, "timestamp": thing.timestamp, "lastmod": thing.lastmod}
    if thing.kind != "dataset":
        fields["status"] = _choice(thing.status, STATUSES, STATUSES[0], "status", told.append)
        kept["datasets"] = [pk for id in dict.fromkeys(thing.datasets) if (pk := _dataset(landing, id, told.append))]
    try:
        if not landing.dry:
            create_item(kind=thing.kind, by=owner, name=name, kept=kept, **fields)
    except Refused as refused:
        landing.report.left_out(thing.kind, thing, refused.details)
        return False
    landing.names.add((thing.kind, owner.pk, name))
    landing.report.brought(thing.kind)
    if told:
        landing.report.changed(thing.kind, thing, "; ".join(told))
    return True


def _choice(value: str, known: tuple[str, ...], default: str, what: str, tell: Tell) -> str:
    if value in known:
        return value
    if value:
        tell(f"the {what} {value!r} is unknown, it is {default} now")
    return default


def _user(landing: ImportTarget, id: str, tell: Tell) -> str:
    if id not in landing.people:
        tell(f"without the user {id}, who is not there")
        return ""
    return str(landing.people[id].pk)


def _dataset(landing: ImportTarget, id: str, tell: Tell) -> str:
    if id not in landing.datasets:
        tell(f"without the dataset {id}, which is not there")
    return landing.datasets.get(id, "")


def _bring_file(landing: ImportTarget, item: Item | None, file: File, what: str, told: list[str]) -> None:
    try:
        received = _receive(file, dry=item is None)
    except (Unreadable, TooLarge) as error:
        landing.report.left_out("version", what, str(error))
        return
    if item and received:
        try:
            add_item_version(item=item, upload=_upload(file, received), ordinal=file.ordinal)
        except Refused as refused:
            landing.report.left_out("version", what, refused.details)
            return
        finally:
            store().discard(received)
        if file.size not in (None, received.size):
            told.append(f"it has {received.size} bytes, its record says {file.size}")
    landing.report.brought("version")
    if told:
        landing.report.changed("version", what, "; ".join(told))


def _receive(file: File, *, dry: bool) -> Received | None:
    """Take the file's bytes in, hashed on the way; where `dry`, only see that they are there."""
    with file.open() as chunks:
        if dry:
            return None
        with store().receive() as incoming:
            for chunk in chunks:
                incoming.write(chunk)
            return incoming.finish()


def _upload(file: File, received: Received) -> Upload:
    return Upload(
        received=received,
        original=file.name,
        mimetype=fitting_type(file.mimetype),
        encoding=fitting_text(file.encoding, 64) or "binary",
        description=file.description,
        timestamp=file.timestamp,
    )
