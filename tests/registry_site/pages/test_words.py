"""The curator's desk in the pages: forms that merge, rename, describe and undo without JavaScript."""

import re
from html import unescape
from typing import Any

import pytest

from catalog.merges.models import Merge
from tests.answers import ok
from tests.catalog.items import create, pairs, read, terms
from tests.client import BrowserClient

PASSWORD = "Passw0rd!x"
TAGS = ("vision", "vision", "Vision")


@pytest.fixture
def admin(world: Any) -> BrowserClient:
    """A browser where acme's administrator is logged in."""
    return BrowserClient("acme", "admin", PASSWORD)


def shown(browser: BrowserClient, path: str) -> str:
    response = browser.page(path)
    assert response.status_code == 200, response
    return unescape(response.body().decode())


def sent(browser: BrowserClient, **fields: Any) -> Any:
    return browser.submit("/words.html", **fields)


def left(browser: BrowserClient, **fields: Any) -> str:
    """Send a form, follow its redirection, and return the page."""
    response = sent(browser, **fields)
    assert response.status_code == 303, response
    return shown(browser, response.headers["Location"])


@pytest.mark.promise("pages.words", "terms.dismissed")
def test_a_false_duplicate_is_dismissed_and_proposed_again(admin: BrowserClient, world: Any) -> None:
    for tag in ("vision", "Vision"):
        create(world.acme.owner.api, name=tag, tags=[tag])
    form = {"of": "tags", "word": ["vision", "Vision"], "into": "vision", "next": "/v1/duplicates/tags"}
    page = left(admin, action="dismiss", **form)
    assert "No longer proposed as duplicates: Vision, vision." in page
    assert "No duplicates found" in page
    assert 'aria-label="Propose again: Vision, vision"' in shown(admin, "/v1/duplicates/tags?dismissed=true")
    page = left(admin, action="propose", **form)
    assert 'name="into" value="vision"' in page
    assert "Nothing was dismissed" in shown(admin, "/v1/duplicates/tags?dismissed=true")
    assert sent(admin, action="propose", **form).status_code == 400
    assert sent(admin, action="dismiss", of="tags", word=["vision"]).status_code == 400


@pytest.mark.promise("pages.words")
def test_duplicates_are_merged_and_undone(admin: BrowserClient, world: Any) -> None:
    api = world.acme.owner.api
    items = [
        create(api, name=f"m{number}", tags=[tag])["_id"] for number, tag in enumerate(("vision", "vision", "Vision"))
    ]
    page = shown(admin, "/v1/duplicates/tags")
    assert re.search(
        r'name="into" value="vision" checked.*2 items.*name="into" value="Vision">.*1 item\b', page, re.DOTALL
    )
    merge = {"action": "merge", "of": "tags", "word": ["vision", "Vision"], "into": "vision"}
    page = left(admin, next="/v1/duplicates/tags", **merge)
    assert "Merged “Vision” into “vision” in 1 item." in page
    assert "No duplicates found" in page
    assert read(api, f"models/{items[2]}")["tags"] == ["vision"]
    event = Merge.objects.get(word="Vision").event
    assert f'name="event" value="{event}"' in page
    assert f'name="event" value="{event}"' in shown(admin, "/v1/events")
    assert event in shown(admin, "/v1/tags/vision")
    page = left(admin, action="undo", event=event, next="/v1/events")
    assert "“Vision” is a word again, in 1 item." in page
    assert f'name="event" value="{event}"' not in page
    assert read(api, f"models/{items[2]}")["tags"] == ["Vision"]


@pytest.mark.promise("pages.words", "merges.confirmed")
def test_a_merge_that_loses_values_asks_for_their_number(admin: BrowserClient, world: Any) -> None:
    api = world.acme.owner.api
    both = [{"name": "acc", "value": 0.5}, {"name": "accuracy", "value": 0.9}]
    items = [create(api, name=f"m{number}", metadata=both)["_id"] for number in range(12)]
    merge = {"action": "merge", "of": "metadata", "word": "acc", "into": "accuracy"}
    for typed in ({}, {"values_lost": "11"}, {"values_lost": "twelve"}):
        response = sent(admin, **merge, **typed)
        page = unescape(response.body().decode())
        assert response.status_code == (400 if typed else 200)
        assert "12 values would be lost." in page
        assert page.count('data-head="Is lost"') == 10
        assert ("not the number of values" in page) == bool(typed)
    assert pairs(read(api, f"models/{items[0]}")) == {"acc": 0.5, "accuracy": 0.9}
    assert "in 12 items" in left(admin, **merge, values_lost="12")
    assert pairs(read(api, f"models/{items[0]}")) == {"accuracy": 0.9}


