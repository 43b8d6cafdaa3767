"""Every route and method is closed to a token for machines until a scope of the table below opens it.

A route that is not in the table must be closed, so that a new route fails until it is listed.
"""

import re
from base64 import b64encode
from typing import Any

import pytest

from tenants.identity.machine_tokens import create_token
from tenants.models import MachineToken
from tenants.rest.scopes import KINDS as SCOPES
from tenants.rest.scopes import WRITES_ITEMS, grammar, parse_scope
from tests.answers import assert_error, ok
from tests.catalog.items import KINDS, create
from tests.client import ApiClient
from tests.remembered import remembered
from tests.routes import ROUTES, Route
from tests.test_isolation import EVERYBODY, OPEN
from tests.versions.tus import sent

ACCESS = {"get": "read", "post": "write", "put": "write", "patch": "write", "delete": "delete"}
ALL = [f"{name}:{access}" for name, kind in SCOPES.items() for access in kind.accesses if not kind.only]
ALL += [f"{name}:*" for name, kind in SCOPES.items() if kind.only]
PARTS = ("versions-files", "versions-file", "versions-info", "versions-diff")
# Route -> method -> the scopes any of which opens it.
OPENED: dict[str, dict[str, tuple[str, ...]]] = {
    **{
        f"{kind}-{part}": {method: (f"{kind}:{ACCESS[method]}",) for method in methods}
        for kind in KINDS
        for part, methods in {
            "list": ("get", "post"),
            "detail": ("get", "put", "delete"),
            "versions-list": ("get", "post"),
            "versions-detail": ("get", "put", "patch", "delete"),
            **dict.fromkeys(("aliases-list", "aliases-history", "proposals-list", "proposals-detail"), ("get",)),
            **dict.fromkeys(PARTS, ("get", "put", "patch", "delete")),
        }.items()
    },
    **{
        f"{kind}-aliases-detail": {"get": (f"{kind}:read",), "put": ("aliases:*",), "delete": ("aliases:*",)}
        for kind in KINDS
    },
    "holders-list": {"get": tuple(f"{kind}:read" for kind in KINDS)},
    **{
        f"{words}-{part}": {method: (f"{words}:{ACCESS[method]}",) for method in methods}
        for words in ("tags", "metadata")
        for part, methods in {"list": ("get", "post"), "detail": ("get", "put", "delete")}.items()
    },
    **{
        f"{route}/{words}": {method: (f"{words}:{ACCESS[method]}",) for method in methods}
        for route, methods in {"duplicates": ("get", "post"), "suggestions": ("get",)}.items()
        for words in ("tags", "metadata")
    },
    "compare": {"get": tuple(f"{kind}:read" for kind in KINDS)},
    **{f"users-{part}": {"get": ("users:read",)} for part in ("list", "detail")},
    **{f"{kind}-events": {"get": ("events:read",)} for kind in KINDS},
    "events": {"get": ("events:read",)},
    "drafts-list": {"get": WRITES_ITEMS},
    "drafts-detail": dict.fromkeys(("get", "put", "delete"), WRITES_ITEMS),
    "drafts-publish": {"post": ("models:write",)},
    "uploads-list": dict.fromkeys(("get", "post"), WRITES_ITEMS),
    "uploads-detail": dict.fromkeys(("get", "post", "patch", "delete"), WRITES_ITEMS),
}
OPENED |= {f"merges/{words}": dict.fromkeys(("get", "post"), (f"{words}:write",)) for words in ("tags", "metadata")}
for kind in KINDS:
    OPENED[f"{kind}-versions-events"] = OPENED[f"{kind}-versions-info"] | {"get": ("events:read",)}
    OPENED[f"{kind}-proposals-list"] |= {"post": ("aliases:*",)}
WALKED = [route for route in ROUTES if not route.name.endswith("-page")]
REFUSALS = ("The token needs the scope", "Tokens for machines cannot do this")
PUBLIC = {
    name: {method for method, callers in methods.items() if callers == EVERYBODY} for name, methods in OPEN.items()
}
OF_ITEMS = [route for route in WALKED if route.name.split("-")[0] in KINDS]


