"""Writes: drafts and experiments, their values and series (see `versions.draft_models`); for files `draft_files`.

A change is written only if the draft still has the revision that was read, and is otherwise repeated.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.conf import settings
from django.db.models import F

from tenants.exceptions import Refused
from tenants.models import User
from tenants.rows.fields import INT64, now
from tenants.rows.texts import refuse, shown, unfit_title
from tenants.rows.transactions import Conflict, atomic, retried
from versions.draft_models import DEFAULT_EXPERIMENT, Draft, Experiment, Point

CREATION, CHANGE = "post_request_error", "put_request_error"
MOST_DRAFTS, MOST_EXPERIMENTS = 50_000, 10_000  # of a user
LONGEST_LIST = 5000  # params, metrics, tags or inputs of a draft
LARGEST = 4 * 1024 * 1024  # bytes of all lists of a draft
LISTS = ("params", "metrics", "tags", "inputs")
MOST_POINTS = 1_000_000  # of a draft
LONGEST_NAME = 250  # characters of a param, metric or tag
DEFAULT_NAME = "Default"
Pairs = list[dict[str, Any]]


@dataclass(frozen=True)
class Measured:
    """A value of a metric. `milliseconds` is the time since 1970."""

    name: str
    value: float
    step: int
    milliseconds: int


class Changed(Refused):
    """A param has another value already."""

    def __init__(self, name: str, old: Any, new: Any) -> None:
        super().__init__(CHANGE, f"The param {shown(name)} is {shown(str(old))} already, not {shown(str(new))}")


def expiry() -> datetime:
    """Return when a draft that is changed now expires."""
    return now() + timedelta(days=settings.DRAFT_RETENTION_DAYS)


# --- Experiments ----------------------------------------------------------------------------------------------------


def default_experiment(owner: User) -> Experiment:
    """Return the experiment of drafts that name none, which has no row."""
    return Experiment(pk=DEFAULT_EXPERIMENT, tenant_id=owner.tenant_id, owner_id=owner.pk, name=DEFAULT_NAME)


def find_experiment(*, owner: User, id: str = "", name: str = "") -> Experiment:
    """Return the user's experiment with this id or name, also a deleted one. Raises Refused (`resource_not_found`)."""
    if id == DEFAULT_EXPERIMENT or name == DEFAULT_NAME:
        return default_experiment(owner)
    mine = Experiment.objects.of(owner.tenant_id).filter(owner_id=owner.pk)
    found = mine.filter(pk=id).first() if id else mine.filter(name=name).first()
    if found is None:
        raise Refused("resource_not_found", f"No such experiment: {shown(id or name)}")
    return found


@retried
def begin_experiment(*, owner: User, name: str, tags: Mapping[str, str]) -> Experiment:
    """Create an experiment. Raises Refused (`post_request_error`) for an invalid or taken name."""
    refuse([name, *tags], unfit_title, CREATION)
    mine = Experiment.objects.of(owner.tenant_id).filter(owner_id=owner.pk)
    with atomic():
        if name == DEFAULT_NAME or mine.filter(name=name).exists():
            raise Refused(CREATION, f"You have an experiment of this name already: {shown(name)}")
        if mine.count() >= MOST_EXPERIMENTS:
            raise Refused(CREATION, f"A user has at most {MOST_EXPERIMENTS} experiments")
        made = Experiment(tenant_id=owner.tenant_id, owner_id=owner.pk, name=name[:500], tags=paired({}, tags))
        made.save(force_insert=True)
    return made


@retried
def change_experiment(*, owner: User, id: str, change: Callable[[Experiment], object]) -> Experiment:
    """Apply a change to the experiment. Raises Refused for the default one, which cannot be changed, and a bad name."""
    with atomic():
        found = find_experiment(owner=owner, id=id)
        if found.pk == DEFAULT_EXPERIMENT:
            raise Refused(CHANGE, "The default experiment cannot be changed")
        change(found)
        refuse([found.name, *(pair["name"] for pair in found.tags)], unfit_title, CHANGE)
        if len(orjson.dumps(found.tags)) > LARGEST or len(found.name) > 500:
            raise Refused(CHANGE, "The name or the tags of the experiment are too long")
        same = Experiment.objects.of(owner.tenant_id).filter(owner_id=owner.pk, name=found.name).exclude(pk=id)
        if found.name == DEFAULT_NAME or same.exists():
            raise Refused(CHANGE, f"You have an experiment of this name already: {shown(found.name)}")
        read = Experiment.objects.filter(pk=found.pk, revision=found.revision)
        values = {"name": found.name, "tags": found.tags, "deleted": found.deleted, "lastmod": now()}
        if not read.update(revision=F("revision") + 1, **values):
            raise Conflict(f"the experiment {id} was changed meanwhile")
    return found


# --- Drafts ---------------------------------------------------------------------------------------------------------


def find(*, owner: User, id: str, kind: str = "") -> Draft:
    """Return the user's draft. Raises Refused (`resource_not_found`)."""
    mine = Draft.objects.owned_by(owner.tenant_id, owner.pk).filter(pk=id)
    found = (mine.filter(kind=kind) if kind else mine).first()
    if found is None:
        raise Refused("resource_not_found", f"No such draft: {shown(id)}")
    return found


