"""Clients of the original work unchanged: the requests of its GUI and its Postman collection are replayed over HTTP."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import httpx
import pytest

from tests.e2e.original.steps import COLLECTION, DEMO, GUI, NOBODY, OPERATOR, Step
from tests.engines import Server
from tests.served import ADMIN_PASSWORD, API_TOKEN, Served, wait_until

PAGE = "https://gui.example"  # origin of the GUI
LINK = re.compile(r"reset\.html#(\S+)")
DEMO_TENANT = "registry-demo-tenant"


class Client:
    """Sends steps, and stores values and tokens of their responses."""

    def __init__(self, registry: Served, headers: dict[str, str]) -> None:
        self.registry, self.headers = registry, headers
        self.http = httpx.Client(base_url=registry.base_url, timeout=120)
        self.tokens = {OPERATOR: API_TOKEN, NOBODY: ""}
        self.kept: dict[str, Any] = {"tenant": "registry-default-tenant", "demo": DEMO_TENANT}
        self.kept["admin_password"] = ADMIN_PASSWORD

    def run(self, step: Step) -> None:
        """Send a step; fail if its response lacks what the client reads."""
        if "{reset}" in json.dumps(step.body):
            wait_until(lambda: bool(LINK.search(self.registry.output)), "the mail with the link")
            self.kept["reset"] = parse_qs(LINK.findall(self.registry.output)[-1])["reset"][0]
        token = {"Authorization": self.tokens[step.caller]} if self.tokens[step.caller] else {}
        url = quote(step.path.format(**self.kept), safe="/?&=:,")
        answer = self.http.request(step.method, url, headers=self.headers | token, **self.contents(step))
        assert answer.status_code == step.status, (step.what, answer.text)
        if step.content is not None:
            assert answer.content == step.content, step.what
        document = answer.json() if step.reads or step.keeps else {}
        for place, expected in step.reads.items():
            self.check(f"{step.what}: {place}", _found(document, place), expected)
        self.kept |= {name: _found(document, place) for name, place in step.keeps.items()}
        if step.logs_in:
            self.tokens[step.logs_in] = document["token"]

    def contents(self, step: Step) -> dict[str, Any]:
        """Return httpx's arguments for the body."""
        if step.file:
            return {"files": {"file": step.file}}
        if step.form:
            return {"data": step.form}
        return {} if step.body is None else {"json": self.filled(step.body)}

    def filled(self, part: Any) -> Any:
        """Return a part of a body, or an expectation, with names replaced by stored values."""
        if isinstance(part, str):
            return part.format(**self.kept)
        if isinstance(part, dict):
            return {name: self.filled(inner) for name, inner in part.items()}
        return [self.filled(inner) for inner in part] if isinstance(part, list) else part

    def check(self, what: str, found: Any, expected: Any) -> None:
        if isinstance(expected, type):
            assert isinstance(found, expected), (what, found)
        else:
            assert found == self.filled(expected), what


def _found(document: Any, place: str) -> Any:
    for part in place.split("."):
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


@pytest.fixture(scope="module")
def registry(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A separate registry with a demo, which prints mails instead of sending them."""
    variables = {"DEMO": "true", "DEFAULT_TENANT_DEMO": DEMO_TENANT}
    with Served.on(server, tmp_path_factory.mktemp("original"), **variables) as served:
        yield served


def _preflights(registry: Served, steps: Sequence[Step]) -> None:
    """Sends a preflight request before each request, as a browser on the GUI's page does."""
    asked = {"Origin": PAGE, "Access-Control-Request-Headers": "authorization,cache-control,content-type"}
    for method in sorted({step.method for step in steps}):
        headers = asked | {"Access-Control-Request-Method": method}
        answer = httpx.options(f"{registry.base_url}/v1/models/", headers=headers)
        assert answer.status_code == httpx.codes.OK
        assert answer.headers["Access-Control-Allow-Origin"] in ("*", PAGE)
        assert method in answer.headers["Access-Control-Allow-Methods"]
        assert "cache-control" in answer.headers["Access-Control-Allow-Headers"]


def _nothing(registry: Served, steps: Sequence[Step]) -> None:
    """Programs send no preflight requests."""


CLIENTS: dict[str, tuple[Sequence[Step], dict[str, str], Callable[[Served, Sequence[Step]], None]]] = {
    "gui": (GUI, {"Origin": PAGE, "Cache-Control": "no-cache"}, _preflights),
    "collection": (COLLECTION, {}, _nothing),
    "demo": (DEMO, {}, _nothing),
}


@pytest.mark.promise("original.clients")
@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_of_the_original_goes_on_here(registry: Served, name: str, tmp_path: Path) -> None:
    steps, headers, before = CLIENTS[name]
    before(registry, steps)
    client = Client(registry, headers)
    for step in steps:
        client.run(step)
