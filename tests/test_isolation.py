"""Every route and method, as every kind of caller, on every kind of target.

The table lists who may call what; all others must be refused, and a route that is not in the table fails.
"""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from tenants.identity.machine_tokens import create_token
from tenants.rows.fields import now
from tests.answers import assert_error, ok
from tests.catalog.items import KINDS
from tests.client import BrowserClient
from tests.fixtures import PASSWORD
from tests.remembered import remembered
from tests.routes import ENDS_OF_VERSIONS, METHODS, OVERRIDES, ROUTES, UNKNOWN, Route
from tests.versions.tus import RESUMABLE
from versions.draft_models import Draft
from versions.models import UploadSession

ANONYMOUS, OTHER, SHARED, OWNER, ADMIN, RIVAL, OPERATOR, BROWSER, RIVAL_BROWSER = CALLERS = (
    "anonymous",
    "other",
    "shared",
    "owner",
    "admin",
    "rival",
    "operator",
    "owner in a browser",
    "rival in a browser",
)
EVERYBODY = frozenset(CALLERS)
HOLDERS = frozenset({OTHER, SHARED, OWNER, ADMIN, RIVAL})  # callers with tokens
USERS = HOLDERS | {BROWSER, RIVAL_BROWSER}
ADMINS = frozenset({ADMIN, RIVAL, RIVAL_BROWSER})
TENANT = frozenset({OTHER, SHARED, OWNER, ADMIN, BROWSER})
RIVALS = (RIVAL, RIVAL_BROWSER)
READERS = {"public": TENANT, "private": frozenset({SHARED, OWNER, ADMIN, BROWSER})}
WRITERS = frozenset({OWNER, ADMIN, BROWSER})
VERBS = {"get": "read", "head": "read", "post": "create", "put": "modify", "patch": "modify", "delete": "delete"}
REFUSED = {401, 403, 404}
UPLOAD = "66a1f0c2b7d94e3f8a5c1d60"  # of the owner

# Routes outside of items: method -> callers that are not refused. Collections return only rows of the caller's tenant.
OPEN: dict[str, dict[str, frozenset[str]]] = {
    "login-alias": {"post": EVERYBODY, "put": HOLDERS},
    "login": {"post": EVERYBODY, "put": HOLDERS},
    "login-page": {"get": EVERYBODY, "post": EVERYBODY},
    "logout-page": {"post": EVERYBODY},
    "forgot-page": {"get": EVERYBODY, "post": EVERYBODY},
    "theme-page": {"post": EVERYBODY},
    "words-page": {"post": frozenset({RIVAL_BROWSER})},
    **{f"duplicates/{words}": {"get": ADMINS, "post": ADMINS} for words in ("tags", "metadata")},
    **{f"suggestions/{words}": {"get": USERS} for words in ("tags", "metadata")},
    "tenants-list": {"get": frozenset({OPERATOR}), "post": frozenset({OPERATOR})},
    "tenants-detail": dict.fromkeys(("get", "put", "delete"), frozenset({OPERATOR})),
    "users-list": {"get": USERS, "post": ADMINS},
    "users-detail": {"get": TENANT, "put": frozenset({SHARED, ADMIN}), "delete": frozenset({ADMIN})},
    "tokens-list": {"get": USERS, "post": USERS},
    "tokens-detail": {"get": frozenset({SHARED, ADMIN}), "delete": frozenset({SHARED})},
    "uploads-list": {"get": USERS, "post": USERS, "options": EVERYBODY},
    "uploads-detail": dict.fromkeys(("get", "patch"), frozenset({OWNER, BROWSER}))
    | {"delete": frozenset({OWNER}), "options": EVERYBODY},
    "drafts-list": {"get": USERS},
    "drafts-detail": dict.fromkeys(("get", "put"), frozenset({OWNER, BROWSER})) | {"delete": frozenset({OWNER})},
    "drafts-publish": {"post": frozenset({OWNER, BROWSER})},
    "tags-list": {"get": USERS, "post": ADMINS},
    "tags-detail": {"get": TENANT, "put": frozenset({ADMIN}), "delete": frozenset({ADMIN})},
    "metadata-list": {"get": USERS, "post": ADMINS},
    "metadata-detail": {"get": TENANT, "put": frozenset({ADMIN}), "delete": frozenset({ADMIN})},
    **{f"merges/{words}": {"get": ADMINS, "post": ADMINS} for words in ("tags", "metadata")},
    "events-undo": {"post": frozenset({ADMIN})},
    "self/reset": {"post": EVERYBODY},
    "self": {"put": EVERYBODY},
    "compare": {"get": USERS},
    "events": {"get": USERS},
    "log": {"get": ADMINS},
    "holders-list": {"get": USERS},
    "protection-list": dict.fromkeys(("get", "post"), ADMINS),
    "protection-detail": dict.fromkeys(("get", "put", "delete"), frozenset({ADMIN})),
    "views-list": {"get": USERS, "post": USERS},
    "views-detail": {"get": TENANT, "put": frozenset({OWNER, BROWSER}), "delete": frozenset({OWNER})},
    "info": {"get": USERS},
    "demo": dict.fromkeys(("get", "post", "delete"), frozenset({ADMIN})),
    **{
        name: {"get": EVERYBODY}
        for name in (
            "errors",
            "version",
            "types",
            "types/passwordStrength",
            "types/tenants",
            "docs",
            "landing-page",
            "prefix-page",
            "docs-page",
            "reset-page",
            "healthz",
        )
    },
}
ITEM_ROUTES: tuple[str, ...] = ("list", "detail", "versions-list", "versions-detail", "events")
ITEM_ROUTES += ("aliases-list", "aliases-detail", "aliases-history", "proposals-list", "proposals-detail")
ITEM_ROUTES += ("proposals-approve", "proposals-reject", "proposals-withdraw", *ENDS_OF_VERSIONS)
WORKING = [route for route in ROUTES if route.name in OPEN]
OF_ITEMS = {f"{kind}-{part}" for kind in KINDS for part in ITEM_ROUTES}


