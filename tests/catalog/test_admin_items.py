"""Models, datasets and algorithms at the admin site."""

import re
from typing import Any

import pytest

from tests.answers import assert_error, ok
from tests.catalog.items import change, create, pairs, read, words
from tests.desk import Desk, errors, messages, text_of

METADATA = [
    {"name": "text", "value": "two\nlines"},
    {"name": "number-like", "value": "1"},
    {"name": "whole", "value": 1},
    {"name": "broken", "value": 0.5},
    {"name": "huge", "value": 1e22},
    {"name": "yes", "value": True},
]


@pytest.fixture
def model(world: Any) -> Any:
    """A private model with a value in every field."""
    api = world.acme.owner.api
    dataset = create(api, "datasets", name="data")["_id"]
    return create(
        api,
        name="thing",
        users=["shared"],
        tags=["a", "b"],
        metadata=METADATA,
        datasets=[dataset],
        status="test",
        description="two\nlines",
    )


def _form(desk: Desk, path: str) -> dict[str, Any]:
    """Return what a browser would send for the unchanged page."""
    form = desk.get(path).context["adminform"].form
    data = {name: form.initial.get(name) for name in form.fields if name != "metadata"}
    data["description"] = data["description"].replace("\n", "\r\n")
    rows = form.initial["metadata"]
    for part, blank in (("name", ""), ("kind", "text"), ("value", "")):
        data[f"metadata-{part}"] = [*(row[part].replace("\n", "\r\n") for row in rows), blank]
    return data


def _path(item: Any, kind: str = "model") -> str:
    return f"catalog/{kind}/{item['_id']}/change/"


def _save(desk: Desk, path: str, data: dict[str, Any]) -> Any:
    return desk.post(path, **data)


def test_saving_an_unchanged_page_changes_nothing(desk: Desk, world: Any, model: Any) -> None:
    before = read(world.acme.owner.api, f"models/{model['_id']}")
    messages(_save(desk, _path(model), _form(desk, _path(model))))
    assert read(world.acme.owner.api, f"models/{model['_id']}") == before


def test_a_change_on_the_page_changes_the_model(desk: Desk, world: Any, model: Any) -> None:
    data = _form(desk, _path(model)) | {"visibility": "public", "status": "production", "tags": ["b", "new"]}
    data |= {"users": [world.acme.other.pk], "datasets": [], "description": "# New\r\n\r\n*text*\r\n"}
    assert "changed successfully" in messages(_save(desk, _path(model), data))
    after = read(world.acme.owner.api, f"models/{model['_id']}")
    assert (after["visibility"], after["status"], after["tags"]) == ("public", "production", ["b", "new"])
    assert after["description"] == "# New\n\n*text*\n"
    assert words(after["users"], "username") == {"other"}
    assert after["datasets"] == []
    assert ok(world.acme.owner.api.get("tags/new"))["usage"] == "folk"


def test_metadata_values_have_the_chosen_kind(desk: Desk, world: Any, model: Any) -> None:
    data = _form(desk, _path(model))
    rows = {"count": ("number", "42"), "share": ("number", "0.25"), "on": ("truth", "True"), "code": ("text", "42")}
    data["metadata-name"] = list(rows)
    data["metadata-kind"], data["metadata-value"] = zip(*rows.values(), strict=True)
    _save(desk, _path(model), data)
    values = pairs(read(world.acme.owner.api, f"models/{model['_id']}"))
    assert values == {"count": 42, "share": 0.25, "on": True, "code": "42"}
    assert [type(values[name]) for name in rows] == [int, float, bool, str]


def test_a_row_of_metadata_is_removed(desk: Desk, world: Any, model: Any) -> None:
    data = _form(desk, _path(model)) | {"metadata-remove": ["0", "2"]}
    _save(desk, _path(model), data)
    names = set(pairs(read(world.acme.owner.api, f"models/{model['_id']}")))
    assert names == {"number-like", "broken", "huge", "yes"}


def test_concurrent_changes_by_others_are_kept(desk: Desk, world: Any, model: Any) -> None:
    api, path = world.acme.owner.api, f"models/{model['_id']}"
    data = _form(desk, _path(model)) | {"tags": ["a", "b", "mine"]}
    change(
        api, path, tags={"add": ["concurrent"]}, metadata={"add": [{"name": "whole", "value": 2}]}, visibility="public"
    )
    _save(desk, _path(model), data)
    after = read(api, path)
    assert set(after["tags"]) == {"a", "b", "mine", "concurrent"}
    assert pairs(after)["whole"] == 2
    assert after["visibility"] == "public"


