"""Tenants, as the operator creates and deletes them."""

from pathlib import Path
from typing import Any

import pytest

from catalog.models import Item
from tenants.models import Tenant, User
from tests.answers import assert_error, login, ok
from tests.catalog.items import create
from tests.client import ApiClient
from versions.models import Version

ORIGINAL = {
    "_id": "registry-tenat-test",
    "organization": "Measurify org",
    "address": "Measurify Street, Genova",
    "email": "info@measurify.org",
    "phone": "+39103218793817",
    "admin_username": "pluto",
    "admin_password": "pippo",
    "passwordhash": "true",
}
FIELDS = {"_id", "id", "organization", "address", "email", "phone", "passwordhash", "database"}


@pytest.mark.promise("tenants.api-token")
@pytest.mark.parametrize("method", ["get", "post"])
def test_the_collection_of_tenants_needs_the_api_token(world: Any, method: str) -> None:
    for api in (world.anonymous, world.acme.admin.api, world.acme.owner.api, ApiClient("Bearer wrong")):
        body = {"json": ORIGINAL} if method == "post" else {}
        assert_error(api.request(method, "tenants", **body), "authentication_error")
    assert not Tenant.objects.filter(pk=ORIGINAL["_id"]).exists()


@pytest.mark.promise("tenants.api-token")
@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_a_tenant_needs_the_api_token(world: Any, method: str) -> None:
    for api in (world.anonymous, world.acme.admin.api, world.acme.owner.api):
        assert_error(api.request(method, "tenants/acme"), "authentication_error")


@pytest.mark.promise("tenants.api-token")
def test_the_api_token_gives_no_access_to_tenants_data(world: Any) -> None:
    for path in ("models", "users", "tags", "metadata", "log", "info", "demo"):
        assert_error(world.operator.get(path), "authentication_error")


@pytest.mark.promise("tenants.read")
def test_tenants_are_listed_and_returned(world: Any) -> None:
    page = ok(world.operator.get("tenants", query={"sort": {"_id": "asc"}}))
    ids = [tenant["_id"] for tenant in page["docs"]]
    assert {"acme", "rival"} <= set(ids)
    assert ids == sorted(ids)
    one = ok(world.operator.get("tenants/acme"))
    assert one in page["docs"]
    assert set(one) == FIELDS
    assert_error(world.operator.get("tenants/nowhere"), "resource_not_found")


@pytest.mark.promise("tenants.create", "tenants.admin")
def test_a_tenant_is_created_with_its_first_administrator(world: Any) -> None:
    answer = ok(world.operator.post("tenants", json=ORIGINAL))
    expected = {key: value for key, value in ORIGINAL.items() if not key.startswith("admin_")} | {"passwordhash": True}
    assert {key: answer[key] for key in expected} == expected
    assert set(answer) == FIELDS
    assert ok(world.operator.get(f"tenants/{ORIGINAL['_id']}")) == answer
    user = ok(login(world.anonymous, ORIGINAL["_id"], "pluto", "pippo"))["user"]
    assert user["role"] == "admin"


@pytest.mark.promise("tenants.create")
def test_the_names_of_database_and_flag_are_only_echoed(world: Any) -> None:
    body = ORIGINAL | {"database": "elsewhere", "passwordhash": False}
    answer = ok(world.operator.post("tenants", json=body))
    assert (answer["database"], answer["passwordhash"]) == ("elsewhere", False)


@pytest.mark.promise("tenants.required")
@pytest.mark.parametrize("field", ["_id", "email"])
def test_the_error_names_the_missing_field_of_a_tenant(world: Any, field: str) -> None:
    body = {key: value for key, value in ORIGINAL.items() if key != field}
    assert_error(world.operator.post("tenants", json=body), "post_request_error", f"Path `{field}` is required")


