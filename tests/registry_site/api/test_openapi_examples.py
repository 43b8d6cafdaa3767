"""The examples of the OpenAPI document are correct: each request gets the documented response."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from django.core.cache import cache
from jsonschema import Draft202012Validator

from catalog.aliases.models import AliasMove, Proposal
from registry_site.api.openapi.document import openapi
from tenants.identity import authentication, services
from tenants.identity.machine_tokens import create_token
from tenants.identity.resets import digest_of
from tenants.models import PasswordReset, RequestLog, User
from tenants.rest.documentation import GRACE, ITEM, MOVE, PROPOSAL, REQUEST, RULE, TOKEN, VERSION, VIEW
from tenants.rows.fields import iso, now
from tests.answers import ok
from tests.client import ApiClient
from tests.registry_site.api.test_schema import operations
from tests.remembered import remembered
from tests.versions.tus import begin
from versions import draft_files, drafts
from versions.models import Version
from versions.sent import NewFile
from versions.storage import store

DOCUMENT = openapi()
FILE = b"test"
DATA = ("aliases", "changes")  # fields with objects whose keys are data
IN = {"query": "query", "header": "headers"}  # the parameter of a client's method
FORM, BINARY, JSON = "multipart/form-data", "application/octet-stream", "application/json"
BINARIES = (BINARY, "application/offset+octet-stream")


@dataclass(frozen=True)
class Request:
    """An operation with one of its examples, and perhaps one of its optional parameters."""

    path: str
    method: str
    operation: Any
    media_type: str = ""
    example: str = ""
    body: Any = None
    parameter: Any = None


def _example(parameter: Any) -> str:
    return str(parameter["example"] if "example" in parameter else parameter["examples"]["Example"]["value"])


def _requests(name: str, operation: Any) -> Iterator[Request]:
    """Yield a request for each example of the body, and one for each optional parameter."""
    method, path = name.split(" ")
    bodies = [
        Request(path, method, operation, media_type, example, described["value"])
        for media_type, media in operation.get("requestBody", {}).get("content", {}).items()
        for example, described in media.get("examples", {"": {"value": None}}).items()
    ] or [Request(path, method, operation)]
    optional = [parameter for parameter in operation.get("parameters", ()) if not parameter.get("required")]
    yield from bodies if method != "delete" or not optional else ()  # what is deleted is gone for the next request
    for parameter in optional:
        yield replace(bodies[-1], parameter=parameter)


OPERATIONS = {operation["operationId"]: [*_requests(name, operation)] for name, operation in operations(DOCUMENT)}


@pytest.fixture
def place(db: None, uploads: Any, settings: Any) -> SimpleNamespace:
    """A registry with the resources of the examples; `ids` maps the examples' ids to the real ones."""
    cache.clear()
    settings.DEMO, settings.DEFAULT_TENANT_DEMO = True, "acme"
    ids, admin = remembered(_resources)
    ada = ApiClient(authentication.issue_token(User.objects.get(pk=admin)))
    return SimpleNamespace(ada=ada, ids=ids, operator=ApiClient(settings.API_TOKEN))


