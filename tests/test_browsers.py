"""Security of browsers: headers, cookies, origins."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings as configured

from tests.answers import ok
from tests.catalog.items import create
from tests.client import ApiClient
from tests.engines import Server
from tests.routes import ROUTES, Route
from tests.served import ROOT, Served

PAGE = "https://pages.example"
PAGES = ("/docs.html", "/reset.html", "/login.html", "/admin/login/")
GOOD = "a-secret-of-the-tests-that-is-long-enough-for-whatever-it-is-used-for"


def _sources(policy: str, directive: str) -> list[str]:
    """Return what a policy allows: the directive's sources, or those of `default-src`."""
    parts = {words[0]: words[1:] for words in (part.split() for part in policy.split(";")) if words}
    sources: list[str] = parts.get(directive, parts["default-src"])
    return sources


def _assert_guarded(response: Any) -> None:
    headers = response.headers
    assert set(_sources(headers["Content-Security-Policy"], "script-src")) <= {"'self'", "'none'"}
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.promise("browser.headers")
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_answer_is_guarded(world: Any, route: Route) -> None:
    for caller in (world.anonymous, world.acme.admin.api, world.operator):
        for method in ("get", "post", "options"):
            _assert_guarded(caller.request(method, route.example))


@pytest.mark.promise("browser.headers")
@pytest.mark.parametrize("path", ["/nothing", "/v1/%00", "/admin/", "/admin/login/", "/v1/models?filter=%00"])
def test_answers_that_no_view_gives_are_guarded_too(world: Any, path: str) -> None:
    for accept in ("application/json", "text/html"):
        _assert_guarded(world.anonymous.get(path, headers={"Accept": accept}))