@pytest.mark.promise("pages.words")
def test_a_word_is_described_and_renamed(admin: BrowserClient, world: Any) -> None:
    item = create(world.acme.owner.api, name="m", metadata=[{"name": "acc", "value": 1}])["_id"]
    fields = {"description": "Share of right answers", "synonyms": "precision\r\n hits \r\n", "better": "higher"}
    page = left(admin, action="describe", of="metadata", word="acc", **fields)
    assert "Share of right answers" in page
    assert "hits, precision" in page
    assert '<a href="/v1/models?filter=%7B%22metadata.name%22%3A+%22acc%22%7D">Models (1)</a>' in page
    assert ok(world.acme.owner.api.get("metadata/acc"))["better"] == "higher"
    page = left(admin, action="rename", of="metadata", word="acc", name="accuracy")
    assert "Renamed “acc” to “accuracy” in 1 item." in page
    assert pairs(read(world.acme.owner.api, f"models/{item}")) == {"accuracy": 1}
    assert "acc" not in terms(world.acme.owner.api, "metadata")


@pytest.mark.promise("pages.words")
def test_words_are_sorted_by_use_and_lead_to_their_items(admin: BrowserClient, world: Any) -> None:
    create(world.acme.owner.api, name="m", tags=["used"])
    ok(world.acme.admin.api.post("tags", json={"_id": "unused"}))
    page = shown(admin, "/v1/tags?uses=most")
    assert page.index(">used</a>") < page.index(">unused</a>")
    assert '<a href="/v1/tags/used#items">1</a>' in page
    assert "uses" not in "".join(re.findall(r'href="\?([^"]*)', page)), "links to other orders leave it out"
    assert ">used</a>" not in shown(admin, "/v1/tags?uses=none")
    assert '<a href="/v1/models?q=tag%3Aused">Models (1)</a>' in shown(admin, "/v1/tags/used")


@pytest.mark.promise("pages.words", "browser.forms")
def test_only_administrators_curate(world: Any) -> None:
    create(world.acme.owner.api, name="m", tags=["a"])
    merge = {"action": "describe", "of": "tags", "word": "a", "description": "mine"}
    assert sent(BrowserClient(), **merge).status_code in (401, 403)
    owner = BrowserClient("acme", "owner", PASSWORD)
    assert sent(owner, **merge).status_code == 403
    assert "Merge or rename" not in shown(owner, "/v1/tags/a")
    assert owner.page("/v1/duplicates/tags").status_code == 403
    rival = BrowserClient("rival", "admin", PASSWORD)
    assert sent(rival, **merge).status_code == 404
    admin = BrowserClient("acme", "admin", PASSWORD)
    assert admin.submit("/words.html", csrfmiddlewaretoken="x", **merge).status_code == 403
    assert ok(world.acme.owner.api.get("tags/a"))["description"] == ""


@pytest.mark.promise("pages.words", "errors.any-body")
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 400),
        ({"action": "nothing"}, 400),
        ({"action": "merge"}, 400),
        ({"action": "merge", "of": "tags", "into": "nothing"}, 404),
        ({"action": "merge", "of": "tags", "into": "a"}, 400),
        ({"action": "merge", "of": "tags", "into": "a", "word": "a"}, 400),
        ({"action": "merge", "of": "tags", "into": "a", "word": "x" * 9999}, 404),
        ({"action": "merge", "of": "tags", "into": "a\0", "word": "b"}, 400),
        ({"action": "rename", "of": "tags", "word": "a", "name": "b"}, 400),
        ({"action": "rename", "of": "tags", "word": "a", "name": ""}, 400),
        ({"action": "rename", "of": "tags", "word": "a", "name": "a"}, 400),
        ({"action": "describe", "of": "tags", "word": "a", "description": "x" * 2001}, 400),
        ({"action": "describe", "of": "tags", "word": "a", "synonyms": "b"}, 400),
        ({"action": "describe", "of": "metadata", "word": "a", "better": "worse"}, 400),
        ({"action": "undo", "event": "nothing"}, 404),
    ],
)
def test_a_form_that_is_wrong_is_refused(admin: BrowserClient, world: Any, fields: Any, status: int) -> None:
    create(world.acme.owner.api, name="m", tags=["a", "b"], metadata=[{"name": "a", "value": 1}])
    response = sent(admin, **fields)
    assert response.status_code == status, response
    assert set(terms(world.acme.owner.api, "tags")) == {"a", "b"}
