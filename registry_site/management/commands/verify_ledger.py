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
                chain, known = Chain.objects.of(tenant_id).first(), expected.get(tenant_id, {})
                if chain is not None and chain.sequence > chain.anchor:
                    known = {chain.sequence: chain.hash} | known  # so the end that is printed is one that was verified
                for fault in find_faults(tenant_id, known):
                    self.stderr.write(fault)
                    faults += 1
                if chain is not None:
                    self._tell(chain)
        except (DatabaseError, PyMongoError) as error:
            raise CommandError(f"The verification is incomplete, {faults} faults so far: {error}") from error
        if faults:
            raise CommandError(f"{faults} faults")
        self.stdout.write("No faults")

    def _tell(self, chain: Chain) -> None:
        """Print the end of a chain, to be kept elsewhere and given to `--expect` later."""
        kept = chain.sequence - chain.anchor
        self.stdout.write(f"{chain.tenant_id}:{chain.sequence}:{chain.hash or '-'} ({kept} events)")
