"""Every page of the admin site is for superusers only, and no input makes it crash."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, URLResolver

from catalog.curation import merge_term
from folksonomy.models import Tag
from tenants.identity.machine_tokens import create_token
from tenants.models import RequestLog
from tenants.rows.fields import now
from tests.answers import ok
from tests.desk import PASSWORD, SUPERUSER, Desk, errors, messages, text_of
from tests.remembered import remembered

MODELS = [f"{model._meta.app_label}/{model._meta.model_name}" for model in admin.site._registry]
OPEN = {"login", "logout", "jsi18n"}
BAD_QUERIES = (
    "q=%00",
    "q=%ff",
    "q=[",
    "tenant=%00",
    "tenant=nothing",
    "o=99.-1.x",
    "o=1.2.3.4",
    "p=abc",
    "p=999999999999999999999",
    "p=-1",
    "all=",
    "nothing=1",
    "name__regex=[",
    "usage=nothing",
    "uses=nothing",
    "uses=most&p=999",
    "tag=%00",
    "metadata=[",
    "status=99999999999999999999999",
    "active=perhaps",
    "date=never",
    "tenant__id__startswith=a",
    "_to_field=owner",
    "_popup=1",
    "e=1",
)
BAD_IDS = ("nothing", "000000000000000000000000", "%00", "%ff", "_5B", "a" * 3000, "..", "a/b")


@pytest.fixture
def rows(world: Any) -> dict[str, str]:
    """One row of each model, by model."""
    ids: dict[str, str] = remembered(_make_rows, world)
    return ids


def _make_rows(world: Any) -> dict[str, str]:
    owner = world.acme.owner.api
    ids = {}
    for kind in ("models", "datasets", "algorithms"):
        body = {"name": "thing", "tags": ["t"], "users": ["shared"], "metadata": [{"name": "n", "value": 1}]}
        ids[kind] = ok(owner.post(kind, json=body))["_id"]
        ok(owner.upload(f"{kind}/{ids[kind]}/versions", "a.bin", b"abc"))
    ok(world.acme.admin.api.post("protection", json={"name": "rule", "aliases": "reviewed", "approvals": 1}))
    for path in ("aliases/reviewed/proposals", "aliases/staging/proposals"):
        ok(owner.post(f"models/{ids['models']}/{path}", json={"version": "1"}))
    entry = RequestLog(tenant_id="acme", date=now(), method="GET", url="/v1/models", status=200, duration_ms=1.5)
    entry.save()
    create_token(by=world.acme.owner, name="ci", scopes=["models:read"], expires=None)
    for name in ("old", "new"):
        ok(world.acme.admin.api.post("tags", json={"_id": name}))
    old, new = (Tag.objects.get(tenant_id="acme", name=name) for name in ("old", "new"))
    merge_term(term=old, into=new, by=world.acme.admin)
    return (
        {
            f"{model._meta.app_label}/{model._meta.model_name}": str(model._default_manager.first().pk)  # type: ignore[union-attr]
            for model in admin.site._registry
        }
        | {f"catalog/{kind[:-1]}": id for kind, id in ids.items()}
    )


def _patterns(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for each in patterns:
        route = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _patterns(each.url_patterns, route)
        elif isinstance(each, URLPattern):
            yield route, str(each.name)


ROUTES = sorted(_patterns(admin.site.urls[0]))


def _example(route: str) -> str:
    for part, value in {
        "<path:object_id>": "000000000000000000000000",
        "<version>": "000000000000000000000000",
        "<path:content_type_id>": "1",
        "r/<path": "r/1",
    }.items():
        route = route.replace(part, value)
    return "/admin/" + route.replace("^(?P<app_label>", "").split("|")[0].replace("(?P<url>.*)$", "nothing")


@pytest.mark.parametrize("caller", ["anonymous", "administrator", "regular"])
def test_every_page_is_closed_to_all_but_superusers(world: Any, caller: str) -> None:
    client = Client()
    if caller != "anonymous":
        client.force_login(world.acme.admin if caller == "administrator" else world.acme.owner)
    assert len(ROUTES) > 40
    for route, name in ROUTES:
        path = _example(route)
        for send in (client.get, client.post):
            response = send(path)
            if name in OPEN:
                assert response.status_code in (200, 302, 405), path
            else:
                assert response.status_code == 302, (path, response.status_code)
                assert response["Location"].startswith("/admin/login/"), path


def test_users_of_tenants_cannot_log_in(world: Any) -> None:
    for user in (world.acme.admin, world.acme.owner):
        page = Client().post("/admin/login/", {"username": user.username, "password": world.password})
        assert "Please enter the correct" in text_of(page)


def test_a_superuser_logs_in_and_out(desk: Desk) -> None:
    client = Client()
    page = client.post("/admin/login/", {"username": SUPERUSER, "password": PASSWORD}, follow=True)
    assert "Model Registry" in text_of(page)
    assert client.get("/admin/tenants/tenant/").status_code == 200
    client.post("/admin/logout/")
    assert client.get("/admin/tenants/tenant/").status_code == 302


def test_a_deactivated_superuser_loses_access_immediately(desk: Desk) -> None:
    type(desk.user).objects.filter(pk=desk.user.pk).update(is_active=False)
    assert desk.get("tenants/tenant/").status_code == 302


def test_a_superusers_login_gives_no_access_to_the_api(desk: Desk, world: Any) -> None:
    for tenant in ("acme", ""):
        body = {"username": SUPERUSER, "password": PASSWORD, "tenant": tenant}
        assert world.anonymous.post("login", json=body).status_code == 401


def test_guesses_of_a_superusers_password_are_throttled(desk: Desk, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT = 3
    client = Client()
    for _ in range(3):
        assert "correct username" in text_of(client.post("/admin/login/", {"username": SUPERUSER, "password": "wrong"}))
    page = client.post("/admin/login/", {"username": SUPERUSER, "password": PASSWORD})
    assert "Too many failed attempts" in text_of(page)
    assert client.get("/admin/tenants/tenant/").status_code == 302


def test_forms_from_other_sites_are_refused(desk: Desk) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(desk.user)
    for path in ("tenants/tenant/add/", "catalog/model/", "folksonomy/tag/", "logout/"):
        assert client.post(f"/admin/{path}", {"id": "evil", "email": "a@b.example"}).status_code == 403


def test_superusers_change_their_password_to_a_strong_one(desk: Desk) -> None:
    path = "password_change/"
    weak = desk.post(path, old_password=PASSWORD, new_password1="aaa", new_password2="aaa")
    assert "Too weak" in errors(weak)
    text_of(desk.post(path, old_password=PASSWORD, new_password1="N3w-secret!", new_password2="N3w-secret!"))
    page = Client().post("/admin/login/", {"username": SUPERUSER, "password": "N3w-secret!"})
    assert page.status_code == 302


NEVER_ADDED = ("tenants/machinetoken",)
READ_ONLY = ("tenants/event", "tenants/requestlog", "catalog/aliasmove", "catalog/proposal", "catalog/merge")


def test_every_page_is_shown(desk: Desk, rows: dict[str, str]) -> None:
    assert set(rows) == set(MODELS)
    text_of(desk.get())
    for model, id in rows.items():
        text_of(desk.get(f"{model.split('/')[0]}/"))
        text_of(desk.get(f"{model}/"))
        text_of(desk.get(f"{model}/{id}/change/"))
        text_of(desk.get(f"{model}/{id}/history/"))
        kept = model in (
            "tenants/event",
            "tenants/requestlog",
            "catalog/aliasmove",
            "catalog/proposal",
            "catalog/merge",
        )
        assert desk.get(f"{model}/{id}/delete/").status_code == (403 if kept else 200)
        closed = kept or (model.startswith("catalog/") and model != "catalog/protectionrule") or model in NEVER_ADDED
        assert desk.get(f"{model}/add/").status_code == (403 if closed else 200), model


@pytest.mark.parametrize("model", MODELS)
def test_lists_are_searched_sorted_and_filtered(desk: Desk, rows: dict[str, str], model: str) -> None:
    registered = next(each for each in admin.site._registry.values() if model.endswith(each.opts.model_name or "?"))
    text_of(desk.get(f"{model}/", q="t"))
    for index in range(1, len(registered.list_display) + 1):
        text_of(desk.get(f"{model}/", o=f"{index}"))
        text_of(desk.get(f"{model}/", o=f"-{index}"))
    for each in registered.list_filter:
        for value in ("acme", *(key for key, _ in getattr(each, "values", ()))):
            text_of(desk.get(f"{model}/", **{each.parameter_name: value}))  # type: ignore[union-attr]


@pytest.mark.parametrize("model", MODELS)
def test_bad_queries_do_not_crash(desk: Desk, rows: dict[str, str], model: str) -> None:
    for query in BAD_QUERIES:
        response = desk.client.get(f"/admin/{model}/?{query}")
        assert response.status_code in (200, 302, 400), (query, response.status_code)
    for query in ("term=%00", "term=[&tenant=acme", "page=x", "page=99999999999", "tenant=%ff"):
        assert desk.client.get(f"/admin/{model}/choices/?{query}").status_code in (200, 302, 400), query
    for id in BAD_IDS:
        for view in ("change", "delete", "history"):
            for send in (desk.client.get, desk.client.post):
                status = send(f"/admin/{model}/{id}/{view}/").status_code
                assert status in (302, 400, 403, 404), (id, view, status)


@pytest.mark.parametrize("model", MODELS)
def test_bad_forms_and_actions_do_not_crash(desk: Desk, rows: dict[str, str], model: str) -> None:
    before = list(RequestLog.objects.values_list("pk"))
    for data in ({}, {"name": "\0"}, {"before": "x"}, {"email": "x", "id": "/"}, {"tenant": "no", "words": "/"}):
        for path in (f"{model}/add/", f"{model}/{rows[model]}/change/"):
            accepted = {302} if path.startswith("folksonomy/") and "change" in path else set()  # nothing is required
            assert desk.client.post(f"/admin/{path}", data).status_code in {200, 400, 403} | accepted, (path, data)
    for action in (
        {"action": "nothing", "_selected_action": [rows[model]]},
        {"action": "delete_selected", "_selected_action": ["nothing", "\0"]},
        {"action": "merge", "_selected_action": ["nothing"], "asked": "yes", "into": "no"},
        {"action": "rename", "_selected_action": [rows[model]], "asked": "yes", "confirmed": "yes", "name": "/"},
        {"action": "merge", "_selected_action": [rows[model]], "asked": "yes", "confirmed": "yes", "into": "no"},
        {"_selected_action": "x"},
    ):
        assert desk.client.post(f"/admin/{model}/", action).status_code in (200, 302, 400, 403), action
    assert list(RequestLog.objects.values_list("pk")) == before


def test_the_request_log_cannot_be_changed(desk: Desk, rows: dict[str, str]) -> None:
    path = f"tenants/requestlog/{rows['tenants/requestlog']}"
    assert desk.client.post(f"/admin/{path}/change/", {"url": "/"}).status_code == 403
    assert desk.client.post(f"/admin/{path}/delete/", {"post": "yes"}).status_code == 403
    assert RequestLog.objects.count() == 1


def test_actions_of_superusers_are_recorded(desk: Desk, rows: dict[str, str]) -> None:
    path = f"tenants/tenant/{rows['tenants/tenant']}"
    answer = desk.post(f"{path}/change/", organization="Another", email="new@acme.example")
    assert "changed successfully" in messages(answer)
    assert SUPERUSER in text_of(desk.get(f"{path}/history/"))
