"""Concurrent changes of one row: each writes only the fields that it changes."""

import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from rest_framework.exceptions import AuthenticationFailed

from folksonomy.models import Tag
from folksonomy.services import suggest_term
from tenants.identity.login import ImportedHasher
from tenants.identity.resets import reset_password
from tenants.identity.services import update_tenant, update_user
from tenants.models import Tenant, User
from tests.answers import assert_error, login, ok
from tests.desk import PASSWORD as SUPERUSER_PASSWORD
from tests.desk import Desk, messages
from tests.served import Served
from tests.talk import UNSHARED, administrator

OLD, NEW, NEWER = "Passw0rd!x", "Another1!x", "Another2!x"


def _owner() -> User:
    return User.objects.of("acme").get(username="owner")


@pytest.mark.promise("users.change-keeps")
@pytest.mark.parametrize("change", [{"email": "mine@acme.example"}, {"validity_days": 5}, {"is_active": True}])
def test_a_change_of_another_field_keeps_a_new_password(world: Any, change: dict[str, Any]) -> None:
    stale = _owner()
    update_user(user=_owner(), password=NEW)
    update_user(user=stale, **change)
    assert_error(login(world.anonymous, "acme", "owner", OLD), "authentication_error")
    ok(login(world.anonymous, "acme", "owner", NEW))
    assert_error(world.acme.owner.api.get("models"), "authentication_error")


@pytest.mark.promise("users.change-keeps")
def test_a_new_password_keeps_a_change_of_another_field(world: Any) -> None:
    stale = _owner()
    update_user(user=_owner(), email="mine@acme.example", is_active=False)
    update_user(user=stale, password=NEW)
    now_ = _owner()
    assert (now_.email, now_.is_active, now_.check_password(NEW)) == ("mine@acme.example", False, True)


@pytest.mark.promise("users.change-ended-login")
@pytest.mark.parametrize("change", [{"email": "thief@acme.example"}, {"password": NEWER}])
@pytest.mark.parametrize("ended", [{"password": NEW}, {"is_active": False}, {"role": "admin"}])
def test_a_change_whose_login_has_ended_is_refused(world: Any, ended: dict[str, Any], change: dict[str, Any]) -> None:
    caller = _owner()  # as read when the token was checked
    update_user(user=_owner(), **ended)
    before = _owner()
    with pytest.raises(AuthenticationFailed):
        update_user(user=caller, by=caller, **change)
    assert vars(_owner()).items() >= {name: getattr(before, name) for name in ("password", "email", "revision")}.items()


@pytest.mark.promise("users.change-ended-login")
def test_an_administrator_whose_login_has_ended_changes_no_user(world: Any) -> None:
    caller = User.objects.of("acme").get(username="admin")
    update_user(user=caller, password=NEW)
    with pytest.raises(AuthenticationFailed):
        update_user(user=_owner(), by=world.acme.admin, password=NEWER)
    assert _owner().check_password(OLD)


@pytest.mark.promise("users.change-keeps")
def test_a_login_that_rehashes_a_password_keeps_a_change_of_it(world: Any) -> None:
    User.objects.filter(pk=world.acme.owner.pk).update(password=make_password(OLD, hasher="bcrypt"))
    logging_in = _owner()
    assert str(logging_in.password).startswith(str(ImportedHasher.algorithm))
    update_user(user=_owner(), password=NEW)
    assert logging_in.check_password(OLD)  # which it was when the login began
    assert _owner().check_password(NEW)
    assert not _owner().check_password(OLD)


@pytest.mark.promise("tenants.change")
def test_a_change_of_a_tenant_keeps_other_fields(world: Any) -> None:
    stale = Tenant.objects.get(pk="acme")
    update_tenant(tenant=Tenant.objects.get(pk="acme"), changes={"phone": "1", "email": "new@acme.example"})
    update_tenant(tenant=stale, changes={"organization": "New"})
    kept = Tenant.objects.get(pk="acme")
    assert (kept.phone, kept.email, kept.organization) == ("1", "new@acme.example", "New")


