"""The page of a comparison: a matrix, what it shows, and what its charts can draw."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.urls import reverse
from rest_framework.request import Request

from catalog.compare.fields import NAMED, is_number
from catalog.compare.formats import FORMATS, names_of, text_of
from catalog.compare.parameters import fields_in, listed

SHOWN = 200  # characters of a value
RAW = 1000  # values; the page of a larger comparison leaves out the raw response
START_DIGITS = 6
FEW = 20  # columns, each of which has a link to the comparison without it
HEAVIEST = 80_000  # characters of the rows in an answer; a larger comparison is shown in parts
MARKUP = 25  # characters around a value
METRICS = 100  # that charts offer
CHOSEN = 5  # axes of parallel coordinates, unless the URL names others
# What can be shown, and its label.
GROUPS = {
    "metadata": "Metadata",
    "status": "Status",
    "tags": "Tags",
    "datasets": "Datasets",
    "aliases": "Aliases",
    "size": "Size",
    "files_count": "Number of files",
    "files": "Each file",
    "owner": "Owner",
    "description": "Description",
    "timestamp": "Date",
}
KEPT = ("ids", "kind", "filter", "sort")  # parameters that say what is compared


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as text. A number is aligned to the right; `best` tells that none is better."""

    text: str
    is_number: bool
    best: bool


def compare_context(view: Any, request: Request, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template context of a comparison."""
    wanted, rows = fields_in(request), data["rows"]
    metrics = _metrics(rows)
    names = list(metrics)
    others = [name for name in wanted if name not in GROUPS]
    raw = {} if len(data["columns"]) * len(rows) <= RAW else {"raw_response": ""}
    chosen = {name: request.query_params.get(name, "") for name in ("x", "y", "trend")}
    axes = [name for name in listed(request, "axes") if name in metrics] or _axes(metrics)
    return (
        {
            "data": data,
            "columns": [_head(column, place, request) for place, column in enumerate(data["columns"])],
            "groups": [(name, text, name in wanted) for name, text in GROUPS.items()],
            "others": names_of(others),
            "kept": [(name, text) for name in KEPT for text in request.query_params.getlist(name) if text],
            "only_differences": request.query_params.get("diff", "") in ("true", "on"),
            "by_version": request.query_params.get("by") == "version",
            "files": [(form.ending.upper(), _changed(request, format=name)) for name, form in FORMATS.items()],
            "metrics": names,
            "has_trend": len({column["_id"] for column in data["columns"] if column["version"]}) < _versions(data),
            "chosen": {
                "x": _known(chosen["x"], names, 0),
                "y": _known(chosen["y"], names, 1),
                "trend": _known(chosen["trend"], names, 0),
                "axes": axes,
            },
        }
        | raw
        | part_context(view, request, data)
    )


def part_context(view: Any, request: Request, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rows from `start` that an answer has room for, and the query string of the next ones, if any."""
    given = request.query_params.get("start", "")
    start = int(given) if given.isdecimal() and len(given) <= START_DIGITS else 0
    lines: list[dict[str, Any]] = []
    room = HEAVIEST
    for line in _lines(data["rows"][start:]):
        room -= sum(len(cell.text) + MARKUP for cell in line["cells"])
        if lines and room < 0:
            break
        lines.append(line)
    end = start + len(lines)
    more = _changed(request, start=str(end)) if end < len(data["rows"]) else ""
    return {"lines": lines, "more": more, "start": start, "whole": _changed(request, start="")}


def _known(name: str, names: Sequence[str], default: int) -> str:
    return name if name in names else next(iter(names[default:] or names), "")


def _axes(metrics: Mapping[str, Sequence[Any]]) -> list[str]:
    """Return the first metrics that tell columns apart."""
    return [name for name, numbers in metrics.items() if len(set(numbers)) > 1][:CHOSEN]


def _versions(data: Mapping[str, Any]) -> int:
    return sum(column["version"] is not None for column in data["columns"])


def _metrics(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the numbers of the rows that have some, by the name that people read; those of rows that differ first."""
    numbers = {_short(row["field"]): [*filter(is_number, row["values"])] for row in sorted(rows, key=_is_same)}
    return dict(islice(((name, values) for name, values in numbers.items() if values), METRICS))


def _is_same(row: Mapping[str, Any]) -> bool:
    return not row["differs"]


def _short(field: str) -> str:
    return field.removeprefix(NAMED)


def _head(column: Mapping[str, Any], place: int, request: Request) -> dict[str, Any]:
    """Return a column's heading: its name, its page, and the same comparison without it."""
    ids = listed(request, "ids")
    is_named = 1 < len(ids) <= FEW and request.query_params.get("by") != "version"
    without = _changed(request, ids=",".join(ids[:place] + ids[place + 1 :])) if is_named else ""
    address = reverse(f"{column['kind']}s-detail", args=(column["_id"],))
    return {"name": column["name"], "version": column["version"], "address": address, "without": without}


def _lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        best = frozenset(row["best"])
        cells = [Cell(_text(value), is_number(value), place in best) for place, value in enumerate(row["values"])]
        yield {"name": _short(row["field"]), "better": row["better"], "differs": row["differs"], "cells": cells}


def _text(value: Any) -> str:
    text = text_of(value) or "–"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _changed(request: Request, **changes: str) -> str:
    """Return the query string of the same comparison with other parameters."""
    query = request.query_params.copy()
    for name, text in changes.items():
        query[name] = text
        if not text:
            del query[name]
    return f"?{query.urlencode()}"
