"""Users of a tenant: who sees, creates, changes and deletes them."""

from typing import Any

import pytest
from django.core import mail

from tenants.identity import outbox
from tests.answers import assert_error, login, ok
from tests.catalog.items import KINDS, create

PASSWORD = "Passw0rd!x"
NEW = {
    "username": "new",
    "password": PASSWORD,
    "email": "new@acme.example",
    "role": "regular",
    "validityPasswordDays": 30,
}
SHOWN = {"_id", "id", "username", "email", "role", "validityPasswordDays", "createdPassword", "timestamp"}


@pytest.mark.promise("users.read", "users.no-password")
def test_administrators_see_all_fields_except_passwords(world: Any) -> None:
    response = world.acme.admin.api.get("users")
    page = ok(response)
    assert {user["username"] for user in page["docs"]} == {"admin", "owner", "shared", "other"}
    assert all(set(user) == SHOWN for user in page["docs"])
    assert ok(world.acme.admin.api.get("users/owner")) in page["docs"]
    assert "argon2" not in response.body().decode()


@pytest.mark.promise("users.read")
def test_others_see_ids_and_usernames(world: Any) -> None:
    for user in ok(world.acme.owner.api.get("users"))["docs"]:
        assert set(user) == {"_id", "id", "username"}
    for key in ("admin", "owner", world.acme.other.pk):
        assert set(ok(world.acme.owner.api.get(f"users/{key}"))) == {"_id", "id", "username"}


@pytest.mark.promise("users.read")
def test_a_user_is_found_by_id_and_by_username_in_their_tenant_only(world: Any) -> None:
    for key in (world.acme.shared.pk, "shared"):
        assert ok(world.acme.admin.api.get(f"users/{key}"))["_id"] == world.acme.shared.pk
        assert_error(world.rival.admin.api.get(f"users/{key}"), "resource_not_found")
    assert_error(world.acme.admin.api.get("users/nobody"), "resource_not_found")


@pytest.mark.promise("users.read")
def test_a_username_equal_to_another_users_id_does_not_hide_that_user(world: Any) -> None:
    ok(world.acme.admin.api.post("users", json=NEW | {"username": world.acme.shared.pk}))
    assert ok(world.acme.admin.api.get(f"users/{world.acme.shared.pk}"))["username"] == "shared"


@pytest.mark.promise("users.read", "filter.other-fields")
def test_filters_and_sorting_reveal_nothing_about_hidden_fields(world: Any) -> None:
    for field in ("role", "email", "password", "password_changed", "tenant", "is_superuser", "validity_days"):
        for asked in ({"filter": {field: "admin"}}, {"sort": {field: 1}}):
            assert_error(world.acme.owner.api.get("users", query=asked), "get_request_error", field)
    for field in ("password", "password_changed", "tenant", "is_superuser"):
        query = {"filter": {field: {"$regex": "."}}}
        assert_error(world.acme.admin.api.get("users", query=query), "get_request_error", field)


@pytest.mark.promise("filter.other-fields")
@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"username": "owner"}, {"owner"}),
        ({"role": "admin"}, {"admin"}),
        ({"email": {"$regex": "^s"}}, {"shared"}),
        ([{"username": "owner"}, {"username": "other"}], {"owner", "other"}),
    ],
)
def test_users_are_filtered_by_administrators(world: Any, filter: Any, found: set[str]) -> None:
    page = ok(world.acme.admin.api.get("users", query={"filter": filter}))
    assert {user["username"] for user in page["docs"]} == found


@pytest.mark.promise("users.create", "users.no-password")
def test_an_administrator_creates_a_user(world: Any) -> None:
    response = world.acme.admin.api.post("users", json=NEW)
    created = ok(response)
    assert set(created) == SHOWN
    assert created.items() >= {key: value for key, value in NEW.items() if key != "password"}.items()
    assert PASSWORD not in response.body().decode()
    assert ok(world.acme.admin.api.get("users/new")) == created
    assert ok(login(world.anonymous, "acme", "new", PASSWORD))["user"]["_id"] == created["_id"]


@pytest.mark.promise("users.create")
def test_a_user_needs_only_a_name_and_a_password(world: Any, settings: Any) -> None:
    settings.DEFAULT_DAYS_VALIDITY_PASSWORD = 90
    created = ok(world.acme.admin.api.post("users", json={"username": "new", "password": PASSWORD}))
    assert (created["role"], created["validityPasswordDays"]) == ("regular", 90)
    assert created.get("email") is None
    ok(world.acme.admin.api.post("users", json={"username": "newer", "password": PASSWORD}))


