"""The responses of the redirect server on HTTP."""

import json

import pytest

from registry_site.serving.redirect import answer
from tests.answers import ERRORS


@pytest.mark.parametrize(
    ("target", "host", "port", "location"),
    [
        (b"/", b"models.example", 443, b"https://models.example/"),
        (b"/v1/models?filter=%7B%7D", b"models.example:80", 443, b"https://models.example/v1/models?filter=%7B%7D"),
        (b"/x", b"models.example:8084", 8443, b"https://models.example:8443/x"),
        (b"//evil.example/x", b"127.0.0.1", 443, b"https://127.0.0.1//evil.example/x"),
        (b"/", b"[::1]:8084", 8443, b"https://[::1]:8443/"),
    ],
)
def test_the_location_is_the_same_url_under_https(target: bytes, host: bytes, port: int, location: bytes) -> None:
    head = answer(b"GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (target, host), port)
    assert head.startswith(b"HTTP/1.1 308 ")
    assert b"\r\nLocation: %s\r\n" % location in head


@pytest.mark.parametrize(
    "request_",
    [
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: user@evil.example\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
def test_an_invalid_request_gets_an_error_of_the_contracts_shape(request_: bytes) -> None:
    head, _, body = answer(request_, 443).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    document = json.loads(body)
    assert document == ERRORS["generic_request_error"] | {"details": document["details"]}
