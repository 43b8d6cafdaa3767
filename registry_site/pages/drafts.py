"""The page of a draft, and the course of a metric over the steps of a training."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from catalog.models import Item
from registry_site.dialects.mlflow.mlmodel import NAME
from tenants.models import User
from versions.draft_models import Draft, Point
from versions.models import VersionFile

READ, SHOWN = 10_000, 300  # points of a series that are read, and that are drawn
FILES, MODELS, VALUES = 100, 200, 500  # of each, as many as a page shows


def draft_context(view: Any, document: Mapping[str, Any], route: str, caller: User) -> dict[str, Any]:
    """Return the template context of a draft."""
    draft = view.get_object()
    files = list(VersionFile.objects.in_version(draft.pk).order_by("pk").values("path", "size")[:FILES])
    folders = [file["path"].rpartition("/")[0] for file in files if file["path"].rpartition("/")[2] == NAME]
    own = Item.objects.of(caller.tenant_id).filter(kind="model", owner_id=caller.pk).order_by("name", "pk")
    lists = [(label, document.get(name, ())[:VALUES]) for label, name in LISTS]
    return {
        "draft": document,
        "pk": draft.pk,
        "title": draft.name or draft.pk,
        "files": files,
        "folder": folders[0] if folders else "",
        "folders": folders,
        "models": list(own.values_list("name", flat=True)[:MODELS]),
        "lists": [(label, pairs) for label, pairs in lists if pairs],
        "series": series([draft], view.request.query_params.get("metric", "")),
    }


LISTS = (("Metrics", "metrics"), ("Params", "params"), ("Tags", "tags"))


def series(drafts: Sequence[Draft], wanted: str) -> dict[str, Any] | None:
    """Return the points of a metric, of about SHOWN steps, and the names of all metrics; None if none has a course.

    It is the metric that is wanted, or else the first with several steps. Takes one query.
    """
    of_metrics = {
        metric["name"]: (draft, metric)
        for draft in reversed(drafts)
        if draft.points > len(draft.metrics)  # some metric has several points
        for metric in draft.metrics
    }
    if not of_metrics:
        return None
    first = next((name for name, (_, metric) in of_metrics.items() if metric["step"]), next(iter(of_metrics)))
    name = wanted if wanted in of_metrics else first
    start, end = Point.series(of_metrics[name][0].pk, name)
    rows = Point.objects.filter(pk__gt=start, pk__lt=end).order_by("pk").values_list("step", "value")
    points = [(step, float(value)) for step, value in rows[: READ + 1]]
    read = points[:READ]
    every = math.ceil(len(read) / SHOWN) or 1
    shown = read[::every] + (read[-1:] if (len(read) - 1) % every else [])
    return {
        "metric": name,
        "names": list(of_metrics),
        "points": [{"step": step, "value": value if math.isfinite(value) else None} for step, value in shown],
        "rows": shown,
        "every": every,
        "is_cut": len(points) > READ,
    }
