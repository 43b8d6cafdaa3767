"""Merges of words: what they lose, and how they are undone."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog import curation
from catalog.admin.losses import losses_of
from catalog.merges import kept, undo
from catalog.merges.models import KEPT, Merge, Replacement
from catalog.models import Item
from folksonomy.models import MetadataName, Synonym, Tag
from tenants.exceptions import Refused
from tests.answers import assert_error, ok
from tests.catalog.items import change, create, pairs, read, terms
from tests.remembered import remembered

NOWHERE = "0" * 24


def _merge(api: Any, kind: str, word: str, into: str, **more: Any) -> dict[str, Any]:
    document: dict[str, Any] = ok(api.post(f"merges/{kind}", json={"word": word, "into": into} | more))
    return document


def _undo(api: Any, event: str) -> dict[str, Any]:
    document: dict[str, Any] = ok(api.post(f"events/{event}/undo"))
    return document


@pytest.fixture
def items(world: Any) -> dict[str, str]:
    """Items by name: `old` has the word old, `new` the word new, `both` has both, with other values."""
    ids: dict[str, str] = remembered(_items, world.acme.owner.api)
    return ids


def _items(api: Any) -> dict[str, str]:
    ids = {}
    for name, words in (("old", ["x", "old", "y"]), ("new", ["new"]), ("both", ["old", "x", "new"])):
        metadata = [{"name": word, "value": f"{name} {word}"} for word in words]
        ids[name] = create(api, name=name, tags=words, metadata=metadata)["_id"]
    fields = {"tags": '["old", "z", "new"]', "metadata": '[{"name": "old", "value": 1}, {"name": "new", "value": 2}]'}
    ok(api.upload(f"models/{ids['new']}/versions", "f.bin", b"x", fields=fields))
    return ids


def _state(api: Any, items: dict[str, str]) -> dict[str, Any]:
    """Return tags and metadata of the items and of the version."""
    found = {name: read(api, f"models/{id}") for name, id in items.items()}
    found["version"] = found["new"]["versions"][0]
    return {name: (document["tags"], document["metadata"]) for name, document in found.items()}


@pytest.mark.promise("merges.preview")
def test_a_preview_tells_what_a_merge_would_lose(world: Any, items: dict[str, str]) -> None:
    admin = world.acme.admin.api
    before = _state(admin, items)
    create(world.acme.owner.api, name="same", metadata=[{"name": "old", "value": 1}, {"name": "new", "value": 1}])
    create(world.acme.owner.api, name="flag", metadata=[{"name": "old", "value": True}, {"name": "new", "value": 1}])
    found = ok(admin.get("merges/metadata", query={"word": "old", "into": "new"}))
    assert (found["items"], found["values_lost"]) == (5, 3)
    examples = {(each["item"]["name"], each["version"]): (each["kept"], each["lost"]) for each in found["examples"]}
    assert examples == {("both", None): ("both new", "both old"), ("new", "1"): (2, 1), ("flag", None): (1, True)}
    assert ok(admin.get("merges/metadata", query={"word": "old", "into": "fresh"}))["values_lost"] == 0
    assert ok(admin.get("merges/tags", query={"word": "old", "into": "new"})) == {
        "items": 3,
        "values_lost": 0,
        "examples": [],
    }
    assert _state(admin, items) == before
    assert_error(admin.get("merges/tags", query={"word": "none", "into": "new"}), "get_request_error", "none")
    assert_error(admin.get("merges/tags"), "get_request_error")


@pytest.mark.django_db(transaction=True)
@pytest.mark.promise("merges.preview")
def test_a_preview_that_takes_too_long_is_stopped(world: Any, items: dict[str, str], settings: Any) -> None:
    settings.QUERY_TIMEOUT = 0
    for kind in ("tags", "metadata"):
        answer = world.acme.admin.api.get(f"merges/{kind}", query={"word": "old", "into": "new"})
        assert_error(answer, "get_request_error", "takes too long")
    words = MetadataName.objects.of("acme")
    with pytest.raises(Refused, match="takes too long"):
        losses_of([words.get(name="old")], words.get(name="new"))


@pytest.mark.promise("merges.confirmed")
def test_a_merge_that_loses_values_needs_their_number(world: Any, items: dict[str, str]) -> None:
    admin = world.acme.admin.api
    before, body = _state(admin, items), {"word": "old", "into": "new"}
    for lost in ({}, {"values_lost": 0}, {"values_lost": 1}, {"values_lost": 3}):
        assert_error(admin.post("merges/metadata", json=body | lost), "put_request_error", "values_lost=2")
    assert _state(admin, items) == before
    merged = _merge(admin, "metadata", "old", "new", values_lost=2, reason="The same")
    assert (merged["word"], merged["into"], merged["items"]) == ("old", "new", 3)
    assert [metadata for _, metadata in _state(admin, items).values()] == [
        [{"name": "x", "value": "old x"}, {"name": "new", "value": "old old"}, {"name": "y", "value": "old y"}],
        [{"name": "new", "value": "new new"}],
        [{"name": "x", "value": "both x"}, {"name": "new", "value": "both new"}],
        [{"name": "new", "value": 2}],
    ]
    event = ok(admin.get("events", query={"filter": {"_id": merged["event"]}}))["docs"][0]
    assert (event["type"], event["reason"]) == ("metadata.merged", "The same")
    assert event["changes"]["name"] == ["old", "new"]


@pytest.mark.promise("merges.routes")
def test_bad_merges_are_refused(world: Any, items: dict[str, str]) -> None:
    admin, before = world.acme.admin.api, _state(world.acme.admin.api, items)
    for body, error in (
        ({"word": "none", "into": "new"}, "post_request_error"),
        ({"word": "old", "into": "none"}, "post_request_error"),
        ({"word": "old", "into": "old"}, "put_request_error"),
        ({"word": "old"}, "post_request_error"),
        ({"word": "old", "into": "new", "values_lost": -1}, "post_request_error"),
        ({"word": "old", "into": "new", "values_lost": "0"}, "post_request_error"),
        ({"word": "old", "into": "bad/", "rename": True}, "put_request_error"),
        ({}, "missing_info"),
    ):
        assert_error(admin.post("merges/tags", json=body), error)
    assert_error(world.acme.owner.api.post("merges/tags", json={"word": "old", "into": "new"}), "only_administrator")
    assert_error(world.acme.owner.api.get("merges/tags"), "only_administrator")
    assert_error(
        world.rival.admin.api.post("merges/tags", json={"word": "old", "into": "new"}), "post_request_error", "old"
    )
    assert _state(admin, items) == before


@pytest.mark.promise("merges.routes", "merges.redirect")
@pytest.mark.parametrize("kind", ["tags", "metadata"])
def test_an_old_word_stands_for_the_new_one_also_through_a_chain(world: Any, items: dict[str, str], kind: str) -> None:
    admin, api = world.acme.admin.api, world.acme.owner.api
    ok(admin.put(f"{kind}/old", json={"description": "What it was", "synonyms": ["older"]}))
    _merge(admin, kind, "old", "first", rename=True)
    assert ok(api.get(f"{kind}/first"))["synonyms"] == ["old", "older"]
    assert ok(api.get(f"{kind}/first"))["description"] == "What it was"
    _merge(admin, kind, "first", "second", rename=True)
    assert ok(api.get(f"{kind}/second"))["synonyms"] == ["first", "old", "older"]
    assert_error(api.get(f"{kind}/old"), "resource_not_found")
    for name in ("old", "older", "first"):
        item = create(api, name=f"by {name}", tags=[name], metadata=[{"name": name, "value": 1}])
        used = item["tags"] if kind == "tags" else list(pairs(item))
        assert used == ["second"]
    assert_error(admin.post(f"merges/{kind}", json={"word": "new", "into": "old", "rename": True}), "put_request_error")
    _merge(admin, kind, "second", "old", rename=True)
    assert ok(api.get(f"{kind}/old"))["synonyms"] == ["first", "older", "second"]


@pytest.mark.promise("merges.undo")
@pytest.mark.parametrize("kind", ["tags", "metadata"])
def test_an_undone_merge_restores_everything(world: Any, items: dict[str, str], kind: str) -> None:
    admin, api = world.acme.admin.api, world.acme.owner.api
    about = {"description": "What it means", "synonyms": ["older"]}
    ok(admin.put(f"{kind}/old", json=about | ({"better": "lower"} if kind == "metadata" else {})))
    before, words = _state(api, items), {name: ok(api.get(f"{kind}/{name}")) for name in ("old", "new")}
    event = _merge(admin, kind, "old", "new", values_lost=2 if kind == "metadata" else 0)["event"]
    assert _state(api, items) != before
    done = _undo(admin, event)
    assert (done["word"], done["items"], done["skipped"]) == ("old", 3, 0)
    assert _state(api, items) == before
    assert {name: ok(api.get(f"{kind}/{name}")) for name in ("old", "new")} == words
    told = ok(admin.get("events", query={"filter": {"_id": done["event"]}}))["docs"][0]
    assert told["type"] == {"tags": "tag", "metadata": "metadata"}[kind] + ".restored"
    assert (told["changes"], event in told["reason"]) == ({"name": ["new", "old"]}, True)
    assert_error(admin.post(f"events/{event}/undo"), "put_request_error", f"{done['event']} has undone this already")
    assert not Replacement.objects.exists()
    assert ok(api.get("models", query={"filter": {"tags": "old"}}))["totalDocs"] == 2


@pytest.mark.promise("merges.undo")
@pytest.mark.parametrize("kind", ["tags", "metadata"])
def test_an_undone_rename_removes_the_new_word_unless_it_is_used(world: Any, items: dict[str, str], kind: str) -> None:
    admin, api = world.acme.admin.api, world.acme.owner.api
    before, known = _state(api, items), terms(api, kind)
    _undo(admin, _merge(admin, kind, "old", "fresh", rename=True)["event"])
    assert (_state(api, items), terms(api, kind)) == (before, known)
    event = _merge(admin, kind, "old", "fresh", rename=True)["event"]
    create(api, name="later", tags=["old"], metadata=[{"name": "old", "value": 1}])
    _undo(admin, event)
    assert (_state(api, items), terms(api, kind)) == (before, known | {"fresh": "folk"})


@pytest.mark.promise("merges.undo")
def test_later_changes_stay(world: Any, items: dict[str, str]) -> None:
    admin, api = world.acme.admin.api, world.acme.owner.api
    more = {name: create(api, name=name, metadata=[{"name": "old", "value": 1}], tags=["old"])["_id"] for name in "abc"}
    events = [
        _merge(admin, kind, "old", "new", values_lost=lost)["event"] for kind, lost in (("tags", 0), ("metadata", 2))
    ]
    change(api, f"models/{more['a']}", metadata={"add": [{"name": "new", "value": 1.5}]}, tags={"remove": ["new"]})
    change(api, f"models/{more['b']}", metadata={"add": [{"name": "new", "value": True}]}, description="Other words")
    ok(api.delete(f"models/{more['c']}"))
    done = [_undo(admin, event) for event in events]
    assert [(each["items"], each["skipped"]) for each in done] == [(4, 1), (3, 2)]
    for name, tags, value in (("a", [], 1.5), ("b", ["old"], True)):
        item = read(api, f"models/{more[name]}")
        assert (item["tags"], pairs(item)) == (tags, {"new": value})


@pytest.mark.promise("merges.undo")
def test_only_recent_merges_are_undone_by_administrators_of_their_tenant(world: Any, items: dict[str, str]) -> None:
    admin, api = world.acme.admin.api, world.acme.owner.api
    event = _merge(admin, "tags", "old", "new")["event"]
    assert_error(api.post(f"events/{event}/undo"), "only_administrator")
    assert_error(world.rival.admin.api.post(f"events/{event}/undo"), "resource_not_found")
    assert_error(admin.post(f"events/{NOWHERE}/undo"), "resource_not_found")
    other = ok(admin.get("events", query={"filter": {"type": "model.created"}, "limit": "1"}))["docs"][0]["_id"]
    assert_error(admin.post(f"events/{other}/undo"), "put_request_error", "30 days")
    assert undo.undoable("acme", [event, other]) == {event}
    assert undo.undoable("rival", [event]) == set()
    later = _merge(admin, "tags", "new", "newest", rename=True)["event"]
    assert_error(admin.post(f"events/{event}/undo"), "put_request_error", "new is no longer there")
    _undo(admin, later)
    Merge.objects.filter(event=event).update(timestamp=Merge.objects.get(event=event).timestamp - KEPT)
    assert_error(admin.post(f"events/{event}/undo"), "put_request_error", "30 days")


@pytest.mark.promise("merges.kept")
def test_a_merge_is_kept_for_thirty_days(world: Any, items: dict[str, str], uploads: Any) -> None:
    old, young = (_merge(world.acme.admin.api, "tags", word, "new")["event"] for word in ("old", "x"))
    call_command("collect_garbage", delete=True)
    assert Merge.objects.count() == 2
    past = Merge.objects.get(event=old).timestamp - KEPT - timedelta(minutes=1)
    Merge.objects.filter(event=old).update(timestamp=past)
    call_command("collect_garbage")
    assert Merge.objects.count() == 2
    call_command("collect_garbage", delete=True)
    assert [merge.event for merge in Merge.objects.all()] == [young]
    assert {row.merge for row in Replacement.objects.all()} == {Merge.objects.get().pk}


class Interrupted(Exception):
    """Simulates a crash."""


@pytest.mark.promise("merges.undo")
def test_an_interrupted_merge_and_an_interrupted_undo_are_completed(
    world: Any, items: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, api, before = world.acme.admin, world.acme.owner.api, _state(world.acme.owner.api, items)
    monkeypatch.setattr(curation, "BATCH", 1)
    monkeypatch.setattr(undo, "BATCH", 1)
    calls = iter(range(100))

    def crash(*args: Any) -> Any:
        if next(calls) == 1:
            raise Interrupted
        return kept.keep_replaced(*args)

    monkeypatch.setattr(curation, "keep_replaced", crash)
    words = [MetadataName.objects.get(tenant="acme", name=name) for name in ("old", "new")]
    with pytest.raises(Interrupted):
        curation.merge_term(term=words[0], into=words[1], by=admin)
    assert Merge.objects.get().event == ""
    event = curation.merge_term(term=words[0], into=words[1], by=admin).event
    assert Merge.objects.get().items == 3
    restore, left = undo._restore_batch, iter(range(100))

    def crash_again(*args: Any) -> Any:
        if next(left) == 1:
            raise Interrupted
        return restore(*args)

    monkeypatch.setattr(undo, "_restore_batch", crash_again)
    with pytest.raises(Interrupted):
        undo.undo_merge(event_id=event, by=admin)
    assert undo.undo_merge(event_id=event, by=admin).items == 2
    assert _state(api, items) == before


def test_a_lost_value_is_not_restored_where_it_no_longer_fits(world: Any, items: dict[str, str], settings: Any) -> None:
    event = _merge(world.acme.admin.api, "metadata", "old", "new", values_lost=2)["event"]
    change(world.acme.owner.api, f"models/{items['both']}", metadata={"add": [{"name": "w", "value": 1}]})
    settings.MAX_LIST_LENGTH = 3
    done = _undo(world.acme.admin.api, event)
    assert (done["items"], done["skipped"]) == (2, 1)


def test_a_rule_follows_a_merge_and_its_undo(world: Any, items: dict[str, str]) -> None:
    admin = world.acme.admin.api

    def rules() -> dict[str, list[str]]:
        return {rule["name"]: rule["tags"] for rule in ok(admin.get("protection"))["docs"]}

    for name, tags in (("one", ["old"]), ("two", ["new", "old"]), ("three", ["new"])):
        ok(admin.post("protection", json={"name": name, "aliases": "*", "tags": tags}))
    before = rules()
    event = _merge(admin, "tags", "old", "new")["event"]
    assert rules() == {"one": ["new"], "two": ["new"], "three": ["new"]}
    _undo(admin, event)
    assert {name: sorted(tags) for name, tags in rules().items()} == before


def test_a_restored_word_has_no_owner_if_that_user_is_gone(world: Any) -> None:
    admin = world.acme.admin.api
    item = create(world.acme.other.api, tags=["old"])["_id"]
    ok(admin.post("tags", json={"_id": "new"}))
    event = _merge(admin, "tags", "old", "new")["event"]
    ok(world.acme.other.api.delete(f"models/{item}"))
    ok(admin.delete("users/other"))
    assert _undo(admin, event)["items"] == 0
    assert ok(admin.get("tags/old"))["owner"] is None


def test_a_deleted_tenant_leaves_no_merges(world: Any, items: dict[str, str]) -> None:
    _merge(world.acme.admin.api, "tags", "old", "new")
    ok(world.operator.delete("tenants/acme"))
    assert not (Merge.objects.exists() or Replacement.objects.exists() or Synonym.objects.exists())


def test_a_word_used_by_nothing_is_merged_and_undone(world: Any) -> None:
    for name in ("old", "new"):
        ok(world.acme.admin.api.post("tags", json={"_id": name}))
    with pytest.raises(Refused):
        curation.merge_term(term=Tag.objects.get(name="old"), into=Tag.objects.get(name="old"), by=None)
    event = _merge(world.acme.admin.api, "tags", "old", "new")["event"]
    assert _undo(world.acme.admin.api, event)["items"] == 0
    assert not Item.objects.exists()


@pytest.mark.parametrize("kind", ["tags", "metadata"])
def test_a_batch_of_items_takes_as_many_queries_as_one_item(world: Any, kind: str) -> None:
    model: Any = {"tags": Tag, "metadata": MetadataName}[kind]

    def queries(word: str, items: int) -> int:
        for number in range(items):
            metadata = [{"name": word, "value": number}]
            create(world.acme.owner.api, name=f"{word} {number}", tags=[word], metadata=metadata)
        with CaptureQueriesContext(connection) as captured:
            curation.rename_term(term=model.objects.of("acme").get(name=word), name=f"{word} renamed", by=None)
        return len(captured)

    assert queries("few", 1) == queries("many", 12)
