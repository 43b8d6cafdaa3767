"""Every route that writes leaves an event by its caller; a request that is refused or fails leaves none."""

from collections.abc import Callable
from typing import Any

import pytest

from tenants.identity.resets import digest_of
from tenants.models import Event, PasswordReset, User
from tenants.rows.fields import now
from tests.answers import ok
from tests.catalog.items import KINDS, SINGULAR, create
from tests.client import BrowserClient
from tests.routes import ENDS_OF_VERSIONS, ROUTES
from tests.versions import tus
from tests.versions.drafts import draft_path

WRITING = {"post", "put", "patch", "delete"}
# Routes whose writes change nothing that the ledger tells: logins, requests of mails, unfinished uploads.
UNRECORDED = {
    ("login", "post"),
    ("login", "put"),
    ("login-alias", "post"),
    ("login-alias", "put"),
    ("login-page", "post"),
    ("logout-page", "post"),
    ("forgot-page", "post"),
    ("theme-page", "post"),
    ("self/reset", "post"),
    ("uploads-detail", "patch"),
    ("uploads-detail", "post"),
    ("uploads-detail", "delete"),
    ("drafts-detail", "put"),
}
Send = Callable[[Any, Any], Any]  # (the world, a client) -> the response


def _item(world: Any, kind: str) -> str:
    return create(world.acme.owner.api, kind, name=f"item {Event.objects.count()}")["_id"]


def _version(world: Any, kind: str) -> str:
    path = f"{kind}/{_item(world, kind)}/versions"
    ok(world.acme.owner.api.upload(path, "file.bin", b"bytes"))
    return f"{path}/file.bin"


def _tus(world: Any, api: Any) -> Any:
    return tus.post(api, 3, b"abc", Upload_Metadata=tus.encoded(item=_item(world, "models"), path="up.bin"))


def _word(world: Any, words: str) -> str:
    return ok(world.acme.admin.api.post(words, json={"_id": f"word {Event.objects.count()}"}))["_id"]


def _merge(world: Any, api: Any, words: str) -> Any:
    return api.post(f"merges/{words}", json={"word": _word(world, words), "into": _word(world, words)})


def _aliased(world: Any, kind: str) -> str:
    """Return the path of an alias that points at a version."""
    path = _version(world, kind).removesuffix("/versions/file.bin") + "/aliases/staging"
    ok(world.acme.owner.api.put(path, json={"version": "1"}))
    return path


def _view(api: Any) -> str:
    return f"views/{ok(api.post('views', json={'name': f'view {Event.objects.count()}', 'list': 'models'}))['_id']}"


def _rule(world: Any, **fields: Any) -> str:
    body = {"name": f"rule {Event.objects.count()}", "aliases": "staging"} | fields
    return f"protection/{ok(world.acme.admin.api.post('protection', json=body))['_id']}"


def _proposal(world: Any, kind: str) -> str:
    path = _aliased(world, kind)
    _rule(world, approvals=1)
    return f"{path}/proposals/{ok(world.acme.owner.api.post(f'{path}/proposals', json={'version': '1'}))['_id']}"


def _reset(world: Any, api: Any) -> Any:
    PasswordReset(digest=digest_of("secret"), user=world.acme.other, expires=now().replace(year=2100)).save()
    return api.put("self", json={"tenant": "acme", "reset": "secret", "password": "Another1!x"})


