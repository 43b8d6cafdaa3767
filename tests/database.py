"""A fast test database for each engine; imported after the engine has started."""

from collections.abc import Iterator

import django
import pytest
from django.conf import settings
from django.core.management.color import no_style
from django.db import connection
from django.test import TransactionTestCase
from pymongo import monitoring

from tests.engines import Server
from tests.served import create_migrated

django.setup()

from catalog import demo  # noqa: E402 - it imports models
from tenants.identity.login import ImportedHasher, PasswordHasher  # noqa: E402
from tenants.rows import fences  # noqa: E402

# Secure hashes are slow by design; tests need fast ones.
PasswordHasher.time_cost, PasswordHasher.memory_cost, PasswordHasher.parallelism = 1, 8, 1
ImportedHasher.rounds = 4
# Rows of each tenant that every test inserts: tests have few writers at the same time.
fences.FENCES = 4  # type: ignore[attr-defined]
# Most tests need a demo, but not all of it, which the fixture `whole_demo` gives.
WHOLE_DEMO = demo.PROJECTS
demo.PROJECTS = WHOLE_DEMO[:2]  # type: ignore[assignment]
WRITES = {"insert", "update", "findAndModify", "delete", "bulkWrite"}
KEPT = {"django_migrations", "django_content_type", "auth_permission"}  # filled by migrations, never changed by tests


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
    """Empty the database, except for the rows that migrations create: Django would recreate them each time."""
    if connection.vendor == "mongodb":
        for name in written.names - KEPT:
            connection.get_collection(name).delete_many({})  # type: ignore[attr-defined]
        written.names.clear()
    else:
        tables = set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - KEPT
        statements = connection.ops.sql_flush(no_style(), sorted(tables), reset_sequences=False, allow_cascade=False)
        connection.ops.execute_sql_flush(statements)


TransactionTestCase._fixture_teardown = empty  # type: ignore[attr-defined]
if settings.DATABASES["default"]["ENGINE"] == "django_mongodb_backend":
    monitoring.register(written)


@pytest.fixture(scope="session")
def django_db_setup(request: pytest.FixtureRequest, django_test_environment: None) -> Iterator[None]:
    """Give every worker its own copy of a migrated database; for SQLite a file: threads share one lock in memory."""
    server: Server = request.getfixturevalue("server")  # no argument: `--quick` leaves out tests that start servers
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    name = f"test_{worker}"
    create_migrated(server, name)
    connection.settings_dict["NAME"] = server.folder / f"{name}.sqlite3" if connection.vendor == "sqlite" else name
    if connection.vendor == "mongodb":
        connection.settings_dict["OPTIONS"]["appName"] = name  # by which `fail_commands` knows this worker
    yield
    connection.close()
    server.drop(name)
