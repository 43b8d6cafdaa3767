"""The common part of the commands that import."""

from argparse import ArgumentParser
from collections.abc import Callable, Sequence

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from registry_site.config import databases
from registry_site.operations.importing.report import Report
from tenants.rows.texts import escaped

INTERRUPTED = 130


class ImportCommand(BaseCommand):
    """Migrates the database, runs an import, and always prints the report."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="report what would be done, write nothing")

    def run_import(
        self, import_records: Callable[[Report], None], *, dry: bool, failures: Sequence[type[Exception]]
    ) -> None:
        """Run an import; an exception in `failures` ends the command with one line instead of a traceback."""
        self._prepare(dry)
        report = Report(self._write_line)
        expected: tuple[type[Exception], ...] = (*failures, DatabaseError, OSError)
        try:
            import_records(report)
        except KeyboardInterrupt:
            raise CommandError("interrupted; run it again to continue", returncode=INTERRUPTED) from None
        except expected as error:
            why = (str(error).splitlines() or [type(error).__name__])[0][:300]
            raise CommandError(f"stopped: {escaped(why)}; run it again to continue") from None
        finally:
            if report.counts:
                self._write_line(f"\n{report.summary()}")
        self._write_line(
            "Nothing was written: this was a dry run." if dry else "Done. Run it again to import what is new."
        )

    def _prepare(self, dry: bool) -> None:
        if error := databases.connection_error():
            raise CommandError(error)
        try:
            with databases.startup_lock():
                call_command("migrate", verbosity=0, interactive=False, check_unapplied=dry)
        except SystemExit:
            raise CommandError("a dry run needs an up-to-date database: run manage.py migrate") from None

    def _write_line(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
