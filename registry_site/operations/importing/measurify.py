"""Reads a registry of the original: a catalogue of tenants, a database for each, and a folder of uploads.

docs/import.md describes its documents.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bson import ObjectId
from django.core.management.base import CommandError
from pymongo import MongoClient

from registry_site.operations.importing.fitting import fitting_tenant_id
from registry_site.operations.importing.people import ImportTarget, settle
from registry_site.operations.importing.report import Report
from registry_site.operations.importing.shapes import File, Person, SourceItem, SourceTenant, Unreadable, Word
from registry_site.operations.importing.things import import_item
from tenants.models import Tenant
from tenants.rows.fields import now

Document = Mapping[str, Any]

# Datasets come first, since models and algorithms name them.
THINGS = {"dataset": "datasets", "algorithm": "algorithms", "model": "models"}
# Mongoose makes the second name of a model called Metadata; the first may have been set by hand.
WORDS = {"tag": ("tags",), "metadata name": ("metadata", "metadatas")}
BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}")
LONGEST_VALIDITY = 36500
BLOCK = 1024 * 1024
CONNECT_MILLISECONDS = 10_000


def connect(url: str) -> MongoClient[dict[str, Any]]:
    """Return a client of the original's database."""
    return MongoClient(
        url,
        tz_aware=True,
        datetime_conversion="DATETIME_CLAMP",
        unicode_decode_error_handler="replace",
        serverSelectionTimeoutMS=CONNECT_MILLISECONDS,
    )


class Original:
    """A registry of the original, read and never written."""

    def __init__(self, client: MongoClient[dict[str, Any]], catalogue: str, uploads: Path) -> None:
        self.client, self.catalogue, self.uploads = client, catalogue, uploads

    def tenants(self) -> Sequence[SourceTenant]:
        """Return all tenants."""
        return [
            SourceTenant(
                id=text(document, "_id"),
                database=text(document, "database") or text(document, "_id"),
                contact={field: text(document, field) for field in ("organization", "address", "email", "phone")},
                passwordhash=text(document, "passwordhash").lower() != "false",
                timestamp=time(document, "timestamp"),
            )
            for document in self._documents(self.catalogue, "tenants")
        ]

    def has(self, house: SourceTenant) -> bool:
        """Tell whether the tenant's database has anything in it."""
        collections = ("users", *THINGS.values(), *(name for names in WORDS.values() for name in names))
        return any(self.client[house.database][name].find_one({}, {"_id": 1}) for name in collections)

    def people(self, house: SourceTenant) -> Sequence[Person]:
        """Return the users of a tenant."""
        return [_person(document, house) for document in self._documents(house.database, "users")]

    def words(self, house: SourceTenant, kind: str) -> Sequence[Word]:
        """Return the tags or metadata names of a tenant."""
        return [
            Word(
                name=text(document, "_id"),
                usage=text(document, "usage"),
                owner=reference(document.get("owner")),
                timestamp=time(document, "timestamp"),
            )
            for collection in WORDS[kind]
            for document in self._documents(house.database, collection)
        ]

    def things(self, house: SourceTenant, kind: str) -> Iterator[tuple[int, SourceItem]]:
        """Give the items of a tenant one by one, with how many there are: each is read when its turn has come."""
        collection = self.client[house.database][THINGS[kind]]
        # A cursor would be closed meanwhile by the server where bringing the files takes long.
        ids = [document["_id"] for document in collection.find({}, {"_id": 1}).sort("_id", 1)]
        for id in ids:
            if document := collection.find_one({"_id": id}):
                yield len(ids), self._thing(document, kind)

    def _documents(self, database: str, collection: str) -> Iterator[Document]:
        yield from self.client[database][collection].find().sort("_id", 1)

    def _thing(self, document: Document, kind: str) -> SourceItem:
        timestamp = time(document, "timestamp")
        return SourceItem(
            kind=kind,
            id=reference(document["_id"]),
            name=text(document, "name"),
            owner=reference(document.get("owner")),
            timestamp=timestamp,
            lastmod=time(document, "lastmod", timestamp),
            visibility=text(document, "visibility"),
            status=text(document, "status"),
            users=[reference(user) for user in entries(document, "users")],
            datasets=[reference(dataset) for dataset in entries(document, "datasets")],
            tags=entries(document, "tags"),
            metadata=[(pair.get("name"), pair.get("value")) for pair in parts(document, "metadata")],
            files=[
                self._file(part, str(number), timestamp) for number, part in enumerate(parts(document, "versions"), 1)
            ],
        )

    def _file(self, part: Document, number: str, timestamp: datetime) -> File:
        """Return a version; older ones have no ordinal, their place in the list is it."""
        return File(
            name=text(part, "original"),
            ordinal=text(part, "ordinal") or number,
            mimetype=text(part, "mimetype"),
            encoding=text(part, "encoding"),
            timestamp=time(part, "timestamp", timestamp),
            open=lambda: uploaded(self.uploads, text(part, "key")),
            size=whole(part, "size"),
            description=text(part, "description"),
        )


