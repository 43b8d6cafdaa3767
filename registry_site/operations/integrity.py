"""Whether the registry is whole: stored bytes, their counts, and whatever rows name.

It may serve meanwhile: a fault counts if it is still there when looked at again.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from django.db.models import ForeignKey, Model

from catalog.integrity import faults_of_items, faults_of_subjects
from catalog.models import Item
from registry_site.operations.backup_folder import TABLES, label
from registry_site.operations.progress import Progress
from tenants.rows.batches import batches, keys_of
from versions.integrity import faults_of_bytes, faults_of_versions
from versions.models import Blob, Version

BATCH = 500
PAUSE = 0.2  # seconds until a second look

Look = Callable[[Iterable[str]], list[str]]


@dataclass(frozen=True)
class Check:
    """A look at some rows, given their keys, that returns what is wrong with them."""

    name: str
    model: type[Model]
    look: Look
    batch: int = BATCH


def find_faults(progress: Progress) -> Iterator[str]:
    """Give all that is wrong, in constant memory."""
    for check in (*_references(), *CHECKS):
        done = 0
        for keys in batches(keys_of(check.model._base_manager.all()), check.batch):
            yield from _confirmed(check.look, keys)
            done += len(keys)
            progress.step(f"{check.name}: {done}")
        progress.say(f"{check.name}: {done}")


def _confirmed(look: Look, keys: list[str]) -> list[str]:
    """Return the faults that two looks find: what one finds may be a change that was under way."""
    faults = look(keys)
    if not faults:
        return []
    time.sleep(PAUSE)
    still = set(look(keys))
    return [fault for fault in faults if fault in still]


def _references() -> Iterator[Check]:
    """Give a check of every foreign key; not every engine watches over them."""
    for model in TABLES:
        for field in model._meta.concrete_fields:
            if isinstance(field, ForeignKey):
                yield Check(f"{label(model)}.{field.attname}", model, partial(_dangling, model, field))


def _dangling(model: type[Model], field: "ForeignKey[Model, Model]", keys: Iterable[str]) -> list[str]:
    rows = dict(model._base_manager.filter(pk__in=keys).values_list("pk", field.attname))
    named = {value for value in rows.values() if value is not None}
    known = set(field.related_model._base_manager.filter(pk__in=named).values_list("pk", flat=True))
    lost = {key: value for key, value in rows.items() if value in named - known}
    return [f"{label(model)} {key}: its {field.name} {value} does not exist" for key, value in lost.items()]


CHECKS = (
    Check("items' users and datasets", Item, faults_of_items),
    Check("versions' items", Version, faults_of_subjects),
    Check("versions' bytes", Version, faults_of_versions),
    Check("bytes", Blob, faults_of_bytes, batch=1),
)
