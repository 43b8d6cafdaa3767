"""No body sets fields that the registry sets itself: each field, on every route that creates or changes."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Model

from catalog.models import Item
from folksonomy.models import MetadataName, Tag
from tenants.models import MachineToken, Tenant, User
from tenants.rows.fields import iso, now
from tests.answers import ok
from tests.catalog.items import KINDS, create

NOWHERE = "0" * 24
LONG_AGO = "2001-01-01T00:00:00.000Z"
IN_A_WEEK = str(iso(now() + timedelta(days=7)))
OF_ROWS = {
    "_id": NOWHERE,
    "id": NOWHERE,
    "pk": NOWHERE,
    "tenant": "rival",
    "tenant_id": "rival",
    "timestamp": LONG_AGO,
}
OF_ITEMS = OF_ROWS | {
    "kind": "algorithm",
    "owner": "admin",
    "owner_id": NOWHERE,
    "readers": ["*"],
    "revision": 77,
    "lastmod": LONG_AGO,
    "owner_username": "admin",
    "versions_count": 9,
    "aliases": {"production": "1"},
    "versions": [{"ordinal": "9", "original": "x", "sha256": "0" * 64}],
}
OF_USERS = OF_ROWS | {
    "is_superuser": True,
    "is_staff": True,
    "is_active": False,
    "password_changed": LONG_AGO,
    "kept_login": "0" * 32,
    "createdPassword": LONG_AGO,
    "validity_days": 7,
    "last_login": LONG_AGO,
    "groups": ["admin"],
    "owner": "admin",
}
OF_TOKENS = OF_ROWS | {
    "owner": "admin",
    "owner_id": NOWHERE,
    "owner_username": "admin",
    "digest": "0" * 64,
    "token": "mr_chosen",
    "secret": "mr_chosen",
    "last_used": LONG_AGO,
    "last_address": "192.0.2.1",
}
OF_TERMS = {field: value for field, value in OF_ROWS.items() if field != "_id"} | {
    "owner": "owner",
    "owner_username": "owner",
    "owner_id": NOWHERE,
    "name": "other",
}
OF_TENANTS = {"id": "other", "pk": "other", "tenant": "rival", "timestamp": LONG_AGO, "role": "operator", "members": []}
OWN = {"id", "name", "username", "email", "timestamp", "lastmod", "password", "password_changed", "digest"}

CREATIONS: list[tuple[Any, ...]] = [
    *((kind, "owner", Item, OF_ITEMS, {}) for kind in KINDS),
    ("users", "admin", User, OF_USERS, {"password": "Passw0rd!x"}),
    ("tokens", "owner", MachineToken, OF_TOKENS, {"scopes": ["models:read"], "expires": IN_A_WEEK}),
    ("tags", "admin", Tag, OF_TERMS, {}),
    ("metadata", "admin", MetadataName, OF_TERMS, {}),
]
NAMES = {"users": "username", "tags": "_id", "metadata": "_id", "tenants": "_id"}
CREATED = [(*creation[:3], field, value, creation[4]) for creation in CREATIONS for field, value in creation[3].items()]


def _row(model: type[Model], **key: Any) -> dict[str, Any]:
    """Return the columns of the one row that the key finds."""
    found: dict[str, Any] = model._default_manager.filter(**key).values().get()
    return found


def _comparable(row: dict[str, Any]) -> dict[str, Any]:
    return {column: value for column, value in row.items() if column not in OWN}


@pytest.mark.promise("bodies.fixed-fields", "items.owner")
@pytest.mark.parametrize(("collection", "caller", "model", "field", "value", "rest"), CREATED)
def test_a_creation_sets_no_field_of_the_registrys_own(
    world: Any, collection: str, caller: str, model: Any, field: str, value: Any, rest: dict[str, Any]
) -> None:
    api, name = getattr(world.acme, caller).api, NAMES.get(collection, "name")
    column = "name" if model is not User else "username"
    ok(api.post(collection, json=rest | {name: "plain"}))
    before = set(model.objects.values_list("pk", flat=True))
    response = api.post(collection, json=rest | {field: value} | {name: "tried"})
    assert response.status_code in (200, 400), response
    made = set(model.objects.values_list("pk", flat=True)) - before
    if response.status_code == 400:
        assert not made
        return
    tried, plain = _row(model, pk=made.pop()), _row(model, tenant="acme", **{column: "plain"})
    assert not made
    assert tried[column] == "tried"
    assert _comparable(tried) == _comparable(plain)
    assert tried["id"] != NOWHERE
    assert tried["timestamp"].year > 2001


@pytest.mark.promise("bodies.fixed-fields", "tenants.create")
@pytest.mark.parametrize(("field", "value"), OF_TENANTS.items())
def test_a_tenants_creation_sets_no_field_of_the_registrys_own(world: Any, field: str, value: Any) -> None:
    body = {"_id": "tried", "email": "t@tried.example", field: value}
    assert world.operator.post("tenants", json=body).status_code in (200, 400)
    assert set(Tenant.objects.values_list("pk", flat=True)) <= {"acme", "rival", "tried"}
    assert all(tenant.timestamp.year > 2001 for tenant in Tenant.objects.all())
    assert set(User.objects.filter(tenant="tried").values_list("role", flat=True)) <= {"admin"}


CHANGES: list[tuple[Any, ...]] = [
    *((f"{kind}/{{thing}}", "owner", Item, OF_ITEMS, {"visibility": "private"}) for kind in KINDS),
    ("users/owner", "owner", User, OF_USERS | {"username": "x", "role": "admin"}, {"email": "owner@acme.example"}),
    ("users/owner", "admin", User, OF_USERS | {"username": "x", "role": "admin"}, {"email": "owner@acme.example"}),
    ("tenants/acme", "operator", Tenant, OF_TENANTS | {"_id": "x", "admin_password": "x"}, {"phone": "1"}),
]
CHANGED = [(*change[:3], field, value, change[4]) for change in CHANGES for field, value in change[3].items()]


@pytest.mark.promise("bodies.fixed-fields", "items.put-fixed-field", "users.change", "tenants.change")
@pytest.mark.parametrize(("path", "caller", "model", "field", "value", "allowed"), CHANGED)
def test_a_change_changes_no_field_of_the_registrys_own(
    world: Any, path: str, caller: str, model: Any, field: str, value: Any, allowed: dict[str, Any]
) -> None:
    api = world.operator if caller == "operator" else getattr(world.acme, caller).api
    kind = path.split("/", maxsplit=1)[0]
    thing = create(world.acme.owner.api, kind)["_id"] if kind in KINDS else ""
    before = list(model.objects.order_by("pk").values())
    for body in ({field: value}, allowed | {field: value}):
        response = api.put(path.format(thing=thing), json=body)
        assert response.status_code == 400, response
        assert list(model.objects.order_by("pk").values()) == before


@pytest.mark.promise("bodies.fixed-fields", "login.answer")
@pytest.mark.parametrize("field", ["role", "is_superuser", "user", "tenant_id"])
def test_a_login_and_a_reset_take_nothing_more(world: Any, field: str) -> None:
    body = {"tenant": "acme", "username": "owner", "password": "Passw0rd!x", field: "admin"}
    assert ok(world.anonymous.post("login", json=body))["user"]["role"] == "regular"
    reset = {"tenant": "acme", "reset": "guess", "password": "Passw0rd!y", field: "admin"}
    assert world.anonymous.put("self", json=reset).status_code == 403
    assert set(User.objects.filter(role="admin").values_list("username", flat=True)) == {"admin"}