TOKEN = {"name": "ci", "scopes": ["models:read"], "expires": "90d"}
OWNER, ADMIN, OPERATOR, ANYONE = "owner", "admin", "operator", "other"
# Route and method -> who sends which request, and the type of the event that it leaves.
WRITES: dict[tuple[str, str], tuple[str, Send, str]] = {
    ("users-list", "post"): (
        ADMIN,
        lambda world, api: api.post("users", json={"username": "new", "password": "Passw0rd!x"}),
        "user.created",
    ),
    ("users-detail", "put"): (
        ADMIN,
        lambda world, api: api.put("users/shared", json={"email": "new@acme.example"}),
        "user.updated",
    ),
    ("users-detail", "delete"): (ADMIN, lambda world, api: api.delete("users/shared"), "user.deleted"),
    ("tenants-list", "post"): (
        OPERATOR,
        lambda world, api: api.post("tenants", json={"_id": "new", "email": "new@new.example"}),
        "tenant.created",
    ),
    ("tenants-detail", "put"): (
        OPERATOR,
        lambda world, api: api.put("tenants/acme", json={"phone": "1"}),
        "tenant.updated",
    ),
    ("tenants-detail", "delete"): (OPERATOR, lambda world, api: api.delete("tenants/rival"), "tenant.deleted"),
    ("tokens-list", "post"): (OWNER, lambda world, api: api.post("tokens", json=TOKEN), "token.created"),
    ("tokens-detail", "delete"): (
        OWNER,
        lambda world, api: api.delete(f"tokens/{ok(api.post('tokens', json=TOKEN))['_id']}"),
        "token.revoked",
    ),
    ("self", "put"): (ANYONE, _reset, "user.password_changed"),
    ("demo", "post"): (ADMIN, lambda world, api: api.post("demo"), "model.created"),
    ("demo", "delete"): (ADMIN, lambda world, api: (ok(api.post("demo")), api.delete("demo"))[1], "model.deleted"),
    ("uploads-list", "post"): (OWNER, _tus, "version.created"),
    ("words-page", "post"): (
        ADMIN,
        lambda world, api: BrowserClient("acme", "admin", world.password).submit(
            "/words.html", action="describe", of="tags", word=_word(world, "tags"), description="new"
        ),
        "tag.updated",
    ),
    ("views-list", "post"): (
        OWNER,
        lambda world, api: api.post("views", json={"name": "new", "list": "models"}),
        "view.created",
    ),
    ("views-detail", "put"): (OWNER, lambda world, api: api.put(_view(api), json={"shared": True}), "view.updated"),
    ("views-detail", "delete"): (OWNER, lambda world, api: api.delete(_view(api)), "view.deleted"),
    ("drafts-detail", "delete"): (OWNER, lambda world, api: api.delete(draft_path(world.acme.owner)), "draft.deleted"),
    ("drafts-publish", "post"): (
        OWNER,
        lambda world, api: api.post(f"{draft_path(world.acme.owner)}/publish", json={"model": _item(world, "models")}),
        "version.created",
    ),
    ("protection-list", "post"): (
        ADMIN,
        lambda world, api: api.post("protection", json={"name": "new", "aliases": "*"}),
        "protection.created",
    ),
    ("protection-detail", "put"): (
        ADMIN,
        lambda world, api: api.put(_rule(world), json={"approvals": 2}),
        "protection.updated",
    ),
    ("protection-detail", "delete"): (ADMIN, lambda world, api: api.delete(_rule(world)), "protection.deleted"),
}
WRITES["events-undo", "post"] = (
    ADMIN,
    lambda world, api: api.post(f"events/{ok(_merge(world, api, 'tags'))['event']}/undo"),
    "tag.restored",
)
for verb, who, type in (
    ("approve", ADMIN, "approved"),
    ("reject", ADMIN, "rejected"),
    ("withdraw", OWNER, "withdrawn"),
):
    for kind in KINDS:
        WRITES[f"{kind}-proposals-{verb}", "post"] = (
            who,
            lambda world, api, kind=kind, verb=verb: api.post(f"{_proposal(world, kind)}/{verb}"),
            f"proposal.{type}",
        )
for words, kind in (("tags", "tag"), ("metadata", "metadata")):
    WRITES |= {
        (f"{words}-list", "post"): (
            ADMIN,
            lambda world, api, words=words: api.post(words, json={"_id": "new word"}),
            f"{kind}.created",
        ),
        (f"{words}-detail", "put"): (
            ADMIN,
            lambda world, api, words=words: api.put(f"{words}/{_word(world, words)}", json={"description": "x"}),
            f"{kind}.updated",
        ),
        (f"duplicates/{words}", "post"): (
            ADMIN,
            lambda world, api, words=words: api.post(
                f"duplicates/{words}", json={"words": [_word(world, words), _word(world, words)]}
            ),
            f"{kind}.dismissed",
        ),
        (f"merges/{words}", "post"): (
            ADMIN,
            lambda world, api, words=words: _merge(world, api, words),
            f"{kind}.merged",
        ),
        (f"{words}-detail", "delete"): (
            ADMIN,
            lambda world, api, words=words: api.delete(f"{words}/{_word(world, words)}"),
            f"{kind}.deleted",
        ),
    }
