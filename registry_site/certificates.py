"""The certificate that HTTPS is served with."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from registry_site.environment import ROOT, Environment

FOLDER = ROOT / "resources"
KEYS = ("privkey.pem", "key.pem")


@dataclass(frozen=True)
class Certificate:
    """A chain of certificates and the private key to it."""

    chain: Path
    key: Path


def find(variables: Environment, folder: Path = FOLDER) -> tuple[Certificate | None, str]:
    """Return the certificate to serve HTTPS with, or none and, where HTTPS is wanted, what stands in its way."""
    if variables.PROTOCOL != "https":
        return None, ""
    chain, key = folder / "fullchain.pem", next((folder / name for name in KEYS if (folder / name).is_file()), None)
    if key is None or not chain.is_file():
        return None, f"PROTOCOL is https, but fullchain.pem and privkey.pem are not both in {folder}: serving HTTP"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key, variables.HTTPSSECRET)
    except (OSError, ValueError) as error:
        return None, f"HTTPS is not possible with {chain.name} and {key.name} ({error}): serving HTTP"
    if not any(f"BEGIN {kind}PRIVATE KEY" in key.read_text(errors="replace") for kind in ("", "ENCRYPTED ")):
        return None, f"{key} is not in PKCS #8 (`openssl pkcs8 -topk8` makes it so): serving HTTP"
    return Certificate(chain, key), ""


def options(certificate: Certificate | None) -> list[str]:
    """Return the server's options for HTTPS."""
    if certificate is None:
        return []
    files = ["--ssl-certificate", str(certificate.chain), "--ssl-keyfile", str(certificate.key)]
    return [*files, "--ssl-protocol-min", "tls1.2"]
