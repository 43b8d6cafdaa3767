"""A backup is a snapshot despite concurrent writes; an incomplete backup restores nothing."""

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection

from catalog.models import Item, Value
from catalog.services import create_item
from folksonomy.models import Tag
from registry_site.operations.backup import back_up
from registry_site.operations.backup_folder import LATER, TABLES, label, rows_path
from registry_site.operations.progress import Progress
from tenants.identity.machine_tokens import create_token
from tenants.ledger.chains import find_faults, seal_all
from tenants.models import Chain, Event, RequestLog, Tenant, User
from tenants.rows.fields import now
from tests.answers import ok
from tests.catalog.items import create
from tests.client import ApiClient
from tests.database import empty
from tests.registry_site.operations.backups import LOG_ROWS, backup_bytes, change_rows, contents, rewrite_log
from tests.remembered import remembered
from tests.versions.files import new_item, put_file
from versions.models import Version

# Left out of a backup: it is created again, or is only valid at the moment.
LEFT_OUT = {
    "tenants.fence": "created by the restore",
    "tenants.passwordreset": "links work for an hour",
    "tenants.outgoingmail": "mails wait for minutes",
    "tenants.failedattempt": "failures count for minutes",
    "versions.uploadsession": "uploads that are in no version are not part of a backup",
    "catalog.value": "built from the metadata of items and versions",
    "versions.hold": "the holder of the bytes was another process",
    "sessions.session": "the admin site asks for the password again",
    "admin.logentry": "the admin site's own history",
    "auth.permission": "made by migrations",
    "auth.group": "not used",
    "contenttypes.contenttype": "made by migrations",
}


@pytest.fixture(autouse=True)
def committed(transactional_db: None) -> None:
    """Run without an enclosing transaction, because commands see only committed data."""


@pytest.fixture
def filled(world: Any) -> None:
    """A registry with every kind of data."""
    remembered(_fill, world)


def _fill(world: Any) -> None:
    api = world.acme.owner.api
    create(api, "datasets", name="data")
    path = new_item(api, datasets=["data"], users=["shared"], tags=["t"], metadata=[{"name": "n", "value": 1.5}])
    for name, content in {"a.bin": b"bytes", "b.bin": b"more bytes", "empty.bin": b""}.items():
        put_file(api, path, name, content)
    ok(api.post("tokens", json={"name": "ci", "scopes": ["models:read"]}))
    RequestLog(date=now(), method="GET", url="/", status=200, duration_ms=0.5).save(force_insert=True)


@pytest.fixture
def backup(filled: None, uploads: Path, tmp_path: Path) -> Path:
    """A backup of the filled registry, which is then emptied."""
    folder = tmp_path / "backup"
    run("backup", folder)
    empty()
    shutil.rmtree(uploads)
    return folder


def run(command: str, folder: Path) -> str:
    """Run a command and return its output."""
    output = StringIO()
    call_command(command, str(folder), stdout=output)
    return output.getvalue()


def refused(command: str, folder: Path) -> str:
    """Run a command that must fail, and return its error."""
    with pytest.raises(CommandError) as error:
        run(command, folder)
    return str(error.value)


def assert_is_empty(uploads: Path) -> None:
    assert [model for model in TABLES if model._base_manager.exists()] == []
    assert [file for file in uploads.rglob("*") if file.is_file()] == []


def back_up_beside(folder: Path, moment: str, work: Callable[[], object]) -> None:
    """Make a backup, and call `work` when the progress reports `moment`."""

    def say(text: str) -> None:
        if text.startswith(moment):
            with ThreadPoolExecutor(1) as other:
                other.submit(_ended, work).result()

    back_up(folder, Progress(say))


def _ended(work: Callable[[], object]) -> None:
    try:
        work()
    finally:
        connection.close()


def test_rows_are_a_snapshot_despite_concurrent_writes(world: Any, filled: None, tmp_path: Path) -> None:
    def write() -> None:
        ok(world.acme.admin.api.post("users", json={"username": "late", "password": "L4te-comer"}))
        put_file(world.acme.owner.api, new_item(world.acme.owner.api, name="late", tags=["late"]), "late.bin")
        ok(world.operator.delete("tenants/rival"))

    run("backup", tmp_path / "before")
    back_up_beside(tmp_path / "beside", "tenants.tenant: ", write)
    assert contents(tmp_path / "beside") == contents(tmp_path / "before")
    run("backup", tmp_path / "after")
    assert b"late.bin" in (tmp_path / "after" / "rows" / "versions.version.jsonl").read_bytes()


def test_bytes_deleted_during_a_backup_are_in_it_and_then_removed(
    world: Any, filled: None, uploads: Path, tmp_path: Path
) -> None:
    def delete() -> None:
        ok(world.operator.delete("tenants/acme"))

    run("backup", tmp_path / "before")
    back_up_beside(tmp_path / "beside", "tenants.requestlog: ", delete)
    assert contents(tmp_path / "beside") == contents(tmp_path / "before")
    assert [file for file in uploads.rglob("*") if file.is_file()] == []


