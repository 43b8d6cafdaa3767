"""What the commands that import have in common."""

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
    """Readies the database, brings what it is told to, and ends with the report, however it ends."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="tell what would be done, and do nothing")

    def run_import(self, bring: Callable[[Report], None], *, dry: bool, failures: Sequence[type[Exception]]) -> None:
        """Run `bring`; what it raises of `failures` ends the command with a line instead of a traceback."""
        self._prepare(dry)
        report = Report(self._say)
        expected: tuple[type[Exception], ...] = (*failures, DatabaseError, OSError)
        try:
            bring(report)
        except KeyboardInterrupt:
            raise CommandError("interrupted; run it again to go on", returncode=INTERRUPTED) from None
        except expected as error:
            why = (str(error).splitlines() or [type(error).__name__])[0][:300]
            raise CommandError(f"stopped: {escaped(why)}; run it again to go on") from None
        finally:
            if report.counts:
                self._say(f"\n{report.summary()}")
        self._say("Nothing was written: this was a dry run." if dry else "Done. Running it again brings what is new.")

    def _prepare(self, dry: bool) -> None:
        if validation_error := databases.validation_error():
            raise CommandError(validation_error)
        try:
            with databases.startup_lock():
                call_command("migrate", verbosity=0, interactive=False, check_unapplied=dry)
        except SystemExit:
            raise CommandError("the database is not up to date, as a dry run needs it: manage.py migrate") from None

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
