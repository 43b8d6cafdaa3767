"""Curation: actions on words and their effect on items."""

import threading
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection

from catalog import curation
from catalog.arrays import count_uses
from catalog.merges import writing
from catalog.merges.models import Merge
from catalog.models import Item
from folksonomy.models import MetadataName, Tag
from tenants.exceptions import Refused
from tests.answers import ok
from tests.catalog.items import change, create, pairs, read, terms
from tests.desk import Desk, errors, messages, text_of
from tests.remembered import remembered


def _tag(name: str, tenant: str = "acme") -> Any:
    return Tag.objects.get(tenant_id=tenant, name=name)


def _name(name: str) -> Any:
    return MetadataName.objects.get(tenant_id="acme", name=name)


@pytest.fixture
def items(world: Any) -> dict[str, str]:
    """Items that share words: `a` and a dataset `d` have old, `b` old and new, `c` new; another tenant also has old."""
    ids: dict[str, str] = remembered(_items, world)
    return ids


def _items(world: Any) -> dict[str, str]:
    api = world.acme.owner.api
    ids = {}
    for name, words in (("a", ["x", "old", "y"]), ("b", ["old", "new"]), ("c", ["new"])):
        metadata = [{"name": word, "value": f"{name} {word}"} for word in words]
        ids[name] = create(api, name=name, tags=words, metadata=metadata)["_id"]
    ids["d"] = create(api, "datasets", name="d", tags=["old"])["_id"]
    ids["rival"] = create(world.rival.owner.api, name="a", tags=["old"])["_id"]
    return ids


def test_a_list_shows_how_many_items_use_each_word(desk: Desk, items: dict[str, str]) -> None:
    page = desk.get("folksonomy/tag/", tenant="acme")
    shown = {row.name: row.facts["uses"] for row in page.context["cl"].result_list}
    assert shown == {"x": 1, "old": 3, "y": 1, "new": 2}
    page = desk.get("folksonomy/metadataname/", tenant="acme")
    assert {row.name: row.facts["uses"] for row in page.context["cl"].result_list} == {
        "x": 1,
        "old": 2,
        "y": 1,
        "new": 2,
    }
    assert count_uses([_tag("old", "rival")]) == {_tag("old", "rival").pk: 1}
    assert count_uses([]) == {}


def test_several_words_can_be_suggested_together(desk: Desk, items: dict[str, str], world: Any) -> None:
    answer = desk.post("folksonomy/tag/add/", tenant="acme", words="vision\n\n  audio \r\nold\nvision\n")
    assert "3 words are default now, 0 were already" in messages(answer)
    usages = terms(world.acme.owner.api, "tags")
    assert {name for name, usage in usages.items() if usage == "default"} == {"vision", "audio", "old"}
    again = desk.post("folksonomy/tag/add/", tenant="acme", words="vision\ntext")
    assert "1 words are default now, 1 were already" in messages(again)
    assert ok(world.acme.owner.api.get("tags/vision"))["owner"] is None


def test_words_that_the_api_refuses_are_refused(desk: Desk, world: Any) -> None:
    before = Tag.objects.count()
    for tenant, words in (
        ("acme", "good\nbad/"),
        ("acme", "x" * 256),
        ("acme", " \n"),
        ("nobody", "good"),
        ("", "good"),
    ):
        assert errors(desk.post("folksonomy/tag/add/", tenant=tenant, words=words)), words
    assert Tag.objects.count() == before


@pytest.mark.parametrize(("action", "usage"), [("promote", "default"), ("demote", "folk")])
def test_words_become_default_or_folk_after_confirmation(
    desk: Desk, items: dict[str, str], world: Any, action: str, usage: str
) -> None:
    rows = [_tag("old"), _tag("new")]
    Tag.objects.filter(pk__in=[row.pk for row in rows]).update(usage="folk" if usage == "default" else "default")
    page = desk.act("folksonomy/tag", action, rows)
    assert f"Becomes {usage}" in text_of(page)
    assert terms(world.acme.owner.api, "tags")["old"] != usage
    answer = desk.act("folksonomy/tag", action, rows, asked="yes", confirmed="yes")
    assert "2 of 2 words changed" in messages(answer)
    assert {terms(world.acme.owner.api, "tags")[word] for word in ("old", "new")} == {usage}
    assert LogEntry.objects.filter(user=desk.user).count() == 2


