"""Import from a real MLflow server, over HTTP."""

import io
import os
import ssl
import stat
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pytest
from django.core.management import CommandError

from registry_site.operations.importing.mlflow import number, typed
from registry_site.serving import certificates
from tests.answers import ok
from tests.engines import free_port
from tests.registry_site.operations.importing.mlflow_server import PASSWORD, TOKEN, USERNAME, MLflowServer
from tests.registry_site.operations.importing.running import Outcome, everything, run
from tests.versions.test_folders import digest
from versions.models import Version

pytestmark = pytest.mark.timeout(600)  # the shared server starts slowly
FILES = {"MLmodel": b"flavors: {}\n", "data/weights é.bin": b"\x00\xff" * 600_000, "data/deep/empty": b""}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The credentials of the server, in the variables that MLflow's own clients read."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USERNAME)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)


@pytest.fixture
def registered(mlflow: MLflowServer) -> str:
    """The name of a model with two versions; there are no others. It is made once for tests that do not change it."""
    mlflow.kept = mlflow.kept or _register(mlflow)
    return mlflow.kept


@pytest.fixture
def changed(mlflow: MLflowServer, registered: str) -> Iterator[str]:
    """The same for a test that adds to it."""
    yield registered
    mlflow.kept = ""


def _register(mlflow: MLflowServer) -> str:
    mlflow.forget()
    name = f"churn-{uuid4().hex[:6]}"
    mlflow.model(
        name,
        description="Who leaves",
        tags=[
            {"key": "team", "value": "growth"},
            {"key": "reviewed", "value": ""},
            {"key": "accuracy", "value": "high"},
        ],
    )
    first, place = mlflow.run({"max_depth": "3"}, {"accuracy": 0.9}, FILES)
    mlflow.version(
        name, place, first, stage="Production", description="The first", tags=[{"key": "by", "value": "ada"}]
    )
    second, elsewhere = mlflow.run({"max_depth": "5"}, {"accuracy": 0.8}, {"model.onnx": b"onnx"})
    mlflow.version(name, elsewhere, second)
    mlflow.post("registered-models/alias", name=name, alias="champion", version="1")
    return name


def bring(mlflow: MLflowServer, *words: str) -> Outcome:
    return run("import_mlflow", "--tracking-uri", mlflow.url, "--tenant", "acme", *words)


def found(world: Any, name: str) -> Any:
    docs = ok(world.acme.admin.api.get("models", query={"filter": {"name": name}}))["docs"]
    assert len(docs) == 1
    return docs[0]


def test_a_registered_model_is_imported_with_its_details(world: Any, mlflow: MLflowServer, registered: str) -> None:
    outcome = bring(mlflow)
    assert outcome.imported == {"model": 1, "version": 2, "alias": 1}
    assert outcome.changed == outcome.left_out == {}
    model = found(world, registered)
    assert model["status"] == "production"
    assert model["visibility"] == "private"
    assert model["owner_username"] == "admin"
    assert model["tags"] == ["reviewed"]
    assert model["aliases"] == {"champion": "1"}
    assert model["description"] == "Who leaves"
    metadata = {pair["name"]: pair["value"] for pair in model["metadata"]}
    assert len(metadata.pop("mlflow.run_id")) == 32
    assert metadata == {
        "team": "growth",
        "accuracy": "high",
        "max_depth": 3,
        "accuracy (metric)": 0.9,
    }
    there = mlflow.client.get("/mlflow/registered-models/get", params={"name": registered}).json()["registered_model"]
    assert model["timestamp"].endswith(f"{there['creation_timestamp'] % 1000:03}Z")
    assert model["lastmod"].endswith(f"{there['last_updated_timestamp'] % 1000:03}Z")


def test_a_version_is_imported_as_the_folder_of_its_files(world: Any, mlflow: MLflowServer, registered: str) -> None:
    bring(mlflow)
    model = found(world, registered)
    versions = {version["ordinal"]: version for version in model["versions"]}
    assert set(versions) == {"1", "2"}
    assert versions["1"]["original"] == f"{registered}-1"
    assert versions["1"]["description"] == "The first"
    metadata = {pair["name"]: pair["value"] for pair in versions["1"]["metadata"]}
    assert len(metadata.pop("mlflow.run_id")) == 32
    assert metadata == {"by": "ada", "mlflow.stage": "Production", "accuracy": 0.9, "max_depth": 3}
    query = {"filter": {"versions.metadata.accuracy": {"$gte": 0.9}}}
    assert ok(world.acme.admin.api.get("models", query=query))["totalDocs"] == 1
    body = world.acme.admin.api.get(f"models/{model['_id']}/versions/1").body()
    with ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
    assert versions["1"]["sha256"] == digest(FILES)
    champion = world.acme.admin.api.get(f"models/{model['_id']}/versions/@champion/files/MLmodel")
    assert champion.body() == FILES["MLmodel"]
    assert (versions["2"]["original"], versions["2"]["mimetype"]) == ("model.onnx", "application/octet-stream")
    assert world.acme.admin.api.get(f"models/{model['_id']}/versions/2").body() == b"onnx"


