"""Prints the API as a Postman collection, which is also in docs/."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from registry_site.api.openapi.document import openapi
from registry_site.api.openapi.postman import collection
from registry_site.config.environment import ROOT


class Command(BaseCommand):
    help = "Prints the API as a Postman collection: README's tour, then every operation with its example."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--write", type=Path, metavar="FILE", help="write the collection to FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path | None = options["write"]
        if file is None:
            self.stdout.write(text())
        else:
            file.write_text(text(), encoding="utf-8")


def text() -> str:
    """Return the collection as JSON."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return json.dumps(collection(openapi(), readme), indent=2, ensure_ascii=False) + "\n"