def test_merged_tags_become_one_in_every_item_of_the_tenant(desk: Desk, items: dict[str, str], world: Any) -> None:
    api = world.acme.owner.api
    rows = [_tag("old"), _tag("y")]
    assert "Merge into" in text_of(desk.act("folksonomy/tag", "merge", rows))
    page = text_of(desk.act("folksonomy/tag", "merge", rows, asked="yes", into="new"))
    assert "Becomes “new” in 3 items; 1 of them have both and keep one" in page
    assert read(api, f"models/{items['a']}")["tags"] == ["x", "old", "y"]
    messages(desk.act("folksonomy/tag", "merge", rows, asked="yes", confirmed="yes", into="new"))
    assert read(api, f"models/{items['a']}")["tags"] == ["x", "new"]
    assert read(api, f"models/{items['b']}")["tags"] == ["new"]
    assert read(api, f"datasets/{items['d']}")["tags"] == ["new"]
    assert set(terms(api, "tags")) == {"x", "new"}
    assert read(world.rival.owner.api, f"models/{items['rival']}")["tags"] == ["old"]
    assert ok(api.get("models", query={"filter": {"tags": "new"}}))["totalDocs"] == 3


def test_merged_metadata_names_keep_the_value_of_the_remaining_name(
    desk: Desk, items: dict[str, str], world: Any
) -> None:
    api = world.acme.owner.api
    page = text_of(desk.act("folksonomy/metadataname", "merge", [_name("old")], asked="yes", into="new"))
    assert "1 of them have both and keep the value of “new”" in page
    assert "1 value would be lost" in page
    sure: dict[str, Any] = {"asked": "yes", "confirmed": "yes", "into": "new"}
    for typed in ({}, {"values_lost": "2"}):
        again = text_of(desk.act("folksonomy/metadataname", "merge", [_name("old")], **sure, **typed))
        assert "This is not the number of values" in again
    assert pairs(read(api, f"models/{items['b']}")) == {"old": "b old", "new": "b new"}
    desk.act("folksonomy/metadataname", "merge", [_name("old")], **sure, values_lost="1")
    assert pairs(read(api, f"models/{items['a']}")) == {"x": "a x", "new": "a old", "y": "a y"}
    assert pairs(read(api, f"models/{items['b']}")) == {"new": "b new"}
    assert set(terms(api, "metadata")) == {"x", "y", "new"}


def test_a_renamed_word_keeps_its_usage_and_its_owner(desk: Desk, items: dict[str, str], world: Any) -> None:
    api = world.acme.owner.api
    before = ok(api.get("tags/old"))
    form = text_of(desk.act("folksonomy/tag", "rename", [_tag("old")]))
    assert "New name" in form
    assert "in 3 items" in text_of(desk.act("folksonomy/tag", "rename", [_tag("old")], asked="yes", name="newest"))
    desk.act("folksonomy/tag", "rename", [_tag("old")], asked="yes", confirmed="yes", name="newest")
    assert read(api, f"models/{items['a']}")["tags"] == ["x", "newest", "y"]
    assert ok(api.get("tags/newest")) == before | {"_id": "newest", "id": "newest", "synonyms": ["old"]}
    assert "old" not in terms(api, "tags")


def test_renaming_a_word_to_an_existing_one_merges_them(desk: Desk, items: dict[str, str], world: Any) -> None:
    desk.act("folksonomy/tag", "rename", [_tag("old")], asked="yes", confirmed="yes", name="new")
    assert read(world.acme.owner.api, f"models/{items['b']}")["tags"] == ["new"]
    assert set(terms(world.acme.owner.api, "tags")) == {"x", "y", "new"}


def test_an_impossible_merge_or_rename_shows_an_error_and_changes_nothing(
    desk: Desk, items: dict[str, str], world: Any
) -> None:
    before = sorted(Tag.objects.values_list("tenant_id", "name"))
    old, sure = _tag("old"), {"asked": "yes", "confirmed": "yes"}
    for action, rows, data in (
        ("merge", [old], {"into": "nothing"}),
        ("merge", [old], {"into": "old"}),
        ("merge", [old, _tag("old", "rival")], {"into": "new"}),
        ("rename", [old, _tag("new")], {"name": "z"}),
        ("rename", [old], {"name": "old"}),
        ("rename", [old], {"name": "bad/"}),
        ("rename", [old], {"name": " "}),
    ):
        assert errors(desk.act("folksonomy/tag", action, rows, **sure, **data)), (action, data)
    assert sorted(Tag.objects.values_list("tenant_id", "name")) == before


