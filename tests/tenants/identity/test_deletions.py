"""Users and tenants are deleted in short transactions; an interrupted deletion leaves no access."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.deletions import _unlist_from
from catalog.models import Item
from tenants.identity.deletions import _block_users, _start_deletion, delete_user
from tenants.identity.services import update_user
from tenants.models import User
from tenants.rows.batches import delete_in_batches
from tests.answers import assert_error, login, ok
from tests.catalog.items import create, read

PASSWORD = "Passw0rd!x"


def _shared_items(world: Any, count: int) -> list[str]:
    """Create items of the owner that are shared with two users, and return the items' ids."""
    owner, tenant = world.acme.owner, world.acme.tenant
    users = [world.acme.shared.pk, world.acme.other.pk]
    items = [Item(tenant=tenant, kind="model", name=f"m{number}", owner=owner, users=users) for number in range(count)]
    for item in items:
        item.derive_readers()
    Item.objects.bulk_create(items)
    return [item.pk for item in items]


@pytest.mark.promise("users.delete-interrupted")
def test_a_user_has_no_access_once_their_deletion_started_and_a_second_deletion_completes_it(world: Any) -> None:
    items, shared = _shared_items(world, 3), world.acme.shared
    _start_deletion(shared, None)
    _unlist_from(items[:2], shared, None)  # the process is killed here
    assert_error(shared.api.get("models"), "authentication_error")
    assert_error(shared.api.post("models", json={"name": "late"}), "authentication_error")
    assert_error(login(world.anonymous, "acme", "shared", PASSWORD), "authentication_error")
    api = world.acme.owner.api
    for change in ("shared", shared.pk):
        assert_error(api.put(f"models/{items[0]}", json={"users": {"add": [change]}}), "put_request_error", "existent")
        assert_error(api.post("models", json={"name": "new", "users": [change]}), "post_request_error", "existent")
    assert {user["username"] for user in read(api, f"models/{items[2]}")["users"]} == {"shared", "other"}
    ok(world.acme.admin.api.delete("users/shared"))
    assert not Item.objects.filter(users__holds=shared.pk).exists()
    assert not Item.objects.filter(readers__holds=shared.pk).exists()
    assert_error(world.acme.admin.api.get("users/shared"), "resource_not_found")
    for item in Item.objects.all():
        assert (item.users, item.readers) == ([world.acme.other.pk], [world.acme.owner.pk, world.acme.other.pk])
        assert item.revision >= 1, "who read the item before does not write over it"


@pytest.mark.promise("users.owner-stays", "users.last-admin-stays")
def test_a_refused_deletion_changes_nothing(world: Any) -> None:
    create(world.acme.shared.api, users=["other"])
    items = _shared_items(world, 2)
    assert_error(world.acme.admin.api.delete("users/shared"), "delete_request_error", "owner")
    assert_error(world.acme.admin.api.delete("users/admin"), "delete_request_error", "administrator")
    assert User.objects.filter(leaving=None).count() == User.objects.count()
    assert all(world.acme.shared.pk in item.users for item in Item.objects.filter(pk__in=items))
    ok(world.acme.shared.api.get("models"))


@pytest.mark.promise("users.last-admin-stays")
def test_an_administrator_who_is_being_deleted_does_not_count_as_remaining(world: Any) -> None:
    second = update_user(user=User.objects.get(pk=world.acme.other.pk), role="admin")
    _start_deletion(second, None)
    assert_error(world.acme.admin.api.delete("users/admin"), "delete_request_error", "last administrator")
    ok(world.acme.admin.api.delete("users/other"))


@pytest.mark.promise("users.delete")
def test_a_user_is_removed_from_many_items_with_few_queries(world: Any) -> None:
    if connection.vendor == "mongodb":
        pytest.skip("queries are counted on SQL")
    _shared_items(world, 1200)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        delete_user(user=world.acme.shared)
    assert not Item.objects.filter(users__holds=world.acme.shared.pk).exists()
    assert len(queries) < 60
    assert sum(query["sql"].startswith("UPDATE") and "catalog_item" in query["sql"] for query in queries) == 3


@pytest.mark.promise("tenants.delete-interrupted")
def test_all_users_lose_access_when_their_tenants_deletion_starts_and_a_second_deletion_completes_it(
    world: Any,
) -> None:
    path = f"models/{create(world.acme.owner.api, tags=['t'])['_id']}"
    ok(world.acme.owner.api.upload(f"{path}/versions", "same.bin", b"same bytes"))
    _block_users(world.acme.tenant, None)
    delete_in_batches(Item.objects.of("acme"))  # the process is killed here
    for user in (world.acme.admin, world.acme.owner):
        assert_error(user.api.get("models"), "authentication_error")
    assert_error(login(world.anonymous, "acme", "owner", PASSWORD), "authentication_error")
    ok(world.rival.owner.api.get("models"))
    ok(world.operator.delete("tenants/acme"))
    assert_error(world.operator.get("tenants/acme"), "resource_not_found")
    assert not User.objects.of("acme").exists()
