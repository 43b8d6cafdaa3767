"""Totals are cached until something is written, and are exact after every kind of write, in every process."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from folksonomy import synonyms
from tenants.identity.services import create_tenant
from tenants.log.entries import Answered
from tenants.log.recording import keep
from tenants.models import RequestLog
from tenants.rows.fences import edition_of
from tenants.rows.fields import now
from tests.answers import ok
from tests.catalog.items import KINDS, create
from tests.fixtures import PASSWORD
from tests.remembered import remembered
from tests.routes import ENDS_OF_VERSIONS, ROUTES
from tests.served import Served
from tests.talk import administrator, at_once, created
from tests.versions import tus
from tests.versions.drafts import draft_path

CALLERS = ("admin", "shared", "other")
FILTERS: tuple[Any, ...] = (
    "",
    {"tags": "used"},
    {"metadata.size": {"$gte": 1}},
    {"visibility": "public"},
    {"versions.original": "file.bin"},
    {"versions.original": "other.bin"},
    {"versions.tags": "seen"},
    {"versions.metadata.reached": {"$gte": 1}},
    {"aliases.old": "2"},
    {"aliases.new": "1"},
)
READS = ("get", "head", "options")
BODY = {"users": ["shared"], "tags": ["used"], "metadata": [{"name": "size", "value": 1}]}
RENEWED = {
    "users": {"remove": ["shared"], "add": ["other"]},
    "tags": {"remove": ["used"]},
    "metadata": {"remove": [{"name": "size"}]},
    "visibility": "public",
}


@pytest.fixture
def place(world: Any, settings: Any) -> Any:
    """A tenant with two items of each kind, each with a version; `place.paths` are the paths of the first ones."""
    settings.DEMO, settings.DEFAULT_TENANT_DEMO = True, "acme"
    world.paths = remembered(_items, world.acme.owner.api)
    return world


def _items(api: Any) -> dict[str, str]:
    """Create the items; return the paths of the first ones by kind."""
    paths: dict[str, str] = {}
    for kind in KINDS:
        for name in ("first", "second"):
            path = f"{kind}/{create(api, kind, name=name, **BODY)['_id']}"
            paths.setdefault(kind, path)
            ok(api.upload(f"{path}/versions", "file.bin", b"bytes"))
            ok(api.upload(f"{path}/versions", "aliased.bin", b"bytes"))
            ok(api.put(f"{path}/aliases/old", json={"version": "aliased.bin"}))
    return paths


def _create(kind: str) -> Callable[[Any], Any]:
    return lambda place: place.acme.owner.api.post(kind, json=[{"name": "a"} | BODY, {"name": "b"}])


def _change(kind: str) -> Callable[[Any], Any]:
    more = {} if kind == "datasets" else {"status": "test"}
    return lambda place: place.acme.owner.api.put(place.paths[kind], json=RENEWED | more)


def _upload(kind: str) -> Callable[[Any], Any]:
    return lambda place: place.acme.owner.api.upload(f"{place.paths[kind]}/versions", "other.bin", b"more")


def _stream(kind: str) -> Callable[[Any], Any]:
    return lambda place: place.acme.owner.api.put(
        f"{place.paths[kind]}/versions/other.bin", data=b"more", content_type="application/octet-stream"
    )


def _point(kind: str, alias: str) -> Callable[[Any], Any]:
    return lambda place: place.acme.owner.api.put(f"{place.paths[kind]}/aliases/{alias}", json={"version": "1"})


def _approve(kind: str) -> Callable[[Any], Any]:
    def approve(place: Any) -> Any:
        proposals = f"{place.paths[kind]}/aliases/new/proposals"
        ok(place.acme.admin.api.post("protection", json={"name": "r", "aliases": "new", "approvals": 1}))
        proposal = ok(place.acme.owner.api.post(proposals, json={"version": "1"}))["_id"]
        return place.acme.admin.api.post(f"{proposals}/{proposal}/approve")

    return approve


def _tus(api: Any, item: str) -> Any:
    names = tus.encoded(item=item.rpartition("/")[2], path="other.bin")
    return tus.post(api, 3, b"abc", Upload_Metadata=names)


def _describe(kind: str) -> Callable[[Any], Any]:
    change = {"description": "better", "tags": {"add": ["seen"]}}
    return lambda place: place.acme.owner.api.patch(f"{place.paths[kind]}/versions/file.bin", json=change)


def _delete(kind: str, part: str = "") -> Callable[[Any], Any]:
    return lambda place: place.acme.owner.api.delete(f"{place.paths[kind]}{part}")


def _publish(place: Any) -> Any:
    body = {"model": place.paths["models"].rpartition("/")[2]}
    return place.acme.owner.api.post(f"{draft_path(place.acme.owner)}/publish", json=body)


def _merge(place: Any, words: str = "tags", word: str = "used", into: str = "reused") -> Any:
    return place.acme.admin.api.post(f"merges/{words}", json={"word": word, "into": into, "rename": True})


# Every route and method that changes items or versions, with a function that calls it.
WRITES: dict[str, Callable[[Any], Any]] = {
    "demo-post": lambda place: place.acme.admin.api.post("demo"),
    "demo-delete": lambda place: place.acme.admin.api.post("demo") and place.acme.admin.api.delete("demo"),
    "drafts-publish-post": _publish,
    "uploads-list-post": lambda place: _tus(place.acme.owner.api, place.paths["models"]),
    "merges/tags-post": _merge,
    "merges/metadata-post": lambda place: _merge(place, "metadata", "size", "extent"),
    "events-undo-post": lambda place: place.acme.admin.api.post(f"events/{ok(_merge(place))['event']}/undo"),
    "users-detail-delete": lambda place: place.acme.admin.api.delete(f"users/{place.acme.shared.pk}"),
}
OF_READERS = ("models-detail-put", "users-detail-delete")  # they change who may read
SAME = ("demo-delete", "merges/tags-post", "merges/metadata-post", "events-undo-post")  # the totals stay
# Routes that change neither; another test covers the deletion of a tenant.
OTHERS = {
    *("login-alias-post", "login-alias-put", "login-post", "login-put", "self-put", "self/reset-post"),
    *(
        "login-page-post",
        "logout-page-post",
        "forgot-page-post",
        "theme-page-post",
        "words-page-post",  # merges by the services of `merges/tags`
        "tenants-list-post",
        "tenants-detail-put",
        "tenants-detail-delete",
        "users-list-post",
        "users-detail-put",
    ),
    *("tokens-list-post", "tokens-detail-delete"),
    *("views-list-post", "views-detail-put", "views-detail-delete"),
    *("protection-list-post", "protection-detail-put", "protection-detail-delete"),
    *("uploads-detail-patch", "uploads-detail-post", "uploads-detail-delete"),
    *("tags-list-post", "tags-detail-delete", "metadata-list-post", "metadata-detail-delete"),
    *("duplicates/tags-post", "duplicates/metadata-post"),
    *("tags-detail-put", "metadata-detail-put", "drafts-detail-put", "drafts-detail-delete"),
}
for kind in KINDS:
    WRITES |= {
        f"{kind}-list-post": _create(kind),
        f"{kind}-detail-put": _change(kind),
        f"{kind}-detail-delete": _delete(kind),
        f"{kind}-versions-list-post": _upload(kind),
        f"{kind}-versions-detail-put": _stream(kind),
        f"{kind}-versions-detail-patch": _describe(kind),
        f"{kind}-versions-detail-delete": _delete(kind, "/versions/file.bin"),
        f"{kind}-aliases-detail-put": _point(kind, "new"),
        f"{kind}-aliases-detail-delete": _delete(kind, "/aliases/old"),
        f"{kind}-proposals-approve-post": _approve(kind),
    }
    OTHERS |= {f"{kind}-proposals-{end}-post" for end in ("list", "reject", "withdraw")}


def test_every_route_that_writes_says_whether_it_changes_items() -> None:
    routes = [route for route in ROUTES if not route.name.endswith(ENDS_OF_VERSIONS)]
    writing = {f"{route.name}-{method}" for route in routes for method in route.methods if method not in READS}
    assert writing == set(WRITES) | OTHERS


def _totals(place: Any, kind: str, limit: str, callers: Sequence[str]) -> dict[Any, int]:
    """Return the totals of some lists for these users."""
    lists = [(caller, filter) for caller in callers if hasattr(place.acme, caller) for filter in FILTERS]
    return {
        (caller, str(filter)): ok(getattr(place.acme, caller).api.get(kind, query={"limit": limit, "filter": filter}))[
            "totalDocs"
        ]
        for caller, filter in lists
    }


@pytest.mark.promise("lists.total")
@pytest.mark.parametrize("write", WRITES)
def test_totals_are_exact_after_every_kind_of_write(place: Any, write: str) -> None:
    kind = next((kind for kind in KINDS if write.startswith(kind)), "models")
    callers = CALLERS if write in OF_READERS else ("shared",)  # totals of all are kept with the same edition
    edition, before = edition_of("acme"), _totals(place, kind, "1", callers)
    assert WRITES[write](place).status_code in (200, 201)
    assert edition_of("acme") != edition
    if write == "users-detail-delete":
        del place.acme.shared
    after = _totals(place, kind, "1", callers)
    assert after != before or write in SAME
    assert after == _totals(place, kind, "1000", callers), (
        "a page that holds all rows tells their number without a count"
    )


@pytest.mark.promise("lists.total")
def test_a_recreated_tenant_has_no_cached_totals_of_the_old_one(place: Any) -> None:
    edition = edition_of("acme")
    ok(place.operator.delete("tenants/acme"))
    create_tenant(id="acme", email="info@acme.example", admin_username="admin", admin_password=PASSWORD)
    assert edition_of("acme") != edition


@pytest.mark.promise("lists.total")
def test_a_total_is_counted_once_until_something_changes(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synonyms, "_without", {"acme": float("inf")})

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            ok(place.acme.owner.api.get("models", query={"limit": "1", "filter": {"metadata.size": 1}}))
        return len(captured)

    counting, knowing = queries(), queries()
    assert knowing == queries() == counting - 1
    create(place.acme.other.api, name="third")
    assert queries() == counting


@pytest.mark.promise("lists.total")
def test_a_failed_write_keeps_the_edition(place: Any) -> None:
    edition = edition_of("acme")
    assert place.acme.owner.api.post("models", json={"name": "first"}).status_code == 400
    assert place.acme.owner.api.put(place.paths["models"], json={"users": {"add": ["nobody"]}}).status_code == 400
    assert edition_of("acme") == edition


@pytest.mark.promise("lists.total")
def test_the_request_log_keeps_the_edition(place: Any) -> None:
    edition = edition_of("acme")
    keep([Answered("acme", now(), None, "", "GET", "/here", "", 200, 1.0, "")], "acme")
    assert RequestLog.objects.of("acme").filter(url="/here").exists()
    assert edition_of("acme") == edition


def _total(client: Any, tag: str) -> int:
    return int(client.get("/models", params={"limit": 1, "filter": f'{{"tags": "{tag}"}}'}).json()["totalDocs"])


@pytest.mark.promise("lists.total")
def test_no_process_answers_an_outdated_total_after_a_write_in_another(served: Served) -> None:
    tag = uuid4().hex
    with administrator(served) as client:
        for number in range(1, 6):
            item = created(client, "models", name=f"{tag}-{number}", tags=[tag])
            assert set(at_once(lambda _: _total(client, tag), 16)) == {number}, "several connections, to all processes"
        client.delete(f"/models/{item}")
        assert set(at_once(lambda _: _total(client, tag), 16)) == {4}


@pytest.mark.promise("lists.total")
def test_totals_are_exact_during_concurrent_writes(served: Served) -> None:
    tag, lock, numbers = uuid4().hex, Lock(), {"begun": 1, "done": 1}

    def write_and_read(index: int) -> None:
        with lock:
            numbers["begun"] += 1
        created(client, "models", name=f"{tag}-{index}", tags=[tag])
        with lock:
            numbers["done"] += 1
        for _ in range(3):
            least = numbers["done"]
            total = _total(client, tag)
            assert least <= total <= numbers["begun"]

    with administrator(served) as client:
        created(client, "models", name=tag, tags=[tag])
        at_once(write_and_read, 20)
        assert _total(client, tag) == 21
