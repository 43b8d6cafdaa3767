"""Secrets that anybody could guess: known from the original's documentation, or short."""

import ipaddress
import secrets
from collections.abc import Iterator

from registry_site.config.variables import Environment

SAMPLES = {
    "API_TOKEN": "ifhidhfudshuf8",
    "JWT_SECRET": "fdshudshfidsuh",
    "HTTPSSECRET": "atmospherePass",
    "DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD": "admin",
}
# A key of HS256 should be as long as its hash, 256 bits (RFC 7518, section 3.2), and a token that makes and removes
# tenants no easier to guess; 50 is what Django asks of SECRET_KEY.
SHORTEST = {"API_TOKEN": 32, "JWT_SECRET": 32, "SECRET_KEY": 50}


def weaknesses(variables: Environment) -> Iterator[str]:
    """Yield what is wrong with the secrets, a line each, which names the variable and never holds a value."""
    proposal = f"such as {secrets.token_urlsafe(48)}"
    for name, sample in SAMPLES.items():
        if getattr(variables, name) == sample:
            yield f"{name} is the sample of the documentation, which everybody knows: choose one by chance, {proposal}"
    for name, length in SHORTEST.items():
        value = getattr(variables, name)
        if 0 < len(value) < length and value != SAMPLES.get(name):
            yield f"{name} has {len(value)} characters and can be guessed: {length} are needed, {proposal}"


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
