"""The demo creates the same complete items everywhere, and its deletion leaves everything else in place."""

import hashlib
from collections import Counter
from typing import Any

import pytest

from catalog.demo import NAMES, USERS, create_demo, delete_demo, demo_items
from catalog.models import STATUSES, Item
from tenants.models import User
from tests.answers import ok
from tests.fixtures import TENANTS
from tests.remembered import remembered
from tests.served import ADMIN_PASSWORD, Served
from tests.talk import administrator
from versions.models import SpentOrdinal, Version

pytestmark = [pytest.mark.promise("demo.items"), pytest.mark.usefixtures("whole_demo")]


@pytest.fixture
def team(world: Any) -> Any:
    """A world whose tenant acme has the demo."""
    remembered(_create, world.acme.admin)
    return world


def _create(by: User) -> None:
    create_demo(by=by)


def contents(tenant: str) -> list[tuple[str, ...]]:
    """Return the contents of the demo without ids and times."""
    items = {item.pk: item for item in Item.objects.of(tenant).filter(name__in=NAMES)}
    names = {item.pk: item.name for item in items.values()}
    told = [
        (item.name, item.status or "", str(item.tags), str(item.metadata), str([names[pk] for pk in item.datasets]))
        for item in items.values()
    ]
    versions = Version.objects.of(tenant).filter(subject__in=items)
    told += [(names[each.subject], each.ordinal, each.original, each.sha256, each.description) for each in versions]
    return sorted(told)


def test_the_demo_resembles_the_data_of_a_team(team: Any) -> None:
    items = demo_items(team.acme.admin)
    assert Counter(item.kind for item in items) == {"model": 35, "dataset": 15, "algorithm": 10}
    assert {item.status for item in items if item.kind == "model"} == set(STATUSES)
    assert len({item.owner_id for item in items}) == 4
    assert {item.visibility for item in items} == {"public", "private"}
    assert all(item.datasets for item in items if item.kind != "dataset")
    assert all(len(item.tags) >= 4 and len(item.metadata) >= 2 for item in items)
    versions = Counter(Version.objects.of("acme").values_list("subject", flat=True))
    assert set(versions) == {item.pk for item in items}
    assert max(versions.values()) == 3
    api = team.acme.admin.api
    for item in items[:5]:
        document = ok(api.get(f"{item.kind}s/{item.pk}"))
        for version in document["versions"]:
            content = api.get(f"{item.kind}s/{item.pk}/versions/{version['original']}").body()
            assert len(content) == version["size"] > 50
            assert hashlib.sha256(content).hexdigest() == version["sha256"]
    best = ok(api.get("models", query={"limit": 100, "filter": {"metadata.accuracy": {"$gte": 0.95}}}))
    assert {model["name"] for model in best["docs"]} > {"defect-detection-transformer"}


def test_the_best_model_of_the_demo_is_compared_with_the_one_in_production(team: Any) -> None:
    api, churn = team.acme.admin.api, {"filter": {"tags": "customer-churn"}, "sort": {"metadata.accuracy": "desc"}}
    best = ok(api.get("models", query=churn))["docs"][0]
    produced = ok(api.get("models", query={"filter": {"name": "customer-churn-random-forest"}}))["docs"][0]
    ids = f"{best['_id']}@3,{produced['_id']}@production"
    compared = ok(api.get("compare", query={"ids": ids, "fields": '["metadata.accuracy"]'}))
    (accuracy,) = compared["rows"]
    assert accuracy["values"] == [0.93, 0.87]
    assert (accuracy["better"], accuracy["best"]) == ("higher", [0])
    first = ok(api.get(f"compare?ids={best['_id']}@1&fields=metadata.accuracy"))
    assert first["rows"][0]["values"] == [0.9]


def test_the_demo_is_the_same_each_time_and_made_once(team: Any) -> None:
    first, ids = contents("acme"), {item.pk for item in demo_items(team.acme.admin)}
    create_demo(by=team.acme.admin)
    assert {item.pk for item in demo_items(team.acme.admin)} == ids
    assert contents("acme") == first
    create_demo(by=team.rival.admin)
    assert contents("rival") == first


def test_an_interrupted_demo_is_completed(team: Any) -> None:
    first = contents("acme")
    model, *_, dataset = demo_items(team.acme.admin)
    api = team.acme.admin.api
    ok(api.delete(f"models/{model.pk}") if model.kind == "model" else api.delete(f"algorithms/{model.pk}"))
    ok(api.delete(f"datasets/{dataset.pk}/versions/2"))
    without = contents("acme")
    create_demo(by=team.acme.admin)
    assert not Version.objects.filter(subject=dataset.pk, ordinal="2").exists(), "it stays deleted"
    ok(api.delete(f"{model.kind}s/{Item.objects.get(tenant='acme', name=model.name).pk}"))
    assert contents("acme") == without
    SpentOrdinal.objects.all().delete()  # as if it had never been made
    assert contents("acme") != first
    create_demo(by=team.acme.admin)
    assert contents("acme") == first


def test_deleting_the_demo_deletes_its_users_and_keeps_other_items(team: Any) -> None:
    ok(team.acme.admin.api.post("models", json={"name": "mine", "tags": ["demo"]}))
    assert User.objects.of("acme").filter(username__in=USERS).count() == 3
    delete_demo(by=team.acme.admin)
    assert list(Item.objects.of("acme").values_list("name", flat=True)) == ["mine"]
    assert not Version.objects.of("acme").exists()
    assert set(User.objects.of("acme").values_list("username", flat=True)) == {"admin", *TENANTS["acme"]}


def test_a_demo_user_who_owns_another_item_is_kept(team: Any) -> None:
    user = User.objects.of("acme").get(username=USERS[0])
    Item(tenant_id="acme", kind="model", name="foreign", owner=user, status="training").save(force_insert=True)
    delete_demo(by=team.acme.admin)
    assert list(User.objects.of("acme").filter(username__in=USERS)) == [user]


def test_the_command_fills_a_tenant_and_prints_where_to_look(served: Served) -> None:
    for output, error in served.manage_all(("demo",), ("demo",)):
        assert error == ""
        assert "has 60 demo items" in output
        assert f"{served.base_url}/v1/models" in output
    login = {"tenant": "demo-tenant-registry", "username": "admin", "password": ADMIN_PASSWORD}
    with administrator(served, login) as client:
        assert client.get("/models", params={"limit": 1}).json()["totalDocs"] == 35
        deleted, missing = served.manage_all(("demo", "--delete"), ("demo", "--delete", "--tenant", "nobody"))
        assert deleted[1] == ""
        assert client.get("/models").json()["totalDocs"] == 0
    assert missing == ("", "--tenant: there is no tenant nobody")
