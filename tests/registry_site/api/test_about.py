"""What the registry says about itself, and who may read it."""

import re
from typing import Any

import pytest
from django.conf import settings as configured

from registry_site import __version__
from tests.answers import assert_error, ok
from tests.routes import ENDS_OF_VERSIONS, OVERRIDES, ROUTES

PUBLIC = (
    "/",
    "errors",
    "version",
    "types",
    "types/passwordStrength",
    "types/tenants",
    "docs",
    "/docs.html",
    "/healthz",
)
TYPES = {
    "UserRoles": {"admin", "regular"},
    "UsageTypes": {"default", "folk"},
    "VisibilityTypes": {"public", "private"},
    "ModelStatusTypes": {"training", "test", "production", "deploy"},
    "AlgorithmStatusTypes": {"training", "test", "production", "deploy"},
    "PasswordResetStatusTypes": {"valid", "invalid"},
}


@pytest.fixture
def demo(world: Any, settings: Any) -> Any:
    settings.DEMO, settings.DEFAULT_TENANT_DEMO = True, "acme"
    return world.acme.admin.api


@pytest.mark.promise(
    "about.version", "about.types", "about.password-strength", "about.docs", "about.docs-page", "about.healthz"
)
@pytest.mark.parametrize("path", PUBLIC)
def test_public_routes_need_no_token_and_ignore_an_invalid_one(world: Any, path: str) -> None:
    assert world.anonymous.get(path).status_code == 200
    assert world.anonymous.get(path, headers={"Authorization": "JWT expired.or.forged"}).status_code == 200


@pytest.mark.promise("about.version")
def test_the_version_is_returned(world: Any) -> None:
    assert ok(world.anonymous.get("version")) == {"version": __version__}


@pytest.mark.promise("about.types")
@pytest.mark.parametrize("name", TYPES)
def test_enumerations_have_the_values_that_are_accepted(world: Any, name: str) -> None:
    values = ok(world.anonymous.get("types"))[name]
    assert set(values.values() if isinstance(values, dict) else values) == TYPES[name]


@pytest.mark.promise("about.password-strength")
def test_the_minimum_strength_of_passwords_is_returned(world: Any, settings: Any) -> None:
    settings.MIN_PASSWORD_STRENGTH = 2
    assert ok(world.anonymous.get("types/passwordStrength"))["passwordStrength"] == 2


@pytest.mark.promise("about.docs")
def test_the_openapi_document_describes_every_route_and_method(world: Any) -> None:
    document = ok(world.anonymous.get("docs"))
    assert document["openapi"].startswith("3.")
    described = {re.sub(r"\{\w+\}", "{}", path): set(methods) for path, methods in document["paths"].items()}
    prefix = f"{configured.VERSION}/"
    for route in ROUTES:
        if route.template.startswith(prefix):
            path = re.sub(r"\{\w+\}", "{}", f"/{route.template}")
            methods = {"get"} if route.name.endswith(ENDS_OF_VERSIONS) else set(route.methods)
            assert methods - {"head", "options"} - OVERRIDES.get(route.name, set()) <= described.get(path, set()), path


@pytest.mark.promise("about.docs")
def test_every_operation_is_described_with_its_responses(world: Any) -> None:
    for path, methods in ok(world.anonymous.get("docs"))["paths"].items():
        for method, operation in methods.items():
            assert operation.get("summary") or operation.get("description"), (method, path)
            assert {"200", "201", "204"} & set(operation["responses"]), (method, path)


@pytest.mark.promise("about.prefix")
@pytest.mark.parametrize("path", ["/v1", "/v1/"])
def test_the_prefix_redirects_to_the_documentation(world: Any, path: str) -> None:
    for headers in ({}, {"Accept": "text/html"}):
        answer = world.anonymous.get(path, headers=headers)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/docs.html")
    assert_error(world.anonymous.post(path, json={}), "method_not_allowed")


@pytest.mark.promise("about.docs-page")
def test_the_documentation_page_loads_nothing_from_other_hosts(world: Any) -> None:
    response = world.anonymous.get("/docs.html")
    assert response.headers["Content-Type"].startswith("text/html")
    page = response.body().decode()
    assert "swagger" in page.lower()
    assert re.findall(r"""(?:src|href)=["'](https?:)?//""", page) == []


@pytest.mark.promise("about.landing")
def test_the_landing_page_links_to_everything_for_browsers_and_programs(world: Any) -> None:
    page = world.anonymous.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.headers["Content-Type"].startswith("text/html")
    told = ok(world.anonymous.get("/"))
    assert told["version"] == __version__
    for path in ("documentation", "openapi", "health"):
        assert told[path] in page.body().decode()
        assert world.anonymous.get(told[path]).status_code == 200


