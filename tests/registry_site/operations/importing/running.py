"""Helpers that run the import commands and compare databases."""

import io
import re
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command

APPS = ("tenants", "folksonomy", "versions", "catalog")
KINDS = "tenant|user|tag|metadata name|dataset|algorithm|model|version|alias"
ROW = re.compile(rf"^({KINDS}) +(\d+) +(\d+) +(\d+) +(\d+)$", re.M)


class Outcome:
    """The output of a command, and the table at its end."""

    def __init__(self, output: str) -> None:
        self.output = output
        table = {kind: tuple(map(int, numbers)) for kind, *numbers in ROW.findall(output)}
        self.imported, self.existing, self.changed, self.left_out = (
            {kind: numbers[column] for kind, numbers in table.items() if numbers[column]} for column in range(4)
        )

    def line(self, *words: str) -> str:
        """Return the only line that contains all these words."""
        lines = [line for line in self.output.splitlines() if all(word in line for word in words)]
        assert len(lines) == 1, (words, self.output)
        return lines[0]


def run(command: str, *words: Any) -> Outcome:
    """Run a command of `manage.py` in this process."""
    output = io.StringIO()
    call_command(command, *map(str, words), stdout=output)
    return Outcome(output.getvalue())


def everything() -> dict[str, Any]:
    """Return all rows of all tables and the names of all stored files."""
    models = [model for app in APPS for model in apps.get_app_config(app).get_models()]
    rows = {model.__name__: sorted(model._default_manager.values(), key=str) for model in models}
    return rows | {"files": sorted(str(path) for path in Path(settings.UPLOAD_PATH).rglob("*") if path.is_file())}
