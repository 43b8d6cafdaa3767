"""A fast test database for each engine; imported after the engine has started."""

from collections.abc import Iterator
from typing import Any

import django
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import TransactionTestCase
from pymongo import monitoring

from tenants.identity.hashers import ImportedHasher, PasswordHasher

# Secure hashes are slow by design; tests need fast ones.
PasswordHasher.time_cost, PasswordHasher.memory_cost, PasswordHasher.parallelism = 1, 8, 1
ImportedHasher.rounds = 4
WRITES = {"insert", "update", "findAndModify", "delete", "bulkWrite"}
KEPT = {"django_migrations", "django_content_type", "auth_permission"}  # filled by migrations, never changed by tests

django.setup()


class Written(monitoring.CommandListener):
    """Records the collections that were written to."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in WRITES:
            self.names.add(event.command[event.command_name])

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


written = Written()


def empty(case: TransactionTestCase | None = None) -> None:
    """Empty the database as Django does, but without recreating its permissions each time."""
    if connection.vendor == "mongodb":
        for name in written.names - KEPT:
            connection.get_collection(name).delete_many({})  # type: ignore[attr-defined]
        written.names.clear()
    else:
        call_command("flush", verbosity=0, interactive=False, reset_sequences=False, inhibit_post_migrate=True)
        apps.get_model(
            "contenttypes.ContentType"
        ).objects.clear_cache()  # their rows were deleted and are recreated on demand


TransactionTestCase._fixture_teardown = empty  # type: ignore[attr-defined]
if settings.DATABASES["default"]["ENGINE"] == "django_mongodb_backend":
    monitoring.register(written)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest) -> Iterator[None]:
    """Give every worker its own database; for SQLite a file, because threads share one lock in memory."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    default: dict[str, Any] = settings.DATABASES["default"]
    name = f"test_{worker}"
    if connection.vendor == "sqlite":
        name = str(default["NAME"].with_name(f"{name}.sqlite3"))
    default.setdefault("TEST", {})["NAME"] = name
    connection.settings_dict["TEST"]["NAME"] = name
    yield
