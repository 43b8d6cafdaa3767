"""Which failures are retried, and how often."""

from typing import Any

import pytest
from django.db import IntegrityError, connection

from tenants.models import Tenant
from tenants.rows.transactions import DUPLICATE_KEY_ATTEMPTS, Conflict, atomic, retried
from versions.models import Blob, Hold, Version


@pytest.fixture(autouse=True)
def committed(transactional_db: None) -> None:
    """Run without an outer transaction, so that only the failed one is rolled back."""


class CountedWrite:
    """Creates `row` of `model` and counts the attempts."""

    def __init__(self, model: Any, **row: Any) -> None:
        self.attempts, self.model, self.row = 0, model, row

    @retried
    def __call__(self) -> None:
        self.attempts += 1
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
def test_a_violation_that_no_retry_can_fix_is_not_retried(engine: str, engines: str, model: Any, row: Any) -> None:
    if engine not in engines:
        pytest.skip("this engine has no such constraint")
    write = CountedWrite(model, **row)
    with pytest.raises(IntegrityError):
        write()
    assert write.attempts == 1


def test_a_duplicate_key_is_retried_a_few_times() -> None:
    Tenant(pk="taken", email="a@b.example").save(force_insert=True)
    write = CountedWrite(Tenant, id="taken", email="a@b.example")
    with pytest.raises(IntegrityError):
        write()
    assert write.attempts == DUPLICATE_KEY_ATTEMPTS < 10


def test_a_retry_sees_the_row_that_took_the_key() -> None:
    attempts = []

    @retried
    def write() -> str:
        attempts.append(Tenant.objects.filter(pk="taken").exists())
        if attempts[-1]:
            return "taken"
        Tenant(pk="taken", email="a@b.example").save(force_insert=True)  # another writer commits first
        Tenant(pk="taken", email="a@b.example").save(force_insert=True)
        return "made"

    assert write() == "taken"
    assert attempts == [False, True]


def test_a_conflict_is_retried_until_it_succeeds() -> None:
    left = list(range(20))

    @retried
    def write() -> None:
        if left:
            left.pop()
            raise Conflict("another writer committed first")

    write()
    assert left == []
    assert not connection.in_atomic_block
