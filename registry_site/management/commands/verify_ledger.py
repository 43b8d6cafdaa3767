"""Verifies the chains of all events."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from pymongo.errors import PyMongoError

from tenants.ledger.chains import find_faults
from tenants.models import Chain


class Command(BaseCommand):
    help = "Proves that no sealed event was altered or removed, also while the registry serves; fails if one was."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--expect",
            action="append",
            default=[],
            metavar="TENANT:SEQUENCE:HASH",
            help="an earlier end of a chain, as this command printed it, that must still be part of it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        expected: dict[str, dict[int, str]] = {}
        for text in options["expect"]:
            tenant_id, _, end = text.partition(":")
            sequence, _, digest = end.partition(":")
            if not (sequence.isdigit() and digest):
                raise CommandError(f"--expect: {text} is not TENANT:SEQUENCE:HASH")
            expected.setdefault(tenant_id, {})[int(sequence)] = digest
        faults = 0
        try:
            for tenant_id in sorted({*Chain.objects.values_list("pk", flat=True), *expected}):
                for fault in find_faults(tenant_id, expected.get(tenant_id, {})):
                    self.stderr.write(fault)
                    faults += 1
                self._tell(tenant_id)
        except (DatabaseError, PyMongoError) as error:
            raise CommandError(f"The verification is incomplete, {faults} faults so far: {error}") from error
        if faults:
            raise CommandError(f"{faults} faults")
        self.stdout.write("No faults")

    def _tell(self, tenant_id: str) -> None:
        """Print the end of a chain, to be kept elsewhere and given to `--expect` later."""
        chain = Chain.objects.of(tenant_id).first()
        if chain is not None:
            kept = chain.sequence - chain.anchor
            self.stdout.write(f"{tenant_id}:{chain.sequence}:{chain.hash or '-'} ({kept} events)")
