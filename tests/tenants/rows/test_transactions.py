"""Which failures are retried, and how often."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection

from tenants.models import Tenant
from tenants.rows.transactions import ATTEMPTS, DUPLICATE_KEY_ATTEMPTS, Conflict, atomic, retried
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


def test_a_conflict_is_retried_until_it_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenants.rows.transactions.FIRST_PAUSE_SECONDS", 0)
    left = list(range(10 * ATTEMPTS))  # as many as a writer may lose on a busy machine before its time is up

    @retried
    def write() -> None:
        if left:
            left.pop()
            raise Conflict("another writer committed first")

    write()
    assert left == []
    assert not connection.in_atomic_block


def test_lost_races_do_not_count_as_duplicate_keys() -> None:
    Tenant(pk="taken", email="a@b.example").save(force_insert=True)
    names, lost = ["free", "taken"], list(range(DUPLICATE_KEY_ATTEMPTS))

    @retried
    def write() -> None:
        if lost:
            lost.pop()
            raise Conflict("another writer committed first")
        Tenant(pk=names.pop(), email="a@b.example").save(force_insert=True)

    write()
    assert names == []


@pytest.fixture
def mongodb(engine: str) -> Any:
    """The connection to MongoDB."""
    if engine != "mongodb":
        pytest.skip("other engines' drivers have no sessions")
    connection.ensure_connection()
    return connection


def _abort_on_server(mongodb: Any) -> None:
    """End the transaction on the server, as it does itself if one takes too long or its cache is full."""
    mongodb.connection.admin.command("killSessions", [{"id": mongodb.session.session_id["id"]}])


def test_a_conflict_retries_the_whole_transaction_and_no_part_of_it(mongodb: Any) -> None:
    """On MongoDB a conflict ends the transaction: in it, no later attempt could succeed."""
    parts, wholes = [], []

    @retried
    def part() -> None:
        parts.append(1)
        if len(parts) == 1:
            raise Conflict("another writer committed first")

    @retried
    def whole() -> None:
        wholes.append(1)
        with atomic():
            part()

    whole()
    assert (len(wholes), len(parts)) == (2, 2)


def test_a_failed_commit_is_retried_as_a_whole(mongodb: Any) -> None:
    attempts = []

    @retried
    def write() -> None:
        with atomic():
            Tenant(pk="acme", email="a@b.example").save(force_insert=True)
            attempts.append(1)
            if len(attempts) == 1:
                _abort_on_server(mongodb)

    write()
    assert len(attempts) == 2
    assert Tenant.objects.filter(pk="acme").exists()


def test_after_a_failed_commit_transactions_are_transactions(mongodb: Any) -> None:
    with pytest.raises(DatabaseError), atomic():
        Tenant(pk="lost", email="a@b.example").save(force_insert=True)
        _abort_on_server(mongodb)
    with pytest.raises(KeyError), atomic():
        Tenant(pk="undone", email="a@b.example").save(force_insert=True)
        raise KeyError
    assert mongodb.session is None
    assert not Tenant.objects.exists()


def test_an_error_between_the_batches_of_a_result_is_retried(mongodb: Any) -> None:
    rows = [Tenant(pk=f"t{number}", email="a@b.example") for number in range(150)]  # more than a first batch
    Tenant.objects.bulk_create(rows)
    attempts, found = [], []

    @retried
    def read() -> None:
        found.clear()
        with atomic():
            attempts.append(1)
            for row in Tenant.objects.iterator(chunk_size=10):
                if len(attempts) == 1 and len(found) == 10:
                    _abort_on_server(mongodb)
                found.append(row)

    read()
    assert (len(attempts), len(found)) == (2, len(rows))


def test_a_commit_whose_outcome_is_unknown_is_repeated(mongodb: Any, fail_commands: Callable[..., None]) -> None:
    name, outcomes = mongodb.settings_dict["OPTIONS"]["appName"], {"times": 3}  # the driver itself repeats it once
    fail_commands(outcomes, failCommands=["commitTransaction"], closeConnection=True, appName=name)
    with atomic():
        Tenant(pk="acme", email="a@b.example").save(force_insert=True)
    assert Tenant.objects.filter(pk="acme").exists()


def test_a_statement_whose_connection_is_lost_is_repeated(mongodb: Any, fail_commands: Callable[..., None]) -> None:
    """The driver itself repeats no update of several rows."""
    Tenant(pk="acme", email="a@b.example").save(force_insert=True)
    name = mongodb.settings_dict["OPTIONS"]["appName"]
    fail_commands({"times": 1}, failCommands=["update"], closeConnection=True, appName=name)
    assert retried(Tenant.objects.filter(pk="acme").update)(phone="1") == 1


def test_a_commit_that_may_have_happened_is_not_done_twice(
    mongodb: Any, fail_commands: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenants.rows.mongodb.COMMIT_SECONDS", 0)
    name, sessions = mongodb.settings_dict["OPTIONS"]["appName"], []
    fail_commands({"times": 9}, failCommands=["commitTransaction"], closeConnection=True, appName=name)

    @retried
    def write() -> None:
        with atomic():
            sessions.append(mongodb.session.session_id["id"])
            Tenant(pk="acme", email="a@b.example").save(force_insert=True)

    with pytest.raises(DatabaseError):
        write()
    assert len(sessions) == 1
    mongodb.connection.admin.command("killSessions", [{"id": sessions[0]}])  # it would hold the row for a minute
