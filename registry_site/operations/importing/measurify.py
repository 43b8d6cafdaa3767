"""Reads a registry of the original service: a database of tenants, a database per tenant, and a folder of uploads.

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

from registry_site.operations import CHUNK_SIZE
from registry_site.operations.importing.conversion import convert_tenant_id, convert_type
from registry_site.operations.importing.items import import_item
from registry_site.operations.importing.report import Report
from registry_site.operations.importing.source import (
    SourceFile,
    SourceItem,
    SourceReadError,
    SourceTenant,
    SourceTerm,
    SourceUser,
    SourceVersion,
)
from registry_site.operations.importing.target import ImportTarget, ensure_target
from tenants.models import Tenant
from tenants.rows.fields import now

Document = Mapping[str, Any]
# Datasets first: models and algorithms refer to them.
KINDS = {"dataset": "datasets", "algorithm": "algorithms", "model": "models"}
# Mongoose derives `metadatas` from its model Metadata; `metadata` may have been set by hand.
TERMS = {"tag": ("tags",), "metadata name": ("metadata", "metadatas")}
BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}")
LONGEST_VALIDITY = 36500
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


class MeasurifyRegistry:
    """A registry of the original service. It is only read."""

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

    def has(self, source: SourceTenant) -> bool:
        """Return whether the tenant's database has any documents."""
        collections = ("users", *KINDS.values(), *(name for names in TERMS.values() for name in names))
        return any(self.client[source.database][name].find_one({}, {"_id": 1}) for name in collections)

    def users(self, source: SourceTenant) -> Sequence[SourceUser]:
        """Return the users of a tenant."""
        return [_user(document, source) for document in self._documents(source.database, "users")]

    def terms(self, source: SourceTenant, kind: str) -> Sequence[SourceTerm]:
        """Return the tags or metadata names of a tenant."""
        return [
            SourceTerm(text(each, "_id"), text(each, "usage"), reference(each.get("owner")), time(each, "timestamp"))
            for collection in TERMS[kind]
            for each in self._documents(source.database, collection)
        ]

    def items(self, source: SourceTenant, kind: str) -> Iterator[tuple[int, SourceItem]]:
        """Yield the items of a tenant with their total number. Each item is read when it is needed."""
        collection = self.client[source.database][KINDS[kind]]
        # An open cursor could time out on the server while versions are imported.
        ids = [document["_id"] for document in collection.find({}, {"_id": 1}).sort("_id", 1)]
        for id in ids:
            if document := collection.find_one({"_id": id}):
                yield len(ids), self._item(document, kind)

    def _documents(self, database: str, collection: str) -> Iterator[Document]:
        yield from self.client[database][collection].find().sort("_id", 1)

    def _item(self, document: Document, kind: str) -> SourceItem:
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
            users=[reference(user) for user in list_field(document, "users")],
            datasets=[reference(dataset) for dataset in list_field(document, "datasets")],
            tags=list_field(document, "tags"),
            metadata=[(pair.get("name"), pair.get("value")) for pair in documents(document, "metadata")],
            versions=[self._version(each, n, timestamp) for n, each in enumerate(documents(document, "versions"), 1)],
        )

    def _version(self, part: Document, number: int, timestamp: datetime) -> SourceVersion:
        """Return a version. Old ones have no ordinal; their position in the list replaces it."""
        kind = convert_type(text(part, "mimetype"))
        return SourceVersion(
            name=text(part, "original"),
            ordinal=text(part, "ordinal") or str(number),
            encoding=text(part, "encoding"),
            timestamp=time(part, "timestamp", timestamp),
            files=lambda: [SourceFile(lambda: uploaded(self.uploads, text(part, "key")), mimetype=kind)],
            size=integer(part, "size"),
            description=text(part, "description"),
        )


