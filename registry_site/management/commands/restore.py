"""Brings a backup into an empty registry of any engine."""

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
    help = "Brings a backup into an empty registry, whose database may be of another kind than the backup's."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="the backup")

    def handle(self, *args: Any, **options: Any) -> None:
        if validation_error := databases.validation_error():
            raise CommandError(validation_error)
        folder: Path = options["folder"].absolute()
        try:
            manifest = restore(folder, Progress(self.stdout.write))
        except (BackupError, OSError, DatabaseError, PyMongoError) as error:
            raise CommandError(f"Nothing was restored: {error or error.__cause__}") from error
        self.stdout.write(f"The registry is as it was at {manifest.made}")
