"""Checks that what items, versions and aliases refer to exists, their values, and that moves of aliases form chains."""

from collections.abc import Iterable
from typing import Any

from catalog.aliases.models import AliasMove, Proposal
from catalog.models import Item, Value
from catalog.services import read_again, write_item
from catalog.values import BATCH, add_values, faults_of_values, remove_values
from tenants.models import User
from tenants.rows.batches import batches, keys_of
from tenants.rows.fences import reference_guard
from tenants.rows.transactions import retried
from versions.models import Version


def faults_of_items(ids: Iterable[str]) -> list[str]:
    """Return faults of these items: references to what does not exist in their tenant, and wrong `readers`."""
    faults = []
    items = list(Item.objects.filter(pk__in=ids))
    users = _known(User, {key for item in items for key in item.users})
    datasets = _known(Item, {key for item in items for key in item.datasets})
    for item in items:
        unknown = [key for key in item.users if (key, item.tenant_id) not in users]
        missing = [key for key in item.datasets if (key, item.tenant_id) not in datasets]
        faults += [f"item {item.pk}: its user {key} does not exist" for key in unknown]
        faults += [f"item {item.pk}: its dataset {key} does not exist" for key in missing]
        stored = item.readers
        item.derive_readers()
        if sorted(stored) != sorted(item.readers):
            faults.append(f"item {item.pk}: its readers are {stored}, not {item.readers}")
    return faults


def faults_of_subjects(ids: Iterable[str]) -> list[str]:
    """Return faults of these versions: items that do not exist in their tenant."""
    versions = list(Version.objects.filter(pk__in=ids))
    items = _known(Item, {version.subject for version in versions})
    orphans = [version for version in versions if (version.subject, version.tenant_id) not in items]
    return [f"version {each.pk}: its item {each.subject} does not exist" for each in orphans]


def faults_of_aliases(ids: Iterable[str]) -> list[str]:
    """Return faults of these items: aliases that differ from their last moves, or that point at no version."""
    items = list(Item.objects.filter(pk__in=ids))
    last = AliasMove.objects.filter(subject__in=[item.pk for item in items], until=None, ordinal__isnull=False)
    moved: dict[str, dict[str, AliasMove]] = {}
    for move in last:
        moved.setdefault(move.subject, {})[move.alias] = move
    versions = dict(Version.objects.filter(pk__in={move.version for move in last}).values_list("pk", "ordinal"))
    faults = []
    for item in items:
        moves = moved.get(item.pk, {})
        pointing = {alias: move.ordinal for alias, move in moves.items()}
        if item.aliased != pointing:
            faults.append(f"item {item.pk}: its aliases are {item.aliased}, not {pointing}")
        lost = [alias for alias, move in moves.items() if versions.get(move.version or "") != move.ordinal]
        faults += [f"item {item.pk}: version {pointing[alias]} of its alias {alias} does not exist" for alias in lost]
    return faults


def faults_of_moves(ids: Iterable[str]) -> list[str]:
    """Return faults of these moves of aliases: items that do not exist, and moves that do not follow another."""
    moves = list(AliasMove.objects.filter(pk__in=ids))
    items = _known(Item, {move.subject for move in moves})
    previous = {(move.subject, move.alias, move.number): move for move in _previous(moves)}
    faults = [
        f"move {move.pk}: its item does not exist" for move in moves if (move.subject, move.tenant_id) not in items
    ]
    for move in moves:
        before = previous.get((move.subject, move.alias, move.number - 1))
        start = (before.ordinal, before.until) if before else (None, move.timestamp if move.number == 1 else None)
        if start != (move.before, move.timestamp):
            faults.append(f"move {move.pk}: it does not start where the previous one ends")
    return faults


def _previous(moves: Iterable[AliasMove]) -> Iterable[AliasMove]:
    subjects, aliases = {move.subject for move in moves}, {move.alias for move in moves}
    numbers = {move.number - 1 for move in moves}
    return AliasMove.objects.filter(subject__in=subjects, alias__in=aliases, number__in=numbers)


def faults_of_proposals(ids: Iterable[str]) -> list[str]:
    """Return faults of these proposals: items that do not exist in their tenant."""
    proposals = list(Proposal.objects.filter(pk__in=ids))
    items = _known(Item, {proposal.subject for proposal in proposals})
    lost = [each for each in proposals if (each.subject, each.tenant_id) not in items]
    return [f"proposal {each.pk}: its item {each.subject} does not exist" for each in lost]


def faults_of_item_values(ids: Iterable[str]) -> list[str]:
    """Return faults of these items: values in the table that are not those of their metadata."""
    return faults_of_values(Item.objects.filter(pk__in=ids))


def faults_of_version_values(ids: Iterable[str]) -> list[str]:
    """Return faults of these versions: values in the table that are not those of their metadata."""
    return faults_of_values(Version.objects.filter(pk__in=ids))


def faults_of_holders(ids: Iterable[str]) -> list[str]:
    """Return faults of these values: items or versions that do not exist in their tenant."""
    values = list(Value.objects.filter(pk__in=ids))
    keys = {value.holder for value in values}
    holders = _known(Item, keys) | _known(Version, keys)
    orphans = [value for value in values if (value.holder, value.tenant_id) not in holders]
    return [f"value {each.name} of {each.holder}: its {each.list} does not exist" for each in orphans]


def rebuild_values() -> None:
    """Rebuild the table of values from the metadata of all items and versions, also while the registry serves."""
    for key in keys_of(Item.objects.all()):
        _rebuild_values_of(key)
    for keys in batches(keys_of(Value.objects.all()), BATCH):
        items = {value.item for value in Value.objects.filter(pk__in=keys)}
        missing = items - set(Item.objects.filter(pk__in=items).values_list("pk", flat=True))
        Value.objects.filter(item__in=missing).delete()


@retried
def _rebuild_values_of(key: str) -> None:
    item = Item.objects.filter(pk=key).first()
    if item is None:
        return
    with reference_guard(item.tenant_id):
        item, before = read_again(item)
        write_item(item, before, at=item.lastmod)  # conflicts with concurrent changes
        remove_values(item=item)
        add_values(item)
        for version in Version.objects.of(item.tenant_id).filter(subject=key):
            add_values(version)


def _known(model: Any, keys: set[str]) -> set[tuple[str, str]]:
    """Return the keys of the rows that exist, each with its tenant."""
    return set(model.objects.filter(pk__in=keys).values_list("pk", "tenant_id")) if keys else set()
