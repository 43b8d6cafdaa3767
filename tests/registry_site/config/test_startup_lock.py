"""One of several concurrent starts migrates; a killed one blocks the others only briefly."""

import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines import Server
from tests.served import ROOT, Served

LEASE = 1  # seconds
HOLD = f"""
import sys
from datetime import timedelta
import django
django.setup()
from registry_site.config import databases
databases.LEASE = timedelta(seconds={LEASE})
print("waits", flush=True)
with databases.startup_lock():
    print("holds", flush=True)
    sys.stdin.read()
"""


class Start:
    """A process that holds the lock until `end` is called."""

    def __init__(self, registry: Served) -> None:
        env = registry.env | {"DJANGO_SETTINGS_MODULE": "registry_site.settings", "PYTHONPATH": str(ROOT)}
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen([sys.executable, "-c", HOLD], cwd=ROOT, env=env, text=True, **pipes)

    def says(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        self.process.communicate()


@pytest.fixture
def registry(server: Server, tmp_path: Path) -> Iterator[Served]:
    with Served.prepared(server, tmp_path) as registry:
        yield registry


def test_a_start_killed_during_a_migration_does_not_block_others_for_long(registry: Served) -> None:
    killed = Start(registry)
    assert [killed.says(), killed.says()] == ["waits", "holds"]
    killed.process.kill()
    killed.process.wait()
    started = registry.manage("serve", "--prepare-only")
    assert started.returncode == 0, started.stderr


def test_other_starts_wait_for_one_that_takes_longer_than_the_lease(registry: Served) -> None:
    first = Start(registry)
    assert [first.says(), first.says()] == ["waits", "holds"]
    second = Start(registry)
    assert second.says() == "waits"
    assert second.process.stdout is not None
    assert select.select([second.process.stdout], [], [], 4 * LEASE)[0] == [], "both hold the lock"
    first.end()
    assert second.says() == "holds"
    second.end()