def _resources() -> tuple[dict[Any, str], str]:
    """Create the resources; return their ids by those of the examples, and the administrator's id."""
    acme = services.create_tenant(
        id="acme", email="info@acme.example", admin_username="ada", admin_password="An3ngine!"
    )
    services.create_tenant(id="globex", email="info@globex.example", admin_password="Gr33n-field")
    grace = services.create_user(tenant=acme.tenant, username="grace", password="C0b0l-59", email="grace@acme.example")
    expires = now() + timedelta(hours=1)
    PasswordReset(digest=digest_of("the-secret-of-the-link"), user=grace, expires=expires).save(force_insert=True)
    logged = RequestLog(
        tenant_id="acme",
        date=now(),
        user_id=acme.admin.pk,
        username="ada",
        method="GET",
        url="/",
        status=404,
        duration_ms=1,
    )
    logged.save()
    ada = ApiClient(authentication.issue_token(acme.admin))
    for words, name in (("tags", "vision"), ("tags", "draft"), ("metadata", "licence")):
        ok(ada.post(words, json={"_id": name}))
    for words in ("tags", "metadata"):
        for name in ("machine-vision", "vision", "draft"):
            ada.post(words, json={"_id": name})
    for name in ("undone", "into"):
        ok(ada.post("tags", json={"_id": name}))
    undone = ok(ada.post("merges/tags", json={"word": "undone", "into": "into"}))["event"]
    ok(ada.post("datasets", json={"name": "churn-2025"}))
    token = create_token(by=acme.admin, name="other", scopes=["models:read"], expires=None).token
    ids: dict[Any, str] = {("events", ITEM): undone, GRACE: grace.pk, REQUEST: logged.pk, TOKEN: token.pk}
    rule = {"name": "release", "aliases": "stable", "users": ["ada"], "condition": {"metadata.accuracy": {"$gte": 0}}}
    ids[VIEW] = ok(ada.post("views", json={"name": "kept", "list": "models"}))["_id"]
    ids[RULE] = ok(ada.post("protection", json=rule))["_id"]
    for kind in ("models", "datasets", "algorithms"):
        body = {
            "name": "baseline",
            "users": ["grace"],
            "tags": ["customers"],
            "metadata": [{"name": "accuracy", "value": 0.9}],
        }
        body |= {} if kind == "datasets" else {"datasets": ["churn-2025"]}
        item = ok(ada.post(kind, json=body))["_id"]
        versions = f"{kind}/{item}/versions"
        ok(ada.upload(f"{versions}?ordinal=2", "churn.onnx", FILE))
        copies = [{"path": path, "version": "2", "from": "churn.onnx"} for path in ("churn.onnx", "again.onnx")]
        ok(ada.post(f"{versions}?ordinal=1", json={"original": "reviewed", "files": copies}))
        ok(ada.put(f"{kind}/{item}/aliases/production", json={"version": "1"}))
        ids |= {(kind, ITEM): item, (kind, VERSION): Version.objects.get(subject=item, original="churn.onnx").pk}
        proposal = Proposal(tenant_id="acme", subject=item, alias="production", ordinal="2", author_id=grace.pk)
        proposal.version, proposal.author_name = ids[kind, VERSION], "grace"
        proposal.save(force_insert=True)
        ids[kind, PROPOSAL] = proposal.pk
        ids |= {(kind, MOVE): AliasMove.objects.get(subject=item).pk, ("aliases", ITEM): item, ("compare", ITEM): item}
    ids["uploads", ITEM] = begin(ada, len(FILE)).rpartition("/")[2]
    ids["drafts", ITEM] = _draft(acme.admin)
    return ids, acme.admin.pk


def _draft(owner: Any) -> str:
    """Return the id of a draft with a file and values."""
    values: Any = {"params": [{"name": "p", "value": "1"}], "metrics": []}
    values["metrics"] = [{"name": "m", "value": 1.0, "step": 0, "timestamp": 0}]
    draft = drafts.begin(owner=owner, kind="run", name="run", status="FINISHED", **values)
    with store().receive() as incoming:
        incoming.write(FILE)
        draft_files.put_file(draft=draft, file=NewFile("model/churn.onnx", "x/y", incoming.finish(), 0))
    return draft.pk


def _real(place: Any, kind: list[str], parameter: Any) -> str:
    """Return a parameter's example, or the real id in place of an example's."""
    example = _example(parameter)
    if parameter["name"] == "at":
        return str(iso(now()))  # the resources of the tests are younger than the example
    return str(place.ids.get((*kind, example)) or place.ids.get(example) or example)


def _send(place: Any, request: Request) -> Any:
    callers = {"token": place.ada, "apiToken": place.operator}
    security = [name for each in request.operation.get("security", ()) for name in each]
    path, kind = request.path, request.path.split("/")[2:3]
    for parameter in request.operation.get("parameters", ()):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(_real(place, kind, parameter), safe=""))
    options: dict[str, Any] = {"query": {}, "headers": {}}
    for parameter in [each for each in request.operation.get("parameters", ()) if each.get("required")]:
        if parameter["in"] != "path":
            options[IN[parameter["in"]]][parameter["name"]] = _example(parameter)
    if request.parameter:
        options[IN[request.parameter["in"]]][request.parameter["name"]] = _real(place, kind, request.parameter)
    caller = callers[security[0]] if security else ApiClient()
    if request.media_type == FORM:
        fields = {name: value for name, value in request.body.items() if name != "file"}
        assert request.body["file"].encode() == FILE
        return caller.upload(path, "churn.onnx", FILE, fields=fields, **options)
    if request.media_type in BINARIES:
        return caller.request(request.method, path, data=FILE, content_type=request.media_type, **options)
    if request.media_type:
        options["json"] = request.body
    return caller.request(request.method, path, **options)


