"""The description of items: Markdown, stored as sent."""

from typing import Any

import pytest

from tests.answers import assert_error, ok
from tests.catalog.items import KINDS, change, create, read

LONGEST = 100_000
TEXTS = [
    "",
    "one line",
    "# Title\n\n- *a*\r\n\tb  \n",
    "<script>alert(1)</script>",
    "日本語 🧪 \u202e",
    " x ",
    "é" * LONGEST,
]


@pytest.mark.promise("items.description")
@pytest.mark.parametrize("kind", KINDS)
def test_a_description_is_stored_as_sent(world: Any, kind: str) -> None:
    api = world.acme.owner.api
    for number, text in enumerate(TEXTS):
        item = create(api, kind, name=str(number), description=text)
        path = f"{kind}/{item['_id']}"
        assert item["description"] == text == read(api, path)["description"]
        assert change(api, path, description="new")["description"] == "new"
        assert change(api, path, description=text)["description"] == text
        assert change(api, path, visibility="public")["description"] == text
    assert create(api, kind, name="without")["description"] == ""


@pytest.mark.promise("items.description")
@pytest.mark.parametrize("text", [None, 5, True, ["a"], {"a": 1}, "a\x00b", "x" * (LONGEST + 1)], ids=repr)
def test_a_description_that_is_not_text_is_refused_and_changes_nothing(world: Any, text: Any) -> None:
    api = world.acme.owner.api
    item = create(api, description="kept")
    assert_error(api.post("models", json={"name": "other", "description": text}), "post_request_error")
    assert_error(
        api.put(f"models/{item['_id']}", json={"description": text, "visibility": "public"}), "put_request_error"
    )
    assert read(api, f"models/{item['_id']}") == item
    assert read(api, "models")["totalDocs"] == 1


@pytest.mark.promise("items.description")
def test_a_description_is_selected_like_other_fields(world: Any) -> None:
    api = world.acme.owner.api
    item = create(api, description="text")
    for path in (f"models/{item['_id']}", "models"):
        document = ok(api.get(path, query={"select": '["description"]'}))
        assert document.get("docs", [document])[0] == {"_id": item["_id"], "description": "text"}


@pytest.mark.promise("lists.heaviest")
def test_descriptions_count_toward_the_size_of_a_page(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenants.rest.querying.page.HEAVIEST", 15 * LONGEST)
    api = world.acme.owner.api
    for number in range(20):
        create(api, name=str(number), description="x" * LONGEST)
    assert_error(api.get("models", query={"limit": "20"}), "get_request_error", "too large")
    assert len(read(api, "models")["docs"]) == 10
