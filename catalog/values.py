"""Maintains the table of metadata values, whose index sorts lists of items and versions.

The services that write `metadata` call these functions in the same transaction. The table holds nothing that `metadata`
does not, so backups leave it out and it can be rebuilt.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import Model

from catalog.models import Item, Value
from tenants.rows.batches import batches
from tenants.rows.statements import insert_rows
from versions.models import Version

BATCH = 500  # items or versions read at once when the table is built
NUMBER, TEXT, BOOLEAN = range(3)
VERSIONS = "version"  # the `list` of values of versions
Pairs = Sequence[Mapping[str, Any]]


def add_values(holder: Item | Version) -> None:
    """Insert the values of a new item or version."""
    _insert(Value, _rows(holder, holder.metadata))


def change_values(holder: Item | Version, before: Pairs) -> None:
    """Replace the values of an item or version that differ from those before."""
    change_values_of([(holder, before)])


def change_values_of(changes: Sequence[tuple[Item | Version, Pairs]]) -> None:
    """Replace the values of items or versions that differ from those before, in two statements."""
    gone: list[str] = []
    rows: list[dict[str, Any]] = []
    for holder, before in changes:
        old, new = ({pair["name"]: _typed(pair["value"]) for pair in pairs} for pairs in (before, holder.metadata))
        gone += [f"{holder.pk}{name}" for name, value in old.items() if new.get(name) != value]
        rows += _rows(holder, [pair for pair in holder.metadata if old.get(pair["name"]) != new[pair["name"]]])
    if gone:
        Value.objects.filter(pk__in=gone).delete()
    _insert(Value, rows)


def remove_values(*, item: Item, version: Version | None = None) -> None:
    """Delete the values of a deleted item with its versions, or of one version."""
    of_item = Value.objects.filter(item=item.pk)
    if version is None:
        of_item.delete()
    elif version.metadata:
        of_item.filter(list=VERSIONS, holder=version.pk).delete()


def build_values(items: type[Model], versions: type[Model], values: type[Model]) -> None:
    """Fill the empty table from all items and versions, for migrations and restores."""
    for model in (items, versions):
        holders: Iterable[Any] = model._base_manager.all().iterator(BATCH)
        for batch in batches(holders, BATCH):
            _insert(values, [row for holder in batch for row in _rows(holder, holder.metadata)])


def faults_of_values(holders: Iterable[Item | Version]) -> list[str]:
    """Return a fault of each item or version whose values in the table are not those of its metadata."""
    by_id = {holder.pk: holder for holder in holders}
    stored: dict[str, list[Mapping[str, Any]]] = {key: [] for key in by_id}
    for row in Value.objects.filter(item__in={_item_of(holder) for holder in by_id.values()}).values():
        stored.get(row["holder"], []).append({"_id": row.pop("id")} | row)  # type: ignore[misc]
    return [
        f"{_list_of(holder)} {key}: the table of values differs from its metadata"
        for key, holder in by_id.items()
        if sorted(_rows(holder, holder.metadata), key=_key) != sorted(stored[key], key=_key)
    ]


def _key(row: Mapping[str, Any]) -> Any:
    return row["_id"]


def _insert(model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        insert_rows(model, rows)


def _rows(holder: Any, pairs: Pairs) -> list[dict[str, Any]]:
    """Return the rows of some pairs of an item or version, as columns."""
    common = {"tenant_id": holder.tenant_id, "item": _item_of(holder), "holder": holder.pk, "list": _list_of(holder)}
    return [
        {"_id": f"{holder.pk}{pair['name']}", "name": pair["name"]} | common | _typed(pair["value"])._asdict()
        for pair in pairs
    ]


def _item_of(holder: Any) -> str:
    return str(getattr(holder, "subject", holder.pk))


def _list_of(holder: Any) -> str:
    return str(getattr(holder, "kind", VERSIONS))


class Typed(NamedTuple):
    """How a value is stored. Whole numbers beyond 2^53 sort like the nearest float."""

    type: int
    number: float
    text: str


def _typed(value: Any) -> Typed:
    if isinstance(value, str):
        return Typed(TEXT, 0.0, value[: Value.SORTED])
    return Typed(BOOLEAN if isinstance(value, bool) else NUMBER, float(value), "")
