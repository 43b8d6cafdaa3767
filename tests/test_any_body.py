"""Any input on any route from any caller gets a response or an error of the contract's shape, never a crash.

The routes are those of the URL conf, so new ones are covered automatically; the fields are those of its
serializers. `TORTURE_ROUNDS` multiplies the examples.
"""

import json
import os
from typing import Any

import pytest
from django.urls import resolve
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.answers import ERRORS, ok
from tests.catalog.items import KINDS, create
from tests.client import ABSENT
from tests.remembered import remembered
from tests.routes import ROUTES, UNKNOWN, Route

ROUNDS = int(os.environ.get("TORTURE_ROUNDS") or 1)
EXAMPLES = {"sqlite": 40 * ROUNDS}  # of a view
MORE_EXAMPLES = 10 * ROUNDS  # on each further engine: only the values that it can store differ
METHODS = ("get", "head", "post", "put", "patch", "delete")
QUERIES: tuple[str, ...] = ("filter", "sort", "select", "page", "limit", "verbose", "ordinal", "sha256")
QUERIES += ("description", "tenant", "format", "prefix", "from", "at", "ids", "kind", "by", "fields", "diff")
ODD = ["", "\0", "a\0b", "\u202eexe.csv", "\ud800", "\U0010ffff", "é" * 300, "x" * 70_000, "../../etc/passwd", "/", "."]
ODD += ["$where", "metadata.name", "__proto__", "' OR 1=1 --", "{{7*7}}", "%00", "CON", "-1", "1e999", "nan", "(a+)+$"]
NUMBERS = [0, -1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, 1e308, -0.0, 5e-324]
REAL = ["thing", "owner", "shared", "acme", "public", "private", "test", "admin", "regular", "word", "Passw0rd!x"]

texts = st.one_of(st.text(max_size=20), st.sampled_from(ODD), st.sampled_from(REAL))
scalars = st.one_of(st.none(), st.booleans(), st.sampled_from(NUMBERS), st.floats(allow_nan=False, width=32), texts)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)
OPERATORS = ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$regex", "$options", "$all"]
OPERATORS += ["$elemMatch", "$size", "$not", "$and", "$or", "$nor", "$where"]
FIELDS = ["_id", "name", "owner", "users", "datasets", "tags", "visibility", "status", "timestamp", "metadata"]
FIELDS += ["metadata.name", "metadata.value", "versions.size"]
operators, names = st.sampled_from(OPERATORS), st.sampled_from(FIELDS)
filters = st.recursive(
    scalars,
    lambda inner: st.dictionaries(operators | names | texts, inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=8,
)
values = st.one_of(texts, scalars.map(json.dumps), filters.map(json.dumps))
queries = st.dictionaries(st.sampled_from(QUERIES), values, max_size=2)
paths = (
    st.sampled_from(
        [
            "{thing}",
            *UNKNOWN.values(),
            "shared",
            "word",
            "unused",
            "rival",
            "file.bin",
            "1",
            "@word",
            "@word~1",
            "@latest",
        ]
    )
    | texts
)


@pytest.fixture
def place(world: Any, settings: Any) -> Any:
    """Two tenants with an item of each kind, tags and metadata names; callers by name."""
    settings.LOGIN_FAILURES_LIMIT = settings.LOGIN_FAILURES_ADDRESS_LIMIT = 10**9
    settings.DEMO, settings.DEFAULT_TENANT_DEMO = True, "acme"
    world.things = remembered(_things, world)
    world.callers = {"administrator": world.acme.admin.api, "regular user": world.acme.owner.api}
    world.callers |= {"operator": world.operator}
    return world


def _things(world: Any) -> dict[str, str]:
    """Create an item of each kind; return their ids by kind."""
    api, things = world.acme.owner.api, {}
    for kind in KINDS:
        things[kind] = create(api, kind, tags=["word"], metadata=[{"name": "word", "value": 1}])["_id"]
        ok(api.upload(f"{kind}/{things[kind]}/versions", "file.bin", b"bytes"))
        ok(api.put(f"{kind}/{things[kind]}/aliases/word", json={"version": "1"}))
    return things


def _fields(route: Route) -> list[str]:
    """Return the names of all fields that the route's bodies may have."""
    view: Any = resolve(route.example).func
    view = getattr(view, "cls", None)
    bodies = [getattr(view, name, None) for name in ("input_class", "changes_class")]
    bodies += getattr(view, "bodies", {}).values()
    serializers = [body for body in bodies if isinstance(body, type)]
    return sorted({field for serializer in serializers for field in serializer().fields}) or ["name"]


def _bodies(route: Route) -> st.SearchStrategy[Any]:
    known = st.sampled_from(_fields(route))
    change = st.fixed_dictionaries({}, optional={"remove": anything, "add": anything})
    pairs = st.lists(st.fixed_dictionaries({}, optional={"name": scalars, "value": anything}), max_size=3)
    values = st.one_of(anything, change, pairs, st.lists(texts, max_size=3))
    likely = st.dictionaries(known, values, max_size=6)
    return st.one_of(st.just(ABSENT), likely, likely, anything, st.lists(likely, max_size=3))


def _cleaned(path: str) -> str:
    """Return the text as a client can send it in a URL: valid UTF-8."""
    return path.encode("utf-8", "replace").decode()[:2000]


@pytest.mark.promise("errors.any-body", "errors.shape")
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_nothing_that_is_sent_is_answered_with_a_crash(place: Any, engine: str, route: Route) -> None:
    of_a_kind = route.name.split("-")[0] in KINDS  # the kinds share their views, and so the examples
    examples = EXAMPLES.get(engine, MORE_EXAMPLES)
    bodies, methods = _bodies(route), st.sampled_from((*route.methods, *METHODS))
    callers = st.sampled_from(sorted(place.callers))
    named = [name for name in ("version", "file", "alias", "proposal") if f"{{{name}}}" in route.template]

    @settings(
        max_examples=-(-examples // len(KINDS)) if of_a_kind else examples,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def send(data: st.DataObject) -> None:
        caller, method = data.draw(callers, "caller"), data.draw(methods, "method")
        body = data.draw(bodies, "body") if method in ("post", "put", "patch", "delete") else ABSENT
        query = data.draw(queries, "query")
        query = {name: _cleaned(value) for name, value in query.items()}
        names = {name: _cleaned(data.draw(paths, name)) for name in named}
        key = _cleaned(data.draw(paths, "key"))
        if method == "delete" and key in ("admin", "owner"):
            key = "nobody"  # the callers stay
        thing = place.things.get(route.name.split("-")[0], "thing")
        path = "/" + route.template.format(pk=key.replace("{thing}", thing), **names)
        response = place.callers[caller].request(method, path.replace("?", "").replace("#", ""), json=body, query=query)
        assert response.status_code < 500, response
        if response.headers.get("Content-Type", "").startswith("text/html"):
            assert route.name.endswith("-page"), "only forms return pages"
        elif response.status_code >= 400 and method != "head":
            error = response.json()
            assert set(error) == {"status", "value", "message", "details"}, error
            assert (error["value"], error["message"]) in {(row["value"], row["message"]) for row in ERRORS.values()}
            assert isinstance(error["details"], str)

    send()