@pytest.mark.promise("tenants.required")
@pytest.mark.parametrize("id", ["", " ", "a b", "a/b", "../x", "..", ".", "ä", "a\n", "x" * 65, 5, None, ["a"], "a%2f"])
def test_a_malformed_tenant_id_is_refused(world: Any, id: Any) -> None:
    before = Tenant.objects.count()
    assert_error(world.operator.post("tenants", json=ORIGINAL | {"_id": id}), "post_request_error", "_id")
    assert Tenant.objects.count() == before


@pytest.mark.promise("tenants.required")
@pytest.mark.parametrize("id", ["a", "A.b_c-9", "x" * 64, "0"])
def test_a_tenant_id_has_letters_digits_and_a_few_symbols(world: Any, id: str) -> None:
    ok(world.operator.post("tenants", json=ORIGINAL | {"_id": id}))
    assert ok(world.operator.get(f"tenants/{id}"))["_id"] == id


@pytest.mark.promise("tenants.admin")
def test_the_administrators_password_may_be_weak_and_is_never_returned(world: Any) -> None:
    made = world.operator.post("tenants", json=ORIGINAL | {"admin_password": "x1y2z3w4"})
    one, page = (world.operator.get(path) for path in (f"tenants/{ORIGINAL['_id']}", "tenants"))
    for response in (made, one, page):
        assert "x1y2z3w4" not in response.body().decode()
        assert "admin_password" not in response.body().decode()
    ok(login(world.anonymous, ORIGINAL["_id"], "pluto", "x1y2z3w4"))


@pytest.mark.promise("tenants.admin", "tenants.generated-password")
def test_a_missing_password_is_generated_and_returned_once(world: Any, settings: Any) -> None:
    bodies = [{"_id": id, "email": "a@b.example"} for id in ("one", "two")]
    first, second = ok(world.operator.post("tenants", json=bodies))["tenants"]
    assert first["admin_password"] != second["admin_password"]
    assert min(len(first["admin_password"]), len(second["admin_password"])) >= 16
    ok(login(world.anonymous, "one", settings.DEFAULT_TENANT_ADMIN_USERNAME, first["admin_password"]))
    assert "admin_password" not in ok(world.operator.get("tenants/one"))


@pytest.mark.promise("tenants.duplicate")
def test_a_taken_tenant_id_is_refused_and_changes_nothing(world: Any) -> None:
    body = ORIGINAL | {"_id": "acme", "admin_username": "intruder"}
    assert_error(world.operator.post("tenants", json=body), "post_request_error", "duplicate key error")
    assert not User.objects.filter(username="intruder").exists()
    assert ok(world.operator.get("tenants/acme"))["organization"] == "Acme"


@pytest.mark.promise("tenants.change")
def test_contact_data_of_a_tenant_can_be_changed(world: Any) -> None:
    changes = {"organization": "New", "address": "Street", "email": "new@acme.example", "phone": "5"}
    for field, value in changes.items():
        assert ok(world.operator.put("tenants/acme", json={field: value}))[field] == value
    assert ok(world.operator.get("tenants/acme")).items() >= changes.items()


@pytest.mark.promise("tenants.change")
@pytest.mark.parametrize("field", ["_id", "admin_username", "admin_password", "passwordhash", "database"])
def test_other_fields_of_a_tenant_cannot_change(world: Any, field: str) -> None:
    before = ok(world.operator.get("tenants/acme"))
    response = world.operator.put("tenants/acme", json={field: "x", "organization": "New"})
    assert_error(response, "put_request_error", f"Request field cannot be updated ({field})")
    assert ok(world.operator.get("tenants/acme")) == before


@pytest.mark.promise("tenants.change")
def test_a_change_of_a_tenant_needs_a_body_with_a_known_field(world: Any) -> None:
    assert_error(world.operator.put("tenants/acme"), "missing_info")
    assert_error(world.operator.put("tenants/acme", json={"nothing": 1}), "incorrect_info")
    assert_error(world.operator.put("tenants/acme", json={"email": "no mail"}), "put_request_error", "email")