def _problems(schema: Any, value: Any) -> list[str]:
    whole = {"components": DOCUMENT["components"], **schema}
    found = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).iter_errors(value)
    return [f"{error.json_path}: {error.message}"[:300] for error in found]


def _keys(value: Any, path: str = "$") -> set[str]:
    """Return the paths of all nested keys; the elements of a list share a path."""
    if isinstance(value, dict):
        return {f"{path}.{key}" for key in value}.union(
            *(_keys(inner, f"{path}.{key}") for key, inner in value.items() if key not in DATA)
        )
    return set().union(*(_keys(inner, f"{path}[]") for inner in value)) if isinstance(value, list) else set()


def _told_by_both(keys: set[str], others: set[str]) -> set[str]:
    """Return the keys outside lists that are empty in the other document."""
    lists = {other.rpartition("[]")[0] for other in others}
    return {key for key in keys if key.rpartition("[]")[0] in lists | {""}}


@pytest.mark.promise("about.docs")
@pytest.mark.parametrize("name", OPERATIONS)
def test_each_example_gets_the_documented_response(place: Any, name: str) -> None:
    if name == "listDemo":
        ok(place.ada.post("demo"))
    for request in OPERATIONS[name]:
        response = _send(place, request)
        answers = request.operation["responses"]
        assert response.status_code < 400, response
        assert str(response.status_code) in answers, response
        _compare(response, answers[str(response.status_code)].get("content", {}), request)


def _compare(response: Any, documented: Any, request: Request) -> None:
    """Assert that the response matches the schema and has the keys of the example."""
    if JSON not in documented:
        assert response.body() in (FILE, FILE[:2], b"")
        return
    media_type = response.headers["Content-Type"].partition(";")[0]
    assert media_type in documented
    if media_type != JSON:
        assert response.body().count(b"\r\n") >= 1
        return
    answer, schema, examples = response.json(), documented[JSON]["schema"], documented[JSON]["examples"]
    assert _problems(schema, answer) == []
    cut = request.parameter and request.parameter["name"] in ("select", "verbose", "facets", "counts", "uses")
    if cut or "additionalProperties" in schema or request.path.endswith("/docs"):
        return
    example = (examples.get(request.example) or next(iter(examples.values())))["value"]
    # The fields in the changes of an event are those of what it tells about.
    told, shown = ({key for key in _keys(each) if ".changes." not in key} for each in (answer, example))
    assert _told_by_both(told, shown) == _told_by_both(shown, told)


@pytest.mark.promise("about.docs")
def test_every_example_matches_its_schema() -> None:
    wrong = []
    for name, operation in operations(DOCUMENT):
        parts = {"body": operation.get("requestBody", {})} | operation["responses"]
        for part, described in parts.items():
            for media_type, media in described.get("content", {}).items():
                for example, shown in media.get("examples", {}).items() if media_type != FORM else ():
                    problems = _problems(media["schema"], shown["value"])
                    wrong += [(name, part, example, problem) for problem in problems]
    assert wrong == []


@pytest.mark.promise("about.docs")
def test_every_operation_lists_its_errors_as_in_the_error_table() -> None:
    table = {error["value"]: error for error in ok(ApiClient().get("errors")).values()}
    for name, operation in operations(DOCUMENT):
        assert "default" not in operation["responses"], name
        assert ("401" in operation["responses"]) >= bool(operation.get("security")), name
        for status, answer in operation["responses"].items():
            for shown in answer.get("content", {}).get(JSON, {}).get("examples", {}).values() if status > "399" else ():
                if status == "503":
                    continue
                error = shown["value"]
                assert error["status"] == int(status), name
                assert error["message"] == table[error["value"]]["message"], name