def test_a_version_of_an_earlier_import_is_recognized_and_stays_a_zip(
    world: Any, mlflow: MLflowServer, registered: str
) -> None:
    bring(mlflow)
    Version.objects.filter(ordinal="1").update(original=f"{registered}-1.zip")
    assert bring(mlflow).existing == {"model": 1, "version": 2, "alias": 1}


def test_aliases_stay_as_they_are_here_and_need_their_version(world: Any, mlflow: MLflowServer, changed: str) -> None:
    mlflow.version(changed, "s3://bucket/model")
    for alias, version in (("lost", "3"), ("42", "2")):
        mlflow.post("registered-models/alias", name=changed, alias=alias, version=version)
    outcome = bring(mlflow)
    assert outcome.imported["alias"] == 1
    assert outcome.line("left out", "alias 'lost'", "its version 3 was not imported")
    assert outcome.line("left out", "alias '42'", "An alias is not a number")
    api, model = world.acme.admin.api, found(world, changed)
    ok(api.put(f"models/{model['_id']}/aliases/champion", json={"version": "2", "reason": "better"}))
    before = everything()
    assert bring(mlflow).existing["alias"] == 1
    assert everything() == before
    assert found(world, changed)["aliases"] == {"champion": "2"}


def test_paths_that_no_folder_can_have_are_changed_or_their_version_is_left_out(
    world: Any, mlflow: MLflowServer, changed: str
) -> None:
    decomposed = "cafe\u0301.txt"
    for files in ({decomposed: b"1", "b": b"2"}, {"A.txt": b"1", "a.txt": b"2"}):
        id, place = mlflow.run({}, {}, files)
        mlflow.version(changed, place, id)
    outcome = bring(mlflow)
    assert outcome.line("changed", "version 3", "its path", "it is now")
    assert outcome.line("left out", "version 4", "Two paths differ in case alone")
    model = found(world, changed)
    assert world.acme.admin.api.get(f"models/{model['_id']}/versions/3/files/caf\u00e9.txt").body() == b"1"


def test_a_model_logged_without_a_run_is_imported_with_its_files_under_any_name(
    world: Any, mlflow: MLflowServer, changed: str
) -> None:
    name = f"""it's "new" {changed}"""
    mlflow.model(name)
    logged = mlflow.logged_model({"MLmodel": b"flavors: {}"})
    mlflow.version(name, f"models:/{logged}", model_id=logged)
    assert bring(mlflow).left_out == {}
    body = world.acme.admin.api.get(f"models/{found(world, name)['_id']}/versions/1").body()
    assert body == b"flavors: {}"


def test_running_it_again_imports_only_what_was_added_since(world: Any, mlflow: MLflowServer, changed: str) -> None:
    bring(mlflow)
    before = everything()
    again = bring(mlflow)
    assert everything() == before
    assert again.imported == {}
    assert again.existing == {"model": 1, "version": 2, "alias": 1}
    id, place = mlflow.run({}, {}, {"MLmodel": b"third"})
    mlflow.version(changed, place, id)
    assert bring(mlflow).imported == {"version": 1}


def test_a_dry_run_changes_nothing_and_prints_the_report_of_a_real_run(
    world: Any, mlflow: MLflowServer, registered: str
) -> None:
    before = everything()
    dry = bring(mlflow, "--dry-run")
    assert everything() == before
    assert dry.imported == bring(mlflow).imported


def test_models_belong_to_the_user_whom_the_import_names(world: Any, mlflow: MLflowServer, registered: str) -> None:
    bring(mlflow, "--owner", "owner", "--visibility", "public")
    model = found(world, registered)
    assert model["owner_username"] == "owner"
    assert model["visibility"] == "public"


def test_a_version_without_files_in_mlflow_is_omitted_and_reported(
    world: Any, mlflow: MLflowServer, changed: str
) -> None:
    id, place = mlflow.run({}, {}, {})
    mlflow.version(changed, place, id)
    mlflow.version(changed, "s3://bucket/model")
    outcome = bring(mlflow)
    assert outcome.line("left out", "version 3", changed)
    assert outcome.line("left out", "version 4", "s3://bucket/model")
    assert {version["ordinal"] for version in found(world, changed)["versions"]} == {"1", "2"}


