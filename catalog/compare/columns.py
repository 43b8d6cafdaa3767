"""The columns of a comparison: the items and versions that a request names or finds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Max, Q
from django.http import Http404
from rest_framework.request import Request

from catalog.aliases.pointers import pointer_of, versions_named
from catalog.models import KINDS, Item, Value
from catalog.query_fields import DATASET_FIELDS, ITEM_FIELDS
from tenants.models import User
from tenants.rest.querying.by_value import ValueOrder
from tenants.rest.querying.fields import Key, query_error
from tenants.rest.querying.page import search_of
from tenants.rest.querying.query import LIMIT, ListQuery
from tenants.rest.querying.search import Search
from tenants.rows.prepared import Rows
from tenants.rows.texts import shown
from versions.models import Version

MOST_COLUMNS = 200
HEAVIEST = 16 * 1024 * 1024  # characters in the lists and texts of all columns
OF_ITEMS = ("id", "tenant_id", "kind", "name", "aliases")  # what every comparison reads
OF_VERSIONS = ("id", "tenant_id", "subject", "ordinal")


@dataclass(frozen=True, slots=True)
class Column:
    """An item, or one of its versions. `newest` is the item's newest version, if a field of versions is compared."""

    item: Item
    version: Version | None = None
    newest: Version | None = None

    @property
    def holder(self) -> Item | Version:
        """What has the tags and metadata that are compared."""
        return self.version or self.item

    @property
    def stored(self) -> Version | None:
        """The version whose files are compared."""
        return self.version or self.newest

    def to_api(self) -> dict[str, Any]:
        ordinal = self.version.ordinal if self.version else None
        return {"_id": self.item.pk, "kind": self.item.kind, "name": self.item.name, "version": ordinal}


