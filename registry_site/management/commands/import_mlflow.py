"""Imports the models of an MLflow registry."""

from argparse import ArgumentParser
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import CommandError

from catalog.models import VISIBILITIES
from registry_site.operations.importing import mlflow
from registry_site.operations.importing.command import ImportCommand
from registry_site.operations.importing.mlflow_client import MLflowClient, MLflowError
from registry_site.operations.importing.report import Report
from registry_site.operations.importing.target import ImportTarget
from tenants.models import Tenant, User


class Command(ImportCommand):
    help = "Imports all registered models of an MLflow server with their versions; see docs/import.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tracking-uri", required=True, metavar="URL", help="such as http://localhost:5000")
        parser.add_argument("--tenant", default=settings.DEFAULT_TENANT, metavar="ID", help="default: %(default)s")
        parser.add_argument("--owner", metavar="USERNAME", help="default: the tenant's first administrator")
        parser.add_argument("--visibility", choices=VISIBILITIES, default="private", help="default: %(default)s")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            client = MLflowClient(options["tracking_uri"])
        except httpx.InvalidURL:
            raise CommandError("--tracking-uri is malformed; example: http://localhost:5000") from None
        except OSError as error:
            raise CommandError(f"MLFLOW_TRACKING_SERVER_CERT_PATH cannot be read: {error.strerror}") from None

        def import_records(report: Report) -> None:
            tenant = Tenant.objects.filter(pk=options["tenant"]).first()
            if tenant is None:
                raise CommandError(f"--tenant: there is no tenant {options['tenant']}")
            target = ImportTarget(tenant, report, dry=options["dry_run"])
            owner = _owner(target, options["owner"])
            mlflow.import_models(client, target, owner=owner, visibility=options["visibility"])

        with client.http:
            self.run_import(import_records, dry=options["dry_run"], failures=(MLflowError,))


def _owner(target: ImportTarget, username: str | None) -> User:
    if username is None:
        return target.administrator
    if username not in target.usernames:
        raise CommandError(f"--owner: {target.tenant.pk} has no user {username}")
    return target.usernames[username]
