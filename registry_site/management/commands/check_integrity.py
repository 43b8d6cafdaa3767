"""Reads all stored bytes and all rows, and names what is wrong."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry_site.integrity import find_faults
from registry_site.progress import Progress


class Command(BaseCommand):
    help = "Reads all stored bytes and all rows of the registry, which may serve meanwhile; fails if anything is wrong."

    def handle(self, *args: Any, **options: Any) -> None:
        faults = 0
        for fault in find_faults(Progress(self.stdout.write)):
            self.stderr.write(fault)
            faults += 1
        if faults:
            raise CommandError(f"{faults} faults")
        self.stdout.write("Nothing is wrong")
