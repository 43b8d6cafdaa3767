"""Malformed responses of an MLflow server: the command exits with a message or omits things, and never crashes."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from django.core.management import CommandError

from catalog.models import Item
from tests.registry_site.operations.importing.running import Outcome, run
from versions.models import Version

MODEL = {"name": "churn", "creation_timestamp": 1, "last_updated_timestamp": 1}
VERSION = {"name": "churn", "version": "1", "creation_timestamp": 1}
Answer = Callable[[str], Any]


@contextmanager
def lying(answer: Answer) -> Iterator[str]:
    """Give the address of a server that calls `answer` with the path for each response."""

    class Liar(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answer(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Do not log requests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def bring(answer: Answer) -> Outcome:
    with lying(answer) as url:
        return run("import_mlflow", "--tracking-uri", url, "--tenant", "acme")


def answers(**by_part: Any) -> Answer:
    """Return responses by a part of the path; by default lists of one model and one version."""
    known = {
        "download_uri": {"artifact_uri": "mlflow-artifacts:/1"},  # first, because its path contains `versions` too
        "registered_models": {"registered_models": [MODEL]},
        "model_versions": {"model_versions": [VERSION]},
        "artifacts": {"files": []},
    } | by_part
    paths = {name: name.replace("_", "-") for name in known}
    return lambda path: next((known[name] for name, part in paths.items() if part in path), {})


@pytest.mark.parametrize(
    "wrong",
    [
        answers(registered_models=[]),
        answers(registered_models="text"),
        answers(registered_models={"registered_models": 7}),
        answers(model_versions={"model_versions": [{}]}),
        answers(model_versions={"model_versions": [VERSION | {"version": "one"}]}),
        answers(model_versions={"model_versions": ["text"]}),
    ],
)
def test_malformed_lists_end_the_command_with_one_line(world: Any, wrong: Answer) -> None:
    with pytest.raises(CommandError, match="malformed"):
        bring(wrong)


@pytest.mark.parametrize(
    "model", [{}, "text", MODEL | {"tags": 7}, MODEL | {"aliases": [{}]}, MODEL | {"creation_timestamp": 10**400}]
)
def test_a_malformed_model_is_omitted_and_the_rest_is_imported(world: Any, model: Any) -> None:
    outcome = bring(answers(registered_models={"registered_models": [model, MODEL | {"name": "good"}]}))
    assert outcome.line("left out", "malformed")
    assert [item.name for item in Item.objects.filter(tenant_id="acme")] == ["good"]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ([{"path": "a", "is_dir": True}], "deep"),
        ([{"path": "../a"}], "outside"),
        ([{"path": "..\\a"}], "outside"),
        ([{}], "malformed"),
        (7, "malformed"),
    ],
)
def test_a_version_with_malformed_files_is_omitted(world: Any, files: Any, why: str) -> None:
    outcome = bring(answers(artifacts={"files": files}))
    assert outcome.line("left out", why)
    assert not Version.objects.filter(tenant_id="acme").exists()


def test_names_are_corrected_and_no_escape_sequence_reaches_the_terminal(world: Any) -> None:
    name = "ch\x1b[31murn\n"
    tags = [{"key": "a\nb", "value": ""}, {"key": "..", "value": "1"}]
    model, version = MODEL | {"name": name, "tags": tags}, VERSION | {"name": name}
    lists = {"registered_models": {"registered_models": [model]}, "model_versions": {"model_versions": [version]}}
    outcome = bring(answers(**lists, download_uri={"artifact_uri": "s3://\x1b]0;title\x07"}))
    item = Item.objects.get(tenant_id="acme")
    assert (item.name, item.tags, item.metadata) == ("ch [31murn", ["a b"], [])
    assert "<U+001B>" in outcome.output
    assert outcome.output.replace("\n", "").isprintable()