@pytest.fixture
def place(world: Any, settings: Any) -> Any:
    """An item of each kind with a version, called `fraud`; the administrator, whose role opens every route."""
    settings.LOGIN_FAILURES_ADDRESS_LIMIT = 10**6
    settings.DEMO, settings.DEFAULT_TENANT_DEMO = True, "acme"
    world.items = remembered(_items, world.acme.admin.api)
    return world


def _items(api: ApiClient) -> dict[str, str]:
    items = {kind: str(create(api, kind, name="fraud")["_id"]) for kind in KINDS}
    for kind, item in items.items():
        ok(api.upload(f"{kind}/{item}/versions", "file.bin", b"bytes"))
    return items


def _token(place: Any, *scopes: str) -> ApiClient:
    name = f"token-{MachineToken.objects.count()}"
    return ApiClient(create_token(by=place.acme.admin, name=name, scopes=list(scopes), expires=None).secret)


def _send(place: Any, api: ApiClient, route: Route, method: str) -> Any:
    kind = route.name.split("-")[0]
    path = "/" + route.template.format(
        pk=place.items.get(kind, "nothing"), version="file.bin", file="part.bin", alias="staging", proposal="none"
    )
    return api.request(method, path, json={}) if method in ("post", "put", "patch") else api.request(method, path)


def _refused_by_scope(response: Any) -> bool:
    return response.status_code == 403 and any(text in response.json()["details"] for text in REFUSALS)


def _methods(route: Route) -> list[str]:
    """Return the methods of a route that require a login, those that write after those that read, deletion last."""
    known = set(route.methods) - {"head", "options"} - PUBLIC.get(route.name, set())
    return sorted(known, key=lambda method: (method == "delete", method))


@pytest.mark.promise("tokens.closed", "tokens.scopes")
@pytest.mark.parametrize("route", WALKED, ids=lambda route: route.name)
def test_a_route_is_closed_to_a_token_until_its_scope_opens_it(place: Any, route: Route) -> None:
    for method in _methods(route):
        opened = OPENED.get(route.name, {}).get(method, ())
        others = [scope for scope in ALL if scope not in opened]
        response = _send(place, _token(place, *others), route, method)
        assert _refused_by_scope(response) or response.status_code == 401, (method, response)
        for scope in opened:
            response = _send(place, _token(place, scope), route, method)
            assert response.status_code not in (401, 403), (method, scope, response)
            if method == "delete":
                break  # the resource is gone


@pytest.mark.promise("tokens.scopes")
def test_the_documented_grammar_is_that_of_the_parser() -> None:
    refused = ["models", "models:read:x", "models:write:", "aliases", "aliases:", "users:write", "log:read", "*"]
    accepted = [*ALL, "models:write:churn-*", "aliases:staging", "datasets:delete:a:b"]
    assert [bool(re.fullmatch(grammar(), scope)) for scope in accepted] == [True] * len(accepted)
    for scope in accepted:
        parse_scope(scope)
    for scope in refused:
        assert not re.fullmatch(grammar(), scope)
        with pytest.raises(ValueError, match="`"):
            parse_scope(scope)


@pytest.mark.promise("tokens.closed")
def test_the_table_lists_only_routes_that_exist() -> None:
    methods = {route.name: set(route.methods) for route in ROUTES}
    assert {name: set(opened) - methods.get(name, set()) for name, opened in OPENED.items()} == {
        name: set() for name in OPENED
    }


@pytest.mark.promise("tokens.patterns")
@pytest.mark.parametrize("route", OF_ITEMS, ids=lambda route: route.name)
def test_a_pattern_opens_no_item_of_another_name(place: Any, route: Route) -> None:
    kind = route.name.split("-")[0]
    api = _token(place, f"{kind}:write:churn-*", f"{kind}:delete:churn-*", "aliases:production")
    for method in _methods(route):
        if (route.name, method) == (f"{kind}-list", "post"):
            response = api.post(kind, json={"name": "fraud-2"})
        else:
            response = _send(place, api, route, method)
        assert _refused_by_scope(response), (method, response)
    item = ok(place.acme.admin.api.get(f"{kind}/{place.items[kind]}"))
    assert (item["versions_count"], item["tags"]) == (1, [])
    assert ok(place.acme.admin.api.get(kind))["totalDocs"] == 1


