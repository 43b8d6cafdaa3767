"""Shows every variable as a table, which README holds too."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from registry_site.environment import SECRETS
from registry_site.variables import Environment

BEGIN, END = "<!-- variables -->\n", "<!-- /variables -->"


class Command(BaseCommand):
    help = "Shows every variable with its default and meaning as a Markdown table, never a value that is set."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--write", type=Path, metavar="FILE", help="put the table between FILE's markers")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path | None = options["write"]
        if file is None:
            self.stdout.write(table())
            return
        text = file.read_text(encoding="utf-8")
        head, rest = text.split(BEGIN, 1)
        file.write_text(f"{head}{BEGIN}{table()}\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")


def table() -> str:
    """Return the table of all variables."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Environment.model_fields.items():
        default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        shown = "generated" if name in SECRETS else f"`{default}`" if default else ""
        rows.append(f"| `{name}` | {shown} | {field.description} |")
    return "\n".join(rows)
