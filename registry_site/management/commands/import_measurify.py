"""Imports a registry of the original service."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from pymongo.errors import ConfigurationError, PyMongoError

from registry_site.operations.importing import measurify
from registry_site.operations.importing.command import ImportCommand

CATALOGUE = "registry-catalog"


class Command(ImportCommand):
    help = "Imports all tenants of the original service with their users, items and files; see docs/import.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--database",
            required=True,
            metavar="URL",
            help=f"the original's variable DATABASE, such as mongodb://host:27017/{CATALOGUE}",
        )
        parser.add_argument("--uploads", required=True, type=Path, metavar="DIR", help="the original's UPLOAD_PATH")
        parser.add_argument("--tenant", action="append", default=[], metavar="ID", help="only this tenant; repeatable")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["uploads"].is_dir():
            raise CommandError(f"--uploads: {options['uploads']} is not a folder")
        try:
            client = measurify.connect(options["database"])
            catalogue = client.get_default_database(CATALOGUE).name
        except (ConfigurationError, ValueError, TypeError):  # the messages may contain part of the password
            raise CommandError(f"--database is malformed; example: mongodb://host:27017/{CATALOGUE}") from None
        with client:
            original = measurify.MeasurifyRegistry(client, catalogue, options["uploads"])
            self.run_import(
                lambda report: measurify.import_registry(
                    original, report, only=options["tenant"], dry=options["dry_run"]
                ),
                dry=options["dry_run"],
                failures=(PyMongoError,),
            )