def test_a_version_with_unreadable_files_is_omitted_and_reported_and_the_rest_is_imported(
    world: Any, mlflow: MLflowServer, changed: str
) -> None:
    places = [mlflow.run({}, {}, {"MLmodel": b"flavors: {}", "weights": b"1"}) for _ in range(3)]
    for id, place in places:
        mlflow.version(changed, place, id)
    (mlflow.folder(places[0][1]) / "dangling").symlink_to("nowhere")  # listing the files fails
    # listing the files works, opening one fails
    os.mknod(mlflow.folder(places[1][1]) / "socket", stat.S_IFSOCK | 0o600)
    outcome = bring(mlflow)
    assert outcome.line("left out", "version 3", changed, "cannot be listed", "MLflow answered")
    assert outcome.line("left out", "version 4", changed, "its file 'socket' cannot be read")
    assert outcome.imported == {"model": 1, "version": 3, "alias": 1}
    assert {version["ordinal"] for version in found(world, changed)["versions"]} == {"1", "2", "5"}
    (mlflow.folder(places[0][1]) / "dangling").unlink()
    assert bring(mlflow).imported == {"version": 1}


def test_several_pages_of_models_and_versions_are_imported(
    world: Any, mlflow: MLflowServer, changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow.model(f"{changed}-too")
    id, place = mlflow.run({}, {}, {"MLmodel": b"flavors: {}"})
    for _ in range(2):
        mlflow.version(f"{changed}-too", place, id)
    monkeypatch.setattr("registry_site.operations.importing.mlflow_client.PAGE_SIZE", 1)
    assert bring(mlflow).imported == {"model": 2, "version": 4, "alias": 1}
    assert bring(mlflow).existing == {"model": 2, "version": 4, "alias": 1}


@pytest.mark.parametrize(
    ("told", "enters"),
    [
        ({"USERNAME": USERNAME, "PASSWORD": PASSWORD}, True),
        ({"TOKEN": TOKEN}, True),
        ({"USERNAME": USERNAME, "PASSWORD": PASSWORD, "TOKEN": "another"}, True),
        ({"USERNAME": USERNAME, "TOKEN": TOKEN}, True),
        ({"USERNAME": USERNAME, "PASSWORD": "another"}, False),
        ({"TOKEN": "another"}, False),
        ({}, False),
    ],
)
def test_credentials_are_read_like_mlflows_own_clients_do(
    world: Any,
    mlflow: MLflowServer,
    registered: str,
    monkeypatch: pytest.MonkeyPatch,
    told: dict[str, str],
    enters: bool,
) -> None:
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", told.get(name, ""))
    if enters:
        assert bring(mlflow, "--dry-run").imported == {"model": 1, "version": 2, "alias": 1}
        return
    with pytest.raises(CommandError, match="MLflow answered 401"):
        bring(mlflow, "--dry-run")


@pytest.fixture
def over_https(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An HTTPS server that always returns 404, and its self-signed certificate."""
    file = tmp_path / "certificate.pem"
    file.write_bytes(certificates._self_signed(["127.0.0.1"]))
    server = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}", file
    server.shutdown()
    server.server_close()


def test_trusted_certificates_are_read_like_mlflows_own_clients_do(
    world: Any, over_https: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, file = over_https
    words = ["import_mlflow", "--tracking-uri", url, "--tenant", "acme"]
    with pytest.raises(CommandError, match="MLflow does not answer"):
        run(*words)
    for name, value in (("SERVER_CERT_PATH", str(file)), ("INSECURE_TLS", "true")):
        with monkeypatch.context() as told, pytest.raises(CommandError, match="MLflow answered 404"):
            told.setenv(f"MLFLOW_TRACKING_{name}", value)
            run(*words)
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(file.with_name("nowhere")))
    with pytest.raises(CommandError, match="MLFLOW_TRACKING_SERVER_CERT_PATH"):
        run(*words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tenant", "nowhere"], "no tenant nowhere"),
        (["--owner", "nobody"], "no user nobody"),
        (["--tracking-uri", "http://localhost:port"], "malformed"),
        (["--tracking-uri", "ftp://example.org"], "MLflow does not answer"),
    ],
)
def test_an_impossible_import_ends_the_command_with_one_line(world: Any, words: list[str], message: str) -> None:
    standard = ["--tracking-uri", f"http://127.0.0.1:{free_port()}", "--tenant", "acme"]
    with pytest.raises(CommandError, match=message):
        run("import_mlflow", *standard, *words)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-1.5e-3", -0.0015),
        ("True", True),
        ("false", False),
        ("nan", "nan"),
        ("1_000", "1_000"),
        ("adam", "adam"),
        ("", ""),
        ("9" * 30, 1e30),
    ],
)
def test_a_parameter_gets_the_type_of_its_text(text: str, value: Any) -> None:
    assert typed(text) == value
    assert type(typed(text)) is type(value)


@pytest.mark.parametrize(("metric", "value"), [(0.5, 0.5), (3, 3.0), ("NaN", "NaN"), ("Infinity", "Infinity")])
def test_a_metric_that_is_not_a_number_is_imported_as_text(metric: Any, value: Any) -> None:
    assert number(metric) == value
