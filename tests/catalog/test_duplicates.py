"""The routes that propose duplicates and suggest words, over items of a tenant."""

from typing import Any

import pytest

from tests.answers import assert_error, ok
from tests.catalog.items import create


@pytest.fixture
def words(world: Any) -> None:
    """Tags and metadata names of acme's items; another tenant has words like them."""
    api = world.acme.owner.api
    for tag, uses in {"vision": 3, "Vision": 1, "computer-vision": 2, "computer_vision": 1, "audio": 2}.items():
        for number in range(uses):
            metadata = [{"name": tag.replace("vision", "loss"), "value": number}]
            create(api, name=f"{tag} {number}", tags=[tag], metadata=metadata, visibility="private")
    create(world.rival.owner.api, name="other", tags=["visions"])


def _clusters(answer: Any) -> list[list[tuple[str, int, str]]]:
    return [[(word["_id"], word["count"], word["reason"]) for word in cluster["words"]] for cluster in answer["docs"]]


@pytest.mark.promise("terms.duplicates")
def test_administrators_get_the_duplicates_of_their_tenant(world: Any, words: None) -> None:
    admin = world.acme.admin.api
    answer = ok(admin.get("duplicates/tags"))
    assert _clusters(answer) == [
        [("vision", 3, ""), ("Vision", 1, "case")],
        [("computer-vision", 2, ""), ("computer_vision", 1, "separators")],
    ]
    assert (answer["totalDocs"], answer["complete"], answer["docs"][0]["words"][0]["usage"]) == (2, True, "folk")
    second = ok(admin.get("duplicates/tags", query={"limit": "1", "page": "2"}))
    assert _clusters(second) == _clusters(answer)[1:]
    assert (second["hasPrevPage"], second["hasNextPage"]) == (True, False)
    names = ok(admin.get("duplicates/metadata"))
    assert _clusters(names) == [[("computer-loss", 2, ""), ("computer_loss", 1, "separators")]]
    ok(admin.put("tags/audio", json={"synonyms": ["sound"]}))
    ok(admin.post("tags", json={"_id": "Sounds"}))
    assert [("audio", 2, ""), ("Sounds", 0, "synonym")] in _clusters(ok(admin.get("duplicates/tags")))


@pytest.mark.promise("terms.dismissed")
def test_a_dismissed_proposal_is_not_made_again_until_that_is_taken_back(world: Any, words: None) -> None:
    admin, path = world.acme.admin.api, "duplicates/tags"
    before = ok(admin.get(path))
    pair = ["vision", "Vision"]
    for _ in "12":
        assert ok(admin.post(path, json={"words": pair})) == {"words": ["Vision", "vision"], "dismissed": True}
    assert _clusters(ok(admin.get(path))) == _clusters(before)[1:]
    kept = ok(admin.get(path, query={"dismissed": "true"}))
    assert _clusters(kept) == [[("Vision", 1, ""), ("vision", 3, "")]]
    assert kept["totalDocs"] == 1
    assert ok(admin.get("duplicates/metadata", query={"dismissed": "true"}))["docs"] == []
    refused = ({"words": ["vision"]}, {"words": ["vision", "none"]}, {"words": ["vision", "audio"], "dismissed": False})
    for body in (*refused, {"words": [f"w{number}" for number in range(21)]}, {"words": "vision"}):
        assert_error(admin.post(path, json=body), "post_request_error")
    assert_error(admin.get(path, query={"dismissed": "x"}), "get_request_error")
    ok(admin.post(path, json={"words": pair, "dismissed": False}))
    assert ok(admin.get(path)) == before
    assert ok(admin.get(path, query={"dismissed": "true"}))["docs"] == []
    types = [event["type"] for event in ok(admin.get("events", query={"limit": "2"}))["docs"]]
    assert types == ["tag.undismissed", "tag.dismissed"]


@pytest.mark.promise("terms.duplicates")
@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"page": "x"}])
def test_a_page_of_duplicates_is_bounded(world: Any, query: dict[str, str]) -> None:
    assert_error(world.acme.admin.api.get("duplicates/tags", query=query), "get_request_error")


@pytest.mark.promise("terms.suggestions")
def test_default_words_and_own_words_are_suggested_first(world: Any, words: None) -> None:
    ok(world.acme.admin.api.post("tags", json=[{"_id": "zoo-vision"}, {"_id": "revision", "usage": "folk"}]))

    def suggested(user: Any, text: str) -> list[str]:
        return [word["_id"] for word in ok(user.api.get("suggestions/tags", query={"text": text}))["docs"]]

    theirs = ["zoo-vision", "Vision", "computer-vision", "computer_vision", "revision", "vision"]
    assert suggested(world.acme.other, "VISION") == theirs
    assert suggested(world.acme.owner, "vision") == [
        "Vision",
        "computer-vision",
        "computer_vision",
        "vision",
        "zoo-vision",
        "revision",
    ]
    assert suggested(world.rival.owner, "vision") == ["visions"]
    assert len(suggested(world.acme.other, "")) == 7
    assert_error(world.acme.owner.api.get("suggestions/tags", query={"text": "x" * 256}), "get_request_error")


@pytest.mark.promise("terms.uses")
def test_words_are_listed_by_their_uses(world: Any, words: None) -> None:
    ok(world.acme.admin.api.post("tags", json={"_id": "unused"}))

    def listed(user: Any, **query: str) -> list[tuple[str, int]]:
        return [(word["_id"], word["count"]) for word in ok(user.api.get("tags", query=query))["docs"]]

    by_use = [("vision", 3), ("audio", 2), ("computer-vision", 2), ("Vision", 1), ("computer_vision", 1), ("unused", 0)]
    assert listed(world.acme.admin, uses="most") == by_use
    assert listed(world.acme.admin, uses="most", limit="2", page="2") == by_use[2:4]
    assert listed(world.acme.admin, uses="none") == [("unused", 0)]
    assert [count for _, count in listed(world.acme.other, uses="most")] == [0] * 6, "they can read no item"
    for query in ({"uses": "least"}, {"uses": "most", "filter": "{}"}, {"uses": "most", "limit": "1001"}):
        assert_error(world.acme.admin.api.get("tags", query=query), "get_request_error")
