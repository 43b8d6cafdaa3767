"""The fields that a comparison can show, and its rows."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from catalog.compare.columns import Column
from catalog.models import Item
from catalog.representation import names_of_datasets
from folksonomy.models import MetadataName
from tenants.models import User
from tenants.rest.querying.bounded import seconds_left
from tenants.rest.querying.fields import query_error
from tenants.rows.fields import iso
from tenants.rows.texts import shown
from tenants.rows.visibility import rows_for
from versions.files import StoredFile, files_of

MOST_ROWS = 1000
MOST_FOLDERS = 20  # columns whose files are compared
METADATA, FILES = "metadata", "files"
NAMED = "metadata."
CHECKED = 500  # files between two checks of the deadline
FILE_COLUMNS = ("original", "path", "size", "sha256", "mimetype", "files", "timestamp")


@dataclass(frozen=True, slots=True)
class Names:
    """Names that the values of some fields show: of users, and of datasets that the caller may read."""

    users: Mapping[str, str] = field(default_factory=dict)
    datasets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Compared:
    """A field: the columns of tables that it needs of items and of versions, and its value for a column.

    With `newest`, the value of an item is that of its newest version.
    """

    value: Callable[[Column, Names], Any]
    of_items: tuple[str, ...] = ()
    of_versions: tuple[str, ...] = ()
    newest: bool = False


def _of_item(name: str) -> Compared:
    return Compared(lambda column, names: getattr(column.item, name), (name,))


def _of_version(name: str) -> Compared:
    return Compared(lambda column, names: getattr(column.stored, name, None), (), (name,), newest=True)


def _datasets(column: Column, names: Names) -> list[dict[str, str]]:
    known = names.datasets
    return [{"_id": pk, "name": known[pk]} if pk in known else {"_id": pk} for pk in sorted(column.item.datasets)]


def _aliases(column: Column, names: Names) -> list[str]:
    """Return the aliases of a version; of an item, those of all its versions."""
    version = column.version
    return sorted(
        name for name, ordinal in column.item.aliased.items() if version is None or ordinal == version.ordinal
    )


FIELDS = {
    "status": _of_item("status"),
    "visibility": _of_item("visibility"),
    "owner": Compared(lambda column, names: names.users.get(column.item.owner_id), ("owner",)),
    "datasets": Compared(_datasets, ("datasets",)),
    "aliases": Compared(_aliases),
    "description": Compared(lambda column, names: column.holder.description, ("description",), ("description",)),
    "tags": Compared(lambda column, names: sorted(column.holder.tags), ("tags",), ("tags",)),
    "timestamp": Compared(lambda column, names: iso(column.holder.timestamp), ("timestamp",), ("timestamp",)),
    "lastmod": Compared(lambda column, names: iso(column.item.lastmod), ("lastmod",)),
    "original": _of_version("original"),
    "mimetype": _of_version("mimetype"),
    "size": _of_version("size"),
    "sha256": _of_version("sha256"),
    "files_count": Compared(lambda column, names: getattr(column.stored, "files", None), (), ("files",), newest=True),
}
OF_METADATA = Compared(lambda column, names: None, (METADATA,), (METADATA,))
OF_FILES = Compared(lambda column, names: None, (), FILE_COLUMNS, newest=True)
KNOWN = (METADATA, f"{NAMED}<name>", *FIELDS, FILES)


def needs(name: str) -> Compared:
    """Return what a field needs. Raises Refused for an unknown name."""
    if name == METADATA or name.startswith(NAMED):
        return OF_METADATA
    if name == FILES:
        return OF_FILES
    if name not in FIELDS:
        raise query_error(f"fields: Unknown field {shown(name)}; known are {', '.join(KNOWN)}")
    return FIELDS[name]


def names_for(wanted: Sequence[str], columns: Sequence[Column], reader: User) -> Names:
    """Return the names that the wanted fields show, with a query for each field that has names."""
    users: Mapping[str, str] = {}
    datasets: Mapping[str, str] = {}
    if "owner" in wanted:
        users = User.objects.usernames({column.item.owner_id for column in columns})
    if "datasets" in wanted:
        ids = {pk for column in columns for pk in column.item.datasets}
        rows = names_of_datasets.rows(rows_for(Item, Item.objects.visible_to, reader), sorted(ids))
        datasets = {row[0]: row[1] for row in rows}
    return Names(users, datasets)


def rows_of(wanted: Sequence[str], columns: Sequence[Column], names: Names, reader: User) -> Iterator[dict[str, Any]]:
    """Yield the rows of the wanted fields in their order; metadata by name, files by path."""
    pairs: list[dict[str, Any]] = []
    metrics: list[str] = []
    if any(needs(name) is OF_METADATA for name in wanted):
        pairs = [{pair["name"]: pair["value"] for pair in column.holder.metadata} for column in columns]
        metrics = sorted(set().union(*pairs))
    asked = [name for each in wanted for name in ([NAMED + one for one in metrics] if each == METADATA else [each])]
    directions = _directions([name.removeprefix(NAMED) for name in asked if name.startswith(NAMED)], reader)
    for name in dict.fromkeys(asked):
        if name.startswith(NAMED):
            metric = name.removeprefix(NAMED)
            yield row_of(name, [each.get(metric) for each in pairs], directions.get(metric))
        elif name == FILES:
            yield from _file_rows(columns)
        else:
            yield row_of(name, [FIELDS[name].value(column, names) for column in columns])


def _directions(metrics: Sequence[str], reader: User) -> Mapping[str, str]:
    """Return which values are better, of the metrics for which it is known."""
    known = MetadataName.objects.of(reader.tenant_id).filter(better__isnull=False, name__in=metrics)
    return {name: better or "" for name, better in known.values_list("name", "better")} if metrics else {}


def row_of(name: str, values: Sequence[Any], better: str | None = None) -> dict[str, Any]:
    """Return a row: its values, whether they differ, and the columns that have the best of them."""
    differs = any(_distinct(value) != _distinct(values[0]) for value in values[1:])
    best: list[int] = []
    numbers = [value for value in values if is_number(value)]
    if differs and better and numbers:
        ideal = max(numbers) if better == "higher" else min(numbers)
        best = [place for place, value in enumerate(values) if is_number(value) and value == ideal]
    return {"field": name, "values": values, "differs": differs, "better": better, "best": best}


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _distinct(value: Any) -> Any:
    """Return what two values have in common if they are the same. True is not the number 1, but 1.0 is."""
    return (bool, value) if isinstance(value, bool) else value


def matrix_of(rows: Iterable[dict[str, Any]], only_differences: bool) -> dict[str, Any]:
    """Return the first rows, how many of the rows that were compared are the same, and whether rows were left out."""
    kept: list[dict[str, Any]] = []
    counts, more = {False: 0, True: 0}, False
    for row in rows:
        if len(kept) == MOST_ROWS and (row["differs"] or not only_differences):
            more = True
            break
        counts[row["differs"]] += 1
        if row["differs"] or not only_differences:
            kept.append(row)
    return {"rows": kept, "same": counts[False], "differs": counts[True], "more": more}


def _file_rows(columns: Sequence[Column]) -> Iterator[dict[str, Any]]:
    """Yield a row for each path in any of the versions, in constant memory."""
    merged = heapq.merge(*(_placed(place, column) for place, column in enumerate(columns) if column.stored))
    for count, (path, found) in enumerate(groupby(merged, key=lambda each: each[0])):
        if count % CHECKED == 0:
            seconds_left()
        values: list[Any] = [None] * len(columns)
        for _, place, file in found:
            values[place] = file
        yield row_of(f"{FILES}.{path}", values)


def _placed(place: int, column: Column) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Yield path, place of the column, and description of each file. Raises Refused if the version is deleted."""
    files: Iterator[StoredFile] = files_of(column.stored) if column.stored else iter(())
    try:
        for file in files:
            yield file.path, place, {"size": file.size, "sha256": file.sha256}
    except FileNotFoundError:
        raise query_error(f"A version of {shown(column.item.name)} was deleted meanwhile") from None


def refuse_many_folders(wanted: Sequence[str], columns: Sequence[Column]) -> None:
    """Raise Refused if the files of too many versions are to be compared."""
    if FILES in wanted and sum(column.stored is not None for column in columns) > MOST_FOLDERS:
        raise query_error(f"files: At most {MOST_FOLDERS} columns can be compared file by file")