for kind in KINDS:
    WRITES |= {
        (f"{kind}-list", "post"): (
            OWNER,
            lambda world, api, kind=kind: api.post(kind, json={"name": "new", "tags": ["new"]}),
            f"{SINGULAR[kind]}.created",
        ),
        (f"{kind}-detail", "put"): (
            OWNER,
            lambda world, api, kind=kind: api.put(f"{kind}/{_item(world, kind)}", json={"visibility": "public"}),
            f"{SINGULAR[kind]}.updated",
        ),
        (f"{kind}-detail", "delete"): (
            OWNER,
            lambda world, api, kind=kind: api.delete(f"{kind}/{_item(world, kind)}"),
            f"{SINGULAR[kind]}.deleted",
        ),
        (f"{kind}-versions-list", "post"): (
            OWNER,
            lambda world, api, kind=kind: api.upload(f"{kind}/{_item(world, kind)}/versions", "f.bin", b"bytes"),
            "version.created",
        ),
        (f"{kind}-versions-detail", "put"): (
            OWNER,
            lambda world, api, kind=kind: api.put(
                f"{kind}/{_item(world, kind)}/versions/f.bin", data=b"x", content_type="application/octet-stream"
            ),
            "version.created",
        ),
        (f"{kind}-versions-detail", "patch"): (
            OWNER,
            lambda world, api, kind=kind: api.patch(_version(world, kind), json={"description": "better"}),
            "version.updated",
        ),
        (f"{kind}-versions-detail", "delete"): (
            OWNER,
            lambda world, api, kind=kind: api.delete(_version(world, kind)),
            "version.deleted",
        ),
        (f"{kind}-aliases-detail", "put"): (
            OWNER,
            lambda world, api, kind=kind: api.put(f"{_aliased(world, kind)}-2", json={"version": "1"}),
            "alias.set",
        ),
        (f"{kind}-aliases-detail", "delete"): (
            OWNER,
            lambda world, api, kind=kind: api.delete(_aliased(world, kind)),
            "alias.removed",
        ),
        (f"{kind}-proposals-list", "post"): (
            OWNER,
            lambda world, api, kind=kind: api.post(f"{_aliased(world, kind)}/proposals", json={"version": "1"}),
            "proposal.created",
        ),
    }


@pytest.fixture
def place(world: Any, settings: Any) -> Any:
    settings.DEMO, settings.DEFAULT_TENANT_DEMO = True, "acme"
    return world


def _events() -> set[str]:
    return set(Event.objects.values_list("pk", flat=True))


@pytest.mark.promise("events.every-write")
def test_every_writing_route_is_listed() -> None:
    routes = [route for route in ROUTES if not route.name.endswith(ENDS_OF_VERSIONS)]
    known = {(route.name, method) for route in routes for method in route.methods if method in WRITING}
    assert known - UNRECORDED - set(WRITES) == set(), "list in this file which event the route leaves"
    assert (UNRECORDED | set(WRITES)) - known == set(), "the route is gone"


@pytest.mark.promise("events.every-write")
@pytest.mark.parametrize("write", WRITES, ids=" ".join)
def test_a_write_leaves_an_event_by_its_caller(place: Any, write: tuple[str, str]) -> None:
    who, send, type = WRITES[write]
    api = place.operator if who == OPERATOR else getattr(place.acme, who).api
    response = send(place, api)
    assert response.status_code in (200, 201, 303), response
    event = Event.objects.filter(type=type).order_by("-id").first()
    assert event is not None
    assert event.actor_name == {OPERATOR: ""}.get(who, who) or write[0] == "demo"


BAD: dict[str, list[Any]] = {
    "post": [{}, {"name": ""}, {"name": "x", "users": ["nobody"]}, {"name": "x", "metadata": 1}, [], "text"],
    "put": [{}, {"_id": "x"}, {"tags": {"remove": ["unknown"]}}, {"users": {"add": ["nobody"]}}, "text"],
    "patch": [{}, {"sha256": "x"}, {"metadata": {"update": [{"name": "none", "new": {"name": "x", "value": 1}}]}}],
    "delete": [None],
}


