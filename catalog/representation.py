"""The JSON documents of items."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.models import Item, ordinals
from tenants.models import User
from tenants.rows.fields import iso
from tenants.rows.prepared import Prepared
from tenants.rows.visibility import rows_for
from versions.embedded import NONE, Embedded, count_versions, embedded_versions
from versions.models import Version

Usernames = Callable[[Collection[str]], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Related:
    """What the documents of some items show from other tables.

    `usernames` and `datasets` map ids to names, of existing users and of datasets that the caller may read.
    """

    usernames: Mapping[str, str]
    datasets: Mapping[str, str]
    versions: Mapping[str, Embedded]


@dataclass(frozen=True, slots=True)
class DocumentField:
    """One field of a document: the columns that it needs, and its value for a row with these columns."""

    columns: tuple[str, ...]
    value: Callable[[Any, Related], Any]


def _datasets(row: Any, related: Related) -> list[dict[str, str]]:
    names = related.datasets
    return [{"_id": pk, "name": names[pk]} if pk in names else {"_id": pk} for pk in row.datasets]


DATASET_FIELDS = {
    "_id": DocumentField(("id",), lambda row, related: row.id),
    "id": DocumentField(("id",), lambda row, related: row.id),
    "name": DocumentField(("name",), lambda row, related: row.name),
    "description": DocumentField(("description",), lambda row, related: row.description),
    "owner": DocumentField(("owner_id",), lambda row, related: row.owner_id),
    "owner_username": DocumentField(("owner_id",), lambda row, related: related.usernames.get(row.owner_id)),
    "visibility": DocumentField(("visibility",), lambda row, related: row.visibility),
    "users": DocumentField(
        ("users",),
        lambda row, related: [
            {"_id": pk, "username": related.usernames[pk]} for pk in row.users if pk in related.usernames
        ],
    ),
    "tags": DocumentField(("tags",), lambda row, related: row.tags),
    "metadata": DocumentField(("metadata",), lambda row, related: row.metadata),
    "versions": DocumentField(
        ("id",),
        lambda row, related: [Version.to_api(version) for version in related.versions.get(row.id, NONE).newest],
    ),
    "versions_count": DocumentField(("id",), lambda row, related: related.versions.get(row.id, NONE).count),
    "aliases": DocumentField(("aliases",), lambda row, related: ordinals(row.aliases)),
    "timestamp": DocumentField(("timestamp",), lambda row, related: iso(row.timestamp)),
    "lastmod": DocumentField(("lastmod",), lambda row, related: iso(row.lastmod)),
}
ITEM_FIELDS = DATASET_FIELDS | {
    "status": DocumentField(("status",), lambda row, related: row.status),
    "datasets": DocumentField(("datasets",), _datasets),
}
FIELDS = {"model": ITEM_FIELDS, "algorithm": ITEM_FIELDS, "dataset": DATASET_FIELDS}

names_of_datasets: Prepared[Item] = Prepared(
    lambda rows, ids: rows.queryset().filter(pk__in=ids, kind="dataset").values_list("pk", "name")
)


def columns_of(kind: str, fields: Collection[str]) -> tuple[str, ...]:
    """Return the columns that these fields of the documents of items of a kind need."""
    needed = {column for name, field in FIELDS[kind].items() if name in fields for column in field.columns}
    return ("kind", *sorted(needed | {"id"}))


def item_documents(
    rows: Sequence[Any],
    reader: User,
    fields: Collection[str] = ITEM_FIELDS,
    usernames: Usernames = User.objects.usernames_in_items,
) -> Sequence[dict[str, Any]]:
    """Return the documents of items as `reader` sees them, with these fields.

    The rows are items, or have the columns that `columns_of` returns. The number of queries does not depend on the
    number of rows. `usernames` returns the names of users: its default is exact only for users of stored items.
    """
    wanted = {
        kind: [(name, field.value) for name, field in FIELDS[kind].items() if name in fields]
        for kind in {row.kind for row in rows}
    }
    versions = _versions(rows, fields)
    owners: Iterable[str] = {row.owner_id for row in rows} if "owner_username" in fields else ()
    users: Iterable[str] = {pk for row in rows for pk in row.users} if "users" in fields else ()
    ids = {pk for row in rows if row.kind != "dataset" for pk in row.datasets} if "datasets" in fields else ()
    datasets = _names_of_datasets(ids, reader) if ids else {}
    names = usernames({*owners, *users} - {reader.pk}) | {reader.pk: reader.username}
    related = Related(names, datasets, versions)
    return [{name: value(row, related) for name, value in wanted[row.kind]} for row in rows]


def _names_of_datasets(ids: Collection[str], reader: User) -> Mapping[str, str]:
    readable = rows_for(Item, Item.objects.visible_to, reader)
    return {row[0]: row[1] for row in names_of_datasets.rows(readable, list(ids))}


def _versions(rows: Sequence[Any], fields: Collection[str]) -> Mapping[str, Embedded]:
    if "versions" in fields:
        return embedded_versions([row.id for row in rows])
    if "versions_count" in fields:
        return {key: Embedded(count=count) for key, count in count_versions([row.id for row in rows]).items()}
    return {}
