"""The container and docker-compose.yml, as far as they can be tested without a container engine."""

import importlib.util
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pymongo
import pytest
import yaml
from pymongo.errors import OperationFailure

from registry_site.config import environment
from registry_site.config.variables import Environment
from registry_site.operations import compose
from tests.engines import SITE_PACKAGES, free_port, postgres_binaries, unprivileged
from tests.missing import cannot_run
from tests.served import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
TEXT = (ROOT / "docker-compose.yml").read_text()
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
REGISTRIES = ("registry", "registry-on-postgres", "registry-behind-nginx")
SECRET = re.compile(r"password|secret|token|key", re.IGNORECASE)
MONGOD = SITE_PACKAGES / "fiftyone" / "db" / "bin" / "mongod"


def modules_of(command: list[str]) -> list[str]:
    return [word for word in command if word.startswith("registry_site.") or word == "manage.py"]


def test_hadolint_finds_no_fault_in_the_dockerfile() -> None:
    binary = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if binary is None:
        cannot_run("hadolint has no wheel for this machine")
    found = subprocess.run([binary, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_the_compose_file_is_valid() -> None:
    if importlib.util.find_spec("compose_spec") is None:
        cannot_run("compose-spec has no wheel for this machine")
    reader = importlib.import_module("compose_spec").PyOptions()
    reader.apply_merge = True
    read = reader.from_yaml(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", TEXT))  # as if there were no .env
    read.validate()
    assert set(read.service_names()) == set(SERVICES)


def test_images_are_pinned_to_a_minor_version_and_ours_runs_as_an_unprivileged_user() -> None:
    named = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) + [each.get("image", "") for each in SERVICES.values()]
    theirs = [image for image in named if image != "model-registry"]
    assert len(theirs) >= 4
    assert all(re.fullmatch(r"[a-z]+:[0-9]+\.[0-9]+[\w.-]*", image) for image in theirs), theirs
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == ["10001"]


def test_the_image_copies_existing_files_and_all_apps() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignored, name
    apps = {path.parent.name for path in ROOT.glob("*/apps.py")}
    assert apps <= set(copied)


def test_the_variables_of_containers_are_known_and_none_is_a_secret_with_a_default() -> None:
    set_in_image = re.findall(r"^\s+([A-Z_]+)=|^ENV ([A-Z_]+)=", DOCKERFILE, re.MULTILINE)
    known = {*Environment.model_fields, "VARIABLES_FILE", "PATH", "PYTHONUNBUFFERED"}
    assert {name for pair in set_in_image for name in pair if name} <= known
    assert "DATABASE=" not in DOCKERFILE, "the environment would beat the file of secrets"
    for name in REGISTRIES:
        assert set(SERVICES[name]["environment"]) <= set(Environment.model_fields)
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            assert not SECRET.search(variable) or str(value).startswith("/secrets/"), variable


def test_services_wait_for_existing_services_that_they_need() -> None:
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            healthy = how["condition"] == "service_healthy"
            assert not healthy or "healthcheck" in SERVICES[needed] or SERVICES[needed]["image"] == "model-registry", (
                name
            )
        for volume in service.get("volumes", ()):
            source = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
            assert source in FILE["volumes"] or (ROOT / source).exists(), source
        for module in modules_of(service.get("command", [])):
            assert (ROOT / module).exists() or (ROOT / f"{module.replace('.', '/')}.py").exists()
    assert all(SERVICES[name]["read_only"] for name in REGISTRIES)


def test_every_service_is_confined_and_has_no_fixed_name() -> None:
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["pids_limit"] > 0, name
        assert re.fullmatch(r"\d+[mg]", re.sub(r"\$\{\w+:-(\w+)\}", r"\1", service["mem_limit"])), name
        assert "container_name" not in service, "two projects on one machine would collide"
        assert {"privileged", "devices", "pid", "ipc"}.isdisjoint(service), name
    added = {name: set(service["cap_add"]) for name, service in SERVICES.items() if "cap_add" in service}
    assert added == {
        "make-secrets": {"CHOWN", "DAC_OVERRIDE"},
        "nginx": {"CHOWN", "DAC_OVERRIDE", "NET_BIND_SERVICE", "SETGID", "SETUID"},
    }
    assert [name for name, service in SERVICES.items() if service.get("user") == "root"] == ["make-secrets"]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can drop to capabilities")
def test_secrets_are_generated_and_read_with_the_capabilities_of_the_compose_file(open_folder: Path) -> None:
    service = SERVICES["make-secrets"]
    capabilities = ",".join(["-all", *(f"+{name.lower()}" for name in service["cap_add"])])
    confined = ["setpriv", "--bounding-set", capabilities, "--inh-caps", capabilities, "--no-new-privs"]
    python, *words = service["command"]
    assert python == "python"
    words[words.index("/secrets")] = str(open_folder)
    for _ in range(2):  # the second run reads files that belong to others
        subprocess.run([*confined, sys.executable, *words], cwd=ROOT, env={}, umask=0o022, check=True)
    alone = [f"--{kind}={SERVICES['database-users']['user']}" for kind in ("reuid", "regid")]
    own = ["setpriv", *alone, "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "cat"]
    readable = subprocess.run([*own, *open_folder.rglob("database/*")], capture_output=True, text=True, check=True)
    assert len(readable.stdout) > 512
    registrys = open_folder / "registry" / "mongodb" / "DATABASE"
    assert subprocess.run([*own, registrys], capture_output=True, check=False).returncode == 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Secrets generated as by the service, owned by users of this machine."""
    owner = tmp_path.stat().st_uid
    compose.make_secrets(tmp_path / "secrets", {"database": owner, "registry": owner})
    return tmp_path / "secrets"


def test_secrets_are_generated_once_and_readable_only_by_their_owners(folder: Path) -> None:
    files = {file: file.read_text() for file in folder.rglob("*") if file.is_file()}
    assert len(files) == 5
    assert len(set(files.values())) == 5
    root = (folder / "database" / "root-password").read_text()
    assert not any(root in text for file, text in files.items() if file.name != "root-password")
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o400 for file in files)
    compose.make_secrets(folder, {"database": 0, "registry": 0})
    assert {file: file.read_text() for file in folder.rglob("*") if file.is_file()} == files
    assert 6 <= len((folder / "database" / "keyfile").read_text()) <= 1024  # the length that MongoDB accepts


def test_a_registry_reads_its_database_from_the_secrets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE")
    for engine in ("mongodb", "postgres"):
        monkeypatch.setenv("SECRETS_FOLDER", str(folder / "registry" / engine))
        assert environment.load().DATABASE.startswith(f"{engine}://registry:")
    monkeypatch.setenv("DATABASE", "sqlite:///given")
    assert environment.load().DATABASE == "sqlite:///given"


@pytest.fixture
def mongod(folder: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a MongoDB that is started with the options of the compose file."""
    if not MONGOD.exists():
        cannot_run("no mongod for this machine on PyPI")
    port, data = free_port(), tmp_path / "data"
    data.mkdir()
    options = ["--replSet", "rs0", "--bind_ip", "127.0.0.1", "--port", str(port), "--dbpath", data, "--nounixsocket"]
    secured = ["--keyFile", folder / "database" / "keyfile", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64"]
    process = subprocess.Popen([MONGOD, *options, *secured], stdout=subprocess.DEVNULL)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def test_the_replica_set_requires_the_password(folder: Path, tmp_path: Path, mongod: str) -> None:
    for _ in range(2):  # as after each `docker compose up`
        compose.make_replica_set(folder, mongod, member=mongod)
    url = (folder / "registry" / "mongodb" / "DATABASE").read_text().replace("database:27017", mongod)
    with pymongo.MongoClient(url, serverSelectionTimeoutMS=10_000) as client:
        client[compose.NAME]["things"].insert_one({"_id": 1})
        with pytest.raises(OperationFailure, match="not authorized"):
            client["admin"]["things"].insert_one({"_id": 1})
    assert not enters_as_root(mongod, (folder / "database" / "password").read_text())
    assert enters_as_root(mongod, (folder / "database" / "root-password").read_text())
    for stranger in (f"mongodb://{mongod}/?replicaSet=rs0", url.replace("registry:", "registry:x", 1)):
        with pymongo.MongoClient(stranger) as client, pytest.raises(OperationFailure):
            client[compose.NAME]["things"].find_one()
    env = {"DATABASE": url, "VARIABLES_FILE": str(tmp_path / "variables.env"), "UPLOAD_PATH": str(tmp_path / "up")}
    prepare: list[Any] = [sys.executable, ROOT / "manage.py", "serve", "--prepare-only"]
    assert subprocess.run(prepare, env=env, check=False).returncode == 0


def enters_as_root(address: str, password: str) -> bool:
    with pymongo.MongoClient(address, directConnection=True, username="root", password=password) as client:
        try:
            return bool(client.admin.command("listDatabases"))
        except OperationFailure:
            return False


def test_a_database_with_one_shared_password_gets_two(folder: Path, mongod: str) -> None:
    root = folder / "database" / "root-password"
    own, shared = root.read_text(), (folder / "database" / "password").read_text()
    root.chmod(0o600)
    root.write_text(shared)
    compose.make_replica_set(folder, mongod, member=mongod)
    assert enters_as_root(mongod, shared)
    root.write_text(own)
    for _ in range(2):
        compose.make_replica_set(folder, mongod, member=mongod)
    assert enters_as_root(mongod, own)
    assert not enters_as_root(mongod, shared)


@pytest.fixture
def postgres(folder: Path, open_folder: Path) -> Iterator[int]:
    """The port of a PostgreSQL that is initialized like the image, with the script that the compose file mounts."""
    binaries, port, data = postgres_binaries(), free_port(), open_folder / "data"
    given = open_folder / "root-password"
    given.write_text((folder / "database" / "root-password").read_text())
    given.chmod(0o644)
    run_as = unprivileged(open_folder)
    initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", given, "--no-sync"]
    subprocess.run([*run_as, *initdb], check=True, capture_output=True, cwd=open_folder)
    options = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={open_folder}", "-c", "fsync=off"]
    command: list[Any] = [*run_as, binaries / "postgres", "-D", data, "-p", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=open_folder)
    env = {"PATH": f"{binaries}:{os.environ['PATH']}", "PGHOST": "127.0.0.1", "PGPORT": str(port)}
    env |= {"PGPASSWORD": given.read_text(), "REGISTRY_PASSWORD_FILE": str(folder / "database" / "password")}
    try:
        ready: list[Any] = [binaries / "pg_isready", "-q", "-U", "registry"]
        while subprocess.run(ready, env=env, check=False).returncode:
            assert process.poll() is None
            time.sleep(0.1)
        (script,) = (each.split(":")[0] for each in SERVICES["postgres"]["volumes"] if "initdb.d" in each)
        subprocess.run([ROOT / script], env=env, check=True)
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def test_the_registrys_postgresql_user_is_not_a_superuser(folder: Path, tmp_path: Path, postgres: int) -> None:
    url = (folder / "registry" / "postgres" / "DATABASE").read_text()
    url = url.replace("@postgres:5432/", f"@127.0.0.1:{postgres}/")
    env = {"DATABASE": url, "VARIABLES_FILE": str(tmp_path / "variables.env"), "UPLOAD_PATH": str(tmp_path / "up")}
    prepare: list[Any] = [sys.executable, ROOT / "manage.py", "serve", "--prepare-only"]
    assert subprocess.run(prepare, env=env, check=False).returncode == 0
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = 'registry'")
        assert row.fetchone() == (False, False, False)
    root = (folder / "database" / "root-password").read_text()
    password = (folder / "database" / "password").read_text()
    for stranger in (url.replace(password, root), url.replace("registry:", "postgres:", 1)):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(stranger)
