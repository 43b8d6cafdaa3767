"""Acknowledged writes survive a kill of the registry's processes at any time.

`TORTURE_ROUNDS` and `TORTURE_CLIENTS` make it longer (`make torture`), `TORTURE_SEED` the same moments again.
"""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import engines
from tests.engines import Server
from tests.missing import cannot_run
from tests.served import Served
from tests.talk import administrator, created
from tests.writers import (
    Writer,
    all_models,
    assert_bytes_are_whole,
    assert_changes_have_their_events,
    assert_nothing_is_lost,
    assert_uploads_go_on,
    files_of,
)

ROUNDS = int(os.environ.get("TORTURE_ROUNDS") or 2)
CLIENTS = int(os.environ.get("TORTURE_CLIENTS") or 6)
SEED = int(os.environ.get("TORTURE_SEED") or random.randrange(2**32))
LONGEST = 2.0  # seconds of writing before a kill
ROUND_SECONDS = 60  # timeout of a round, on a busy machine


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
@pytest.mark.timeout(300 + ROUNDS * ROUND_SECONDS)
def test_all_that_was_acknowledged_is_there_however_often_it_is_killed(durable: Server, tmp_path: Path) -> None:
    """Kill the registry's processes while they write, and every second time the database's too."""
    moments = random.Random(SEED)
    print(f"TORTURE_SEED={SEED}")
    with Served.on(durable, tmp_path, WORKERS="2") as registry:
        with administrator(registry) as client:
            shared = created(client, "models", name="shared")
        written: list[Writer] = []
        for number in range(ROUNDS):
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
        print(f"{ROUNDS} rounds: {kept} items and {sum(len(w.tags) for w in written)} tags kept, {gone} items deleted")
        assert kept >= ROUNDS
        with administrator(registry) as client:
            assert_nothing_is_lost(client, written, shared)
            assert_bytes_are_whole(client)
            assert_changes_have_their_events(client)
            _assert_only_garbage_is_left(registry, _named(client))


def _wait_until_all_is_written(writers: list[Writer]) -> None:
    """Return when some writer has done the last kind of its writes; a busy machine takes long."""
    deadline = time.monotonic() + ROUND_SECONDS
    while not any(writer.uploads for writer in writers):
        assert time.monotonic() < deadline, [writer.refusals for writer in writers]
        time.sleep(0.01)


def _named(client: httpx.Client) -> set[str]:
    """Return the digests of the files of all versions."""
    versions = [(m["_id"], v["ordinal"]) for m in all_models(client) for v in m["versions"]]
    paths = [f"/models/{id}/versions/{ordinal}" for id, ordinal in versions]
    return {file["sha256"] for path in paths for file in files_of(client, path)}


def _assert_only_garbage_is_left(registry: Served, named: set[str]) -> None:
    """Check that rows and bytes are consistent, and that `collect_garbage` removes what crashes left."""
    verified = registry.manage("verify_ledger")
    assert verified.returncode == 0, verified.stderr
    checked = registry.manage("check_integrity")
    assert checked.returncode == 0, checked.stderr
    last = ""
    while not last.endswith("removed"):  # MongoDB notices late that a client was killed
        collected = registry.manage("collect_garbage", "--delete", "--older-than", "0s")
        assert collected.returncode == 0, collected.stderr
        last = collected.stdout.splitlines()[-1]
    assert {file.name for file in (registry.folder / "uploads").rglob("*") if file.is_file()} == named
