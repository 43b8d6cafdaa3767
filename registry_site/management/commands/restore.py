"""Restores a backup into an empty registry on any database engine."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from pymongo.errors import PyMongoError

from registry_site.config import databases
from registry_site.operations.backup_folder import BackupError
from registry_site.operations.progress import Progress
from registry_site.operations.restore import restore


class Command(BaseCommand):
    help = "Restores a backup into an empty registry, on the same or another database engine."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="the backup")

    def handle(self, *args: Any, **options: Any) -> None:
        if problem := databases.connection_error():
            raise CommandError(problem)
        folder: Path = options["folder"].absolute()
        try:
            manifest = restore(folder, Progress(self.stdout.write))
        except (BackupError, OSError, DatabaseError, PyMongoError) as error:
            raise CommandError(f"Nothing was restored: {error or error.__cause__}") from error
        self.stdout.write(f"Restored the registry as of {manifest.made}")
