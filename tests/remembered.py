"""Rows and bytes that many tests begin with: made by requests once per process, and then inserted as they were.

A test that begins with forty requests would spend most of its time on them.
"""

from collections.abc import Callable
from copy import copy, deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models

Rows = dict[type[models.Model], dict[Any, models.Model]]


@dataclass
class Remembered:
    """What `made` left: new rows, rows that it changed, files, and what it returned."""

    new: Rows
    changed: Rows
    files: dict[Path, bytes]
    returned: Any


_made: dict[Callable[..., Any], Remembered] = {}


def remembered(make: Callable[..., Any], *arguments: Any) -> Any:
    """Return what `make` returns, which must be plain data, and leave the rows and files that it makes.

    It is called by the first test of this process only. The rows that it starts with must always be the same.
    """
    if make not in _made:
        before = _rows()
        returned = make(*arguments)
        after = _rows()
        new: Rows = {model: _without(rows, before[model]) for model, rows in after.items()}
        changed: Rows = {model: _changed(rows, before[model]) for model, rows in after.items()}
        _made[make] = Remembered(new, changed, _files(), deepcopy(returned))
        return returned
    known = _made[make]
    for model, rows in known.new.items():
        _insert(model, list(rows.values()))
    for rows in known.changed.values():
        for row in rows.values():
            copy(row).save_base(raw=True)  # updates the row, or inserts it
    for path, content in known.files.items():
        (file := Path(settings.UPLOAD_PATH, path)).parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return deepcopy(known.returned)


def _rows() -> Rows:
    """Return all rows of all tables by their keys."""
    tables = [model for model in apps.get_models(include_auto_created=True) if not model._meta.proxy]
    return {model: {row.pk: row for row in model._base_manager.all()} for model in tables if model._meta.managed}


def _without(rows: dict[Any, models.Model], others: dict[Any, models.Model]) -> dict[Any, models.Model]:
    return {key: row for key, row in rows.items() if key not in others}


def _changed(rows: dict[Any, models.Model], before: dict[Any, models.Model]) -> dict[Any, models.Model]:
    return {key: row for key, row in rows.items() if key in before and _values(row) != _values(before[key])}


def _values(row: models.Model) -> list[Any]:
    return [getattr(row, field.attname) for field in row._meta.concrete_fields]


def _insert(model: type[models.Model], rows: list[models.Model]) -> None:
    """Insert the rows exactly: without new ids, dates or other values that a save would set."""
    if rows:
        fields = model._meta.local_concrete_fields
        model._base_manager.all()._insert(list(map(copy, rows)), fields=fields, using="default", raw=True)  # type: ignore[attr-defined]


def _files() -> dict[Path, bytes]:
    folder = Path(settings.UPLOAD_PATH)
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