def import_registry(origin: MeasurifyRegistry, report: Report, *, only: Sequence[str] = (), dry: bool = False) -> None:
    """Import all tenants, or those in `only`. Raises CommandError at the end if a tenant or database is missing."""
    if not (sources := origin.tenants()):
        raise CommandError(f"--database: {origin.catalogue} has no tenants; does the original's DATABASE name it?")
    missing = dict.fromkeys(set(only) - {source.id for source in sources}, "it does not exist")
    taken = {source.id for source in sources}
    for source in sources:
        id = _target_tenant_id(source, taken)
        if not origin.has(source):
            missing[source.id] = f"its database {source.database!r} does not exist or is empty"
        elif not only or source.id in only:
            if id != source.id:
                report.changed("tenant", f"tenant {source.id!r}", f"its id is not allowed; it is now {id!r}")
            _import_tenant(origin, source, ensure_target(source, id, origin.users(source), report, dry=dry))
    missing = {name: why for name, why in missing.items() if not only or name in only}
    for name, why in missing.items():
        report.left_out("tenant", f"tenant {name!r}", why)
    if missing:
        raise CommandError(f"missing, not imported: {', '.join(map(repr, sorted(missing)))}")


def _import_tenant(original: MeasurifyRegistry, source: SourceTenant, target: ImportTarget) -> None:
    for kind in TERMS:
        target.import_terms(kind, original.terms(source, kind))
    for kind, plural in KINDS.items():
        for done, (total, item) in enumerate(original.items(source, kind), 1):
            import_item(target, item)
            target.report.progress(f"{target.tenant.pk}: {plural}", done, total)


def _target_tenant_id(source: SourceTenant, taken: set[str]) -> str:
    """Return the tenant's id, or one derived from it that no other tenant has, here or in the original."""
    converted = convert_tenant_id(source.id)
    if converted == source.id:
        return converted
    for id in (converted, *(f"{converted}-{number}" for number in range(2, len(taken) + 1000))):
        existing = Tenant.objects.filter(pk=id).first()
        if id not in taken and (existing is None or existing.database == source.database):
            taken.add(id)
            return id
    raise AssertionError("unreachable")


def _user(document: Document, source: SourceTenant) -> SourceUser:
    timestamp, secret = time(document, "timestamp"), text(document, "password")
    return SourceUser(
        id=reference(document["_id"]),
        username=text(document, "username"),
        email=text(document, "email").strip(),
        role=text(document, "role"),
        timestamp=timestamp,
        password_changed=time(document, "createdPassword", timestamp),
        validity_days=min(max(integer(document, "validityPasswordDays") or 0, 0), LONGEST_VALIDITY),
        bcrypt=secret if BCRYPT.fullmatch(secret) else "",
        # Where passwords are hashed, anything else is invalid. Never accept an unknown hash as a password.
        plain_password="" if source.passwordhash or BCRYPT.fullmatch(secret) else secret,
    )


def text(document: Document, field: str) -> str:
    """Return a field as text; empty if it is absent."""
    value = document.get(field)
    return "" if value is None else str(value)


def integer(document: Document, field: str) -> int | None:
    """Return a field as an integer; None if it is not a number."""
    value = document.get(field)
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else None


def time(document: Document, field: str, default: datetime | None = None) -> datetime:
    """Return a field as a time, or the default, or the creation time of the document's id."""
    value, id = document.get(field), document.get("_id")
    if not isinstance(value, datetime):
        value = default or (id.generation_time if isinstance(id, ObjectId) else now())
    return value.astimezone(UTC)


def reference(value: Any) -> str:
    """Return the id of a reference, which may be embedded as a document."""
    value = value.get("_id") if isinstance(value, Mapping) else value
    return "" if value is None else str(value)


def list_field(document: Document, field: str) -> list[Any]:
    """Return a field that is a list; an empty list if it is not."""
    value = document.get(field)
    return value if isinstance(value, list) else []


def documents(document: Document, field: str) -> list[Document]:
    """Return the entries of a list that are documents."""
    return [entry for entry in list_field(document, field) if isinstance(entry, Mapping)]


@contextmanager
def uploaded(folder: Path, key: str) -> Iterator[Iterator[bytes]]:
    """Yield the bytes of the upload with this key. Raises SourceReadError."""
    if not key or key in (".", "..") or Path(key).name != key:
        raise SourceReadError(f"its key {key[:80]!r} is not the name of an upload")
    try:
        file = (folder / key).open("rb", buffering=0)
    except (OSError, ValueError) as error:
        raise SourceReadError(f"its file {key!r} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    with file:
        yield _chunks(file)


def _chunks(file: Any) -> Iterator[bytes]:
    try:
        while chunk := file.read(CHUNK_SIZE):
            yield chunk
    except OSError as error:
        raise SourceReadError(f"its file cannot be read to the end: {error.strerror}") from None
