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
from django.db import connection, models
from django.db.models import sql

Rows = dict[type[models.Model], dict[Any, models.Model]]


class Inserts:
    """Rows of a table that are inserted exactly: without new ids, dates or other values that a save would set.

    The statements of SQL are compiled once.
    """

    def __init__(self, model: type[models.Model], rows: list[models.Model]) -> None:
        self._query = sql.InsertQuery(model)
        self._query.insert_values(model._meta.local_concrete_fields, rows, raw=True)
        self._statements: list[Any] | None = None
        if connection.vendor != "mongodb":
            self._statements = self._query.get_compiler(connection=connection).as_sql()

    def run(self) -> None:
        """Insert the rows."""
        if self._statements is None:
            self._query.get_compiler(connection=connection).execute_sql()
            return
        with connection.cursor() as cursor:
            for statement, values in self._statements:
                cursor.execute(statement, values)


@dataclass
class Remembered:
    """What `made` left: new rows, rows that it changed, files, and what it returned."""

    new: list[Inserts]
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
        made = {model: _without(rows, before[model]) for model, rows in after.items()}
        new = [Inserts(model, rows) for model, rows in made.items() if rows]
        others: Rows = {model: _changed(rows, before[model]) for model, rows in after.items()}
        _made[make] = Remembered(new, others, _files(), deepcopy(returned))
        return returned
    known = _made[make]
    for rows in known.new:
        rows.run()
    for changed in known.changed.values():
        for row in changed.values():
            copy(row).save_base(raw=True)  # updates the row, or inserts it
    for path, content in known.files.items():
        (file := Path(settings.UPLOAD_PATH, path)).parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return deepcopy(known.returned)


def _rows() -> Rows:
    """Return all rows of all tables by their keys."""
    tables = [model for model in apps.get_models(include_auto_created=True) if not model._meta.proxy]
    return {model: {row.pk: row for row in model._base_manager.all()} for model in tables if model._meta.managed}


def _without(rows: dict[Any, models.Model], others: dict[Any, models.Model]) -> list[models.Model]:
    return [row for key, row in rows.items() if key not in others]


def _changed(rows: dict[Any, models.Model], before: dict[Any, models.Model]) -> dict[Any, models.Model]:
    return {key: row for key, row in rows.items() if key in before and _values(row) != _values(before[key])}


def _values(row: models.Model) -> list[Any]:
    return [getattr(row, field.attname) for field in row._meta.concrete_fields]


def _files() -> dict[Path, bytes]:
    folder = Path(settings.UPLOAD_PATH)
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
