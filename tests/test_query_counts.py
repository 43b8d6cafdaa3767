"""The number of queries of each request, which is independent of the number of rows."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from folksonomy import synonyms
from tenants.models import User
from tenants.rest import exports
from tests.answers import login, ok
from tests.catalog.items import create
from tests.remembered import remembered

# Queries of a request, in order; statements that begin and end transactions are not counted. The query of a page also
# reads the edition of the items, which the cached total belongs to.
USER, PAGE, USERNAMES, DATASETS, VERSIONS = 1, 1, 1, 1, 1
LIST = USER + PAGE + DATASETS + VERSIONS  # and USERNAMES, the first time that a process names the users
WEIGHT = 1  # the size of a page of more than ten, before its rows are read
COUNT = 1  # the first time after a change
ONE = USER + PAGE + DATASETS + VERSIONS
EMPTY = USER + PAGE
SYNONYMS = 1  # of the words of a page; of the words that a filter names, once in two seconds without synonyms
CREATE = 13  # with its event and the values of its metadata
LOGIN = 4  # failed attempts, this attempt, user, removal of the attempt
TIMEOUT = re.compile(r"^SET LOCAL statement_timeout = \d+; ")  # sent with a list's query in the same message
NO_QUERY = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET ", "PRAGMA", "SESSION.")


def _queries(call: Any) -> list[str]:
    """Return the queries of a call that must succeed."""
    with CaptureQueriesContext(connection) as captured:
        ok(call())
    sent = [TIMEOUT.sub("", query["sql"]) for query in captured.captured_queries]
    return [sql for sql in sent if not sql.upper().startswith(NO_QUERY)]


@pytest.fixture
def models(world: Any) -> list[str]:
    """Twelve models with every field set; their ids."""
    ids: list[str] = remembered(_make_models, world.acme.owner.api)
    ok(world.acme.owner.api.put(f"models/{ids[0]}", json={"description": "x"}))  # no total is cached from another test
    ok(world.acme.admin.api.get(f"models/{ids[0]}"))  # this process now knows all usernames
    return ids


def _make_models(api: Any) -> list[str]:
    for name in ("d0", "d1"):
        create(api, "datasets", name=name)
    ids = []
    for number in range(12):
        body: dict[str, Any] = {"users": ["shared"], "datasets": ["d0", "d1"], "tags": ["t"]}
        body["metadata"] = [{"name": "n", "value": 1}]
        ids.append(create(api, "models", name=f"m{number}", **body)["_id"])
        ok(api.upload(f"models/{ids[-1]}/versions", "f.bin", b"x"))
    return ids


@pytest.mark.parametrize("limit", ["1", "5", "10"])
@pytest.mark.parametrize("caller", ["owner", "shared", "admin"])
def test_a_list_takes_as_many_queries_for_ten_as_for_one(
    world: Any, models: list[str], caller: str, limit: str
) -> None:
    api = getattr(world.acme, caller).api
    assert len(_queries(lambda: api.get("models", query={"limit": limit}))) == LIST + COUNT
    assert len(_queries(lambda: api.get("models", query={"limit": limit}))) == LIST


def test_a_filter_and_an_order_add_no_query(world: Any, models: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synonyms, "_without", {"acme": float("inf")})
    few = 1 if connection.vendor == "sqlite" else 0  # whether few or many rows have the tag
    query = {"filter": {"tags": "t", "metadata.n": 1}, "sort": {"name": 1}, "limit": "5"}
    assert len(_queries(lambda: world.acme.owner.api.get("models", query=query))) == LIST + few + COUNT
    assert len(_queries(lambda: world.acme.owner.api.get("models", query=query))) == LIST + few


def test_usernames_in_a_filter_take_one_query_and_ids_take_none(world: Any, models: list[str]) -> None:
    api, owner = world.acme.owner.api, world.acme.owner.pk
    for filter, more in (({"owner": owner}, 0), ([{"owner": "owner"}, {"owner": {"$in": ["other", owner]}}], 1)):
        query = {"filter": filter, "limit": "50"}
        assert len(_queries(lambda query=query: api.get("models", query=query))) == LIST + WEIGHT + more


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_an_export_takes_a_lists_queries_for_each_batch(
    world: Any, models: list[str], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "HEAVY", 0)  # batches of ten, of which the first is read before the capture
    export = world.acme.owner.api.get("models", query={"format": form})
    with CaptureQueriesContext(connection) as captured:
        assert len(list(export.response)) == 2
    sent = [TIMEOUT.sub("", query["sql"]) for query in captured.captured_queries]
    batch = WEIGHT + LIST - USER
    assert len([sql for sql in sent if not sql.upper().startswith(NO_QUERY)]) == batch


def test_a_page_that_is_not_full_is_not_counted(world: Any, models: list[str]) -> None:
    assert len(_queries(lambda: world.acme.owner.api.get("models", query={"limit": "50"}))) == LIST + WEIGHT


def test_an_empty_list_asks_for_nothing_more(world: Any) -> None:
    assert len(_queries(lambda: world.acme.owner.api.get("models"))) == EMPTY


def test_one_model_takes_one_query_for_each_thing_it_names(world: Any, models: list[str]) -> None:
    assert len(_queries(lambda: world.acme.owner.api.get(f"models/{models[0]}"))) == ONE


def test_usernames_are_looked_up_once_in_a_process(world: Any, models: list[str]) -> None:
    User.objects.forget_usernames()
    for path in ("models", f"models/{models[0]}"):
        first, again = (_queries(lambda path=path: world.acme.shared.api.get(path, query={"limit": "5"})) for _ in "12")
        assert len(first) - len(again) == (USERNAMES + COUNT if path == "models" else 0)


def test_an_own_item_needs_no_query_for_the_name_of_its_owner(world: Any) -> None:
    api = world.acme.owner.api
    path = f"models/{create(api, name='alone')['_id']}"
    assert len(_queries(lambda: api.get(path))) == USER + PAGE + VERSIONS
    assert ok(api.get(path))["owner_username"] == "owner"


def test_lists_of_users_and_words_take_few_queries(world: Any, models: list[str]) -> None:
    assert len(_queries(lambda: world.acme.owner.api.get("users"))) == USER + PAGE
    assert len(_queries(lambda: world.acme.owner.api.get("tags"))) == USER + PAGE + USERNAMES + SYNONYMS


def test_a_creation_takes_a_fixed_number_of_queries(world: Any, models: list[str]) -> None:
    body = {"users": ["shared"], "datasets": ["d0", "d1"], "tags": ["t"], "metadata": [{"name": "n", "value": 1}]}
    few = _queries(lambda: world.acme.owner.api.post("models", json={"name": "few"} | body))
    words = {"tags": ["t", "new", "newer"], "metadata": [{"name": f"n{n}", "value": n} for n in range(20)]}
    many = _queries(lambda: world.acme.owner.api.post("models", json={"name": "many"} | body | words))
    assert len(few) == CREATE, few
    assert len(many) <= len(few) + 6, many  # synonyms, the rows of new words and their events, for tags and names


def test_a_login_takes_two_queries(world: Any) -> None:
    assert len(_queries(lambda: login(world.anonymous, "acme", "owner", "Passw0rd!x"))) == LOGIN