@pytest.mark.promise("browser.headers")
def test_a_crash_is_guarded_too(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*args: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("registry_site.api.middleware.OptionalTrailingSlash.__call__", crash)
    response = world.anonymous.get("version")
    assert response.status_code == 500
    _assert_guarded(response)


@pytest.mark.promise("browser.headers")
@pytest.mark.parametrize("path", PAGES)
def test_no_page_holds_a_script_or_loads_one_from_elsewhere(world: Any, path: str) -> None:
    html = world.anonymous.get(path).body().decode()
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", html, re.DOTALL)
    assert scripts or path in ("/admin/login/", "/login.html")
    for attributes, inside in scripts:
        assert re.search(r'src="(/|\?)', attributes) or 'type="application/json"' in attributes
        assert not inside.strip() or "application/json" in attributes
    assert not re.search(r"\son[a-z]+\s*=|javascript:", html)


STATIC = ("/static/admin/css/base.css", "/static/registry/metadata.js", "/static/admin/img/icon-yes.svg")


@pytest.mark.promise("browser.headers")
@pytest.mark.parametrize("path", STATIC)
def test_the_pages_own_files_are_guarded_too_and_never_out_of_date(behind_a_proxy: Served, path: str) -> None:
    url = behind_a_proxy.base_url + path
    whole = httpx.get(url)
    assert whole.status_code == 200
    assert len(whole.content) == int(whole.headers["Content-Length"])
    _assert_guarded(whole)
    assert "Access-Control-Allow-Origin" not in whole.headers
    assert "max-age=0" in whole.headers["Cache-Control"], "browsers must revalidate after an upgrade"
    assert httpx.get(url, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    assert httpx.get(url, headers={"If-None-Match": '"of an older one"'}).content == whole.content
    for answer in (
        httpx.head(url),
        httpx.get(url, headers={"Range": "bytes=999999999-"}),
        httpx.post(url, content=b"x"),
        httpx.get(f"{url}.not"),
    ):
        _assert_guarded(answer)


@pytest.mark.promise("browser.downloads")
def test_an_uploaded_file_never_runs_as_a_page_of_the_registry(world: Any) -> None:
    api = world.acme.owner.api
    path = f"models/{create(api)['_id']}/versions"
    for name, kind in (("page.html", "text/html"), ("image.svg", "image/svg+xml"), ("app.js", "text/javascript")):
        ok(api.upload(path, name, b"<script>alert(1)</script>", content_type=kind))
        headers = api.get(f"{path}/{name}").headers
        assert headers["Content-Disposition"].startswith("attachment")
        assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.promise("browser.cors")
@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/x/versions/f.bin", "/login", "/v1/login/", "/healthz"])
def test_pages_of_any_origin_may_ask_without_cookies(world: Any, path: str) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "PUT"}
    tus = "tus-resumable, upload-offset, upload-metadata"
    asked |= {"Access-Control-Request-Headers": f"authorization, content-type, content-digest, range, {tus}"}
    preflight = world.anonymous.request("options", path, headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert all(method in preflight.headers["Access-Control-Allow-Methods"] for method in ("PUT", "PATCH"))
    allowed = preflight.headers["Access-Control-Allow-Headers"]
    assert all(name in allowed for name in ("authorization", "content-type", "content-digest", "range"))
    assert all(name in allowed for name in ("tus-resumable", "upload-offset", "upload-metadata"))
    answer = world.anonymous.get(path, headers={"Origin": PAGE})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert {"Content-Disposition", "ETag", "Content-Range", "Location", "Upload-Offset", "Upload-Expires"} <= set(
        answer.headers["Access-Control-Expose-Headers"].split(", ")
    )


@pytest.mark.promise("browser.cors")
def test_a_page_may_send_any_headers_that_it_requests(world: Any) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "GET"}
    for names in ("authorization,cache-control,content-type", "x-anything, Pragma"):
        headers = asked | {"Access-Control-Request-Headers": names}
        preflight = world.anonymous.request("options", "models", headers=headers)
        assert preflight.headers["Access-Control-Allow-Headers"] == names
        assert "Access-Control-Allow-Credentials" not in preflight.headers
    for names in ("no header;", "x" * 101, ", ".join(["x"] * 101), ""):
        headers = asked | {"Access-Control-Request-Headers": names}
        allowed = world.anonymous.request("options", "models", headers=headers).headers["Access-Control-Allow-Headers"]
        assert allowed.startswith("accept, authorization"), names
    elsewhere = world.anonymous.request(
        "options", "/admin/login/", headers=asked | {"Access-Control-Request-Headers": "x"}
    )
    assert "Access-Control-Allow-Headers" not in elsewhere.headers


@pytest.mark.promise("browser.cors")
@pytest.mark.parametrize("path", ["/admin/login/", "/reset.html", "/docs.html"])
def test_pages_of_other_origins_do_not_read_the_registrys_pages(world: Any, path: str) -> None:
    assert "Access-Control-Allow-Origin" not in world.anonymous.get(path, headers={"Origin": PAGE}).headers


@pytest.mark.promise("browser.cors")
def test_the_operator_may_choose_the_origins(world: Any, settings: Any) -> None:
    settings.CORS_ALLOW_ALL_ORIGINS, settings.CORS_ALLOWED_ORIGINS = False, [PAGE]
    chosen = world.anonymous.get("version", headers={"Origin": PAGE})
    other = world.anonymous.get("version", headers={"Origin": "https://other.example"})
    assert chosen.headers["Access-Control-Allow-Origin"] == PAGE
    assert "Access-Control-Allow-Origin" not in other.headers


@pytest.mark.promise("browser.cookies")
def test_the_api_sets_no_cookie_and_takes_none(world: Any) -> None:
    client = ApiClient()
    for path in ("version", "models", "/docs.html", "/reset.html"):
        client.get(path)
    assert not client.client.cookies
    client.client.cookies["token"] = world.acme.owner.api.token
    assert client.get("models").status_code == 401


@pytest.mark.promise("browser.cookies")
def test_cookies_of_the_admin_site_are_out_of_reach_of_scripts_and_other_sites(world: Any) -> None:
    client = ApiClient()
    client.get("/admin/login/")
    cookie = client.client.cookies[configured.CSRF_COOKIE_NAME]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert configured.SESSION_COOKIE_HTTPONLY
    assert configured.SESSION_COOKIE_SAMESITE == "Lax"


@pytest.mark.promise("browser.cookies")
def test_a_form_of_another_site_does_not_enter_the_admin_site(world: Any) -> None:
    client = ApiClient()
    client.client.handler.enforce_csrf_checks = True
    form = {"username": "root", "password": "x"}
    assert client.post("/admin/login/", data=form, format="multipart").status_code == 403


@pytest.mark.promise("browser.cookies", "browser.headers")
@pytest.mark.parametrize("url", [{"PROTOCOL": "https"}, {"PUBLIC_URL": "https://models.example"}])
def test_djangos_own_check_of_a_deployment_has_nothing_to_say_under_https(tmp_path: Path, url: dict[str, str]) -> None:
    env = {"PATH": os.environ["PATH"], "VARIABLES_FILE": str(tmp_path / "none"), "API_TOKEN": GOOD, "JWT_SECRET": GOOD}
    env |= {"DATABASE": f"sqlite:///{tmp_path}/checks.sqlite3"} | url
    command = [sys.executable, str(ROOT / "manage.py"), "check", "--deploy", "--fail-level", "DEBUG"]
    checked = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.startswith("System check identified no issues")


@pytest.fixture(scope="module")
def behind_a_proxy(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A registry that trusts this machine as its proxy, and whose public URL is HTTPS."""
    variables = {"TRUSTED_PROXIES": "127.0.0.1, 10.9.0.0/16", "PUBLIC_URL": "https://models.example"}
    variables |= {"LOGIN_FAILURES_ADDRESS_LIMIT": "2"}
    with Served.on(server, tmp_path_factory.mktemp("proxied"), **variables) as registry:
        yield registry


def _forwarded(registry: Served, client: str, **headers: str) -> httpx.Response:
    """Return the response to a wrong login through a proxy."""
    sent = {"X-Forwarded-For": client} | headers
    body = {"username": client, "password": "wrong"}
    return httpx.post(f"{registry.base_url}/v1/login", json=body, headers=sent, timeout=60)


@pytest.mark.promise("login.proxies")
def test_a_trusted_proxy_tells_who_the_client_is(behind_a_proxy: Served) -> None:
    first = [_forwarded(behind_a_proxy, "203.0.113.1").status_code for _ in range(3)]
    assert first == [401, 401, 429]
    assert _forwarded(behind_a_proxy, "203.0.113.2").status_code == 401
    assert _forwarded(behind_a_proxy, "203.0.113.1, 10.9.8.7").status_code == 429
    assert _forwarded(behind_a_proxy, "203.0.113.99, 203.0.113.1").status_code == 429, (
        "what a client adds is not believed"
    )


@pytest.mark.promise("browser.headers", "browser.cookies", "login.proxies")
def test_https_at_the_proxy_is_recognised(behind_a_proxy: Served) -> None:
    secure = _forwarded(behind_a_proxy, "203.0.113.5", **{"X-Forwarded-Proto": "https"})
    plain = _forwarded(behind_a_proxy, "203.0.113.6")
    assert secure.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert "Strict-Transport-Security" not in plain.headers
    cookie = httpx.get(f"{behind_a_proxy.base_url}/admin/login/", timeout=60).headers["Set-Cookie"]
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}


@pytest.mark.promise("login.proxies")
def test_without_trusted_proxies_no_client_chooses_its_address(server: Server, tmp_path: Path) -> None:
    with Served.on(server, tmp_path, LOGIN_FAILURES_ADDRESS_LIMIT="2") as registry:
        answers = [_forwarded(registry, f"203.0.113.{n}", **{"X-Forwarded-Proto": "https"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert all("Strict-Transport-Security" not in answer.headers for answer in answers)
