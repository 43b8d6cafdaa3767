"""Logins at a served registry."""

import os
from pathlib import Path

import httpx

from tests.engines import Server
from tests.served import Served
from tests.talk import at_once
from tests.versions.test_streams import peak_memory

THREADS = 16
HASHING = 2 * 19  # MiB that a hashing thread may hold


def test_concurrent_logins_take_memory_for_one_hash_per_processor(server: Server, tmp_path: Path) -> None:
    with Served.on(server, tmp_path, WORKERS="1", THREADS=str(THREADS)) as registry:

        def login(_: int) -> int:
            return httpx.post(f"{registry.base_url}/login", json=registry.administrator, timeout=120).status_code

        for address in ("/healthz", "/v1/version"):
            at_once(lambda _, address=address: httpx.get(f"{registry.base_url}{address}", timeout=120), THREADS)
        before = peak_memory(registry)
        assert set(at_once(login, 4 * THREADS)) == {200}
        assert peak_memory(registry) < before + HASHING * (os.cpu_count() or 1) + 60
