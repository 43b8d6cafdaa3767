"""Writes a backup of the whole registry, also while it serves."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from pymongo.errors import PyMongoError

from registry_site.operations.backup import back_up
from registry_site.operations.backup_folder import BackupError
from registry_site.operations.progress import Progress


class Command(BaseCommand):
    help = "Writes a backup of the whole registry into a new folder, also while it serves."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="folder for the backup, new or empty")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"].absolute()
        try:
            manifest = back_up(folder, Progress(self.stdout.write))
        except (BackupError, OSError, DatabaseError, PyMongoError) as error:
            raise CommandError(f"No backup was made: {error or error.__cause__}") from error
        rows = sum(table.rows for table in manifest.tables.values())
        self.stdout.write(f"{folder} holds {rows} rows and {manifest.files} files as of {manifest.made}")