def test_only_unused_words_are_deleted(desk: Desk, items: dict[str, str], world: Any) -> None:
    ok(world.acme.admin.api.post("tags", json={"_id": "unused"}))
    rows = [_tag("unused"), _tag("old")]
    page = text_of(desk.act("folksonomy/tag", "delete_unused", rows))
    assert "Is deleted" in page
    assert "Stays, because 3 items use it" in page
    answer = desk.act("folksonomy/tag", "delete_unused", rows, asked="yes", confirmed="yes")
    assert "1 of 2 words changed" in messages(answer)
    assert "unused" not in terms(world.acme.owner.api, "tags")
    assert "old" in terms(world.acme.owner.api, "tags")


def test_a_used_word_is_not_deleted_from_its_page(desk: Desk, items: dict[str, str]) -> None:
    path = f"folksonomy/tag/{_tag('old').pk}/delete/"
    assert "old is used by 3 items" in text_of(desk.get(path))
    text_of(desk.post(path, post="yes"))
    assert _tag("old")


class Interrupted(Exception):
    """Simulates a crash."""


def test_an_interrupted_merge_loses_nothing_and_can_be_completed(
    items: dict[str, str], world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = world.acme.owner.api
    monkeypatch.setattr(curation, "BATCH", 1)
    written = writing.write_items

    def write_once(*args: Any) -> Any:
        if Tag.objects.filter(name="gone").exists() and Item.objects.filter(tags__holds="new").count() > 2:
            raise Interrupted
        return written(*args)

    Tag(tenant_id="acme", name="gone").save()
    monkeypatch.setattr(curation, "write_items", write_once)
    with pytest.raises(Interrupted):
        curation.merge_term(term=_tag("old"), into=_tag("new"), by=None)
    known = set(terms(api, "tags"))
    for kind, name in (("models", "a"), ("models", "b"), ("datasets", "d")):
        tags = read(api, f"{kind}/{items[name]}")["tags"]
        assert {"old", "new"} & set(tags)
        assert set(tags) <= known
    monkeypatch.setattr(curation, "write_items", written)
    curation.merge_term(term=_tag("old"), into=_tag("new"), by=None)
    assert "old" not in terms(api, "tags")
    assert not Item.objects.of("acme").filter(tags__holds="old").exists()


def test_items_get_no_word_that_is_deleted_concurrently(items: dict[str, str], world: Any) -> None:
    into = _tag("new")
    Tag.objects.filter(pk=into.pk).delete()
    with pytest.raises(Refused):
        curation.merge_term(term=_tag("old"), into=into, by=None)
    assert read(world.acme.owner.api, f"models/{items['a']}")["tags"] == ["x", "old", "y"]


@pytest.mark.django_db(transaction=True)
def test_a_merge_loses_no_concurrent_change(items: dict[str, str], world: Any) -> None:
    api = world.acme.owner.api
    ids = [create(api, name=f"m{n}", tags=["old"])["_id"] for n in range(20)]
    failures: list[Exception] = []

    def edit() -> None:
        try:
            for id in ids:
                change(api, f"models/{id}", tags={"add": ["edited"]})
        except Exception as error:  # noqa: BLE001 - asserted below
            failures.append(error)
        finally:
            connection.close()

    editor = threading.Thread(target=edit)
    editor.start()
    curation.merge_term(term=_tag("old"), into=_tag("new"), by=None)
    editor.join()
    assert failures == []
    assert {tuple(sorted(read(api, f"models/{id}")["tags"])) for id in ids} == {("edited", "new")}


@pytest.mark.parametrize("word", ["report\u202egpj.exe", "a/"])
def test_the_admin_site_creates_no_word_that_the_api_refuses(desk: Desk, items: dict[str, str], word: str) -> None:
    before = set(Tag.objects.values_list("tenant_id", "name"))
    assert errors(desk.post("folksonomy/tag/add/", tenant="acme", words=f"fine\n{word}"))
    desk.act("folksonomy/tag", "rename", [_tag("x")], asked="1", confirmed="1", name=word)
    assert set(Tag.objects.values_list("tenant_id", "name")) == before


@pytest.mark.promise("terms.better")
def test_a_curator_says_which_values_are_better(desk: Desk, world: Any, items: dict[str, str]) -> None:
    rows = [_name("x"), _name("y")]
    answer = desk.act("folksonomy/metadataname", "direct", rows, asked="yes", confirmed="yes", better="lower")
    assert "2 of 2 words changed" in messages(answer)
    assert [_name(name).better for name in ("x", "y", "old")] == ["lower", "lower", None]
    assert "direct" not in text_of(desk.get("folksonomy/tag/", tenant="acme"))


@pytest.mark.promise("terms.better")
def test_a_renamed_or_merged_metric_keeps_which_values_are_better(world: Any, items: dict[str, str]) -> None:
    admin = world.acme.admin
    ok(admin.api.put("metadata/x", json={"better": "lower"}))
    curation.rename_term(term=_name("x"), name="renamed", by=admin)
    assert _name("renamed").better == "lower"
    curation.merge_term(term=_name("renamed"), into=_name("new"), by=admin)
    assert _name("new").better == "lower"
    ok(admin.api.put("metadata/y", json={"better": "higher"}))
    curation.merge_term(term=_name("y"), into=_name("new"), by=admin)
    assert _name("new").better == "lower"


def test_a_curator_describes_a_word_and_its_synonyms(desk: Desk, items: dict[str, str], world: Any) -> None:
    path = f"folksonomy/tag/{_tag('new').pk}/change/"
    assert "was changed successfully" in messages(
        desk.post(path, description="What is new", synonyms="fresh\n recent\n")
    )
    word = ok(world.acme.owner.api.get("tags/new"))
    assert (word["description"], word["synonyms"]) == ("What is new", ["fresh", "recent"])
    assert "old is a word itself" in errors(desk.post(path, description="", synonyms="old"))
    assert ok(world.acme.owner.api.get("tags/new")) == word


def test_words_are_listed_by_their_uses_and_lead_to_the_items(desk: Desk, items: dict[str, str], world: Any) -> None:
    ok(world.acme.admin.api.post("tags", json={"_id": "unused"}))
    page = desk.get("folksonomy/tag/", tenant="acme", uses="most")
    assert [row.name for row in page.context["cl"].result_list] == ["old", "new", "x", "y", "unused"]
    unused = desk.get("folksonomy/tag/", tenant="acme", uses="none")
    assert [row.name for row in unused.context["cl"].result_list] == ["unused"]
    assert "/admin/catalog/model/?tenant=acme&tag=old" in text_of(page)
    of_word = desk.get("catalog/model/", tenant="acme", tag="old")
    assert {row.pk for row in of_word.context["cl"].result_list} == {items["a"], items["b"]}
    of_name = desk.get("catalog/model/", tenant="acme", metadata="new")
    assert {row.pk for row in of_name.context["cl"].result_list} == {items["b"], items["c"]}


def test_duplicates_are_proposed_merged_and_undone(desk: Desk, items: dict[str, str], world: Any) -> None:
    api = world.acme.owner.api
    create(api, name="e", tags=["News", "news"])
    page = desk.get("folksonomy/tag/duplicates/", tenant="acme")
    assert [[(term.name, uses) for term, uses in words] for words in page.context["clusters"]] == [
        [("News", 1), ("news", 1)]
    ]
    assert "Find duplicates" in text_of(desk.get("folksonomy/tag/duplicates/", tenant="nothing"))
    rows = [_tag("News"), _tag("news")]
    assert "1 of 2 words changed" in messages(
        desk.act("folksonomy/tag", "merge", rows, asked="yes", confirmed="yes", into="news")
    )
    merge = Merge.objects.get(word="News")
    assert "Undone: 1" in messages(desk.act("catalog/merge", "undo", [merge]))
    assert set(terms(api, "tags")) >= {"News", "news"}
    assert "Undone: 0" in messages(desk.act("catalog/merge", "undo", [merge]))


def test_losses_that_take_too_long_to_count_are_a_message(desk: Desk, items: dict[str, str], settings: Any) -> None:
    settings.QUERY_TIMEOUT = 0
    rows = [MetadataName.objects.get(tenant_id="acme", name="old")]
    assert "takes too long" in messages(desk.act("folksonomy/metadataname", "merge", rows, asked="yes", into="new"))


def test_a_false_duplicate_is_dismissed_and_proposed_again(desk: Desk, items: dict[str, str], world: Any) -> None:
    create(world.acme.owner.api, name="e", tags=["News", "news"])
    path = "folksonomy/tag/duplicates/?tenant=acme"
    page = desk.post(path, _selected_action=[_tag("News").pk, _tag("news").pk], into="news")
    assert (page.context["clusters"], page.context["dismissed"]) == ([], [["News", "news"]])
    assert "No longer proposed as duplicates: News, news" in messages(page)
    page = desk.post(path, word=["News", "news"])
    assert (len(page.context["clusters"]), page.context["dismissed"]) == (1, [])
    assert "Choose 2 to 20 words" in messages(desk.post(path, _selected_action=[_tag("News").pk]))


def test_default_words_are_offered_first(desk: Desk, items: dict[str, str]) -> None:
    Tag.objects.filter(tenant_id="acme", name="y").update(usage="default")
    options = desk.get("folksonomy/tag/choices/", tenant="acme").json()["results"]
    assert [option["text"] for option in options] == ["y", "new", "old", "x"]
