"""The admin site in a browser; changes there are visible in the API."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser.conftest import Look, enter
from tests.served import SUPERUSER, SUPERUSER_PASSWORD, Served


@pytest.fixture
def words() -> tuple[str, str, str]:
    """Three unused words."""
    return tuple(f"{name}-{uuid4().hex[:6]}" for name in ("color", "colour", "hue"))  # type: ignore[return-value]


def _model(api: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = api.post("/models", json={"name": f"model-{uuid4().hex[:6]}"} | fields)
    assert answer.status_code == httpx.codes.OK, answer.text
    document: dict[str, Any] = answer.json()
    return document


def _log_in(page: Page, path: str = "/admin/") -> None:
    enter(page, "/admin/login/", username=SUPERUSER, password=SUPERUSER_PASSWORD)
    page.goto(path)
    expect(page.get_by_role("link", name="Model Registry")).to_be_visible()


def _choose(page: Page, field: str, text: str) -> None:
    """Type into a field with suggestions, and choose the first one."""
    page.locator(f"#id_{field} + .select2").click()
    page.locator(".select2-container--open .select2-search__field").last.press_sequentially(text)
    page.locator(".select2-results__option--highlighted").get_by_text(text, exact=True).click()


def _act(page: Page, action: str, *words: str) -> None:
    for word in words:
        page.get_by_role("row").filter(has_text=word).get_by_role("checkbox").check()
    page.get_by_label("Action:").select_option(label=action)
    page.get_by_role("button", name="Go").click()


def test_a_superuser_logs_in_by_keyboard_and_sees_the_index(page: Page, look: Look) -> None:
    page.goto("/admin/")
    look(page, "admin-login")
    page.keyboard.type(SUPERUSER)
    page.keyboard.press("Tab")
    page.keyboard.type(SUPERUSER_PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Administration")).to_be_visible()
    look(page, "admin-index")


def test_a_wrong_password_shows_an_error(page: Page, look: Look) -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Please enter the correct username")).to_be_visible()
    look(page, "admin-login-refused")


def test_a_curator_promotes_merges_and_renames_tags(
    page: Page, look: Look, api: httpx.Client, words: tuple[str, str, str]
) -> None:
    color, colour, hue = words
    first, second = _model(api, tags=[color, "kept"]), _model(api, tags=[color, colour])
    _log_in(page, "/admin/folksonomy/tag/?q=colo")
    look(page, "admin-tags")
    _act(page, "Make default (suggested to people)", colour)
    look(page, "admin-promote")
    page.get_by_role("button", name="Apply changes").click()
    expect(page.get_by_text("1 of 1 words changed")).to_be_visible()
    assert api.get(f"/tags/{colour}").json()["usage"] == "default"

    _model(api, tags=[f"near_{hue}", f"Near-{hue}"])
    page.goto("/admin/folksonomy/tag/duplicates/?tenant=registry-default-tenant")
    expect(page.get_by_role("radio", name=f"Keep near_{hue}")).to_be_visible()
    look(page, "admin-duplicates")
    page.goto("/admin/folksonomy/tag/?q=colo")
    _act(page, "Merge into another…", color)
    _choose(page, "into", colour)
    look(page, "admin-merge")
    page.get_by_role("button", name="Preview changes").click()
    expect(page.get_by_text(f"Becomes “{colour}” in 2 items; 1 of them have both and keep one")).to_be_visible()
    look(page, "admin-merge-confirm")
    page.get_by_role("button", name="Apply changes").click()
    expect(page.get_by_text("1 of 1 words changed")).to_be_visible()

    _act(page, "Rename…", colour)
    page.get_by_label("New name").fill(hue)
    page.get_by_role("button", name="Preview changes").click()
    page.get_by_role("button", name="Apply changes").click()
    expect(page.get_by_text("1 of 1 words changed")).to_be_visible()
    assert api.get(f"/models/{first['_id']}").json()["tags"] == [hue, "kept"]
    assert api.get(f"/models/{second['_id']}").json()["tags"] == [hue]
    assert api.get(f"/tags/{color}").status_code == httpx.codes.NOT_FOUND


def test_several_tags_are_added_from_a_list(
    page: Page, look: Look, api: httpx.Client, words: tuple[str, str, str]
) -> None:
    _log_in(page, "/admin/folksonomy/tag/add/")
    _choose(page, "tenant", "registry-default-tenant")
    page.get_by_label("Words").fill("\n".join(words))
    look(page, "admin-tags-add")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("3 words are default now")).to_be_visible()
    assert {api.get(f"/tags/{word}").json()["usage"] for word in words} == {"default"}


def test_a_tenant_is_created_and_deleted(page: Page, look: Look, served: Served) -> None:
    name = f"tenant-{uuid4().hex[:6]}"
    _log_in(page, "/admin/tenants/tenant/add/")
    page.get_by_label("Name", exact=False).first.fill(name)
    page.get_by_label("E-mail").fill("info@new.example")
    page.get_by_label("Administrator").fill("boss")
    look(page, "admin-tenant-add")
    page.get_by_role("button", name="Save", exact=True).click()
    message = page.get_by_text("shown only now")
    expect(message).to_be_visible()
    look(page, "admin-tenants")
    password = re.findall(r"shown only now: (\S+)", message.inner_text())[0]
    body = {"username": "boss", "password": password, "tenant": name}
    assert httpx.post(f"{served.base_url}/v1/login", json=body, timeout=30).status_code == httpx.codes.OK

    page.goto(f"/admin/tenants/tenant/{name}/delete/")
    look(page, "admin-tenant-delete")
    page.get_by_role("button", name="Yes, delete").click()
    expect(page.get_by_text("was deleted successfully")).to_be_visible()
    assert httpx.post(f"{served.base_url}/v1/login", json=body, timeout=30).status_code == httpx.codes.UNAUTHORIZED


def test_a_models_metadata_and_sharing_are_edited(page: Page, look: Look, api: httpx.Client) -> None:
    reader = f"reader-{uuid4().hex[:6]}"
    assert api.post("/users", json={"username": reader, "password": "Passw0rd!x"}).status_code == httpx.codes.OK
    model = _model(
        api, tags=["vision"], metadata=[{"name": "accuracy", "value": 0.9}, {"name": "note", "value": "old"}]
    )
    sent = api.post(f"/models/{model['_id']}/versions", files={"file": ("weights.bin", b"0123456789")})
    assert sent.status_code == httpx.codes.OK, sent.text
    _log_in(page, f"/admin/catalog/model/{model['_id']}/change/")
    page.get_by_label("Status:").select_option("production")
    page.get_by_label("Value of entry 1").fill("0.95")
    page.get_by_label("Remove entry 2").check()
    page.get_by_label("Name of entry 3").fill("quantized")
    page.get_by_label("Kind of entry 3").select_option("True or false")
    page.get_by_label("Value of entry 3").fill("true")
    page.get_by_role("button", name="Add another entry").click()
    page.get_by_label("Name of entry 4").fill("layers")
    page.get_by_label("Kind of entry 4").select_option("Number")
    page.get_by_label("Value of entry 4").fill("12")
    _choose(page, "users", reader)
    _choose(page, "tags", "fresh-tag")
    look(page, "admin-model")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    look(page, "admin-models")
    after = api.get(f"/models/{model['_id']}").json()
    assert {pair["name"]: pair["value"] for pair in after["metadata"]} == {
        "accuracy": 0.95,
        "quantized": True,
        "layers": 12,
    }
    assert (after["status"], after["tags"]) == ("production", ["vision", "fresh-tag"])
    assert [user["username"] for user in after["users"]] == [reader]

    page.goto(f"/admin/catalog/model/{model['_id']}/change/")
    with page.expect_download() as download:
        page.get_by_role("link", name="weights.bin").click()
    assert download.value.path().read_bytes() == b"0123456789"


def test_pages_that_need_no_interaction(page: Page, look: Look, api: httpx.Client) -> None:
    _log_in(page)
    user = api.get("/users", params={"filter": '{"username": "admin"}'}).json()["docs"][0]["_id"]
    for name, path in {
        "users": "tenants/user/",
        "user-add": "tenants/user/add/",
        "user": f"tenants/user/{user}/change/",
        "log": "tenants/requestlog/?q=/v1/users",  # a page of few rows
        "datasets": "catalog/dataset/",
        "metadata-names": "folksonomy/metadataname/",
        "tenant": "tenants/tenant/registry-default-tenant/change/",
        "history": "tenants/tenant/registry-default-tenant/history/",
        "password": "password_change/",
    }.items():
        page.goto(f"/admin/{path}")
        look(page, f"admin-{name}")
    page.goto("/admin/tenants/requestlog/")
    page.locator("#result_list tbody a").first.click()
    look(page, "admin-log-entry")
