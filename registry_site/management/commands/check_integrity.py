"""Reads all stored bytes and all rows, and names what is wrong."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from pymongo.errors import PyMongoError

from registry_site.operations.integrity import find_faults
from registry_site.operations.progress import Progress


class Command(BaseCommand):
    help = "Reads all stored bytes and all rows of the registry, which may serve meanwhile; fails if anything is wrong."

    def handle(self, *args: Any, **options: Any) -> None:
        faults = 0
        try:
            for fault in find_faults(Progress(self.stdout.write)):
                self.stderr.write(fault)
                faults += 1
        except (OSError, DatabaseError, PyMongoError) as error:  # a store that fails is a fault of each file
            why = error or error.__cause__
            raise CommandError(f"Not all was looked at, {faults} faults until now: {why}") from error
        if faults:
            raise CommandError(f"{faults} faults")
        self.stdout.write("Nothing is wrong")
