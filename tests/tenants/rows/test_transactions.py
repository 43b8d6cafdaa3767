"""What is tried again, and how often."""

from typing import Any

import pytest
from django.db import IntegrityError, connection

from tenants.models import Tenant
from tenants.rows.transactions import ATTEMPTS_AT_A_KEY, Conflict, atomic, retried
from versions.models import Blob, Hold, Version


@pytest.fixture(autouse=True)
def committed(transactional_db: None) -> None:
    """A transaction that fails is one of its own."""


class Tried:
    """Counts the tries at a write, which creates `row` of `model`."""

    def __init__(self, model: Any, **row: Any) -> None:
        self.tries, self.model, self.row = 0, model, row

    @retried
    def __call__(self) -> None:
        self.tries += 1
        with atomic():
            self.model(**self.row).save(force_insert=True)


VERSION: dict[str, Any] = {"subject": "0" * 24, "ordinal": "1", "original": "a", "mimetype": "a/b", "encoding": "7bit"}


@pytest.mark.parametrize(
    ("engines", "model", "row"),
    [
        ("sqlite postgres mongodb", Hold, {"id": "one", "until": None}),
        ("sqlite postgres", Version, VERSION | {"tenant_id": "nobody", "size": 1, "sha256": "0" * 64}),
        ("sqlite postgres", Blob, {"id": "acme/00/00", "tenant_id": "acme", "references": -1}),
    ],
    ids=["not null", "foreign key", "check"],
)
def test_what_no_retry_can_change_is_tried_once(engine: str, engines: str, model: Any, row: Any) -> None:
    if engine not in engines:
        pytest.skip("this engine has no such constraint")
    write = Tried(model, **row)
    with pytest.raises(IntegrityError):
        write()
    assert write.tries == 1


def test_a_taken_key_is_tried_a_few_times() -> None:
    Tenant(pk="taken", email="a@b.example").save(force_insert=True)
    write = Tried(Tenant, id="taken", email="a@b.example")
    with pytest.raises(IntegrityError):
        write()
    assert write.tries == ATTEMPTS_AT_A_KEY < 10


def test_a_key_that_was_taken_meanwhile_is_seen_by_the_next_try() -> None:
    tries = []

    @retried
    def write() -> str:
        tries.append(Tenant.objects.filter(pk="taken").exists())
        if tries[-1]:
            return "taken"
        Tenant(pk="taken", email="a@b.example").save(force_insert=True)  # another writer, who comes first
        Tenant(pk="taken", email="a@b.example").save(force_insert=True)
        return "made"

    assert write() == "taken"
    assert tries == [False, True]


def test_a_conflict_is_tried_until_it_succeeds() -> None:
    left = list(range(20))

    @retried
    def write() -> None:
        if left:
            left.pop()
            raise Conflict("another writer came first")

    write()
    assert left == []
    assert not connection.in_atomic_block
