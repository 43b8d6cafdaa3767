"""The Django apps of this package: lookups of the filter language, and the admin site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.backends.signals import connection_created

from tenants.rest.querying import lookups


class RegistrySite(AppConfig):
    name = "registry_site"
    default = True

    def ready(self) -> None:
        """Register the lookups before the first query."""
        lookups.register()
        connection_created.connect(lookups.prepare_connection, dispatch_uid="tenants.rest.querying")


class Admin(AdminConfig):
    """Django's admin with this registry's site class."""

    default_site = "registry_site.pages.admin_site.RegistryAdminSite"
