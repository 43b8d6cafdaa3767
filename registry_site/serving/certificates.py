"""The certificate for HTTPS: the operator's, or one that the registry signs itself."""

import os
import socket
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from registry_site.config.environment import HOME
from registry_site.config.variables import ANY_HOST, Environment

KEYS = ("privkey.pem", "key.pem")
OURS = HOME / "data"  # for a self-signed certificate if the operator's folder is read-only, as in a container
SELF_SIGNED = "self-signed.pem"  # certificate and key in one file, so that they always match
LIFETIME = timedelta(days=397)  # the longest that browsers accept
RENEWED = timedelta(days=30)  # before it expires
SUBJECT = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Model Registry")])
DESCRIPTORS = Path("/proc/self/fd")


@dataclass(frozen=True)
class Certificate:
    """Files with a chain of certificates and its private key, and the passphrase of the key, if it has one."""

    chain: Path
    key: Path
    passphrase: str

    def opened_key(self) -> bytes:
        """Return the key in PKCS #8 without a passphrase, as granian reads it. Raises ValueError or TypeError."""
        pem = self.key.read_bytes()
        try:
            key = load_pem_private_key(pem, self.passphrase.encode() or None)
        except TypeError:  # a passphrase for a key that needs none
            key = load_pem_private_key(pem, None)
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def validation_error(self) -> str:
        """Return why it cannot be used, or an empty text."""
        try:
            self.opened_key()
            SSLContext(PROTOCOL_TLS_SERVER).load_cert_chain(self.chain, self.key, self.passphrase)
        except (OSError, ValueError, TypeError) as error:
            return f"{self.chain.name}, {self.key.name} and HTTPSSECRET do not go together ({error})"
        return ""


def find(variables: Environment) -> tuple[Certificate | None, str]:
    """Return the certificate for HTTPS, or None; and, if `PROTOCOL` is https, what is wrong with the operator's."""
    if variables.PROTOCOL != "https":
        return None, ""
    certificate, problem = _given(variables)
    if certificate is None:
        made = (folder / SELF_SIGNED for folder in _folders(variables))
        certificate = next((Certificate(file, file, "") for file in made if file.is_file()), None)
    return certificate, problem


def ensure(variables: Environment) -> tuple[Certificate | None, str]:
    """Return what `find` does, after creating a self-signed certificate if none is given; and a warning."""
    certificate, problem = find(variables)
    if not problem:
        return certificate, ""
    for folder in _folders(variables):
        file = folder / SELF_SIGNED
        try:
            if not _still_good(file, _names(variables)):
                folder.mkdir(parents=True, exist_ok=True)
                _write(file, _self_signed(_names(variables)))
        except OSError:
            continue
        return Certificate(file, file, ""), f"{problem}; HTTPS is served with {file}, which no client trusts by itself"
    return None, f"{problem}, and none can be written there; PROTOCOL is https, but HTTP is served"


def _given(variables: Environment) -> tuple[Certificate | None, str]:
    """Return the operator's certificate, or None and the reason."""
    folder = HOME / variables.CERTIFICATES
    chain, key = folder / "fullchain.pem", next((folder / name for name in KEYS if (folder / name).is_file()), None)
    if key is None or not chain.is_file():
        return None, f"fullchain.pem and privkey.pem are not both in {folder}"
    certificate = Certificate(chain, key, variables.HTTPSSECRET)
    validation_error = certificate.validation_error()
    return (None, validation_error) if validation_error else (certificate, "")


def _folders(variables: Environment) -> tuple[Path, ...]:
    return HOME / variables.CERTIFICATES, OURS


def _names(variables: Environment) -> list[str]:
    """Return the host names and addresses of the registry."""
    given = [urlsplit(variables.PUBLIC_URL).hostname or "", "" if variables.HOST in ANY_HOST else variables.HOST]
    return list(dict.fromkeys(name for name in ("localhost", socket.gethostname(), "127.0.0.1", "::1", *given) if name))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode())


def _still_good(file: Path, names: list[str]) -> bool:
    """Tell whether the self-signed certificate is intact, is no CA, has these names and does not expire soon."""
    if not file.is_file() or Certificate(file, file, "").validation_error():
        return False
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    try:
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        signs_others = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
    late = certificate.not_valid_after_utc - RENEWED < datetime.now(UTC)
    return not late and not signs_others and {_general_name(name) for name in names} <= set(held)


def _self_signed(names: list[str]) -> bytes:
    """Return a new certificate for these names, and its key, as PEM.

    It is not a certificate authority: a client that trusts it trusts this server, but nothing that its key signs.
    """
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(SUBJECT)
        .issuer_name(SUBJECT)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_signatures_only(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(issuer, critical=False)
        .sign(key, SHA256())
    )
    opened = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM) + opened


def _signatures_only() -> x509.KeyUsage:
    """Allow the key to sign TLS handshakes, and nothing else."""
    unused = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign")
    return x509.KeyUsage(
        digital_signature=True, crl_sign=False, encipher_only=False, decipher_only=False, **dict.fromkeys(unused, False)
    )


def _write(file: Path, content: bytes) -> None:
    """Replace a file atomically; only its owner can read it. Raises OSError."""
    descriptor, draft = tempfile.mkstemp(".draft", f".{file.name}.", file.parent)
    with open(descriptor, "wb") as stream:
        stream.write(content)
    os.replace(draft, file)


def write_decrypted_pem(certificate: Certificate, port: int) -> Path:
    """Return a file with the chain and the decrypted key, for this process and its children.

    On Linux it is in memory and has no name, so nothing is left when the processes are killed; elsewhere the next start
    on the port replaces it. granian reads it again for each worker that it starts, and only `renew` changes it: granian
    never sees a certificate and a key that do not match.
    """
    if sys.platform == "linux":
        file = DESCRIPTORS / str(os.memfd_create("certificate", 0))  # stays open when `serve` executes the server
    else:
        OURS.mkdir(parents=True, exist_ok=True)
        file = OURS / f"decrypted-{port}.pem"
    renew(certificate, file)
    return file


def renew(certificate: Certificate, opened: Path) -> None:
    """Copy the certificate's files as they are now to the file that granian reads, at once."""
    content = certificate.chain.read_bytes() + b"\n" + certificate.opened_key()
    if opened.parent != DESCRIPTORS:
        _write(opened, content)
        return
    with open(os.memfd_create("certificate"), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.dup2(stream.fileno(), int(opened.name))


def is_ours(file: Path) -> bool:
    """Tell whether a file holds a certificate that the registry has signed itself."""
    return x509.load_pem_x509_certificate(file.read_bytes()).subject == SUBJECT
