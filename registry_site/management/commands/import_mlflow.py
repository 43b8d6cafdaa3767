"""Brings the models of an MLflow registry over."""

from argparse import ArgumentParser
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import CommandError

from catalog.models import VISIBILITIES
from registry_site.operations.importing import mlflow
from registry_site.operations.importing.command import ImportCommand
from registry_site.operations.importing.mlflow_server import Failed, MLflow
from registry_site.operations.importing.people import ImportTarget
from registry_site.operations.importing.report import Report
from tenants.models import Tenant, User


class Command(ImportCommand):
    help = "Brings all registered models of an MLflow server with their versions; see docs/import.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tracking-uri", required=True, metavar="URL", help="such as http://localhost:5000")
        parser.add_argument("--tenant", default=settings.DEFAULT_TENANT, metavar="ID", help="default: %(default)s")
        parser.add_argument("--owner", metavar="USERNAME", help="default: the tenant's first administrator")
        parser.add_argument("--visibility", choices=VISIBILITIES, default="private", help="default: %(default)s")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            server = MLflow(options["tracking_uri"])
        except httpx.InvalidURL:
            raise CommandError("--tracking-uri is malformed: http://localhost:5000 is wanted") from None
        except OSError as error:
            raise CommandError(f"MLFLOW_TRACKING_SERVER_CERT_PATH cannot be read: {error.strerror}") from None

        def bring(report: Report) -> None:
            tenant = Tenant.objects.filter(pk=options["tenant"]).first()
            if tenant is None:
                raise CommandError(f"--tenant: there is no tenant {options['tenant']}")
            landing = ImportTarget(tenant, report, dry=options["dry_run"])
            owner = _owner(landing, options["owner"])
            mlflow.bring(server, landing, owner=owner, visibility=options["visibility"])

        with server.client:
            self.run_import(bring, dry=options["dry_run"], failures=(Failed,))


def _owner(landing: ImportTarget, username: str | None) -> User:
    if username is None:
        return landing.administrator
    if username not in landing.usernames:
        raise CommandError(f"--owner: {landing.tenant.pk} has no user {username}")
    return landing.usernames[username]