@pytest.mark.promise("about.landing")
def test_the_landing_page_shows_what_fails(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    page = {"headers": {"Accept": "text/html"}}
    assert "Healthy" in world.anonymous.get("/", **page).body().decode()
    monkeypatch.setattr("registry_site.api.about.storage_is_healthy", lambda: False)
    assert "storage failing" in world.anonymous.get("/", **page).body().decode()
    assert ok(world.anonymous.get("/"))["status"] == "failing"


@pytest.mark.promise("about.docs-page")
def test_no_page_has_inline_scripts_or_styles(world: Any) -> None:
    for path in ("/", "/docs.html", "/reset.html"):
        page = world.anonymous.get(path, headers={"Accept": "text/html"}).body().decode()
        assert re.findall(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", page) == [], path


@pytest.mark.promise("about.healthz")
@pytest.mark.parametrize(
    "part", ["registry_site.api.about.HealthViewSet.check_database", "registry_site.api.about.storage_is_healthy"]
)
def test_healthz_is_503_when_a_part_fails(world: Any, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    def fail() -> bool:
        raise OSError("/secret/path is gone")

    assert world.anonymous.get("/healthz").status_code == 200
    monkeypatch.setattr("registry_site.api.about.connection.close", lambda: None)
    monkeypatch.setattr(part, staticmethod(fail) if "View" in part else fail)
    response = world.anonymous.get("/healthz")
    assert response.status_code >= 500
    assert "secret" not in response.body().decode()


@pytest.mark.promise("about.info")
def test_every_user_may_read_info(world: Any, engine: str, settings: Any) -> None:
    answer = ok(world.acme.owner.api.get("info"))
    assert {"version", "environment", "engine", "token_expiration_time", "demo", "log", "timestamp"} <= set(answer)
    assert answer["version"] == __version__
    assert answer["environment"] == "test"
    assert answer["engine"].startswith(engine[:5])
    assert answer["token_expiration_time"] == settings.JWT_EXPIRATIONTIME
    assert (answer["demo"], answer["log"]) == (settings.DEMO, settings.LOG)
    assert_error(world.anonymous.get("info"), "authentication_error")


@pytest.mark.promise("about.no-connection-string")
@pytest.mark.parametrize("path", [*PUBLIC, "info", "/nothing"])
def test_no_response_contains_a_secret_or_a_storage_location(world: Any, settings: Any, path: str) -> None:
    response = world.acme.admin.api.get(path)
    told = response.body().decode() + str(dict(response.headers))
    name = str(settings.DATABASES["default"]["NAME"])
    for secret in (settings.SECRET_KEY, settings.JWT_SECRET, settings.API_TOKEN, str(settings.UPLOAD_PATH), name):
        assert secret not in told


@pytest.mark.promise("demo.who")
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_the_demo_is_for_administrators_of_the_demo_tenant(world: Any, demo: Any, settings: Any, method: str) -> None:
    ok(demo.request(method, "demo"))
    assert_error(world.acme.owner.api.request(method, "demo"), "only_administrator")
    for outsider in (world.rival.admin, world.rival.owner):
        assert_error(outsider.api.request(method, "demo"), "demo_tenant_required")
    assert_error(world.anonymous.request(method, "demo"), "authentication_error")
    settings.DEMO = False
    assert_error(demo.request(method, "demo"), "demo_tenant_required")


@pytest.mark.promise("demo.items")
@pytest.mark.usefixtures("whole_demo")
def test_the_demo_creates_lists_and_deletes_its_items(world: Any, demo: Any) -> None:
    ok(world.acme.admin.api.post("models", json={"name": "mine"}))
    empty = {name: [] for name in ("users", "tags", "metadata", "datasets", "models")}
    assert ok(demo.get("demo")) == empty
    made = ok(demo.post("demo"))
    assert ok(demo.post("demo")) == made
    assert ok(demo.get("demo")) == made
    assert set(made) == set(empty)
    for collection, documents in made.items():
        assert documents, collection
        for document in documents:
            assert ok(demo.get(f"{collection}/{document['_id']}")) == document
    assert {tag["_id"] for tag in made["tags"]} >= {tag for model in made["models"] for tag in model["tags"]}
    assert ok(demo.delete("demo")) == empty
    assert ok(demo.get("demo")) == empty
    assert [model["name"] for model in ok(demo.get("models"))["docs"]] == ["mine"]