@pytest.mark.promise("tenants.delete")
def test_a_deleted_tenant_leaves_no_user_item_or_file(world: Any, settings: Any) -> None:
    for tenant in (world.acme, world.rival):
        path = f"models/{create(tenant.owner.api, tags=['t'], metadata=[{'name': 'm', 'value': 1}])['_id']}"
        ok(tenant.owner.api.upload(f"{path}/versions", "same.bin", b"same bytes"))
    ok(world.operator.delete("tenants/acme"))
    assert_error(world.operator.get("tenants/acme"), "resource_not_found")
    for model in (Item, User, Version):
        assert not model._default_manager.filter(tenant_id="acme").exists()
        assert model._default_manager.filter(tenant_id="rival").exists()
    folder = Path(settings.UPLOAD_PATH)
    assert [file for file in (folder / "acme").rglob("*") if file.is_file()] == []
    assert ok(world.rival.owner.api.get("models"))["totalDocs"] == 1
    kept = ok(world.rival.owner.api.get("models"))["docs"][0]["_id"]
    assert world.rival.owner.api.get(f"models/{kept}/versions/same.bin").body() == b"same bytes"


@pytest.mark.promise("tenants.delete")
def test_a_recreated_tenant_starts_empty(world: Any) -> None:
    create(world.acme.owner.api, tags=["t"])
    ok(world.operator.delete("tenants/acme"))
    ok(world.operator.post("tenants", json=ORIGINAL | {"_id": "acme"}))
    api = ApiClient(ok(login(world.anonymous, "acme", "pluto", "pippo"))["token"])
    assert [ok(api.get(path))["totalDocs"] for path in ("models", "tags", "metadata", "users")] == [0, 0, 0, 1]


@pytest.mark.promise("tenants.default-stays")
def test_the_default_tenant_cannot_be_deleted(world: Any, settings: Any) -> None:
    settings.DEFAULT_TENANT = "acme"
    assert_error(world.operator.delete("tenants/acme"), "delete_request_error")
    ok(world.operator.get("tenants/acme"))


@pytest.mark.promise("tenants.public-list")
def test_the_ids_of_tenants_are_public_unless_the_operator_hides_them(world: Any, settings: Any) -> None:
    page = ok(world.anonymous.get("types/tenants"))
    assert page["docs"] == [{"_id": "acme"}, {"_id": "rival"}]
    assert (page["totalDocs"], page["limit"], page["page"], page["hasNextPage"]) == (2, 10, 1, False)
    settings.PUBLIC_TENANT_LIST = False
    response = world.anonymous.get("types/tenants")
    assert_error(response, "restricted_access_read")
    assert "acme" not in response.body().decode()


@pytest.mark.promise("tenants.public-list")
def test_the_public_list_of_tenants_is_filtered_and_paginated(world: Any) -> None:
    second = ok(world.anonymous.get("types/tenants", query={"limit": "1", "page": "2"}))
    assert (second["docs"], second["totalDocs"], second["totalPages"]) == ([{"_id": "rival"}], 2, 2)
    found = ok(world.anonymous.get("types/tenants/?filter=", query={"filter": {"_id": {"$regex": "^ac"}}}))
    assert found["docs"] == [{"_id": "acme"}]
    for filter in ({"email": "info@acme.example"}, {"organization": "Acme"}, {"phone": "1"}):
        assert_error(
            world.anonymous.get("types/tenants", query={"filter": filter}), "get_request_error", "Unknown field"
        )


@pytest.mark.promise("filter.other-fields")
@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"_id": "acme"}, ["acme"]),
        ({"organization": "Rival"}, ["rival"]),
        ({"email": {"$regex": "^info@acme"}}, ["acme"]),
    ],
)
def test_tenants_are_filtered(world: Any, filter: dict[str, Any], found: list[str]) -> None:
    assert [tenant["_id"] for tenant in ok(world.operator.get("tenants", query={"filter": filter}))["docs"]] == found
    for unknown in ("database", "passwordhash", "phone"):
        response = world.operator.get("tenants", query={"filter": {unknown: "x"}})
        assert_error(response, "get_request_error", unknown)
