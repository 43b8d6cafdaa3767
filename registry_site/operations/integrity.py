"""Checks the registry's integrity: stored bytes, their reference counts, and all references between rows.

It works while the registry serves: a fault counts only if a second check confirms it.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from django.db.models import ForeignKey, Model

from catalog.aliases.models import AliasMove, Proposal
from catalog.integrity import (
    faults_of_aliases,
    faults_of_holders,
    faults_of_item_values,
    faults_of_items,
    faults_of_moves,
    faults_of_proposals,
    faults_of_subjects,
    faults_of_version_values,
)
from catalog.models import Item, Value
from registry_site.operations.backup_folder import TABLES, label
from registry_site.operations.progress import Progress
from tenants.rows.batches import batches, keys_of
from versions.integrity import faults_of_bytes, faults_of_files, faults_of_versions
from versions.models import Blob, Version, VersionFile

BATCH = 500
PAUSE = 0.2  # seconds until the second check

FindFaults = Callable[[Iterable[str]], list[str]]


@dataclass(frozen=True)
class Check:
    """A function that checks the rows with some keys and returns their faults."""

    name: str
    model: type[Model]
    find: FindFaults
    batch: int = BATCH


def find_faults(progress: Progress) -> Iterator[str]:
    """Yield all faults, in constant memory."""
    for check in (*_references(), *CHECKS):
        done = 0
        for keys in batches(keys_of(check.model._base_manager.all()), check.batch):
            yield from _confirmed_faults(check.find, keys)
            done += len(keys)
            progress.step(f"{check.name}: {done}")
        progress.say(f"{check.name}: {done}")


def _confirmed_faults(find: FindFaults, keys: list[str]) -> list[str]:
    """Return the faults that two checks find: a fault found once may be a change in progress."""
    faults = find(keys)
    if not faults:
        return []
    time.sleep(PAUSE)
    still = set(find(keys))
    return [fault for fault in faults if fault in still]


def _references() -> Iterator[Check]:
    """Yield a check of every foreign key, because not every engine enforces them."""
    for model in TABLES:
        for field in model._meta.concrete_fields:
            if isinstance(field, ForeignKey):
                yield Check(f"{label(model)}.{field.attname}", model, partial(_dangling, model, field))


def _dangling(model: type[Model], field: "ForeignKey[Model, Model]", keys: Iterable[str]) -> list[str]:
    rows = dict(model._base_manager.filter(pk__in=keys).values_list("pk", field.attname))
    referenced = {value for value in rows.values() if value is not None}
    known = set(field.related_model._base_manager.filter(pk__in=referenced).values_list("pk", flat=True))
    dangling = {key: value for key, value in rows.items() if value in referenced - known}
    return [f"{label(model)} {key}: its {field.name} {value} does not exist" for key, value in dangling.items()]


CHECKS = (
    Check("items' users and datasets", Item, faults_of_items),
    Check("items' aliases", Item, faults_of_aliases),
    Check("moves of aliases", AliasMove, faults_of_moves),
    Check("proposals' items", Proposal, faults_of_proposals),
    Check("versions' items", Version, faults_of_subjects),
    Check("items' values", Item, faults_of_item_values),
    Check("versions' values", Version, faults_of_version_values),
    Check("values' items and versions", Value, faults_of_holders),
    Check("versions' bytes", Version, faults_of_versions),
    Check("files of folders", VersionFile, faults_of_files),
    Check("bytes", Blob, faults_of_bytes, batch=1),
)