@dataclass(frozen=True, slots=True)
class Source:
    """Reads columns for one caller, with the columns of tables that the compared fields need.

    The number of queries does not depend on the number of columns, except that file names, `latest` and aliases with
    `~` take one each.
    """

    reader: User
    kinds: Sequence[str]
    of_items: frozenset[str]
    of_versions: frozenset[str]

    @property
    def items(self) -> Any:
        """The items that the caller may read."""
        return Item.objects.visible_to(self.reader).filter(kind__in=self.kinds)

    def named(self, ids: Sequence[str], by_version: bool) -> tuple[list[Column], bool]:
        """Return the columns in the order of `<id>` or `<id>@<version>`, and whether some were left out.

        Raises Http404 for what the caller cannot read, and Refused for too many.
        """
        if len(ids) > MOST_COLUMNS:
            raise query_error(f"A comparison has at most {MOST_COLUMNS} columns, not {len(ids)}")
        pairs = [(pk, name) for pk, _, name in (each.partition("@") for each in ids)]
        items = self._by_id({pk for pk, _ in pairs})
        if missing := [pk for pk, _ in pairs if pk not in items]:
            raise Http404(f"No such resource: {shown(missing[0])}")
        columns = self._with_versions([(items[pk], name) for pk, name in pairs])
        return self._expanded(columns) if by_version else (columns, False)

    def found(self, request: Request, kind: str, by_version: bool) -> tuple[list[Column], bool]:
        """Return the columns of the items of a kind that `filter` selects, in the order of `sort`."""
        query = ListQuery.of(request, DATASET_FIELDS if kind == "dataset" else ITEM_FIELDS)
        search, key = search_of(query, Rows.of(self.items.filter(kind=kind)), None), query.keys[0]
        if key.pair:
            values = Value.objects.of(self.reader.tenant_id).filter(list=kind)
            positions = ValueOrder(values, key).positions(search.queryset(), None, 0, MOST_COLUMNS + 1)
            ids: Sequence[str] = [str(position[-1]) for position in positions]
        else:
            ids = search.ids(query.keys, None, 0, MOST_COLUMNS + 1)
        items = self._by_id(ids[:MOST_COLUMNS])
        columns, more = [Column(items[pk]) for pk in ids if pk in items], len(ids) > MOST_COLUMNS
        if not by_version:
            return columns, more
        expanded, cut = self._expanded(columns)
        return expanded, more or cut

    def with_newest(self, columns: Sequence[Column]) -> list[Column]:
        """Return the columns, those of items with their newest versions."""
        subjects = {column.item.pk for column in columns if column.version is None}
        if not subjects:
            return list(columns)
        times = self._versions(Q(subject__in=subjects)).order_by().values("subject").annotate(last=Max("timestamp"))
        of_time = [Q(subject=subject, timestamp=last) for subject, last in times.values_list("subject", "last")]
        newest = self._any_version(of_time).order_by("pk")
        found = {version.subject: version for version in self._light(newest, 2 * len(subjects))}
        return [column if column.version else replace(column, newest=found.get(column.item.pk)) for column in columns]

    def _by_id(self, ids: Collection[str]) -> Mapping[str, Item]:
        return {item.pk: item for item in self._light(self.items.filter(pk__in=set(ids)), len(ids))} if ids else {}

    def _with_versions(self, named: Sequence[tuple[Item, str]]) -> list[Column]:
        """Return a column for each item and name of a version: an alias, an ordinal, or else a file name.

        Raises Http404.
        """
        keys = [(item.pk, item.aliased.get(name, name)) for item, name in named]
        wanted = sorted({key for key in keys if key[1]})
        rows = self._any_version([Q(subject=subject, ordinal=ordinal) for subject, ordinal in wanted])
        found = {(version.subject, version.ordinal): version for version in self._light(rows, len(wanted))}
        return [
            Column(item, (found.get(key) or looked_up(item, name)) if name else None)
            for (item, name), key in zip(named, keys, strict=True)
        ]

    def _expanded(self, columns: Sequence[Column]) -> tuple[list[Column], bool]:
        """Replace each column of an item by columns of its versions, oldest first; keep the newest of all."""
        subjects = {column.item.pk for column in columns if column.version is None}
        newest = self._versions(Q(subject__in=subjects)).order_by("-timestamp", "-pk")
        found = self._light(newest, MOST_COLUMNS + 1) if subjects else ()
        by_subject: dict[str, list[Version]] = {}
        for version in reversed(found[:MOST_COLUMNS]):
            by_subject.setdefault(version.subject, []).append(version)
        expanded: list[Column] = []
        for column in columns:
            versions = [column.version] if column.version else by_subject.get(column.item.pk, ())
            expanded += [Column(column.item, version) for version in versions]
        return expanded[:MOST_COLUMNS], len(found) > MOST_COLUMNS or len(expanded) > MOST_COLUMNS

    def _versions(self, condition: Q) -> Any:
        return Version.objects.of(self.reader.tenant_id).filter(condition)

    def _any_version(self, conditions: Sequence[Q]) -> Any:
        return self._versions(reduce(or_, conditions)) if conditions else Version.objects.none()

    def _light(self, rows: Any, most: int) -> list[Any]:
        """Return at most so many instances with the needed columns.

        Raises Refused, before they are read, if they are too large.
        """
        columns = (*OF_ITEMS, *self.of_items) if rows.model is Item else (*OF_VERSIONS, *self.of_versions)
        keys = [_key(path) for path in rows.query.order_by] or [Key("pk")]
        search = Search(Rows.of(rows.order_by()), columns=columns)
        if search.lists and most > LIMIT and search.weight(keys, None, 0, most) > HEAVIEST:
            raise query_error("The columns are too large together, please compare fewer of them")
        return list(rows.only(*columns)[:most])


def looked_up(item: Item, name: str) -> Version:
    """Return the version that an alias, an ordinal or a file name denotes, as in URLs. Raises Http404."""
    found = versions_named(item, f"@{name}") if pointer_of(f"@{name}") else ()
    found = found or versions_named(item, name)
    if not found:
        raise Http404(f"No such version: {item.pk}@{shown(name)}")
    return found[0]


def _key(path: str) -> Key:
    return Key(path.removeprefix("-"), path.startswith("-"))


def kind_in(text: str) -> str:
    """Return the kind of items that a request names. Raises Refused for any other text."""
    if text not in KINDS:
        raise query_error(f"kind is one of {', '.join(KINDS)}, not {shown(text)}")
    return text
