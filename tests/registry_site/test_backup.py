"""A backup is the whole registry at one moment, and comes back as it was, on any engine, or not at all."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.apps import apps

from registry_site.backups.folder import TABLES
from tests import engines
from tests.engines import Server
from tests.served import ROOT, Served
from tests.talk import administrator, created
from tests.versions.files import sha256

# What a restored registry does without: it is made anew, or it is of the moment.
LEFT_OUT = {
    "tenants.passwordreset": "links work for an hour",
    "tenants.failedattempt": "failures count for minutes",
    "versions.hold": "whoever held bytes is another process",
    "sessions.session": "the admin site asks for the password again",
    "admin.logentry": "the admin site's own history",
    "auth.permission": "made by migrations",
    "auth.group": "not used",
    "contenttypes.contenttype": "made by migrations",
}
METADATA = [1, -(2**63), 1e22, 0.1, True, False, "", "Grüße, 世界 \u2028 \x7f", "x" * 5000]
USERS = ["grace", "alan"]
ADA = {"username": "ada", "password": "Pw-1!", "tenant": "acme"}
CONTENTS = {"a.bin": b"same", "b.bin": b"same", "c/d.bin": b"", "e.bin": os.urandom(3_000_000)}
LOG_ROWS = Path("rows", "tenants.requestlog.jsonl")
LOGGED = 20_000  # rows that keep a restore busy
DOOMED = 60  # files that are deleted while a backup is made


def fill(registry: Served) -> None:
    """Put into a registry something of everything that it can hold."""
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
            model = created(client, "models", name="m", datasets=["data"], users=USERS, metadata=metadata)
            for name, content in CONTENTS.items():
                client.put(f"/models/{model}/versions/{name}", content=content).raise_for_status()
            client.delete(f"/models/{model}/versions/b.bin").raise_for_status()
            gone = created(client, "algorithms", name="gone")
            client.put(f"/algorithms/{gone}/versions/f.bin", content=b"gone").raise_for_status()
            client.delete(f"/algorithms/{gone}").raise_for_status()


def told(registry: Served) -> Any:
    """Return all that a registry tells of what it holds, bytes included, to its tenants' administrators."""
    answers: dict[str, Any] = {}
    for credentials in (ADA, None):
        with administrator(registry, credentials) as client:
            for kind in ("users", "tags", "metadata", "models", "datasets", "algorithms"):
                answers[f"{credentials}/{kind}"] = client.get(f"/{kind}?limit=1000").json()["docs"]
            for model in answers[f"{credentials}/models"]:
                for version in model["versions"]:
                    path = f"/models/{model['_id']}/versions/{version['ordinal']}"
                    answers[path] = client.get(path).raise_for_status().content
    return answers


def contents(backup: Path) -> dict[str, Any]:
    """Return all that a backup holds but for the order of its rows."""
    rows = {file.name: sorted(file.read_bytes().splitlines()) for file in (backup / "rows").iterdir()}
    return rows | {str(file.relative_to(backup)): file.read_bytes() for file in backup_bytes(backup)}


def backup_bytes(backup: Path) -> list[Path]:
    return [file for file in (backup / "bytes").rglob("*") if file.is_file()]