@pytest.fixture
def place(world: Any, settings: Any) -> Any:
    """A tenant with a public and a private item of each kind, each with a version, and words; callers by name."""
    settings.DEMO, settings.DEFAULT_TENANT_DEMO = True, "acme"
    world.__dict__.update(remembered(_contents, world))
    world.callers = {ANONYMOUS: world.anonymous, RIVAL: world.rival.admin.api, OPERATOR: world.operator}
    world.callers |= {name: getattr(world.acme, name).api for name in (OTHER, SHARED, OWNER, ADMIN)}
    world.callers = _Callers(world.callers)
    return world


class _Callers(dict[str, Any]):
    """Clients by caller; those in a browser log in when a test first uses them."""

    def __missing__(self, caller: str) -> BrowserClient:
        names = {BROWSER: ("acme", "owner"), RIVAL_BROWSER: ("rival", "admin")}[caller]
        self[caller] = BrowserClient(*names, PASSWORD)
        return self[caller]


def _contents(world: Any) -> dict[str, Any]:
    """Create what `place` contains; return its ids."""
    api, items, proposals = world.acme.owner.api, {}, {}
    rule = ok(world.acme.admin.api.post("protection", json={"name": "r", "aliases": "reviewed", "approvals": 2}))
    view = ok(api.post("views", json={"name": "shared", "list": "models", "shared": True}))["_id"]
    for kind in KINDS:
        for visibility in ("public", "private"):
            body = {"name": visibility, "visibility": visibility, "users": ["shared"]}
            body |= {"tags": ["used"], "metadata": [{"name": "used", "value": visibility}]}
            items[kind, visibility] = item = ok(api.post(kind, json=body))["_id"]
            ok(api.upload(f"{kind}/{item}/versions", "file.bin", b"bytes of " + visibility.encode()))
            ok(api.upload(f"{kind}/{item}/versions", "named.bin", b"other bytes"))
            ok(api.put(f"{kind}/{item}/aliases/production", json={"version": "named.bin"}))
            propose = {"version": "file.bin"}
            proposals[item] = ok(api.post(f"{kind}/{item}/aliases/reviewed/proposals", json=propose))["_id"]
    for words in ("tags", "metadata"):
        ok(world.acme.admin.api.post(words, json={"_id": "unused"}))
    token = create_token(by=world.acme.shared, name="ci", scopes=["models:read"], expires=None).token.pk
    owner, week = world.acme.owner.pk, now() + timedelta(days=7)
    UploadSession(pk=UPLOAD, tenant_id="acme", owner_id=owner, size=1, expires=week).save(force_insert=True)
    Draft(pk=UPLOAD, tenant_id="acme", owner_id=owner, kind="run", expires=week).save(force_insert=True)
    for name in ("merged", "other"):
        ok(world.acme.admin.api.post("tags", json={"_id": name}))
    event = ok(world.acme.admin.api.post("merges/tags", json={"word": "merged", "into": "other"}))["event"]
    return {"event": event, "items": items, "proposals": proposals, "rule": rule["_id"], "view": view, "token": token}


def _send(place: Any, caller: str, method: str, path: str, body: Any = None) -> Any:
    options = {"json": body} if method in ("post", "put", "patch") and body is not None else {}
    return place.callers[caller].request(method, path, headers=RESUMABLE, **options)