@pytest.mark.promise("users.create")
def test_others_cannot_create_users(world: Any) -> None:
    assert_error(world.acme.owner.api.post("users", json=NEW), "only_administrator")
    assert_error(world.anonymous.post("users", json=NEW), "authentication_error")
    assert_error(world.acme.admin.api.get("users/new"), "resource_not_found")


@pytest.mark.promise("users.create")
def test_a_new_administrator_administers(world: Any) -> None:
    ok(world.acme.admin.api.post("users", json=NEW | {"role": "admin"}))
    token = ok(login(world.anonymous, "acme", "new", PASSWORD))["token"]
    ok(world.anonymous.post("tags", json={"_id": "t"}, headers={"Authorization": token}))


@pytest.mark.promise("users.required")
@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize("value", [None, "", "absent"])
def test_a_missing_field_of_a_user_is_named(world: Any, field: str, value: Any) -> None:
    body: dict[str, Any] = NEW | {field: value}
    if value == "absent":
        del body[field]
    assert_error(world.acme.admin.api.post("users", json=body), "post_request_error", f"Path `{field}` is required")


@pytest.mark.promise("users.required")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", 5),
        ("username", "x" * 151),
        ("email", "no mail"),
        ("validityPasswordDays", -1),
        ("validityPasswordDays", "x"),
    ],
)
def test_a_malformed_field_of_a_user_is_named(world: Any, field: str, value: Any) -> None:
    assert_error(world.acme.admin.api.post("users", json=NEW | {field: value}), "post_request_error", field)


@pytest.mark.promise("users.role")
@pytest.mark.parametrize("role", ["superuser", "ADMIN", "operator", 5, {}])
def test_an_unknown_role_is_refused(world: Any, role: Any) -> None:
    response = world.acme.admin.api.post("users", json=NEW | {"role": role})
    assert_error(response, "post_request_error", "is not a valid enum value for path")
    assert "role" in response.json()["details"]


@pytest.mark.promise("users.unique")
def test_usernames_and_emails_are_unique_in_the_tenant(world: Any) -> None:
    api = world.acme.admin.api
    taken = "a user with the same username already exists"
    assert_error(api.post("users", json=NEW | {"username": "owner"}), "post_request_error", taken)
    same_mail = NEW | {"email": "owner@acme.example"}
    assert_error(api.post("users", json=same_mail), "post_request_error", "email already exists")
    assert_error(api.put("users/shared", json={"email": "owner@acme.example"}), "put_request_error", "email")
    ok(world.rival.admin.api.post("users", json=same_mail | {"username": "shared"}))


@pytest.mark.promise("users.change")
def test_users_change_their_own_password_and_email(world: Any) -> None:
    ok(world.acme.owner.api.put("users/owner", json={"password": "Another1!x", "email": "mine@acme.example"}))
    token = ok(login(world.anonymous, "acme", "owner", "Another1!x"))["token"]
    assert_error(login(world.anonymous, "acme", "owner", PASSWORD), "authentication_error")
    headers = {"Authorization": token}
    ok(world.anonymous.put(f"users/{world.acme.owner.pk}", json={"email": "again@acme.example"}, headers=headers))
    assert ok(world.acme.admin.api.get("users/owner"))["email"] == "again@acme.example"


@pytest.mark.promise("users.change")
def test_an_administrator_changes_any_user_and_the_date_of_their_password(world: Any) -> None:
    before = ok(world.acme.admin.api.get("users/owner"))
    ok(world.acme.admin.api.put("users/owner", json={"password": "Another1!x"}))
    ok(login(world.anonymous, "acme", "owner", "Another1!x"))
    assert ok(world.acme.admin.api.get("users/owner"))["createdPassword"] > before["createdPassword"]


@pytest.mark.promise("users.change")
def test_others_cannot_change_other_users(world: Any) -> None:
    for key in ("shared", "admin", world.acme.admin.pk):
        response = world.acme.owner.api.put(f"users/{key}", json={"password": "Another1!x"})
        assert_error(response, "put_request_error")
    assert_error(world.rival.admin.api.put("users/shared", json={"password": "Another1!x"}), "resource_not_found")
    ok(login(world.anonymous, "acme", "admin", PASSWORD))


@pytest.mark.promise("users.change")
@pytest.mark.parametrize("field", ["username", "role", "validityPasswordDays", "_id"])
def test_other_fields_of_a_user_cannot_change(world: Any, field: str) -> None:
    for api in (world.acme.owner.api, world.acme.admin.api):
        response = api.put("users/owner", json={field: "admin", "email": "x@acme.example"})
        assert_error(response, "put_request_error", f"Request field cannot be updated ({field})")
    assert ok(world.acme.admin.api.get("users/owner"))["role"] == "regular"