def bring(original: Original, report: Report, *, only: Sequence[str] = (), dry: bool = False) -> None:
    """Bring all tenants, or those named `only`. Raises CommandError, at the end, where one or its data is not there."""
    if not (houses := original.tenants()):
        raise CommandError(f"--database: {original.catalogue} has no tenants; does the original's DATABASE name it?")
    missing = dict.fromkeys(set(only) - {house.id for house in houses}, "there is none")
    taken = {house.id for house in houses}
    for house in houses:
        id = _id_here(house, taken)
        if not original.has(house):
            missing[house.id] = f"its database {house.database!r} is not there or empty"
        elif not only or house.id in only:
            if id != house.id:
                report.changed("tenant", f"tenant {house.id!r}", f"its id cannot be, it is {id!r} now")
            _bring_tenant(original, house, settle(house, id, original.people(house), report, dry=dry))
    missing = {name: why for name, why in missing.items() if not only or name in only}
    for name, why in missing.items():
        report.left_out("tenant", f"tenant {name!r}", why)
    if missing:
        raise CommandError(f"not there, and so not brought: {', '.join(map(repr, sorted(missing)))}")


def _bring_tenant(original: Original, house: SourceTenant, landing: ImportTarget) -> None:
    for kind in WORDS:
        landing.bring_words(kind, original.words(house, kind))
    for kind, plural in THINGS.items():
        for done, (total, thing) in enumerate(original.things(house, kind), 1):
            import_item(landing, thing)
            landing.report.progress(f"{landing.tenant.pk}: {plural}", done, total)


def _id_here(house: SourceTenant, taken: set[str]) -> str:
    """Return the tenant's id, or one made of it that no other tenant has, neither there nor here."""
    fitting = fitting_tenant_id(house.id)
    if fitting == house.id:
        return fitting
    for id in (fitting, *(f"{fitting}-{number}" for number in range(2, len(taken) + 1000))):
        here = Tenant.objects.filter(pk=id).first()
        if id not in taken and (here is None or here.database == house.database):
            taken.add(id)
            return id
    raise AssertionError("unreachable")


def _person(document: Document, house: SourceTenant) -> Person:
    timestamp, secret = time(document, "timestamp"), text(document, "password")
    return Person(
        id=reference(document["_id"]),
        username=text(document, "username"),
        email=text(document, "email").strip(),
        role=text(document, "role"),
        timestamp=timestamp,
        password_changed=time(document, "createdPassword", timestamp),
        validity_days=min(max(whole(document, "validityPasswordDays") or 0, 0), LONGEST_VALIDITY),
        bcrypt=secret if BCRYPT.fullmatch(secret) else "",
        # In a tenant that hashes anything else is broken; taken as a password, a foreign hash would open the door.
        clear="" if house.passwordhash or BCRYPT.fullmatch(secret) else secret,
    )


def text(document: Document, field: str) -> str:
    """Return a field as text; nothing where it is absent."""
    value = document.get(field)
    return "" if value is None else str(value)


def whole(document: Document, field: str) -> int | None:
    """Return a field as a whole number; None where it is no number."""
    value = document.get(field)
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else None


def time(document: Document, field: str, default: datetime | None = None) -> datetime:
    """Return a field as a time, or the default, or the time that the document's id was made at."""
    value, id = document.get(field), document.get("_id")
    if not isinstance(value, datetime):
        value = default or (id.generation_time if isinstance(id, ObjectId) else now())
    return value.astimezone(UTC)


def reference(value: Any) -> str:
    """Return the id that is referred to, be it alone or within what it is the id of."""
    value = value.get("_id") if isinstance(value, Mapping) else value
    return "" if value is None else str(value)


def entries(document: Document, field: str) -> list[Any]:
    """Return a field that is a list; an empty one where it is not."""
    value = document.get(field)
    return value if isinstance(value, list) else []


def parts(document: Document, field: str) -> list[Document]:
    """Return those entries of a list that are documents."""
    return [entry for entry in entries(document, field) if isinstance(entry, Mapping)]


@contextmanager
def uploaded(folder: Path, key: str) -> Iterator[Iterator[bytes]]:
    """Give the bytes of an upload, which lies in the folder under its key. Raises Unreadable."""
    if not key or key in (".", "..") or Path(key).name != key:
        raise Unreadable(f"its key {key[:80]!r} is not the name of an upload")
    try:
        file = (folder / key).open("rb", buffering=0)
    except (OSError, ValueError) as error:
        raise Unreadable(f"its file {key!r} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    with file:
        yield _chunks(file)


def _chunks(file: Any) -> Iterator[bytes]:
    try:
        while chunk := file.read(BLOCK):
            yield chunk
    except OSError as error:
        raise Unreadable(f"its file cannot be read to the end: {error.strerror}") from None
