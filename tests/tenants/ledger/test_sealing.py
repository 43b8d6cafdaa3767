"""Seals: gapless sequences, hashes that show every alteration, one sealer at a time, and the removal of old events."""

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from django.db import OperationalError, connection, connections

from tenants.ledger import chains, event, record, record_all
from tenants.ledger.chains import BATCH, find_faults, seal_all, tenants_waiting
from tenants.ledger.recording import written
from tenants.ledger.sealing import IDLE_SECONDS, LEASE, POLL_SECONDS, Sealer, remove_old_events
from tenants.models import INSTALLATION, Chain, Event, User
from tenants.rows.fields import now
from tenants.rows.transactions import atomic

ADA = User(pk="0123456789abcdef01234567", username="ada")


def _write(count: int, tenant: str = "acme") -> None:
    with atomic():
        record_all([event(tenant=tenant, type="model.updated", actor=ADA, reason=f"n{n}") for n in range(count)])


def _sequences(tenant: str = "acme") -> list[int | None]:
    return list(Event.objects.of(tenant).order_by("id").values_list("sequence", flat=True))


@pytest.mark.promise("events.sealed")
def test_events_get_sequences_without_gaps_in_the_order_of_time(db: None) -> None:
    _write(BATCH + 20)
    _write(3, "rival")
    assert _sequences() == [None] * (BATCH + 20)
    assert seal_all() == BATCH + 23
    assert _sequences() == list(range(1, BATCH + 21))
    assert _sequences("rival") == [1, 2, 3]
    _write(2)
    assert (seal_all(), seal_all(), tenants_waiting()) == (2, 0, [])
    assert _sequences() == list(range(1, BATCH + 23))
    assert [*find_faults("acme"), *find_faults("rival")] == []


def _alter(**columns: Any) -> Callable[[Any], Any]:
    return lambda events: events.filter(sequence=5).update(**columns)


def _swap(events: Any) -> None:
    first, second = events.get(sequence=5), events.get(sequence=6)
    events.filter(pk=first.pk).update(sequence=6, hash=second.hash)
    events.filter(pk=second.pk).update(sequence=5, hash=first.hash)


def _forge(sequence: int | None) -> Callable[[Any], Any]:
    columns = {"tenant_id": "acme", "type": "model.updated", "hash": "0" * 64, "sequence": sequence}
    return lambda events: Event.objects.create(**columns)


TAMPERED: dict[str, Callable[[Any], Any]] = {
    "actor": _alter(actor_name="another"),
    "changes": _alter(changes='{"status":["test","production"]}'),
    "no JSON": _alter(changes="{"),
    "time": _alter(timestamp=now() - timedelta(days=1)),
    "reason": _alter(reason=""),
    "tenant": lambda events: events.filter(sequence=5).update(tenant_id="rival"),
    "hash": _alter(hash="0" * 64),
    "removed": lambda events: events.filter(sequence=5).delete(),
    "last removed": lambda events: events.filter(sequence=10).delete(),
    "first removed": lambda events: events.filter(sequence=1).delete(),
    "all removed": lambda events: events.delete(),
    "order": _swap,
    "inserted before the first": _forge(0),
    "inserted twice": _forge(5),
    "inserted after the last": _forge(11),
    "inserted without a sequence": _forge(None),
}


@pytest.mark.promise("events.verified")
@pytest.mark.parametrize("how", TAMPERED)
def test_every_alteration_of_a_sealed_event_shows(db: None, how: str) -> None:
    _write(10)
    seal_all()
    assert list(find_faults("acme")) == []
    TAMPERED[how](Event.objects.of("acme"))
    assert len(list(find_faults("acme"))) == 1