@pytest.mark.promise("tokens.patterns")
@pytest.mark.parametrize("kind", KINDS)
def test_a_pattern_opens_the_items_that_it_matches(place: Any, kind: str) -> None:
    api = _token(place, f"{kind}:write:churn-*", f"{kind}:delete:churn-old")
    answer = ok(api.post(kind, json=[{"name": "churn-a"}, {"name": "fraud-2"}, {"name": "churn-old"}]), 202)
    assert [item["name"] for item in answer[kind]] == ["churn-a", "churn-old"]
    assert answer["errors"] == [f"Index: 1 (The token needs the scope {kind}:write for this name)"]
    kept, gone = (item["_id"] for item in answer[kind])
    ok(api.put(f"{kind}/{kept}", json={"tags": {"add": ["new"]}}))
    ok(api.upload(f"{kind}/{kept}/versions", "file.bin", b"bytes"))
    assert _refused_by_scope(api.delete(f"{kind}/{kept}/versions/file.bin"))
    assert _refused_by_scope(api.delete(f"{kind}/{kept}"))
    ok(api.delete(f"{kind}/{gone}"))
    for path in (kind, f"{kind}/{kept}", f"{kind}/{kept}/versions/file.bin"):
        assert _refused_by_scope(api.get(path))


@pytest.mark.promise("tokens.patterns")
def test_a_resumable_upload_makes_a_version_only_where_the_pattern_allows(place: Any) -> None:
    model = place.items["models"]
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Content-Type": "application/offset+octet-stream"}
    for api, status in ((_token(place, "models:write:fraud"), 201), (_token(place, "models:write:churn-*"), 403)):
        encoded = b64encode(model.encode()).decode()
        metadata = f"item {encoded},filename ZmlsZS5iaW4="
        response = api.post(
            "uploads",
            data=b"bytes",
            content_type="application/offset+octet-stream",
            headers=headers | {"Upload-Metadata": metadata},
        )
        assert response.status_code == status, response


@pytest.mark.promise("tokens.patterns", "folders.json")
def test_a_token_makes_no_version_of_files_that_it_or_its_user_may_not_read(place: Any) -> None:
    writes = ["models:write:churn-*"]
    api = _token(place, *writes)
    path = f"models/{ok(api.post('models', json={'name': 'churn-a'}))['_id']}/versions"

    def add(api: ApiClient, **source: str) -> Any:
        return api.post(path, json={"files": [{"path": "a.bin"} | source]})

    for kind in KINDS:
        source = {"item": place.items[kind], "version": "file.bin", "from": "file.bin"}
        others = [f"{each}:read" for each in KINDS if each != kind]
        for reader in (api, _token(place, *writes, *others, f"{kind}:write:fraud")):
            assert _refused_by_scope(add(reader, **source))
    theirs = sent(place.acme.owner.api, b"theirs").rpartition("/")[2]
    assert_error(add(api, upload=theirs), "post_request_error", f"You have no upload {theirs}")
    assert ok(place.acme.admin.api.get(path))["docs"] == []
    for kind in KINDS:
        source = {"item": place.items[kind], "version": "file.bin", "from": "file.bin"}
        ok(add(_token(place, *writes, f"{kind}:read"), **source))
    ok(add(api, upload=sent(api, b"mine").rpartition("/")[2]))
    assert ok(place.acme.admin.api.get(path))["totalDocs"] == 4


MATCHES = {
    "churn-*": {"churn-": True, "churn-a/b": True, "Churn-a": False, "xchurn-a": False, "churn": False},
    "*": {"": True, "anything": True},
    "a*b*c": {"abc": True, "aXbYc": True, "acb": False},
    "[ab]?": {"[ab]?": True, "a1": False},
    "a*" * 30 + "b": {"a" * 255: False},
}


@pytest.mark.promise("tokens.patterns")
@pytest.mark.parametrize("pattern", MATCHES)
def test_only_a_star_has_a_meaning_in_a_pattern(pattern: str) -> None:
    scope = parse_scope(f"models:write:{pattern}")
    assert {name: scope.matches(name) for name in MATCHES[pattern]} == MATCHES[pattern]
