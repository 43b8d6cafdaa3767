"""Acknowledged writes survive a kill of the registry's processes at any time.

`TORTURE_ROUNDS` and `TORTURE_CLIENTS` make it longer (`make torture`), `TORTURE_SEED` the same moments again.
"""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import engines
from tests.engines import Server
from tests.missing import cannot_run
from tests.served import Served
from tests.talk import administrator, created
from tests.writers import (
    Writer,
    assert_bytes_are_whole,
    assert_changes_have_their_events,
    assert_nothing_is_lost,
    assert_uploads_go_on,
)

ROUNDS = int(os.environ.get("TORTURE_ROUNDS") or 0)  # by default as many as differ: see `_rounds`
CLIENTS = int(os.environ.get("TORTURE_CLIENTS") or 6)
SEED = int(os.environ.get("TORTURE_SEED") or random.randrange(2**32))
LONGEST = 2.0  # seconds of writing before a kill
ROUND_SECONDS = 60  # timeout of a round, on a busy machine


# In one process, because each takes a second to start. MongoDB notices late that a client was killed.
CHECKS = """
import io, time
from django.core.management import call_command
call_command("verify_ledger")
call_command("check_integrity")
said = io.StringIO()
while not said.getvalue().endswith("removed\\n"):
    time.sleep(0.5 if said.getvalue() else 0)
    call_command("collect_garbage", "--delete", "--older-than", "0s", stdout=said)
"""


@pytest.fixture
def durable(engine: str) -> Iterator[Server]:
    """An engine for this test that syncs to disk and can be killed."""
    try:
        server = engines.start(engine, durable=True)
    except engines.NotRun as reason:
        cannot_run(str(reason))
    server.copy = None  # it has one database
    yield server
    server.stop()


@pytest.mark.promise("events.atomic", "events.sealed")
@pytest.mark.timeout(300 + (ROUNDS or 2) * ROUND_SECONDS)
def test_all_that_was_acknowledged_is_there_however_often_it_is_killed(durable: Server, tmp_path: Path) -> None:
    """Kill the registry's processes while they write, and every second time the database's too."""
    moments, rounds = random.Random(SEED), _rounds(durable)
    print(f"TORTURE_SEED={SEED}")
    with Served.on(durable, tmp_path, WORKERS="2") as registry:
        with administrator(registry) as client:
            shared = created(client, "models", name="shared")
        written: list[Writer] = []
        for number in range(rounds):
            with administrator(registry) as client:
                writers = [Writer(client, shared, f"{SEED}-{number}-{each}") for each in range(CLIENTS)]
                for writer in writers:
                    writer.start()
                _wait_until_all_is_written(writers)
                time.sleep(moments.uniform(0, LONGEST))
                registry.kill()
                if number % 2:
                    durable.crash()
                for writer in writers:
                    writer.join(60)
            registry.start()
            with administrator(registry) as client:
                assert_nothing_is_lost(client, writers, shared)
                assert_uploads_go_on(client, writers)
            written += writers
        kept, gone = (
            sum(len(each) for each in sets) for sets in zip(*((w.kept, w.deleted) for w in written), strict=True)
        )
        print(f"{rounds} rounds: {kept} items and {sum(len(w.tags) for w in written)} tags kept, {gone} items deleted")
        assert kept >= rounds
        with administrator(registry) as client:
            assert_nothing_is_lost(client, written, shared)
            named = assert_bytes_are_whole(client)
            assert_changes_have_their_events(client)
            _assert_only_garbage_is_left(registry, named)


def _rounds(server: Server) -> int:
    """Return how many rounds to run: by default one, and if the database has a process, another that kills it too."""
    return ROUNDS or (2 if server.processes else 1)


def _wait_until_all_is_written(writers: list[Writer]) -> None:
    """Return when some writer has done the last kind of its writes; a busy machine takes long."""
    deadline = time.monotonic() + ROUND_SECONDS
    while not any(writer.loose for writer in writers):
        assert time.monotonic() < deadline, [writer.refusals for writer in writers]
        time.sleep(0.01)


def _assert_only_garbage_is_left(registry: Served, named: set[str]) -> None:
    """Check that rows and bytes are consistent, and that `collect_garbage` removes what crashes left."""
    checked = registry.manage("shell", "--no-imports", "-c", CHECKS)
    assert checked.returncode == 0, checked.stderr
    assert {file.name for file in (registry.folder / "uploads").rglob("*") if file.is_file()} == named
