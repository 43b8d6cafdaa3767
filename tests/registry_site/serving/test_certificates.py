"""HTTPS uses the operator's certificate, else a self-signed one; if neither works, HTTP is served with a warning."""

import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from registry_site.config.variables import Environment
from registry_site.serving import certificates
from tests.engines import Server, free_port
from tests.missing import cannot_run
from tests.served import ROOT, Served, create_migrated

SECRET = "passphrase"
ENCRYPTED = {"aes": "aes-256-cbc", "des": "des3"}


@pytest.fixture(autouse=True)
def needs_openssl() -> None:
    """Generate certificates with a real openssl."""
    if shutil.which("openssl") is None:
        cannot_run("no openssl to make certificates with")


@pytest.fixture(autouse=True)
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for self-signed certificates, instead of this machine's own."""
    monkeypatch.setattr(certificates, "OURS", tmp_path / "ours")
    return tmp_path / "ours"


def wanted(folder: Path, secret: str = "", **variables: Any) -> Environment:
    return Environment.model_construct(PROTOCOL="https", HTTPSSECRET=secret, CERTIFICATES=folder, **variables)


def openssl(*words: str, folder: Path) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def make(folder: Path, *, kind: str = "plain", name: str = "privkey.pem") -> None:
    """Write a certificate and a key of this format into a folder."""
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
def test_keys_of_all_formats_are_decrypted_for_the_server(tmp_path: Path, kind: str) -> None:
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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has files in memory without a name")
def test_the_decrypted_key_is_in_no_folder_and_is_renewed_at_once(tmp_path: Path) -> None:
    make(tmp_path, kind="aes")
    found, _ = certificates.find(wanted(tmp_path, SECRET))
    assert found is not None
    opened = certificates.write_decrypted_pem(found, 443)
    with opened.open("rb") as read_by_a_worker:
        make(tmp_path, kind="aes")
        certificates.renew(found, opened)
        old, new = read_by_a_worker.read(), opened.read_bytes()
    assert old != new
    for pem in (old, new):
        loaded = load_pem_private_key(pem, None).public_key()
        assert loaded == x509.load_pem_x509_certificate(pem).public_key()
    assert str(opened.readlink()).startswith("/memfd:")
    os.close(int(opened.name))


def test_https_is_served_with_an_encrypted_key(server: Server, tmp_path: Path) -> None:
    make(tmp_path, kind="des")
    port = free_port()
    name = f"https_{port}"
    create_migrated(server, name)
    secure = {"PROTOCOL": "https", "HTTPS_PORT": str(port), "HTTPSSECRET": SECRET, "CERTIFICATES": str(tmp_path)}
    served = Served(server.url_of(name), tmp_path, **secure)
    served.base_url = f"https://127.0.0.1:{port}"
    try:
        served.start()
        assert f"https://127.0.0.1:{port}" in served.output
        assert SECRET not in served.output
        command: list[Any] = [sys.executable, ROOT / "manage.py", "healthcheck"]
        assert subprocess.run(command, env=served.env, check=False).returncode == 0
        served.stop()
        assert subprocess.run(command, env=served.env, capture_output=True, check=False).returncode == 1
    finally:
        served.kill()
        server.drop(name)


def names(file: Path) -> set[str]:
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in held}


def test_without_files_a_certificate_for_the_hosts_names_is_generated_and_kept(tmp_path: Path) -> None:
    known = {"HOST": "192.0.2.7", "PUBLIC_URL": "https://models.example/"}
    made, problem = certificates.ensure(wanted(tmp_path, **known))
    assert made is not None
    assert made.chain == tmp_path / "self-signed.pem"
    assert "fullchain.pem" in problem
    assert names(made.chain) == {"localhost", socket.gethostname(), "127.0.0.1", "::1", "192.0.2.7", "models.example"}
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    content = made.chain.read_bytes()
    assert certificates.ensure(wanted(tmp_path, **known))[0] == made
    assert made.chain.read_bytes() == content
    assert certificates.find(wanted(tmp_path))[0] == made


