"""Lists or removes bytes that no version refers to, and what is kept of old merges of words."""

from argparse import ArgumentParser
from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.merges.old import find_old_merges
from registry_site.config.databases import update_statistics
from registry_site.config.values import lifetime
from versions.garbage import find_garbage
from versions.removal import bytes_are_held


class Command(BaseCommand):
    help = (
        "Lists bytes that no version refers to, and merges of words that can no longer be undone; --delete removes "
        "them. Works while the registry serves."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--delete", action="store_true", help="remove the garbage that is found")
        parser.add_argument(
            "--older-than",
            type=lifetime,
            default="24h",
            metavar="AGE",
            help="minimum age of an interrupted upload's last write, such as 90m or 2d; default: 24h",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["delete"] and bytes_are_held():
            raise CommandError("A backup or restore is running; try again when it has ended")
        update_statistics()
        found = kept = 0
        for garbage in chain(find_garbage(options["older_than"]), find_old_merges()):
            found += 1
            in_use = options["delete"] and not garbage.remove()
            kept += in_use
            self.stdout.write(f"{garbage.name}: {garbage.reason}{', but it is in use' if in_use else ''}")
        removed = f"{found - kept} removed" + (f", {kept} in use and kept" if kept else "")
        self.stdout.write(removed if options["delete"] else f"{found} found; --delete removes them")
