"""Shows the bytes that nothing needs, or removes them."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry_site.config.variables import lifetime
from versions.garbage import find_garbage
from versions.services import bytes_are_held


def _age(text: str) -> timedelta:
    return lifetime(text)


class Command(BaseCommand):
    help = "Shows the bytes that nothing needs; removes them with --delete. The registry may serve meanwhile."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--delete", action="store_true", help="remove what is found")
        parser.add_argument(
            "--older-than",
            type=_age,
            default="24h",
            metavar="AGE",
            help="how long nothing has come for an upload that is taken for dead, such as 90m or 2d (24h)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["delete"] and bytes_are_held():
            raise CommandError("A backup or restore needs all bytes as they are; try again when it has ended")
        found = kept = 0
        for garbage in find_garbage(options["older_than"]):
            found += 1
            left = options["delete"] and not garbage.remove()
            kept += left
            self.stdout.write(f"{garbage.name}: {garbage.reason}{', but is in use just now' if left else ''}")
        removed = f"{found - kept} removed" + (f", {kept} left for the next time" if kept else "")
        self.stdout.write(removed if options["delete"] else f"{found} found; --delete removes them")
