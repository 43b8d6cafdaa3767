"""An item as it was at any time, compared with a model in plain Python after random changes."""

import random
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenants.ledger.chains import seal_all
from tenants.models import Chain, Event
from tenants.rows.fields import iso, now
from tests.answers import assert_error, ok
from tests.catalog.items import create, read

TAGS, NAMES, VALUES = ["a", "b", "c", "d", "e"], ["m", "n", "o"], [1, 1.0, True, "1", "text", -0.5, 10**15]


def _last_event() -> datetime:
    last = Event.objects.order_by("-timestamp").values_list("timestamp", flat=True).first()
    assert last is not None
    return last


def _change(chance: random.Random, document: dict[str, Any]) -> dict[str, Any]:
    """Return a random body that changes the item."""
    body: dict[str, Any] = {}
    if chance.random() < 0.6:
        gone = chance.sample(document["tags"], min(len(document["tags"]), chance.randrange(3)))
        body["tags"] = {"remove": gone, "add": chance.sample(TAGS, chance.randrange(3))}
    if chance.random() < 0.6:
        names = [pair["name"] for pair in document["metadata"]]
        gone = [{"name": name} for name in chance.sample(names, min(len(names), chance.randrange(2)))]
        added = [{"name": name, "value": chance.choice(VALUES)} for name in chance.sample(NAMES, chance.randrange(3))]
        body["metadata"] = {"remove": gone, "add": added}
    if chance.random() < 0.3:
        body["users"] = {chance.choice(["add", "remove"]): chance.sample(["shared", "other"], 1)}
    body["visibility"] = chance.choice(["public", "private"])
    body["description"] = chance.choice(["", "better", "*worse*"])
    return body


@pytest.mark.promise("history.exact")
@pytest.mark.parametrize("kind", ["models", "datasets"])
def test_an_item_is_returned_as_of_any_time(world: Any, kind: str) -> None:
    api, admin, chance = world.acme.owner.api, world.acme.admin.api, random.Random(kind)
    start = now() - timedelta(seconds=1)
    path = f"{kind}/{create(api, kind, tags=['a', 'b'], metadata=[{'name': 'm', 'value': 1}])['_id']}"
    states: dict[datetime, dict[str, Any]] = {_last_event(): deepcopy(read(api, path))}  # the last of a millisecond
    for number in range(30):
        document = read(api, path)
        ordinals = [version["ordinal"] for version in document["versions"]]
        what = chance.random()
        if what < 0.2:
            ok(api.upload(f"{path}/versions", f"f{number}.bin", b"bytes", fields={"description": f"n{number}"}))
        elif what < 0.3 and ordinals:
            ok(api.delete(f"{path}/versions/{chance.choice(ordinals)}"))
        elif what < 0.45 and ordinals:
            changes = {"description": f"better {number}", "tags": {"add": chance.sample(TAGS, 1)}}
            ok(api.patch(f"{path}/versions/{chance.choice(ordinals)}", json=changes))
        else:
            ok(api.put(path, json=_change(chance, document)))
        states[_last_event()] = deepcopy(read(api, path))
    for time, document in states.items():
        assert read(api, f"{path}?at={iso(time)}") == document
    assert_error(api.get(f"{path}?at={iso(start)}"), "resource_not_found")
    ok(api.delete(path))
    assert_error(api.get(f"{path}?at={iso(time)}"), "resource_not_found")
    for time, document in states.items():
        assert read(admin, f"{path}?at={iso(time)}") == document, "administrators see what was deleted"
    assert_error(admin.get(f"{path}?at={iso(now() + timedelta(seconds=1))}"), "resource_not_found")


@pytest.mark.promise("history.exact")
def test_words_that_were_merged_and_users_who_are_gone_are_undone_too(world: Any) -> None:
    from catalog import curation
    from folksonomy.models import Tag

    api, admin = world.acme.owner.api, world.acme.admin.api
    path = f"models/{create(api, tags=['a', 'old', 'b'], users=['shared', 'other'], visibility='public')['_id']}"
    before, time = read(api, path), _last_event()
    curation.rename_term(term=Tag.objects.get(name="old"), name="new", by=None)
    ok(admin.delete("users/shared"))
    assert read(api, path)["tags"] == ["a", "new", "b"]
    past = read(api, f"{path}?at={iso(time)}")
    assert past["tags"] == before["tags"]
    assert past["lastmod"] == before["lastmod"]
    assert [user["username"] for user in past["users"]] == ["other"], "of a deleted user no name is known"


@pytest.mark.promise("history.since", "history.bad-time")
def test_a_time_that_the_ledger_does_not_cover_is_refused(world: Any) -> None:
    api = world.acme.owner.api
    path = f"models/{create(api)['_id']}"
    seal_all()
    Chain.objects.filter(pk="acme").update(since=datetime(2026, 1, 1, tzinfo=UTC))
    assert_error(api.get(f"{path}?at=2025-12-31T23:59:59Z"), "resource_not_found", "2026-01-01T00:00:00.000Z")
    for text in ("yesterday", "2026-13-01", "1", "2026-01-01\0"):
        assert_error(api.get(path, query={"at": text}), "get_request_error")
    assert read(api, f"{path}?at=")["_id"]


@pytest.mark.promise("history.cut")
def test_a_cut_text_is_marked_as_cut(world: Any) -> None:
    api = world.acme.owner.api
    pairs = [{"name": f"n{number}", "value": f"{number}" * 50_000} for number in range(8)]
    path = f"models/{create(api, metadata=pairs)['_id']}"
    time = _last_event()
    ok(api.put(path, json={"metadata": {"remove": [{"name": f"n{number}"} for number in range(8)]}}))
    past = read(api, f"{path}?at={iso(time)}")
    assert past["cut"] == ["metadata"]
    assert past["metadata"][1]["value"] == {"cut": "1" * 200, "characters": 50_000}
