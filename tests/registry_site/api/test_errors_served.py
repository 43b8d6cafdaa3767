"""Errors of a served registry, for requests that Django's test client cannot send."""

import json
import socket

import httpx
import pytest

from tests.answers import ERRORS
from tests.served import Served

SECONDS = 10


def _answer(registry: Served, request: bytes) -> tuple[int, dict[str, object]]:
    """Send raw bytes; return the status and the JSON of the response."""
    with socket.create_connection(("127.0.0.1", registry.port), timeout=SECONDS) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    start, end = body.index(b"{"), body.rindex(b"}")  # inside the frames of a chunked response
    return int(head.split()[1]), json.loads(body[start : end + 1])


@pytest.mark.promise("errors.shape", "errors.method", "errors.unknown-route", "errors.malformed-json")
@pytest.mark.parametrize(
    ("start", "headers", "body", "name"),
    [
        ("GET /v1/nothing", "", "", "resource_not_found"),
        ("GET /v1/%ff", "", "", "resource_not_found"),
        ("GET /static/../manage.py", "", "", "resource_not_found"),
        ("FOO /v1/login", "", "", "method_not_allowed"),
        ("TRACE /v1/login", "", "", "method_not_allowed"),
        ("POST /v1/login", "Content-Type: application/json\r\nContent-Length: 1\r\n", "{", "generic_request_error"),
        ("POST /v1/login", "Content-Type: text/csv\r\nContent-Length: 1\r\n", "x", "unsupported_media_type"),
        (
            "POST /v1/login",
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n",
            "1\r\n{\r\n0\r\n\r\n",
            "generic_request_error",
        ),
    ],
)
def test_a_failure_has_the_contracts_shape_on_the_wire(
    served: Served, start: str, headers: str, body: str, name: str
) -> None:
    request = f"{start} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n{headers}\r\n{body}"
    status, document = _answer(served, request.encode())
    assert status == ERRORS[name]["status"]
    assert document == ERRORS[name] | {"details": document["details"]}


@pytest.mark.promise("routes.trailing-slash")
@pytest.mark.parametrize("path", ["/v1/version/", "/v1/login/", "/healthz/", "/docs.html/"])
def test_no_slash_is_redirected_on_the_wire(served: Served, path: str) -> None:
    plain, slashed = (httpx.get(served.base_url + each, timeout=SECONDS) for each in (path.rstrip("/"), path))
    assert slashed.status_code == plain.status_code < 300 or slashed.status_code == plain.status_code == 405
