"""Tenants and users on the admin site."""

import re
from typing import Any

from django.test import Client

from tenants.models import Tenant, User
from tests.answers import assert_error, login, ok
from tests.catalog.items import create
from tests.desk import Desk, errors, messages, text_of

SHOWN_ONCE = re.compile(r"shown only now: (\S+)")
DIRECTION_OVERRIDE = "report\u202egpj.exe"
CONTACT = {"email": "info@new.example", "organization": "", "address": "", "phone": ""}


def test_a_tenant_is_created_with_an_administrator_whose_password_is_shown_once(desk: Desk, world: Any) -> None:
    answer = desk.post("tenants/tenant/add/", id="new", admin_username="boss", admin_password="", **CONTACT)
    password = SHOWN_ONCE.findall(messages(answer))[0]
    user = ok(login(world.anonymous, "new", "boss", password))["user"]
    assert user["role"] == "admin"
    assert password not in text_of(desk.get("tenants/tenant/"))


def test_a_given_password_is_not_shown(desk: Desk, world: Any) -> None:
    answer = desk.post("tenants/tenant/add/", id="new", admin_username="", admin_password="An3ngine!", **CONTACT)
    assert "An3ngine!" not in text_of(answer)
    ok(login(world.anonymous, "new", "admin", "An3ngine!"))


def test_a_tenant_invalid_for_the_api_is_refused(desk: Desk) -> None:
    before = Tenant.objects.count()
    for fields in (
        {"id": "acme"},
        {"id": "a/b"},
        {"id": ""},
        {"id": "x", "email": "no"},
        {"id": "x", "admin_username": "a/"},
        {"id": "x", "admin_username": DIRECTION_OVERRIDE},
        {"id": "x", "organization": DIRECTION_OVERRIDE},
    ):
        data = {"admin_username": "", "admin_password": ""} | CONTACT | fields
        assert errors(desk.post("tenants/tenant/add/", **data)), fields
    assert Tenant.objects.count() == before


def test_contact_data_can_be_changed(desk: Desk, world: Any) -> None:
    data = {"organization": "Acme & Sons", "email": "new@acme.example", "phone": "1", "address": "Here"}
    desk.post("tenants/tenant/acme/change/", **data)
    tenant = ok(world.operator.get("tenants/acme"))
    assert {field: tenant[field] for field in data} == data


def test_the_list_shows_the_usage_of_each_tenant(desk: Desk, world: Any) -> None:
    model = create(world.acme.owner.api)["_id"]
    create(world.acme.owner.api, "datasets")
    for content in (b"1234567890", b"12345"):
        ok(world.acme.owner.api.upload(f"models/{model}/versions", "a.bin", content))
    rows = {row.pk: row.facts for row in desk.get("tenants/tenant/").context["cl"].result_list}
    acme = {"users": 4, "models": 1, "datasets": 1, "algorithms": 0, "versions": 2, "bytes": 15}
    assert {name: rows["acme"][name] for name in acme} == acme
    assert {name: rows["rival"][name] for name in acme} == dict.fromkeys(acme, 0) | {"users": 2}


def test_a_tenant_is_deleted_with_its_data_after_a_page_that_counts_it(desk: Desk, world: Any) -> None:
    create(world.acme.owner.api, tags=["t"])
    page = text_of(desk.get("tenants/tenant/acme/delete/"))
    for line in ("Users: 4", "Models: 1", "Versions: 0"):
        assert line in page
    assert "deleted successfully" in messages(desk.post("tenants/tenant/acme/delete/", post="yes"))
    assert_error(world.acme.owner.api.get("models"), "authentication_error")
    assert_error(world.operator.get("tenants/acme"), "resource_not_found")
    ok(world.rival.owner.api.get("models"))


def test_the_default_tenant_cannot_be_deleted(desk: Desk, settings: Any) -> None:
    settings.DEFAULT_TENANT = "acme"
    assert "acme is the default tenant" in text_of(desk.get("tenants/tenant/acme/delete/"))
    desk.post("tenants/tenant/acme/delete/", post="yes")
    rows = list(Tenant.objects.filter(pk__in=("acme", "rival")))
    desk.act("tenants/tenant", "delete_selected", rows, post="yes")
    assert Tenant.objects.filter(pk__in=("acme", "rival")).count() == 2


NEW_USER = {"tenant": "acme", "username": "grace", "email": "", "role": "regular", "validity_days": "0"}


