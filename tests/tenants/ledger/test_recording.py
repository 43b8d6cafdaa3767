"""What an event stores: who, what, and changes that are exact, bounded and without secrets."""

import random
from typing import Any

import orjson
import pytest

from tenants.ledger import event, record, record_all
from tenants.ledger.changes import MAX_BYTES, SECRET_FIELDS, encode_changes, is_cut, undo_change
from tenants.models import Event
from tenants.models.ledger import event_id
from tenants.rows.transactions import atomic


def test_an_event_says_who_changed_what(world: Any) -> None:
    with atomic():
        record(
            tenant="acme",
            type="user.updated",
            actor=world.acme.admin,
            item=world.acme.owner,
            changes={"role": ["regular", "admin"], "email": ["same@acme.example", "same@acme.example"]},
            reason="They lead the team",
        )
    document = Event.objects.of("acme").get(type="user.updated").to_api()
    assert document["actor"] == {"_id": world.acme.admin.pk, "username": "admin"}
    assert document["item"] == {"_id": world.acme.owner.pk, "kind": "user", "name": "owner", "revision": 0}
    assert document["changes"] == {"role": ["regular", "admin"]}
    assert document["reason"] == "They lead the team"
    assert (document["sequence"], document["hash"]) == (None, None)


@pytest.mark.django_db(transaction=True)
def test_an_event_needs_the_transaction_of_its_change() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        record(tenant="acme", type="model.updated", actor=None)
    assert not Event.objects.exists()


@pytest.mark.promise("events.atomic")
@pytest.mark.django_db(transaction=True)
def test_an_event_is_rolled_back_with_its_transaction() -> None:
    with pytest.raises(ZeroDivisionError), atomic():
        record_all([event(tenant="acme", type="model.updated", actor=None) for _ in range(3)])
        raise ZeroDivisionError
    assert not Event.objects.exists()
    with atomic():
        record_all([event(tenant="acme", type="model.updated", actor=None) for _ in range(3)])
    assert Event.objects.count() == 3


def test_ids_sort_by_time() -> None:
    ids = [event_id() for _ in range(1000)]
    assert ids == sorted(set(ids))
    assert {len(id) for id in ids} == {24}


@pytest.mark.promise("events.secrets")
def test_secrets_are_never_written() -> None:
    for field in SECRET_FIELDS:
        assert orjson.loads(encode_changes({field: ["old secret", "new secret"]})) == {field: [None, None]}


VALUES = ["a", "b", 1, True, 1.0, "1", {"name": "x", "value": 1}, {"name": "x", "value": True}, "c", "d", 10**18]


@pytest.mark.promise("events.changes")
def test_a_change_of_a_list_is_undone_exactly() -> None:
    chance = random.Random(7)
    for _ in range(3000):
        old = chance.choices(VALUES, k=chance.randrange(12))
        new = old[:]
        for _ in range(chance.randrange(5)):
            place = chance.randrange(len(new) + 1)
            new[place : place + chance.randrange(3)] = chance.choices(VALUES, k=chance.randrange(3))
        stored = orjson.loads(encode_changes({"tags": [old, new]}))
        back = undo_change(new, stored["tags"]) if "tags" in stored else new
        assert orjson.dumps(back) == orjson.dumps(old), (old, new, stored)


@pytest.mark.promise("events.changes")
def test_a_list_stores_only_what_differs() -> None:
    old = [f"tag {number}" for number in range(1000)]
    assert orjson.loads(encode_changes({"tags": [old, [*old[:5], *old[6:], "new"]]})) == {
        "tags": [{"5": "tag 5"}, {"999": "new"}]
    }


@pytest.mark.promise("events.cut")
@pytest.mark.parametrize(
    "large",
    [
        "x" * (2 * MAX_BYTES),
        [f"{number} " + "x" * 300 for number in range(2000)],
        [{"name": f"name {number}", "value": number} for number in range(100_000)],
        {"deep": [["x" * 1000] * 1000]},
    ],
)
def test_a_large_event_is_cut_and_says_so(large: Any) -> None:
    text = encode_changes({"field": [None, large], "status": ["test", "deploy"]})
    assert len(text.encode()) <= MAX_BYTES
    stored = orjson.loads(text)
    assert is_cut(stored["field"][1])
    assert stored["status"] == ["test", "deploy"]
