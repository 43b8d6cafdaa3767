"""Checks all stored bytes and all rows."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from pymongo.errors import PyMongoError

from registry_site.operations.integrity import find_faults
from registry_site.operations.progress import Progress


class Command(BaseCommand):
    help = "Checks all stored bytes and all rows of the registry, also while it serves; fails if it finds a fault."

    def handle(self, *args: Any, **options: Any) -> None:
        faults = 0
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