@pytest.mark.promise("items.restricted")
def test_every_route_and_method_has_an_expectation() -> None:
    known = {route.name for route in ROUTES}
    assert known - set(OPEN) - OF_ITEMS == set(), "list in this file who may call the route"
    assert (set(OPEN) | OF_ITEMS) - known == set(), "the route is gone"
    for route in WORKING:
        expected = (set(OPEN[route.name]) | OVERRIDES.get(route.name, set())) - {"options"}
        assert set(route.methods) - {"head", "options"} == expected, route.name


METHODS_DELETE_LAST = sorted(METHODS, key=lambda method: method == "delete")
TARGETS = {
    "uploads-detail": UPLOAD,
    "drafts-detail": UPLOAD,
    "drafts-publish": UPLOAD,
    "tenants-detail": "rival",
    "users-detail": "shared",
    "tags-detail": "unused",
    "metadata-detail": "unused",
}


@pytest.mark.promise("items.restricted", "tenants.api-token", "errors.administrators")
@pytest.mark.parametrize("route", WORKING, ids=lambda route: route.name)
def test_a_route_is_open_only_to_its_intended_callers(place: Any, route: Route) -> None:
    made = {
        "events-undo": place.event,
        "tokens-detail": place.token,
        "protection-detail": place.rule,
        "views-detail": place.view,
    }
    path = "/" + route.template.format(pk=(TARGETS | made).get(route.name, ""), version="", file="", alias="production")
    for method, caller in product(METHODS_DELETE_LAST, CALLERS):
        response = _send(place, caller, method, path, {})
        allowed = OPEN[route.name].get("get" if method == "head" else method)
        if allowed is None:
            assert response.status_code in REFUSED | {405}, (method, caller, response)
        elif caller in allowed:
            assert response.status_code in (200, 202, 204, 302, 400) or _wants_more(route, response), (
                method,
                caller,
                response,
            )
        elif allowed <= ADMINS and caller in TENANT and method != "head" and not route.name.endswith("-page"):
            assert_error(response, "only_administrator")
        else:
            assert response.status_code in REFUSED | {400}, (method, caller, response)
            if response.status_code == 400:  # another's user: the contract says put_request_error
                assert (route.name, method) == ("users-detail", "put"), (caller, response)
                assert_error(response, "put_request_error", "own")


def _wants_more(route: Route, response: Any) -> bool:
    """Return whether a route refused only because of an empty body or missing headers."""
    if route.name == "uploads-detail":
        return response.status_code in (405, 415)
    return route.name.startswith(("login", "self")) and response.status_code in (400, 401, 403)


@pytest.mark.promise("items.who-reads", "items.lists-show-readable")
@pytest.mark.parametrize("kind", KINDS)
def test_lists_hold_what_the_caller_may_read_and_count_no_more(place: Any, kind: str) -> None:
    ids = {visibility: place.items[kind, visibility] for visibility in READERS}
    for caller in CALLERS:
        response = _send(place, caller, "get", kind)
        if caller not in USERS:
            assert_error(response, "authentication_error")
            continue
        expected = {ids[visibility] for visibility, readers in READERS.items() if caller in readers}
        page = ok(response)
        assert {document["_id"] for document in page["docs"]} == expected, caller
        assert page["totalDocs"] == len(expected), caller


BODIES = {
    ("detail", "put"): {"tags": {"add": ["new"]}},
    ("versions-list", "post"): None,
    ("versions-detail", "put"): None,
    ("versions-detail", "patch"): {"tags": {"add": ["new"]}, "description": "new"},
    ("aliases-detail", "put"): {"version": "named.bin"},
    ("proposals-list", "post"): {"version": "file.bin"},
}
ACTIONS = [
    ("detail", "get"),
    ("detail", "head"),
    ("detail", "put"),
    ("events", "get"),
    ("events", "head"),
    ("versions-list", "get"),
    ("versions-list", "post"),
    ("versions-detail", "get"),
    ("versions-detail", "head"),
    *product(ENDS_OF_VERSIONS, ("get", "head")),
    ("versions-detail", "patch"),
    ("versions-detail", "delete"),
    ("versions-detail", "put"),
    ("aliases-list", "get"),
    ("aliases-detail", "get"),
    ("aliases-detail", "head"),
    ("aliases-detail", "put"),
    ("aliases-history", "get"),
    ("proposals-list", "get"),
    ("proposals-detail", "get"),
    ("proposals-list", "post"),
    ("proposals-withdraw", "post"),
    ("proposals-reject", "post"),
    ("proposals-approve", "post"),
    ("aliases-detail", "delete"),
    ("detail", "delete"),
]