@retried
def begin(*, owner: User, kind: str, **fields: Any) -> Draft:
    """Create a draft with these fields. Raises Refused (`post_request_error`), also if the user has too many."""
    draft = Draft(tenant_id=owner.tenant_id, owner_id=owner.pk, kind=kind, expires=expiry(), **fields)
    _refuse_unfit(draft, CREATION)
    with atomic():
        if Draft.objects.owned_by(owner.tenant_id, owner.pk).count() >= MOST_DRAFTS:
            raise Refused(CREATION, f"A user has at most {MOST_DRAFTS} drafts; delete some")
        draft.save(force_insert=True)
    return draft


@retried
def change(*, draft: Draft, apply: Callable[[Draft], object], points: Sequence[Measured] = ()) -> Draft:
    """Apply a change to the current state of a draft, and add points. Raises what `apply` raises, and Refused."""
    with atomic():
        current = current_draft(draft)
        apply(current)
        _refuse_unfit(current, CHANGE)
        current.points += _add_points(current, points)
        write_draft(current)
    return current


def current_draft(draft: Draft) -> Draft:
    current = Draft.objects.of(draft.tenant_id).filter(pk=draft.pk).first()
    if current is None:
        raise Refused("resource_not_found", f"No such draft: {draft.pk}")
    return current


WRITTEN = ("name", "status", *LISTS, "points", "files", "size", "versions", "pinned", "ended", "deleted", "experiment")


def write_draft(draft: Draft) -> None:
    """Write the fields if the draft has still the revision that was read, and postpone its end. Raises Conflict."""
    draft.lastmod = now()
    draft.expires = None if draft.pinned or draft.versions else expiry()
    read = Draft.objects.filter(pk=draft.pk, revision=draft.revision)
    draft.revision += 1
    values = {name: getattr(draft, name) for name in (*WRITTEN, "lastmod", "expires", "revision")}
    if not read.update(**values):
        raise Conflict(f"the draft {draft.pk} was changed meanwhile")


def _refuse_unfit(draft: Draft, error: str) -> None:
    """Raise Refused for names and lists that are too long or that a database cannot store."""
    lists = {name: getattr(draft, name) for name in LISTS}
    names = [pair["name"] for name in LISTS[:3] for pair in lists[name]]
    refuse([*filter(None, (draft.name, draft.status)), *names], unfit_title, error)
    if any(len(name) > LONGEST_NAME for name in names) or len(draft.name) > 255 or len(draft.status) > 32:
        raise Refused(error, f"A name has at most {LONGEST_NAME} characters")
    if any(len(found) > LONGEST_LIST for found in lists.values()):
        raise Refused(error, f"A draft has at most {LONGEST_LIST} params, metrics, tags or inputs")
    text = orjson.dumps(lists)
    if len(text) > LARGEST:
        raise Refused(error, f"The params, metrics, tags and inputs of a draft have at most {LARGEST} bytes")
    if b"\\u0000" in text:
        raise Refused(error, "A text has no null characters")


def paired(old: Mapping[str, Any], new: Mapping[str, Any]) -> Pairs:
    """Return the pairs of both, those of `new` instead of old ones of the same name."""
    return [{"name": name, "value": value} for name, value in {**old, **new}.items()]


def values_of(pairs: Pairs) -> dict[str, Any]:
    """Return the values by name."""
    return {pair["name"]: pair["value"] for pair in pairs}


def log(
    *,
    draft: Draft,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    points: Sequence[Measured] = (),
) -> Draft:
    """Add params, tags and points, all or none. Raises Changed for a param that has another value."""

    def apply(current: Draft) -> None:
        known = values_of(current.params)
        for name, value in (params or {}).items():
            if known.get(name, value) != value:
                raise Changed(name, known[name], value)
        current.params = paired(known, params or {})
        current.tags = paired(values_of(current.tags), tags or {})
        current.metrics = _latest(current.metrics, points)

    return change(draft=draft, apply=apply, points=points)


def number(value: float) -> float | str:
    """Return the value as JSON has it: NaN and infinity are texts."""
    return value if math.isfinite(value) else {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]


def _latest(metrics: Pairs, points: Sequence[Measured]) -> Pairs:
    """Return the last point of each metric: that of the highest step, then of the latest time."""
    last = {pair["name"]: pair for pair in metrics}
    for point in points:
        new = {"name": point.name, "value": number(point.value), "step": point.step, "timestamp": point.milliseconds}
        old = last.get(point.name)
        if old is None or (old["step"], old["timestamp"]) <= (point.step, point.milliseconds):
            last[point.name] = new
    return list(last.values())


def _add_points(draft: Draft, points: Sequence[Measured]) -> int:
    """Insert the points that are new; return how many. Raises Refused for too many."""
    if any(each not in INT64 for point in points for each in (point.step, point.milliseconds)):
        raise Refused(CHANGE, "A step and a time have at most 64 bits")
    rows = {}
    for point in points:
        key = Point.key(draft.pk, point.name, point.step, point.milliseconds, repr(float(point.value)))
        about = {"step": point.step, "milliseconds": point.milliseconds, "value": repr(float(point.value))}
        rows[key] = Point(pk=key, tenant_id=draft.tenant_id, **about)
    known = set(Point.objects.filter(pk__in=list(rows)).values_list("pk", flat=True)) if rows else set()
    new = [row for key, row in rows.items() if key not in known]
    if draft.points + len(new) > MOST_POINTS:
        raise Refused(CHANGE, f"A draft has at most {MOST_POINTS} values of metrics")
    Point.objects.bulk_create(new)
    return len(new)