def _cut_rows(backup: Path) -> None:
    file = backup / "rows" / "catalog.item.jsonl"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))


def _change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _spoil_bytes(backup: Path) -> None:
    """Flip one bit in the last file that a restore copies."""
    file = max(backup_bytes(backup), key=lambda each: each.stat().st_size)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "interrupted": (lambda backup: (backup / "manifest.json").unlink(), "not a whole backup"),
    "manifest": (lambda backup: (backup / "manifest.json").write_text('{"format": 1'), "cannot be read"),
    "format": (lambda backup: _change(backup / "manifest.json", '"format": 2', '"format": 3'), "the format 3"),
    "rows-cut": (_cut_rows, "is damaged"),
    "rows-changed": (lambda backup: _change(backup / "rows" / "tenants.user.jsonl", "shared", "sharer"), "is damaged"),
    "rows-gone": (lambda backup: (backup / "rows" / "tenants.tenant.jsonl").unlink(), "cannot be read"),
    "bytes-changed": (_spoil_bytes, "is damaged"),
    "bytes-cut": (lambda backup: os.truncate(backup_bytes(backup)[0], 1), "bytes, not"),
    "bytes-gone": (lambda backup: backup_bytes(backup)[0].unlink(), "files, not"),
}


def test_an_incomplete_backup_restores_nothing(backup: Path, uploads: Path, tmp_path: Path) -> None:
    for name, (damage, words) in DAMAGES.items():
        copy = Path(shutil.copytree(backup, tmp_path / name))
        damage(copy)
        reason = refused("restore", copy)
        assert reason.startswith("Nothing was restored: ")
        assert words in reason, name
        assert_is_empty(uploads)
    run("restore", backup)


def test_a_restore_that_fails_while_writing_rows_leaves_nothing(backup: Path, uploads: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(backup, tmp_path / "newer"))
    lines = (copy / LOG_ROWS).read_bytes().splitlines()
    rewrite_log(copy, [line.replace(b'"duration_ms"', b'"duration_of_a_newer_registry"') for line in lines])
    assert "newer registry" in refused("restore", copy)
    assert_is_empty(uploads)
    run("restore", backup)
    run("backup", tmp_path / "again")
    assert contents(tmp_path / "again") == contents(backup)


@pytest.mark.promise("tokens.restored")
def test_a_token_of_the_backup_works_after_the_restore(world: Any, uploads: Path, tmp_path: Path) -> None:
    made = create_token(by=world.acme.owner, name="ci", scopes=["models:read"], expires=None)
    run("backup", tmp_path / "backup")
    assert made.secret not in (tmp_path / "backup" / "rows" / "tenants.machinetoken.jsonl").read_text()
    empty()
    run("restore", tmp_path / "backup")
    ok(ApiClient(made.secret).get("models"))


@pytest.mark.promise("merges.kept")
def test_a_merge_of_the_backup_is_undone_after_the_restore(world: Any, uploads: Path, tmp_path: Path) -> None:
    admin, api = world.acme.admin.api, world.acme.owner.api
    item = ok(api.post("models", json={"name": "a", "tags": ["old"]}))["_id"]
    merge = {"word": "old", "into": "new", "rename": True}
    event = ok(admin.post("merges/tags", json=merge))["event"]
    run("backup", tmp_path / "backup")
    empty()
    run("restore", tmp_path / "backup")
    assert ok(api.get("models", query={"filter": {"tags": "old"}}))["docs"][0]["tags"] == ["new"]
    ok(admin.post(f"events/{event}/undo"))
    assert ok(api.get(f"models/{item}"))["tags"] == ["old"]


def test_a_backup_from_before_a_table_restores_without_its_rows(backup: Path, uploads: Path) -> None:
    manifest = json.loads((backup / "manifest.json").read_text())
    manifest["format"] = 1
    for model in LATER:
        del manifest["tables"][label(model)]
        rows_path(backup, model).unlink()
    (backup / "manifest.json").write_text(json.dumps(manifest))
    run("restore", backup)
    assert Item.objects.count() == 2
    filled = [model for model in LATER if model._base_manager.exists()]
    assert filled in ([], [Chain])  # a restore begins the chain of a tenant that has none


def test_a_restore_into_a_registry_with_data_is_refused(backup: Path, uploads: Path) -> None:
    Tenant(pk="mine", email="info@mine.example").save(force_insert=True)
    assert "is not empty" in refused("restore", backup)
    assert list(Tenant.objects.values_list("pk", flat=True)) == ["mine"]
    Tenant.objects.all().delete()
    assert_is_empty(uploads)


def test_a_restore_reports_a_file_above_the_limit(backup: Path, uploads: Path, settings: Any) -> None:
    settings.MAX_UPLOAD_SIZE = 8
    assert "raise MAX_UPLOAD_SIZE" in refused("restore", backup)
    assert_is_empty(uploads)