def backed_up(registry: Served, folder: Path) -> Path:
    """Return the backup of a registry."""
    done = registry.manage("backup", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


def restored(registry: Served, backup: Path) -> None:
    done = registry.manage("restore", str(backup))
    assert done.returncode == 0, done.stderr


@pytest.fixture
def others(engine: str) -> Iterator[list[Server]]:
    """The two engines that this run is not about."""
    with ExitStack() as started:
        servers = []
        for name in engines.ENGINES:
            if name != engine:
                try:
                    servers.append(engines.start(name))
                except engines.NotRun as reason:
                    pytest.fail(f"{name}: {reason}") if os.environ.get("CI") else pytest.skip(f"{name}: {reason}")
                started.callback(servers[-1].stop)
        yield servers


@pytest.fixture
def target(server: Server, tmp_path: Path) -> Iterator[Served]:
    """An empty registry that is not started."""
    with Served.prepared(server, tmp_path / "target") as registry:
        yield registry


@pytest.fixture(scope="module")
def backup(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a small registry; who changes it makes a copy."""
    folder = tmp_path_factory.mktemp("source")
    with Served.on(server, folder) as registry:
        fill(registry)
        return backed_up(registry, folder / "backup")


def test_what_was_backed_up_on_one_engine_is_the_same_on_all_others(
    fresh_served: Served, server: Server, others: list[Server], tmp_path: Path
) -> None:
    fill(fresh_served)
    before = told(fresh_served)
    fresh_served.stop()
    first = backed_up(fresh_served, tmp_path / "backup")
    last = first
    for number, each in enumerate([*others, server]):
        with Served.prepared(each, tmp_path / f"registry-{number}") as registry:
            restored(registry, last)
            last = backed_up(registry, tmp_path / f"backup-{number}")
            assert contents(last) == contents(first)
            if each is server:
                registry.start()
                assert told(registry) == before


class Numbers(threading.Thread):
    """Registers items one after another, and takes away the files of others, until told to stop."""

    def __init__(self, client: httpx.Client, doomed: list[str]) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.doomed = doomed
        self.stopped = threading.Event()
        self.count = 0

    def run(self) -> None:
        while not self.stopped.is_set() or self.doomed:
            item = created(self.client, "models", name=f"number-{self.count}", tags=[f"tag-{self.count}"])
            self.client.put(f"/models/{item}/versions/a.bin", content=os.urandom(1000)).raise_for_status()
            self.count += 1
            for path in [self.doomed.pop() for _ in range(min(3, len(self.doomed)))]:
                self.client.delete(path).raise_for_status()


def test_a_backup_beside_writing_clients_is_of_one_moment_and_has_all_bytes(
    fresh_served: Served, target: Served, tmp_path: Path
) -> None:
    with administrator(fresh_served) as client:
        owner = created(client, "models", name="doomed")
        doomed = [f"/models/{owner}/versions/{number}.bin" for number in range(DOOMED)]
        for path in doomed:
            client.put(path, content=os.urandom(50_000)).raise_for_status()
        writer = Numbers(client, doomed)
        writer.start()
        backup = backed_up(fresh_served, tmp_path / "backup")
        writer.stopped.set()
        writer.join()
        left = client.get(f"/models/{owner}").json()["versions"]
    assert left == []
    restored(target, backup)
    checked = target.manage("check_integrity")
    assert checked.returncode == 0, checked.stderr
    rows = [json.loads(line) for line in (backup / "rows" / "catalog.item.jsonl").read_text().splitlines()]
    tags = {json.loads(line)["name"] for line in (backup / "rows" / "folksonomy.tag.jsonl").read_text().splitlines()}
    numbers = {int(row["name"].partition("-")[2]) for row in rows if row["name"] != "doomed"}
    assert numbers == set(range(len(numbers))), "an item is there, and one that was before it is not"
    assert tags == {f"tag-{number}" for number in numbers}
    assert (fresh_served.folder / "uploads").exists()
    collected = fresh_served.manage("collect_garbage", "--delete")
    assert collected.stdout.splitlines()[-1] == "0 removed", "a backup lets go of what it held"


def _cut_rows(backup: Path) -> None:
    file = backup / "rows" / "catalog.item.jsonl"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))


def _change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _spoil_bytes(backup: Path) -> None:
    """Change one bit in the last file that a restore brings."""
    file = max(backup_bytes(backup), key=lambda each: each.stat().st_size)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "interrupted": (lambda backup: (backup / "manifest.json").unlink(), "not a whole backup"),
    "manifest": (lambda backup: (backup / "manifest.json").write_text('{"format": 1'), "cannot be read"),
    "format": (lambda backup: _change(backup / "manifest.json", '"format": 1', '"format": 2'), "the format 2"),
    "rows-cut": (_cut_rows, "is damaged"),
    "rows-changed": (lambda backup: _change(backup / "rows" / "tenants.user.jsonl", "ada", "adx"), "is damaged"),
    "rows-gone": (lambda backup: (backup / "rows" / "tenants.tenant.jsonl").unlink(), "cannot be read"),
    "bytes-changed": (_spoil_bytes, "is damaged"),
    "bytes-cut": (lambda backup: os.truncate(backup_bytes(backup)[0], 1), "bytes, not"),
    "bytes-gone": (lambda backup: backup_bytes(backup)[0].unlink(), "files, not"),
}


def test_a_backup_that_is_not_whole_restores_nothing(backup: Path, target: Served, tmp_path: Path) -> None:
    for name, (damage, words) in DAMAGES.items():
        copy = Path(shutil.copytree(backup, tmp_path / name))
        damage(copy)
        done = target.manage("restore", str(copy))
        assert done.returncode == 1, name
        assert done.stderr.startswith("CommandError: Nothing was restored: "), done.stderr
        assert words in done.stderr, name
    assert [file for file in (target.folder / "uploads").rglob("*") if file.is_file()] == []
    restored(target, backup)  # which only an empty registry takes


def _rewrite_log(backup: Path, lines: list[bytes]) -> None:
    """Make a backup one of another log."""
    content = b"".join(line + b"\n" for line in lines)
    (backup / LOG_ROWS).write_bytes(content)
    manifest = json.loads((backup / "manifest.json").read_text())
    manifest["tables"]["tenants.requestlog"] = {"rows": len(lines), "sha256": sha256(content)}
    (backup / "manifest.json").write_text(json.dumps(manifest))


def test_a_restore_that_fails_among_the_rows_leaves_nothing(backup: Path, target: Served, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(backup, tmp_path / "newer"))
    lines = (copy / LOG_ROWS).read_bytes().splitlines()
    _rewrite_log(copy, [line.replace(b'"duration_ms"', b'"duration_of_a_newer_registry"') for line in lines])
    done = target.manage("restore", str(copy))
    assert done.returncode == 1
    assert "newer registry" in done.stderr
    assert [file for file in (target.folder / "uploads").rglob("*") if file.is_file()] == []
    restored(target, backup)


def test_a_registry_that_is_not_empty_is_not_restored_over(backup: Path, fresh_served: Served) -> None:
    with administrator(fresh_served) as client:
        item = created(client, "models", name="mine")
        done = fresh_served.manage("restore", str(backup))
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert "is not empty" in done.stderr
        assert [each["_id"] for each in client.get("/models").json()["docs"]] == [item]


def test_a_killed_restore_serves_nothing_and_can_be_run_again(backup: Path, target: Served, tmp_path: Path) -> None:
    many = Path(shutil.copytree(backup, tmp_path / "many"))
    entry = json.loads((many / LOG_ROWS).read_bytes().splitlines()[0])
    _rewrite_log(many, [json.dumps(entry | {"id": f"{number:024x}"}).encode() for number in range(LOGGED)])
    command = [sys.executable, "-u", str(ROOT / "manage.py"), "restore", str(many)]
    process = subprocess.Popen(command, env=target.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    while not process.stdout.readline().startswith("tenants.user"):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "it had ended already"
    refused = target.manage("serve", "--prepare-only")
    assert refused.returncode == 1
    assert "interrupted: run it again" in refused.stderr
    assert "less than two minutes ago" in target.manage("restore", str(backup)).stderr
    later = "from versions.models import Hold; from tenants.fields import now; Hold.objects.update(until=now())"
    assert target.manage("shell", "--command", later).returncode == 0
    restored(target, backup)
    assert contents(backed_up(target, tmp_path / "again")) == contents(backup)
    assert target.manage("serve", "--prepare-only").returncode == 0


def test_a_backup_goes_only_where_nothing_is(target: Served, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    done = target.manage("backup", str(tmp_path / "taken"))
    assert done.returncode == 1
    assert done.stderr == f"CommandError: No backup was made: {tmp_path / 'taken'} is not empty\n"


def test_a_backup_of_missing_or_damaged_bytes_is_none(fresh_served: Served, tmp_path: Path) -> None:
    fill(fresh_served)
    files = [file for file in (fresh_served.folder / "uploads").rglob("*") if file.is_file() and file.stat().st_size]
    files[0].unlink()
    files[1].write_bytes(b"other")
    done = fresh_served.manage("backup", str(tmp_path / "backup"))
    assert done.returncode == 1
    assert "2 files are missing or damaged" in done.stderr
    assert f"{files[0].name}: the bytes are missing" in done.stdout
    assert f"{files[1].name}: the content has changed" in done.stdout
    assert "not a whole backup" in fresh_served.manage("restore", str(tmp_path / "backup")).stderr


def test_others_on_the_machine_cannot_read_a_backup(backup: Path) -> None:
    assert backup.stat().st_mode & 0o077 == 0


def test_every_table_is_in_a_backup_or_said_not_to_be() -> None:
    in_it = {model._meta.label_lower for model in TABLES}
    all_tables = {model._meta.label_lower for model in apps.get_models()}
    assert in_it | set(LEFT_OUT) == all_tables
    assert not in_it & set(LEFT_OUT)
