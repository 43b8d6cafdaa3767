"""HTTPS where there is a good certificate, else HTTP and a word why."""

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from registry_site import certificates
from registry_site.environment import Environment
from tests.engines import Server, free_port
from tests.served import ROOT, Served

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make certificates with")
SECRET = "passphrase"
ENCRYPTED = {"aes": "aes-256-cbc", "des": "des3"}


def wanted(folder: Path, secret: str = "") -> Environment:
    return Environment.model_construct(PROTOCOL="https", HTTPSSECRET=secret, CERTIFICATES=folder)


def openssl(*words: str, folder: Path) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def make(folder: Path, *, kind: str = "plain", name: str = "privkey.pem") -> None:
    """Put a certificate and a key of some kind into a folder."""
    certificate = ["-keyout", "plain.pem", "-out", "fullchain.pem", "-days", "2", "-subj", "/CN=localhost", "-nodes"]
    openssl("req", "-x509", "-newkey", "rsa:2048", *certificate, folder=folder)
    if kind == "plain":
        (folder / "plain.pem").rename(folder / name)
    elif kind == "traditional":
        openssl("rsa", "-in", "plain.pem", "-traditional", "-out", name, folder=folder)
    else:
        how = ["-topk8", "-v2", ENCRYPTED[kind], "-passout", f"pass:{SECRET}"]
        openssl("pkcs8", *how, "-in", "plain.pem", "-out", name, folder=folder)


@pytest.mark.parametrize("name", ["privkey.pem", "key.pem"])
def test_a_certificate_and_its_key_serve_https(tmp_path: Path, name: str) -> None:
    make(tmp_path, name=name)
    found, problem = certificates.find(wanted(tmp_path))
    assert found is not None, problem
    assert (found.chain, found.key, problem) == (tmp_path / "fullchain.pem", tmp_path / name, "")


@pytest.mark.parametrize("kind", ["plain", "traditional", "aes", "des"])
def test_keys_of_all_kinds_are_opened_for_the_server(tmp_path: Path, kind: str) -> None:
    make(tmp_path, kind=kind)
    found, problem = certificates.find(wanted(tmp_path, SECRET))
    assert found is not None, problem
    assert found.opened_key().startswith(b"-----BEGIN PRIVATE KEY-----")


def test_a_key_with_a_passphrase_needs_it(tmp_path: Path) -> None:
    make(tmp_path, kind="aes")
    for secret in ("", "wrong"):
        found, problem = certificates.find(wanted(tmp_path, secret))
        assert found is None
        assert "HTTPSSECRET" in problem


def test_only_we_can_read_the_opened_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, kind="aes")
    shared = tmp_path / "memory"
    shared.mkdir()
    monkeypatch.setattr(certificates, "MEMORY", shared)
    found, _ = certificates.find(wanted(tmp_path, SECRET))
    for _ in range(2):  # the second start leaves no key of the first
        options = certificates.options(found, 443)
    (key,) = shared.iterdir()
    assert str(key) in options
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_https_is_served_with_an_encrypted_key(server: Server, tmp_path: Path) -> None:
    make(tmp_path, kind="des")
    port = free_port()
    name = f"https_{port}"
    server.create(name)
    secure = {"PROTOCOL": "https", "HTTPS_PORT": str(port), "HTTPSSECRET": SECRET, "CERTIFICATES": str(tmp_path)}
    served = Served(server.url_of(name), tmp_path, **secure)
    served.base_url = f"https://127.0.0.1:{port}"
    try:
        served.start()
        assert f"https://127.0.0.1:{port}" in served.output
        assert SECRET not in served.output
        command = [sys.executable, ROOT / "manage.py", "healthcheck"]
        assert subprocess.run(command, env=served.env, check=False).returncode == 0
        served.stop()
        assert subprocess.run(command, env=served.env, capture_output=True, check=False).returncode == 1
    finally:
        served.kill()
        server.drop(name)


def test_without_files_http_is_served_and_the_reason_told(tmp_path: Path) -> None:
    found, problem = certificates.find(wanted(tmp_path))
    assert found is None
    assert "fullchain.pem" in problem


def test_http_asks_for_no_certificate(tmp_path: Path) -> None:
    assert certificates.find(Environment.model_construct(PROTOCOL="http")) == (None, "")