@pytest.mark.promise("events.none-refused")
def test_a_refused_write_leaves_no_event(place: Any) -> None:
    api, other = place.acme.owner.api, place.acme.other.api
    used = create(api, "datasets", name="used", visibility="public", tags=["used"])
    item = create(api, name="there", visibility="public", datasets=["used"], tags=["used"])
    ok(api.upload(f"models/{item['_id']}/versions", "f.bin", b"x"))
    paths = {"pk": item["_id"], "version": "f.bin", "file": "f.bin", "alias": "staging", "proposal": "0" * 24}
    before = _events()
    for route in ROUTES:
        for method in set(route.methods) & WRITING:
            for body in BAD[method]:
                options = {} if body is None else {"json": body}
                path = "/" + route.template.format(**paths)
                for caller in (other, place.rival.owner.api, place.anonymous):
                    caller.request(method, path, **options)
    for response in (
        api.post("models", json={"name": "there"}),
        api.put(f"models/{item['_id']}", json={"tags": {"add": ["new"]}, "users": {"add": ["nobody"]}}),
        api.upload(f"models/{item['_id']}/versions", "f.bin", b"x", query={"ordinal": "1"}),
        api.delete(f"datasets/{used['_id']}"),
        place.acme.admin.api.delete("tags/used"),
        place.acme.admin.api.delete("users/owner"),
        place.acme.admin.api.put("users/shared", json={"password": "weak"}),
        place.operator.delete("tenants/unknown"),
        api.put(f"models/{item['_id']}/aliases/staging", json={"version": "9"}),
        api.delete(f"models/{item['_id']}/aliases/staging"),
    ):
        assert response.status_code >= 400
    assert _events() == before


@pytest.mark.promise("events.every-write")
def test_a_bulk_creation_leaves_an_event_for_each_element_that_was_created(world: Any) -> None:
    bodies = [{"name": f"n{number}", "tags": ["new"]} for number in range(5)] + [{"name": "n0"}, {}]
    answer = world.acme.owner.api.post("models", json=bodies)
    assert answer.status_code == 202
    created = Event.objects.of("acme").filter(type="model.created")
    assert set(created.values_list("item_id", flat=True)) == {each["_id"] for each in answer.json()["models"]}
    assert Event.objects.of("acme").filter(type="tag.created").count() == 1


@pytest.mark.promise("events.secrets")
def test_a_password_is_in_no_event(world: Any) -> None:
    api = world.acme.admin.api
    ok(api.post("users", json={"username": "ada", "password": "Secret-Passw0rd", "email": "ada@acme.example"}))
    ok(api.put("users/ada", json={"password": "Secret-Passw0rd-2"}))
    ok(world.operator.post("tenants", json={"_id": "t", "email": "t@t.example", "admin_password": "Secret-Passw0rd-3"}))
    event = Event.objects.get(type="user.password_changed")
    assert event.changes == '{"password":[null,null]}'
    hashes = list(User.objects.values_list("password", flat=True))
    for each in Event.objects.all():
        assert "Secret" not in each.changes
        assert not any(hash in each.changes for hash in hashes)


@pytest.mark.promise("events.admin-site")
def test_an_event_names_the_superuser_who_changed_something(desk: Any, world: Any) -> None:
    item = create(world.acme.owner.api, tags=["old"])
    word = Event.objects.get(type="tag.created").item_id
    desk.post("folksonomy/tag/", action="rename", _selected_action=[word], asked="1", confirmed="1", name="new")
    desk.post(f"catalog/model/{item['_id']}/delete/", post="yes")
    desk.post(f"tenants/user/{world.acme.shared.pk}/delete/", post="yes")
    for type in ("tag.created", "tag.renamed", "model.updated", "model.deleted", "user.deleted"):
        event = Event.objects.of("acme").filter(type=type).order_by("-id").first()
        assert event is not None, type
        assert event.actor_id == desk.user.pk, type


@pytest.mark.promise("protection.events")
def test_the_events_of_an_alias_tell_from_where_to_where_and_why(world: Any) -> None:
    api, path = world.acme.owner.api, _aliased(world, "models")
    ok(api.upload(path.replace("aliases/staging", "versions"), "2.bin", b"x"))
    ok(api.put(path, json={"version": "2", "reason": "better"}))
    ok(api.delete(path))
    events = Event.objects.of("acme").filter(type__startswith="alias.").order_by("id")
    told = [(each.type, each.to_api()["changes"]["aliases"], each.version, each.reason) for each in events]
    assert told == [
        ("alias.set", [{}, {"staging": "1"}], "1", ""),
        ("alias.moved", [{"staging": "1"}, {"staging": "2"}], "2", "better"),
        ("alias.removed", [{"staging": "2"}, {}], None, ""),
    ]
    assert {each.item_id for each in events} == {path.split("/")[1]}
    revisions = [each.revision or 0 for each in events]
    assert revisions == sorted(set(revisions))
