"""What most tests start from: two tenants with users, and served registries."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache

from tenants import services, tokens
from tests.client import ApiClient
from tests.desk import Desk
from tests.engines import Server
from tests.object_store import ObjectStore
from tests.served import Served

PASSWORD = "Passw0rd!x"


def _user(tenant: Any, username: str, role: str = "regular") -> Any:
    user: Any = services.create_user(
        tenant=tenant, username=username, password=PASSWORD, role=role, email=f"{username}@{tenant.pk}.example"
    )
    user.api = ApiClient(tokens.issue(user))
    return user


def _tenant(id: str, *regulars: str) -> SimpleNamespace:
    made = services.create_tenant(
        id=id, email=f"info@{id}.example", admin_username="admin", admin_password=PASSWORD, organization=id.title()
    )
    admin: Any = made.admin
    admin.api = ApiClient(tokens.issue(admin))
    users = {username: _user(made.tenant, username) for username in regulars}
    return SimpleNamespace(tenant=made.tenant, admin=admin, **users)


@pytest.fixture
def uploads(settings: Any, tmp_path: Path) -> Path:
    """An empty folder of the test's own, so that it sees no other test's bytes and loses none to it."""
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
        acme=_tenant("acme", "owner", "shared", "other"),
        rival=_tenant("rival", "owner"),
        anonymous=ApiClient(),
        operator=ApiClient(settings.API_TOKEN),
        password=PASSWORD,
    )


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """An object store for the whole run; tests keep apart by prefixes."""
    store = ObjectStore()
    yield store
    store.remove()


@pytest.fixture(scope="session")
def served(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A registry served over HTTP for the whole run; what it holds stays there from test to test."""
    with Served.on(server, tmp_path_factory.mktemp("served")) as registry:
        yield registry


@pytest.fixture
def fresh_served(server: Server, tmp_path: Path) -> Iterator[Served]:
    """A registry served over HTTP for one test, empty."""
    with Served.on(server, tmp_path) as registry:
        yield registry


@pytest.fixture
def desk(world: SimpleNamespace) -> Desk:
    """The admin site, as a superuser sees it."""
    return Desk()
