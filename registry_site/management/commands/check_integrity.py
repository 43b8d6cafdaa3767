"""Checks all stored bytes and all rows."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from pymongo.errors import PyMongoError

from catalog.integrity import rebuild_values
from registry_site.operations.integrity import find_faults
from registry_site.operations.progress import Progress


class Command(BaseCommand):
    help = "Checks all stored bytes and all rows of the registry, also while it serves; fails if it finds a fault."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--rebuild-values",
            action="store_true",
            help="First rebuild the table of metadata values, which sorts lists.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        faults = 0
        if options["rebuild_values"]:
            rebuild_values()
        try:
            for fault in find_faults(Progress(self.stdout.write)):
                self.stderr.write(fault)
                faults += 1
        except (OSError, DatabaseError, PyMongoError) as error:  # a single unreadable file is a fault, not an exception
            why = error or error.__cause__
            raise CommandError(f"The check is incomplete, {faults} faults so far: {why}") from error
        if faults:
            raise CommandError(f"{faults} faults")
        self.stdout.write("No faults")
