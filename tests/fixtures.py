"""Shared fixtures: two tenants with users, served registries and object stores."""

import fcntl
import os
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pymongo
import pytest
from django.conf import settings
from django.core.cache import cache

from catalog import demo
from tenants.identity import services
from tenants.models import Fence, Tenant, User
from tests.client import ApiClient
from tests.database import WHOLE_DEMO
from tests.desk import Desk
from tests.engines import Server
from tests.object_store import ObjectStore
from tests.remembered import Inserts
from tests.served import Served

PASSWORD = "Passw0rd!x"
TENANTS = {"acme": ("owner", "shared", "other"), "rival": ("owner",)}
ROWS: dict[Any, list[Any]] = {}  # rows of `world` by model, created once per process by the services
INSERTS: list[Inserts] = []  # of these rows


def _create() -> None:
    for id, regulars in TENANTS.items():
        made = services.create_tenant(
            id=id, email=f"info@{id}.example", admin_username="admin", admin_password=PASSWORD, organization=id.title()
        )
        for username in regulars:
            email = f"{username}@{id}.example"
            services.create_user(tenant=made.tenant, username=username, password=PASSWORD, email=email)
    ROWS[Tenant] = list(Tenant.objects.filter(pk__in=TENANTS))
    for model in (Fence, User):
        ROWS[model] = list(model._base_manager.filter(tenant__in=TENANTS))
    INSERTS.extend(Inserts(model, rows) for model, rows in ROWS.items())


def _tenants() -> dict[str, SimpleNamespace]:
    """Insert the rows of the tenants and their users; the services would take most of a test's time."""
    if INSERTS:
        for rows in INSERTS:
            rows.run()
    else:
        _create()
    tenants = {tenant.pk: SimpleNamespace(tenant=tenant) for tenant in map(copy, ROWS[Tenant])}
    for row in ROWS[User]:
        user = copy(row)
        user.tenant = tenants[user.tenant_id].tenant
        user.api = ApiClient(user=row)
        setattr(tenants[user.tenant_id], user.username, user)
    return tenants


@pytest.fixture
def uploads(settings: Any, tmp_path: Path) -> Path:
    """An empty upload folder for this test, isolated from other tests."""
    folder = tmp_path / "uploads"
    settings.UPLOAD_PATH = folder
    ours = settings.STORAGES["versions"] | {"OPTIONS": {"location": folder}}
    settings.STORAGES = settings.STORAGES | {"versions": ours}
    return folder


@pytest.fixture
def world(db: None, uploads: Path) -> SimpleNamespace:
    """Two tenants: `world.acme` with admin, owner, shared and other, `world.rival` with admin and owner."""
    cache.clear()
    return SimpleNamespace(
        **_tenants(),
        anonymous=ApiClient(),
        operator=ApiClient(settings.API_TOKEN),
        password=PASSWORD,
    )


@pytest.fixture
def fail_commands(server: Server) -> Iterator[Callable[..., Any]]:
    """Let MongoDB fail commands of the clients of one `appName`; it has one such failpoint, so tests take turns."""
    if server.name != "mongodb" or os.environ.get("MONGODB_URI", "").strip():
        pytest.skip("only a MongoDB that the tests started fails on demand")
    with (server.folder / "failpoint").open("ab") as turn, pymongo.MongoClient[Any](server.url_of("admin")) as client:
        fcntl.flock(turn, fcntl.LOCK_EX)

        def switch(mode: Any, **data: Any) -> None:
            client.admin.command("configureFailPoint", "failCommand", mode=mode, data=data)

        yield switch
        switch("off")


# The clients of object stores are imported by the processes that use them: it takes a second.
@pytest.fixture(scope="session")
def s3_store() -> Iterator[ObjectStore]:
    """An object store for the whole run; tests are isolated by prefixes."""
    from tests.s3_store import S3Store

    store = S3Store()
    yield store
    store.remove()


@pytest.fixture(scope="session")
def azure_store() -> Iterator[ObjectStore]:
    """A store with Azure's protocol."""
    from tests.azure_store import AzureStore

    store = AzureStore()
    yield store
    store.remove()


@pytest.fixture(scope="session")
def google_store() -> Iterator[ObjectStore]:
    """A store with Google's own API."""
    from tests.google_store import GoogleStore

    store = GoogleStore()
    yield store
    store.remove()


@pytest.fixture(scope="session")
def served(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A registry served over HTTP by two processes for the whole run; its content persists between tests."""
    with Served.on(server, tmp_path_factory.mktemp("served"), WORKERS="2") as registry:
        yield registry


@pytest.fixture
def fresh_served(server: Server, tmp_path: Path) -> Iterator[Served]:
    """A registry served over HTTP for one test, empty."""
    with Served.on(server, tmp_path) as registry:
        yield registry


@pytest.fixture
def whole_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo has all its items."""
    monkeypatch.setattr(demo, "PROJECTS", WHOLE_DEMO)


@pytest.fixture
def desk(world: SimpleNamespace) -> Desk:
    """The admin site, as a superuser sees it."""
    return Desk()