@pytest.mark.promise("users.change")
def test_a_change_of_a_user_needs_a_body_with_a_known_field(world: Any) -> None:
    assert_error(world.acme.owner.api.put("users/owner", json={}), "missing_info")
    assert_error(world.acme.owner.api.put("users/owner", json={"nothing": 1}), "incorrect_info")


@pytest.mark.promise("users.delete")
@pytest.mark.parametrize("kind", KINDS)
def test_a_deleted_user_disappears_from_all_lists(world: Any, kind: str) -> None:
    item = create(world.acme.owner.api, kind, users=["shared", "other"])
    assert ok(world.acme.admin.api.delete("users/shared"))["username"] == "shared"
    assert_error(world.acme.admin.api.get("users/shared"), "resource_not_found")
    left = ok(world.acme.owner.api.get(f"{kind}/{item['_id']}"))["users"]
    assert [user["username"] for user in left] == ["other"]
    assert_error(login(world.anonymous, "acme", "shared", PASSWORD), "authentication_error")
    ok(world.acme.admin.api.post("users", json=NEW | {"username": "shared"}))
    token = ok(login(world.anonymous, "acme", "shared", PASSWORD))["token"]
    response = world.anonymous.get(f"{kind}/{item['_id']}", headers={"Authorization": token})
    assert_error(response, "restricted_access_read")


@pytest.mark.promise("users.delete")
def test_others_cannot_delete_users(world: Any) -> None:
    for key in ("shared", "owner"):
        assert_error(world.acme.owner.api.delete(f"users/{key}"), "only_administrator")
    assert_error(world.rival.admin.api.delete("users/shared"), "resource_not_found")
    ok(world.acme.admin.api.get("users/shared"))


@pytest.mark.promise("users.owner-stays")
@pytest.mark.parametrize("kind", KINDS)
def test_an_owner_of_an_item_cannot_be_deleted_first(world: Any, kind: str) -> None:
    item = create(world.acme.owner.api, kind)
    assert_error(world.acme.admin.api.delete("users/owner"), "delete_request_error")
    ok(world.acme.owner.api.get(f"{kind}/{item['_id']}"))
    ok(world.acme.owner.api.delete(f"{kind}/{item['_id']}"))
    ok(world.acme.admin.api.delete("users/owner"))


@pytest.mark.promise("users.owner-stays")
@pytest.mark.parametrize(
    ("collection", "fields"), [("tags", {"tags": ["t"]}), ("metadata", {"metadata": [{"name": "t", "value": 1}]})]
)
def test_an_owner_of_a_word_cannot_be_deleted_first(world: Any, collection: str, fields: dict[str, Any]) -> None:
    item = create(world.acme.owner.api, **fields)
    ok(world.acme.owner.api.delete(f"models/{item['_id']}"))
    assert_error(world.acme.admin.api.delete("users/owner"), "delete_request_error")
    ok(world.acme.admin.api.delete(f"{collection}/t"))
    ok(world.acme.admin.api.delete("users/owner"))


@pytest.mark.promise("users.last-admin-stays")
def test_the_last_administrator_cannot_be_deleted(world: Any) -> None:
    assert_error(world.acme.admin.api.delete("users/admin"), "delete_request_error", "administrator")
    ok(world.acme.admin.api.post("users", json=NEW | {"role": "admin"}))
    ok(world.acme.admin.api.delete("users/admin"))
    token = ok(login(world.anonymous, "acme", "new", PASSWORD))["token"]
    response = world.anonymous.delete("users/new", headers={"Authorization": token})
    assert_error(response, "delete_request_error", "administrator")


@pytest.mark.promise("users.email-host")
def test_the_host_of_an_address_needs_no_dot(world: Any) -> None:
    ok(world.acme.admin.api.post("users", json=NEW | {"email": "ops@intranet"}))
    ok(world.acme.owner.api.put("users/owner", json={"email": "root@localhost"}))
    ok(world.operator.post("tenants", json={"_id": "inner", "email": "info@intranet"}))
    ok(world.operator.put("tenants/inner", json={"email": "info@host-1"}))
    ok(world.anonymous.post("self/reset", query={"tenant": "acme"}, json={"email": "ops@intranet"}))
    outbox.drain()
    assert [message.to for message in mail.outbox] == [["ops@intranet"]]


@pytest.mark.promise("users.email-host")
@pytest.mark.parametrize("email", ["ops@", "@host", "ops@-x", "ops@x-", "ops@in_tranet", "ops@a b", "ops@a..b", "ops"])
def test_an_address_without_a_host_is_refused(world: Any, email: str) -> None:
    response = world.acme.admin.api.post("users", json=NEW | {"email": email})
    assert_error(response, "post_request_error", "email")
