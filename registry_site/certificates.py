"""The certificate that HTTPS is served with."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from registry_site.environment import ROOT, Environment

KEYS = ("privkey.pem", "key.pem")
MEMORY = Path("/dev/shm")  # noqa: S108 - files of our own, which nobody else can read, are made in it


@dataclass(frozen=True)
class Certificate:
    """A chain of certificates and the private key to it, which only its passphrase opens."""

    chain: Path
    key: Path
    passphrase: str

    def opened_key(self) -> bytes:
        """Return the key as the server can read it: in PKCS #8, without a passphrase. Raises ValueError, TypeError."""
        pem = self.key.read_bytes()
        try:
            key = load_pem_private_key(pem, self.passphrase.encode() or None)
        except TypeError:  # a passphrase for a key that needs none
            key = load_pem_private_key(pem, None)
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def find(variables: Environment) -> tuple[Certificate | None, str]:
    """Return the certificate to serve HTTPS with, or none and, where HTTPS is wanted, what stands in its way."""
    if variables.PROTOCOL != "https":
        return None, ""
    folder = ROOT / variables.CERTIFICATES
    chain, key = folder / "fullchain.pem", next((folder / name for name in KEYS if (folder / name).is_file()), None)
    if key is None or not chain.is_file():
        return None, f"PROTOCOL is https, but fullchain.pem and privkey.pem are not both in {folder}: serving HTTP"
    certificate = Certificate(chain, key, variables.HTTPSSECRET)
    try:
        certificate.opened_key()
        SSLContext(PROTOCOL_TLS_SERVER).load_cert_chain(chain, key, variables.HTTPSSECRET)
    except (OSError, ValueError, TypeError) as error:
        return None, f"HTTPS is not possible with {chain.name}, {key.name} and HTTPSSECRET ({error}): serving HTTP"
    return certificate, ""


def options(certificate: Certificate | None, port: int) -> list[str]:
    """Return the server's options for HTTPS.

    The server reads the opened key again whenever it replaces a process, so it stays, in memory where there is a
    place for that, until the next start on the port.
    """
    if certificate is None:
        return []
    folder = MEMORY if os.access(MEMORY, os.W_OK) else ROOT / "data"
    prefix = f"registry-{os.getuid()}-{port}-"
    for left in folder.glob(f"{prefix}*"):
        left.unlink(missing_ok=True)
    descriptor, key = tempfile.mkstemp(".pem", prefix, folder)
    with open(descriptor, "wb") as file:
        file.write(certificate.opened_key())
    return ["--ssl-certificate", str(certificate.chain), "--ssl-keyfile", key, "--ssl-protocol-min", "tls1.2"]