@pytest.mark.promise("events.sealed")
@pytest.mark.django_db(transaction=True)
def test_many_writers_and_several_sealers_make_one_chain() -> None:
    done = threading.Event()

    def write() -> None:
        for _ in range(20):
            _write(2)
        connections.close_all()

    def seal() -> None:
        while not done.is_set():
            seal_all()
        connections.close_all()

    writers = [threading.Thread(target=write) for _ in range(6)]
    sealers = [threading.Thread(target=seal) for _ in range(2)]
    for thread in (*writers, *sealers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in sealers:
        thread.join()
    seal_all()
    sealed = list(Event.objects.of("acme").order_by("sequence").values_list("sequence", flat=True))
    assert sealed == list(range(1, 241))
    assert list(find_faults("acme")) == []


@pytest.mark.promise("events.sealed")
@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_commits_late_gets_a_later_sequence() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("one writer at a time")
    written, may_commit = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with atomic():
            record(tenant="acme", type="model.updated", actor=None, reason="late")
            written.set()
            may_commit.wait(30)
        connections.close_all()

    thread = threading.Thread(target=write_slowly)
    thread.start()
    written.wait(30)
    _write(1)
    assert seal_all() == 1, "the sealer neither sees nor waits for what is not committed"
    may_commit.set()
    thread.join()
    assert seal_all() == 1
    assert Event.objects.get(reason="late").sequence == 2
    assert list(find_faults("acme")) == []


@pytest.mark.promise("events.sealed")
def test_one_sealer_works_and_another_takes_over_when_its_lease_expires(db: None, monkeypatch: Any) -> None:
    first, second = Sealer(), Sealer()
    first.leased_until = second.leased_until = now()
    _write(1)
    assert first.seal() == 1
    _write(1)
    assert second.seal() == 0, "the first one has the lease"
    assert first.seal() == 1
    _write(1)
    later = now() + LEASE
    monkeypatch.setattr("tenants.ledger.sealing.now", lambda: later)
    assert second.seal() == 1
    _write(1)
    assert first.seal() == 0
    assert Chain.objects.get(pk=INSTALLATION).holder == second.holder


@pytest.mark.promise("events.sealed")
def test_a_sealer_waits_long_until_its_process_writes(db: None) -> None:
    sealer = Sealer()
    written.clear()
    began = monotonic()
    sealer.wait()
    assert monotonic() - began >= IDLE_SECONDS
    _write(1)
    began = monotonic()
    sealer.wait()
    assert POLL_SECONDS <= monotonic() - began < IDLE_SECONDS
    assert sealer.seal() == 1
    began = monotonic()
    sealer.wait()
    assert monotonic() - began < IDLE_SECONDS, "the one that has the lease does not wait to be told"


@pytest.mark.promise("events.sealed")
@pytest.mark.django_db(transaction=True)
def test_a_lost_database_is_logged_once(caplog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sealer = Sealer()
    sealer.cleaned = monotonic()

    def lost() -> list[str]:
        raise OperationalError("the database is gone")

    with monkeypatch.context() as patched:
        patched.setattr("tenants.ledger.sealing.tenants_waiting", lost)
        for _ in range(3):
            sealer.work()
    for _ in range(2):
        sealer.work()
    assert [record.message for record in caplog.records] == [
        "Events cannot be sealed at the moment: the database is gone",
        "Events are sealed again",
    ]


@pytest.mark.promise("events.kept")
def test_old_events_are_removed_and_the_rest_can_still_be_verified(
    db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenants.ledger.sealing.REMOVED", 4)
    _seal_ten_of_which_six_are_old()
    assert remove_old_events() == 0
    settings.EVENT_RETENTION_DAYS = 30
    assert remove_old_events() == 6
    assert _sequences() == [7, 8, 9, 10]
    assert list(find_faults("acme")) == []
    _write(1)
    seal_all()
    assert list(find_faults("acme")) == []
    Event.objects.filter(sequence=7).delete()
    assert len(list(find_faults("acme"))) == 1


@pytest.mark.promise("events.verified", "events.kept")
def test_a_removal_of_old_events_during_a_verification_is_no_fault(
    db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EVENT_RETENTION_DAYS = 30
    _seal_ten_of_which_six_are_old()
    read, faults_of = [], chains._faults_of

    def faults_after_a_removal(chain: Chain, expected: Mapping[int, str]) -> Iterator[str]:
        read.append(chain.anchor)
        remove_old_events()
        return faults_of(chain, expected)

    monkeypatch.setattr(chains, "_faults_of", faults_after_a_removal)
    assert list(find_faults("acme")) == []
    assert read == [0, 6]
    Event.objects.filter(sequence=9).update(actor_name="another")
    assert len(list(find_faults("acme"))) == 1


def _seal_ten_of_which_six_are_old() -> None:
    _write(10)
    seal_all()
    Event.objects.filter(sequence__lte=6).update(timestamp=now() - timedelta(days=40))
    # The hashes cover the timestamps, so the chain is made again with the old ones.
    Event.objects.update(sequence=None, hash="")
    Chain.objects.all().delete()
    seal_all()


@pytest.mark.promise("events.sealed")
def test_the_sealer_reads_only_events_without_a_seal(engine: str, db: None) -> None:
    """Statistics from when no event had a seal, or more than 100 waiting ones, led to a scan of all events."""
    _write(300)
    if engine == "postgres":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE tenants_event")
    seal_all()
    _write(160)
    for queryset in (chains._unsealed(), chains._unsealed().values_list("tenant_id")):
        plan = queryset.explain()
        assert "events_unsealed" in plan
        assert "events_newest" not in plan