def test_a_backup_needs_an_empty_folder(filled: None, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    assert refused("backup", tmp_path / "taken") == f"No backup was made: {tmp_path / 'taken'} is not empty"
    (tmp_path / "taken" / "file").unlink()
    run("backup", tmp_path / "taken")


def test_a_backup_with_missing_or_damaged_bytes_fails(filled: None, uploads: Path, tmp_path: Path) -> None:
    files = [file for file in uploads.rglob("*") if file.is_file() and file.stat().st_size]
    files[0].unlink()
    files[1].write_bytes(b"other")
    assert "2 files are missing or damaged" in refused("backup", tmp_path / "backup")
    assert "not a whole backup" in refused("restore", tmp_path / "backup")


def test_others_on_the_machine_cannot_read_a_backup(backup: Path) -> None:
    assert backup.stat().st_mode & 0o077 == 0


@pytest.mark.promise("files.private")
def test_a_folder_readable_by_others_is_restricted_before_a_backup_is_written(filled: None, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    run("backup", tmp_path / "open")
    assert [path for path in (tmp_path / "open", *(tmp_path / "open").rglob("*")) if path.stat().st_mode & 0o077] == []


@pytest.mark.promise("names.stored")
def test_a_restore_corrects_the_names_of_an_old_backup(backup: Path) -> None:
    change_rows(backup, "folksonomy.tag", b'"name":"t"', b'"name":"t\\n"')
    change_rows(backup, "catalog.item", b'"tags":["t"]', b'"tags":["t\\n"]')
    change_rows(backup, "tenants.user", b'"username":"shared"', b'"username":"sha\\u2028red"')
    change_rows(backup, "versions.version", b'"ordinal":"2"', b'"ordinal":".."')
    run("restore", backup)
    assert [tag.name for tag in Tag.objects.all()] == ["t"]
    assert [item.tags for item in Item.objects.filter(kind="model")] == [["t"]]
    assert User.objects.filter(username="sha red").exists()
    assert not Version.objects.filter(ordinal="..").exists()


@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        ("versions.version", b'"sha256":"', b'"sha256":"../'),
        ("versions.blob", b'"id":"acme/', b'"id":"acme/../'),
        ("tenants.tenant", b'"id":"acme"', b'"id":"../acme"'),
    ],
)
def test_a_forged_backup_reaches_nothing_outside_the_store(
    backup: Path, uploads: Path, table: str, old: bytes, new: bytes
) -> None:
    change_rows(backup, table, old, new)
    refused("restore", backup)
    assert_is_empty(uploads)


def test_the_table_of_values_is_built_by_a_restore(filled: None, world: Any, uploads: Path, tmp_path: Path) -> None:
    path = new_item(world.acme.owner.api, name="described", description="# D")
    put_file(world.acme.owner.api, path, "f.bin", tags='["u"]', metadata='[{"name": "acc", "value": 0.5}]')
    run("backup", tmp_path / "backup")
    empty()
    shutil.rmtree(uploads)
    run("restore", tmp_path / "backup")
    assert sorted(Value.objects.values_list("name", "number")) == [("acc", 0.5), ("n", 1.5)]
    assert Version.objects.get(original="f.bin").tags == ["u"]
    assert Item.objects.get(name="described").description == "# D"
    call_command("check_integrity", stdout=StringIO())


@pytest.mark.promise("events.backup")
def test_a_restored_ledger_has_its_events_and_can_be_verified(filled: None, uploads: Path, tmp_path: Path) -> None:
    sealed = seal_all()
    create_item(kind="model", by=User.objects.get(tenant="acme", username="owner"), name="not sealed yet")
    told = [event.to_api() for event in Event.objects.order_by("id")]
    run("backup", tmp_path / "backup")
    empty()
    shutil.rmtree(uploads)
    run("restore", tmp_path / "backup")
    assert [event.to_api() for event in Event.objects.order_by("id")] == told
    assert (seal_all(), Event.objects.count()) == (1, sealed + 1)
    assert [*find_faults("acme"), *find_faults("rival")] == []


@pytest.mark.promise("events.backup")
def test_a_backup_from_before_the_ledger_begins_one(backup: Path) -> None:
    manifest = json.loads((backup / "manifest.json").read_text())
    for table in ("tenants.event", "tenants.chain"):
        del manifest["tables"][table]
        (backup / "rows" / f"{table}.jsonl").unlink()
    (backup / "manifest.json").write_text(json.dumps(manifest))
    before = now()
    run("restore", backup)
    assert not Event.objects.exists()
    assert all(chain.since >= before for chain in Chain.objects.filter(pk__in=("acme", "rival")))
    assert Chain.objects.count() == Tenant.objects.count()


def test_every_table_is_in_a_backup_or_listed_as_left_out() -> None:
    in_it = {model._meta.label_lower for model in TABLES}
    all_tables = {model._meta.label_lower for model in apps.get_models() if not model._meta.proxy}
    assert in_it | set(LEFT_OUT) == all_tables
    assert not in_it & set(LEFT_OUT)