def test_input_that_the_api_refuses_is_refused_and_changes_nothing(desk: Desk, world: Any, model: Any) -> None:
    api = world.acme.owner.api
    before = read(api, f"models/{model['_id']}")
    name, kind, value = "metadata-name", "metadata-kind", "metadata-value"
    for fields in (
        {"users": [world.rival.owner.pk]},
        {"users": ["nobody"]},
        {"datasets": ["000000000000000000000000"]},
        {"tags": ["bad/"]},
        {"tags": ["x" * 256]},
        {"visibility": "secret"},
        {"description": "x" * 100_001},
        {"status": "ready"},
        {"before": "forged"},
        {"before": ""},
        {name: ["n"], kind: ["number"], value: ["many"]},
        {name: ["n"], kind: ["number"], value: ["nan"]},
        {name: ["n"], kind: ["number"], value: ["9" * 30]},
        {name: ["n"], kind: ["truth"], value: ["maybe"]},
        {name: ["n"], kind: ["list"], value: ["1"]},
        {name: ["n", "n"], kind: ["text", "text"], value: ["1", "2"]},
        {name: ["n"], kind: [], value: ["1"]},
        {name: ["bad/"], kind: ["text"], value: ["1"]},
    ):
        page = _save(desk, _path(model), _form(desk, _path(model)) | fields)
        assert errors(page), fields
    assert read(api, f"models/{model['_id']}") == before


def test_datasets_have_no_status(desk: Desk, world: Any) -> None:
    dataset = create(world.acme.owner.api, "datasets", name="data")
    data = _form(desk, _path(dataset, "dataset"))
    assert "status" not in data
    _save(desk, _path(dataset, "dataset"), data | {"tags": ["t"]})
    assert read(world.acme.owner.api, f"datasets/{dataset['_id']}")["tags"] == ["t"]


def test_lists_show_items_of_one_kind_with_owner_and_tags(desk: Desk, world: Any, model: Any) -> None:
    page = desk.get("catalog/model/", tenant="acme", q="thi")
    assert [(row.name, row.facts["owner"]) for row in page.context["cl"].result_list] == [("thing", "owner")]
    assert "a, b" in text_of(page)
    assert not desk.get("catalog/algorithm/").context["cl"].result_list


def test_versions_are_listed_and_downloaded_as_from_the_api(desk: Desk, world: Any, model: Any) -> None:
    api = world.acme.owner.api
    answer = ok(api.upload(f"models/{model['_id']}/versions", "weights.bin", b"0123456789"))
    page = text_of(desk.get(_path(model)))
    assert answer["versions"][0]["sha256"] in page
    link = re.findall(r'href="(/admin/catalog/model/[^"]*/versions/[^"]*)"', page)[0]
    download = desk.client.get(link)
    assert b"".join(download) == b"0123456789"
    assert "weights.bin" in download["Content-Disposition"]
    assert b"".join(desk.client.get(link, headers={"Range": "bytes=2-3"})) == b"23"
    assert desk.client.get(link, headers={"Range": "bytes=99-"}).status_code == 416
    other = create(api, name="other")["_id"]
    assert desk.client.get(link.replace(model["_id"], other)).status_code == 404
    assert desk.client.get(link.replace("/model/", "/dataset/")).status_code == 404


def test_an_item_is_deleted_with_its_versions(desk: Desk, world: Any, model: Any, uploads: Any) -> None:
    ok(world.acme.owner.api.upload(f"models/{model['_id']}/versions", "a.bin", b"abc"))
    page = text_of(desk.get(f"catalog/model/{model['_id']}/delete/"))
    assert "Versions: 1" in page
    assert "deleted successfully" in messages(desk.post(f"catalog/model/{model['_id']}/delete/", post="yes"))
    assert_error(world.acme.owner.api.get(f"models/{model['_id']}"), "resource_not_found")
    assert not [path for path in uploads.rglob("*") if path.is_file()]


def test_a_dataset_in_use_is_not_deleted(desk: Desk, world: Any, model: Any) -> None:
    dataset = model["datasets"][0]["_id"]
    answer = desk.post(f"catalog/dataset/{dataset}/delete/", post="yes")
    assert "Used in" in messages(answer)
    ok(world.acme.owner.api.get(f"datasets/{dataset}"))
