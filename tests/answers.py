"""Assertions about responses; error codes come from the table in docs/contract.md."""

import re
from typing import Any

from tests.promises import CONTRACT

ROW = re.compile(r"^\| (\w+) \| (\d{3}) \| (\d+) \| (.+) \|$", re.MULTILINE)
ERRORS: dict[str, dict[str, Any]] = {
    name: {"status": int(status), "value": int(value), "message": message}
    for name, status, value, message in ROW.findall(CONTRACT.read_text())
}
HEADERS = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After"}


def assert_error(response: Any, name: str, details: str = "") -> None:
    """Assert that the response is this error of the table, with its status' header and this text in `details`."""
    body = response.json()
    assert isinstance(body, dict), body
    assert isinstance(body.get("details"), str), body
    assert body == ERRORS[name] | {"details": body["details"]}, body
    assert response.status_code == ERRORS[name]["status"]
    assert response.headers["Content-Type"].startswith("application/json")
    assert details in body["details"]
    if response.status_code in HEADERS:
        assert response.headers[HEADERS[response.status_code]]


def ok(response: Any, status: int = 200) -> Any:
    """Return the JSON of a response that must be a success."""
    assert response.status_code == status, response.json()
    return response.json()


def login(api: Any, tenant: str, username: str, password: str) -> Any:
    """Return the response of a login."""
    return api.post("login", json={"tenant": tenant, "username": username, "password": password})