@pytest.mark.promise("terms.promote")
def test_a_promotion_writes_only_the_usage_of_a_term(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Tag(tenant_id="acme", name="word", usage="folk", owner=world.acme.owner).save(force_insert=True)
    first: Callable[..., Any] = type(Tag.objects.all()).first

    def read_then_changed(rows: Any) -> Any:
        found = first(rows)
        Tag.objects.filter(name="word").update(owner=world.acme.shared.pk)
        return found

    monkeypatch.setattr("tenants.models.TenantQuerySet.first", read_then_changed, raising=False)
    suggest_term(Tag, name="word", by=world.acme.admin)
    monkeypatch.undo()
    kept = Tag.objects.get(name="word")
    assert (kept.usage, kept.owner_id) == ("default", world.acme.shared.pk)


def _page(desk: Desk, path: str) -> dict[str, Any]:
    """Return the data that a browser sends for the unchanged form."""
    form = desk.get(path).context["adminform"].form
    data = {name: form[name].value() for name in form.fields if name != "password"}  # shown empty
    data |= {f"initial-{name}": form[name].value() for name in form.fields if form.fields[name].show_hidden_initial}
    return {name: value for name, value in data.items() if value not in (None, False)}


@pytest.mark.promise("users.change-keeps")
def test_a_stale_page_of_the_admin_site_changes_only_the_edited_fields(world: Any, desk: Desk) -> None:
    path = f"tenants/user/{world.acme.owner.pk}/change/"
    old = _page(desk, path)
    update_user(user=_owner(), email="mine@acme.example", is_active=False, role="admin", password=NEW)
    assert "changed successfully" in messages(desk.post(path, **old | {"validity_days": "7"}))
    kept = _owner()
    assert (kept.email, kept.is_active, kept.role, kept.validity_days) == ("mine@acme.example", False, "admin", 7)
    assert kept.check_password(NEW)
    desk.post(path, **_page(desk, path) | {"is_active": "on"})
    assert _owner().is_active
    page = _page(desk, path)
    del page["is_active"]
    desk.post(path, **page)
    assert not _owner().is_active


@pytest.mark.promise("tenants.change")
def test_a_stale_page_of_a_tenant_changes_only_the_edited_fields(world: Any, desk: Desk) -> None:
    path = "tenants/tenant/acme/change/"
    old = _page(desk, path)
    update_tenant(tenant=Tenant.objects.get(pk="acme"), changes={"phone": "1", "organization": "New"})
    desk.post(path, **old | {"address": "Here"})
    kept = Tenant.objects.get(pk="acme")
    assert (kept.phone, kept.organization, kept.address) == ("1", "New", "Here")


@pytest.mark.promise("users.change-keeps")
@pytest.mark.parametrize("way", ["page", "command"])
def test_a_superusers_new_password_changes_nothing_else_of_them(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    def meanwhile(*args: Any) -> str:
        User.objects.filter(pk=desk.user.pk).update(email="mine@acme.example")
        return NEW

    if way == "page":
        check = User.check_password
        monkeypatch.setattr(User, "check_password", lambda *args: bool(meanwhile()) and check(*args))
        data = {"old_password": SUPERUSER_PASSWORD, "new_password1": NEW, "new_password2": NEW}
        assert desk.client.post("/admin/password_change/", data).status_code == 302
        assert desk.get().status_code == 200  # the session stays valid
    else:
        monkeypatch.setattr("getpass.getpass", meanwhile)
        call_command("changepassword", desk.user.username)
    monkeypatch.undo()
    kept = User.objects.get(pk=desk.user.pk)
    assert (kept.email, kept.check_password(NEW)) == ("mine@acme.example", True)


@pytest.mark.promise("self.once")
def test_an_invalid_link_costs_no_hashing(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hashings: list[str] = []
    monkeypatch.setattr("tenants.identity.resets.hashed", lambda *args: hashings.append(args[0]))
    with pytest.raises(Exception, match="unknown, used or expired"):
        reset_password(digest="none", tenant_id="acme", password=NEW)
    assert hashings == []  # hashing costs memory and time


ROUNDS, THIEVES = 5, 8


@pytest.mark.promise("users.change-ended-login", "users.change-keeps", "token.revoked")
def test_a_stolen_token_that_keeps_changing_the_user_does_not_outlive_a_new_password(served: Served) -> None:
    with administrator(served) as admin:
        for number in range(ROUNDS):
            name = f"robbed-{number}"
            body = {"username": name, "password": OLD, "email": f"{name}@x.example"}
            assert admin.post("/users", json=body).status_code == 200
            token = admin.post("/login", json={"username": name, "password": OLD}, headers={"Authorization": ""})
            thief = {"Authorization": token.json()["token"]} | UNSHARED
            done = Event()

            def rob(index: int, name: str = name, thief: dict[str, str] = thief, done: Event = done) -> None:
                with httpx.Client(base_url=f"{served.base_url}/v1", headers=thief, timeout=60) as client:
                    for count in range(100_000):
                        client.put(f"/users/{name}", json={"email": f"{name}-{index}-{count}@thief.example"})
                        if done.is_set():
                            break

            thieves = [Thread(target=rob, args=(index,)) for index in range(THIEVES)]
            for each in thieves:
                each.start()
            try:
                time.sleep(0.5)
                assert admin.put(f"/users/{name}", json={"password": NEW}).status_code == 200
                after = admin.get(f"/users/{name}").json()
            finally:
                done.set()
                for each in thieves:
                    each.join()
            assert admin.get(f"/users/{name}").json()["email"] == after["email"]
            assert httpx.get(f"{served.base_url}/v1/models", headers=thief, timeout=60).status_code == 401
            for password, status in ((OLD, 401), (NEW, 200)):
                answer = httpx.post(
                    f"{served.base_url}/login", json={"username": name, "password": password}, timeout=60
                )
                assert answer.status_code == status, (number, password)