@pytest.mark.promise("items.who-reads", "items.who-changes", "items.restricted", "items.other-tenant")
@pytest.mark.parametrize("visibility", READERS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_item_and_its_versions_open_to_those_who_may(place: Any, kind: str, visibility: str) -> None:
    for part, method in ACTIONS:
        _try_all(place, kind, visibility, part, method)


def _try_all(place: Any, kind: str, visibility: str, part: str, method: str) -> None:
    """Try an action on an item without permission, which must change nothing, then with permission."""
    route = next(route for route in ROUTES if route.name == f"{kind}-{part}")
    item, alias = place.items[kind, visibility], "reviewed" if part.startswith("proposals") else "production"
    names = {"pk": item, "version": "file.bin", "file": "file.bin", "alias": alias, "proposal": place.proposals[item]}
    path = "/" + route.template.format(**names)
    allowed = READERS[visibility] if method in ("get", "head") else WRITERS
    before = ok(place.acme.admin.api.get(f"{kind}/{place.items[kind, visibility]}"))
    for caller in [each for each in CALLERS if each not in allowed]:
        response = _act(place, caller, method, part, path)
        if method == "head":
            assert response.status_code == {ANONYMOUS: 401, OPERATOR: 401, RIVAL: 404, RIVAL_BROWSER: 404}.get(
                caller, 403
            )
        elif caller in (ANONYMOUS, OPERATOR):
            assert_error(response, "authentication_error")
        elif caller in RIVALS:
            assert_error(response, "resource_not_found")
        else:
            changes_item = part.startswith(("versions", "aliases")) and method not in ("get", "head")
            assert_error(response, f"restricted_access_{'modify' if changes_item else VERBS[method]}")
    assert ok(place.acme.admin.api.get(f"{kind}/{place.items[kind, visibility]}")) == before
    one = {"proposals-approve": [ADMIN], "proposals-reject": [], "proposals-withdraw": []}
    for caller in one.get(part, sorted(allowed) if method != "delete" else [OWNER]):
        assert _act(place, caller, method, part, path).status_code == 200, (caller, method, part)


def _act(place: Any, caller: str, method: str, part: str, path: str) -> Any:
    """Send a request to the item or its versions that succeeds with permission."""
    api = place.callers[caller]
    if (part, method) == ("versions-list", "post"):
        return api.upload(path, "more.bin", b"more")
    if (part, method) == ("versions-detail", "put"):
        return api.put(path, data=b"more", content_type="application/octet-stream")
    return _send(place, caller, method, path, BODIES.get((part, method)))


@pytest.mark.promise("items.restricted", "errors.method")
@pytest.mark.parametrize("route", [route for route in ROUTES if route.name in OF_ITEMS], ids=lambda route: route.name)
def test_items_know_no_other_methods(world: Any, route: Route) -> None:
    of_version = "-versions-" in route.name
    one: tuple[str, ...] = ("get", "put", "patch", "delete") if of_version else ("get", "put", "delete")
    read_only = not of_version and route.name.endswith(("events", "-aliases-list", "-history", "-proposals-detail"))
    many = ("get",) if read_only else ("get", "post")
    decision = route.name.endswith(("-approve", "-reject", "-withdraw"))
    is_one = of_version or route.name.endswith("detail")
    expected = one if is_one and not read_only else ("post",) if decision else many
    assert route.methods == (many if route.name.endswith("list") else expected)
    path = "/" + route.template.format(**UNKNOWN)
    for method in set(METHODS) - set(route.methods) - {"head"}:
        assert world.acme.owner.api.request(method, path, headers=RESUMABLE).status_code == 405


@pytest.mark.promise("aliases.holders")
def test_holders_of_an_alias_are_listed_for_readers_of_the_item(place: Any) -> None:
    for caller in CALLERS:
        response = _send(place, caller, "get", "aliases/production?at=2100-01-01&limit=50")
        if caller not in USERS:
            assert_error(response, "authentication_error")
            continue
        expected = {item for (_, visibility), item in place.items.items() if caller in READERS[visibility]}
        page = ok(response)
        assert {document["_id"] for document in page["docs"]} == expected, caller
        assert page["totalDocs"] == len(expected), caller


@pytest.mark.promise("items.other-tenant")
@pytest.mark.parametrize("kind", KINDS)
def test_an_item_is_not_found_among_those_of_another_kind(place: Any, kind: str) -> None:
    for other in KINDS:
        if other != kind:
            path = f"{other}/{place.items[kind, 'public']}"
            suffixes = ("", "/versions", "/versions/file.bin", "/versions/1/files", "/versions/1/files/file.bin")
            for suffix in (*suffixes, "/aliases", "/aliases/production"):
                assert_error(place.acme.owner.api.get(path + suffix), "resource_not_found")
            assert_error(place.acme.owner.api.delete(path), "resource_not_found")
