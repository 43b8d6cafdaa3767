"""A backup is a snapshot of the whole registry, and is restored completely, on any engine, or not at all."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import call_command

from tenants.models import RequestLog
from tenants.rows.fields import now
from tests import engines
from tests.engines import Server
from tests.missing import cannot_run
from tests.registry_site.operations.backups import LOG_ROWS, contents, rewrite_log
from tests.served import ROOT, Served
from tests.talk import administrator, created
from tests.versions.files import new_item, put_file
from tests.versions.tus import OFFSET, RESUMABLE

METADATA = [1, -(2**63), 1e22, 0.1, True, False, "", "Grüße, 世界 \u2028 \x7f", "x" * 5000]
USERS = ["grace", "alan"]
ADA = {"username": "ada", "password": "Pw-1!", "tenant": "acme"}
CONTENTS = {"a.bin": b"same", "b.bin": b"same", "c/d.bin": b"", "e.bin": os.urandom(3_000_000)}
LOGGED = 5_000  # rows that keep a restore busy


def fill(registry: Served) -> None:
    """Fill a registry with every kind of data."""
    operator = {"Authorization": registry.api_token}
    body = {"_id": "acme", "organization": "Acmé", "email": "info@acme.example"}
    body |= {"admin_username": ADA["username"], "admin_password": ADA["password"]}
    httpx.post(f"{registry.base_url}/v1/tenants", json=body, headers=operator).raise_for_status()
    for credentials in (ADA, None):
        with administrator(registry, credentials) as client:
            users = [{"username": name, "password": "Str0ng-one", "email": f"{name}@acme.example"} for name in USERS]
            client.post("/users", json=users).raise_for_status()
            client.post("/tags", json=[{"_id": "default tag"}, {"_id": "标签"}]).raise_for_status()
            client.post("/metadata", json={"_id": "a name"}).raise_for_status()
            created(client, "datasets", name="data", visibility="public", tags=["folk"])
            metadata = [{"name": f"m{number}", "value": value} for number, value in enumerate(METADATA)]
            about: Any = {"datasets": ["data"], "users": USERS, "metadata": metadata, "description": "# Title\n"}
            model = created(client, "models", name="m", **about)
            for name, content in CONTENTS.items():
                client.put(f"/models/{model}/versions/{name}", content=content).raise_for_status()
            words = {"description": "d", "tags": {"add": ["été"]}, "metadata": {"add": metadata[:3]}}
            client.patch(f"/models/{model}/versions/1", json=words).raise_for_status()
            client.delete(f"/models/{model}/versions/b.bin").raise_for_status()
            folder = [
                ("files", (path, content)) for path, content in {"a/b.bin": b"same", "ü/c.bin": b"folder"}.items()
            ]
            client.post(f"/models/{model}/versions", files=folder, data={"original": "folder"}).raise_for_status()
            client.patch(f"/models/{model}/versions/folder", json=words).raise_for_status()
            uploaded = send_uploads(client)
            body = {"files": [{"path": "sent.bin", "upload": uploaded}, {"path": "a/b.bin", "version": "folder"}]}
            client.post(f"/models/{model}/versions", json=body | {"original": "composed"}).raise_for_status()
            for version in ("a.bin", "e.bin", "@production~1"):
                body = {"version": version, "reason": f"Grüße {version}"}
                client.put(f"/models/{model}/aliases/production", json=body).raise_for_status()
            rule = {"name": "r", "aliases": "reviewed*", "users": ["grace"], "condition": {"size": {"$gte": 0}}}
            client.post("/protection", json=rule | {"approvals": 2}).raise_for_status()
            client.post(f"/models/{model}/aliases/reviewed/proposals", json={"version": "a.bin"}).raise_for_status()
            gone = created(client, "algorithms", name="gone")
            client.put(f"/algorithms/{gone}/versions/f.bin", content=b"gone").raise_for_status()
            client.delete(f"/algorithms/{gone}").raise_for_status()


def send_uploads(client: httpx.Client) -> str:
    """Begin an upload, and finish two, one with bytes that a version has too; return the id of the other."""
    for number, (content, size) in enumerate(((b"begun", 10), (b"same", 4), (b"sent", 4))):
        headers = RESUMABLE | {"Upload-Length": str(size), "Content-Type": OFFSET}
        answer = client.post("/uploads", headers=headers, content=content).raise_for_status()
        assert answer.json()["offset"] == len(content), number
    return str(answer.json()["_id"])


def told(registry: Served) -> Any:
    """Return everything that administrators can read of a registry, including bytes."""
    answers: dict[str, Any] = {}
    for credentials in (ADA, None):
        with administrator(registry, credentials) as client:
            for kind in ("users", "tags", "metadata", "models", "datasets", "algorithms", "protection"):
                answers[f"{credentials}/{kind}"] = client.get(f"/{kind}?limit=1000").json()["docs"]
            for model in answers[f"{credentials}/models"]:
                for version in model["versions"]:
                    path = f"/models/{model['_id']}/versions/{version['ordinal']}"
                    answers[path] = client.get(path).raise_for_status().content
                    for part in ("info", "files"):
                        answers[f"{path}/{part}"] = client.get(f"{path}/{part}").raise_for_status().json()
                for part in ("production/history", "reviewed/proposals"):
                    path = f"/models/{model['_id']}/aliases/{part}"
                    answers[path] = client.get(path).raise_for_status().json()["docs"]
    return answers


def backed_up(registry: Served, folder: Path) -> Path:
    """Return the backup of a registry."""
    done = registry.manage("backup", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


def restored(registry: Served, backup: Path, again: Path) -> Path:
    """Restore a backup, and return a backup of the result."""
    done = registry.manage_all(("restore", str(backup)), ("backup", str(again)))
    assert [error for _, error in done] == ["", ""]
    return again


@pytest.fixture
def others(engine: str) -> Iterator[list[Server]]:
    """The two engines that this run does not use."""
    with ExitStack() as started:
        servers = []
        for name in engines.ENGINES:
            if name != engine:
                try:
                    servers.append(engines.start(name))
                except engines.NotRun as reason:
                    cannot_run(f"{name}: {reason}")
                started.callback(servers[-1].stop)
        yield servers


@pytest.fixture
def target(server: Server, tmp_path: Path) -> Iterator[Served]:
    """An empty registry that is not started."""
    with Served.prepared(server, tmp_path / "target", migrated=True) as registry:
        yield registry


@pytest.mark.timeout(900)  # three engines start, and six commands
def test_a_backup_of_one_engine_restores_equally_on_all_others(
    fresh_served: Served, server: Server, others: list[Server], tmp_path: Path
) -> None:
    fill(fresh_served)
    before = told(fresh_served)
    fresh_served.stop()
    first = backed_up(fresh_served, tmp_path / "backup")
    last = first
    for number, each in enumerate([*others, server]):
        with Served.prepared(each, tmp_path / f"registry-{number}") as registry:
            last = restored(registry, last, tmp_path / f"backup-{number}")
            assert contents(last) == contents(first)
            if each is server:
                registry.start()
                assert told(registry) == before


@pytest.fixture
def backup(transactional_db: None, world: Any, tmp_path: Path) -> Path:
    """A backup of the registry of this process: users, an item, a version and the log of a request."""
    api, folder = world.acme.owner.api, tmp_path / "backup"
    put_file(api, new_item(api, tags=["t"]), "a.bin", CONTENTS["e.bin"])
    RequestLog(date=now(), method="GET", url="/", status=200, duration_ms=0.5).save(force_insert=True)
    call_command("backup", str(folder), stdout=StringIO())
    return folder


def test_a_killed_restore_prevents_serving_and_can_be_repeated(backup: Path, target: Served, tmp_path: Path) -> None:
    many = Path(shutil.copytree(backup, tmp_path / "many"))
    entry = json.loads((many / LOG_ROWS).read_bytes().splitlines()[0])
    rewrite_log(many, [json.dumps(entry | {"id": f"{number:024x}"}).encode() for number in range(LOGGED)])
    command = [sys.executable, "-u", str(ROOT / "manage.py"), "restore", str(many)]
    process = subprocess.Popen(command, env=target.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    while not process.stdout.readline().startswith("tenants.user"):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "it had ended already"
    later = "from versions.models import Hold; from tenants.rows.fields import now; Hold.objects.update(until=now())"
    serve, restore = ("serve", "--prepare-only"), ("restore", str(backup))
    done = target.manage_all(
        serve, restore, ("shell", "--command", later), restore, ("backup", str(tmp_path / "again")), serve
    )
    errors = [error for _, error in done]
    assert "interrupted: run it again" in errors[0]
    assert "less than two minutes ago" in errors[1]
    assert errors[2:] == [""] * 4
    assert contents(tmp_path / "again") == contents(backup)