def test_a_created_user_can_log_in(desk: Desk, world: Any) -> None:
    answer = desk.post("tenants/user/add/", password="C0b0l-59", **NEW_USER)
    assert "was added successfully" in messages(answer)
    assert ok(login(world.anonymous, "acme", "grace", "C0b0l-59"))["user"]["role"] == "regular"


def test_a_user_invalid_for_the_api_is_refused(desk: Desk) -> None:
    before = User.objects.count()
    for fields in (
        {"username": "owner"},
        {"email": "owner@acme.example"},
        {"email": "no"},
        {"password": "aaa"},
        {"password": ""},
        {"tenant": "nobody"},
        {"username": "a/"},
        {"role": "king"},
        {"validity_days": "-1"},
    ):
        assert errors(desk.post("tenants/user/add/", **{"password": "C0b0l-59"} | NEW_USER | fields)), fields
    assert User.objects.count() == before


def _change(desk: Desk, user: Any, **fields: Any) -> Any:
    data = {"email": user.email or "", "role": user.role, "is_active": "on", "validity_days": "0", "password": ""}
    return desk.post(f"tenants/user/{user.pk}/change/", **{k: v for k, v in (data | fields).items() if v is not None})


def test_a_deactivated_users_tokens_stop_working_until_reactivation(desk: Desk, world: Any) -> None:
    api = world.acme.owner.api
    ok(api.get("models"))
    _change(desk, world.acme.owner, is_active=None)
    assert_error(api.get("models"), "authentication_error")
    assert_error(login(world.anonymous, "acme", "owner", world.password), "authentication_error")
    _change(desk, world.acme.owner)
    ok(api.get("models"))


def test_a_new_password_ends_the_old_one_and_its_tokens(desk: Desk, world: Any) -> None:
    _change(desk, world.acme.owner, password="An0ther-one")
    assert_error(world.acme.owner.api.get("models"), "authentication_error")
    ok(login(world.anonymous, "acme", "owner", "An0ther-one"))
    assert "Too weak" in errors(_change(desk, world.acme.owner, password="aaa"))


def test_a_role_can_be_changed_except_the_last_administrators(desk: Desk, world: Any) -> None:
    for fields in ({"role": "regular"}, {"is_active": None}):
        assert "The last administrator must remain one" in errors(_change(desk, world.acme.admin, **fields))
    _change(desk, world.acme.owner, role="admin")
    ok(world.acme.owner.api.get("log"))
    _change(desk, world.acme.admin, role="regular")
    assert_error(world.acme.admin.api.get("log"), "only_administrator")


def test_the_last_superuser_cannot_be_deleted(desk: Desk) -> None:
    page = desk.post(f"tenants/user/{desk.user.pk}/delete/", post="yes")
    assert "The last administrator cannot be deleted" in messages(page)
    text_of(desk.get())


def test_an_owner_cannot_be_deleted(desk: Desk, world: Any) -> None:
    create(world.acme.owner.api)
    answer = desk.post(f"tenants/user/{world.acme.owner.pk}/delete/", post="yes")
    assert "The user is the owner of" in messages(answer)
    ok(world.acme.owner.api.get("models"))
    assert "deleted successfully" in messages(desk.post(f"tenants/user/{world.acme.other.pk}/delete/", post="yes"))
    assert_error(world.acme.other.api.get("models"), "authentication_error")


def test_tenants_and_users_are_found_by_typed_text(desk: Desk, world: Any) -> None:
    tenants = desk.get("tenants/tenant/choices/", term="cm").json()
    assert tenants == {"results": [{"id": "acme", "text": "acme"}], "pagination": {"more": False}}
    users = desk.get("tenants/user/choices/", term="own", tenant="rival").json()["results"]
    assert users == [{"id": world.rival.owner.pk, "text": "owner"}]
    assert Client().get("/admin/tenants/user/choices/?tenant=acme").status_code == 302


def test_names_invalid_for_the_api_are_refused(desk: Desk, world: Any) -> None:
    users = User.objects.count()
    for username in (DIRECTION_OVERRIDE, "a/"):
        data = {"tenant": "acme", "username": username, "email": "", "role": "regular", "validity_days": 0}
        assert errors(desk.post("tenants/user/add/", password="Passw0rd!x", **data)), username
    assert User.objects.count() == users
    contact = CONTACT | {"organization": DIRECTION_OVERRIDE}
    assert "direction of reading" in errors(desk.post("tenants/tenant/acme/change/", **contact))
    assert ok(world.operator.get("tenants/acme"))["organization"] == "Acme"
