"""Creates or removes the demo items of a tenant."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from catalog.demo import create_demo, delete_demo, demo_items
from registry_site.config import environment
from tenants.exceptions import Refused
from tenants.identity.services import create_tenant
from tenants.models import Tenant, User

PASSWORD = "DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD"  # noqa: S105 - the variable's name


class Command(BaseCommand):
    help = "Creates 60 models, datasets and algorithms in a tenant, except those that exist already."

    def add_arguments(self, parser: ArgumentParser) -> None:
        default = settings.DEFAULT_TENANT_DEMO
        parser.add_argument("--tenant", default=default, metavar="ID", help="created if missing; default: %(default)s")
        parser.add_argument("--delete", action="store_true", help="remove the demo's items and users instead")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("serve", prepare_only=True)
        tenant: str = options["tenant"]
        try:
            if options["delete"]:
                delete_demo(by=_administrator(tenant))
                self.stdout.write(f"The demo is removed from tenant {tenant}")
                return
            password = self._ensure_tenant(tenant)
            administrator = _administrator(tenant)
            create_demo(by=administrator)
        except Refused as refused:
            raise CommandError(str(refused.details)) from None
        page = f"{settings.PUBLIC_URL}/{settings.VERSION}/models"
        self.stdout.write(
            f"Tenant {tenant} has {len(demo_items(administrator))} demo items. "
            f"Start the registry if it is not running, open {page} and log in:\n"
            f"  tenant    {tenant}\n  username  {administrator.username}\n  password  {password}"
        )

    def _ensure_tenant(self, id: str) -> str:
        """Create the tenant if it does not exist; return its administrator's password or where to find it."""
        if Tenant.objects.filter(pk=id).exists():
            known = id in (settings.DEFAULT_TENANT, settings.DEFAULT_TENANT_DEMO)
            return (
                f"{PASSWORD} in {environment.origin(PASSWORD)}, unless it was changed" if known else "as you chose it"
            )
        given = settings.DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD
        created = create_tenant(id=id, email="demo@example.com", organization="Demo", admin_password=given)
        return created.generated_password or f"{PASSWORD} in {environment.origin(PASSWORD)}"


def _administrator(tenant: str) -> User:
    """Return the tenant's first administrator. Raises CommandError if there is none."""
    administrators = User.objects.of(tenant).filter(role="admin", is_active=True)
    administrator = administrators.order_by("timestamp", "pk").first()
    if administrator is None:
        raise CommandError(f"--tenant: there is no tenant {tenant}")
    return administrator