def test_the_self_signed_certificate_is_for_servers_and_signs_no_others(tmp_path: Path) -> None:
    made, _ = certificates.ensure(wanted(tmp_path))
    assert made is not None
    extensions = x509.load_pem_x509_certificate(made.chain.read_bytes()).extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.value.ca, constraints.critical) == (False, True)
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_cert_sign
    assert not usage.crl_sign
    purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]


def test_trusting_the_self_signed_certificate_trusts_none_that_its_key_signs(tmp_path: Path) -> None:
    made, _ = certificates.ensure(wanted(tmp_path))
    assert made is not None
    openssl(
        "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "x.key", "-out", "x.csr", "-subj", "/CN=x", folder=tmp_path
    )
    signed = ["-in", "x.csr", "-CA", "self-signed.pem", "-CAkey", "self-signed.pem", "-CAcreateserial", "-out", "x.pem"]
    openssl("x509", "-req", *signed, folder=tmp_path)
    for strict in ([], ["-x509_strict"]):
        verify = ["openssl", "verify", *strict, "-purpose", "sslserver", "-CAfile", "self-signed.pem"]
        found = [
            subprocess.run([*verify, name], cwd=tmp_path, capture_output=True, check=False).returncode
            for name in ("self-signed.pem", "x.pem")
        ]
        assert found[0] == 0
        assert found[1] != 0


def test_a_certificate_of_an_old_version_that_is_an_authority_is_replaced(tmp_path: Path) -> None:
    names = ",".join(f"{'IP' if ':' in name or name[0].isdigit() else 'DNS'}:{name}" for name in known_names())
    authority = ["-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext", f"subjectAltName={names}"]
    files = ["-keyout", "key.part", "-out", "chain.part", "-days", "397", "-subj", "/CN=Model Registry", "-nodes"]
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", *files, *authority, folder=tmp_path)
    old = (tmp_path / "chain.part").read_bytes() + (tmp_path / "key.part").read_bytes()
    (tmp_path / "self-signed.pem").write_bytes(old)
    made, _ = certificates.ensure(wanted(tmp_path))
    assert made is not None
    assert made.chain.read_bytes() != old


def known_names() -> list[str]:
    return ["localhost", socket.gethostname(), "127.0.0.1", "::1", "127.0.0.1"]


def test_a_self_signed_certificate_is_renewed_for_a_new_name_before_its_end_and_when_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = certificates.ensure(wanted(tmp_path))
    assert made is not None
    contents = [made.chain.read_bytes()]
    certificates.ensure(wanted(tmp_path, PUBLIC_URL="https://new.example"))
    contents.append(made.chain.read_bytes())
    monkeypatch.setattr(certificates, "RENEWED", certificates.LIFETIME)
    certificates.ensure(wanted(tmp_path))
    contents.append(made.chain.read_bytes())
    monkeypatch.undo()
    made.chain.write_bytes(contents[0][:-100])
    certificates.ensure(wanted(tmp_path))
    contents.append(made.chain.read_bytes())
    assert len(set(contents)) == 4
    assert made.validation_error() == ""


def test_an_unusable_certificate_is_replaced_by_a_self_signed_one(tmp_path: Path) -> None:
    make(tmp_path, kind="aes")
    found, problem = certificates.ensure(wanted(tmp_path, "wrong"))
    assert found is not None
    assert found.chain.name == "self-signed.pem"
    assert "HTTPSSECRET" in problem


def test_in_a_read_only_folder_the_self_signed_certificate_is_stored_with_the_data(tmp_path: Path, ours: Path) -> None:
    (tmp_path / "file").touch()  # a file in place of the folder: not even root can write in it
    found, _ = certificates.ensure(wanted(tmp_path / "file"))
    assert found is not None
    assert found.chain == ours / "self-signed.pem"


def test_if_no_certificate_can_be_written_http_is_served_with_a_warning(tmp_path: Path, ours: Path) -> None:
    ours.touch()
    found, problem = certificates.ensure(wanted(ours))
    assert found is None
    assert "fullchain.pem" in problem
    assert "HTTP is served" in problem


def test_http_needs_no_certificate(tmp_path: Path) -> None:
    assert certificates.ensure(Environment.model_construct(PROTOCOL="http")) == (None, "")
