"""Finds weak secrets: samples from the documentation of the original service, and short ones."""

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
# A key for HS256 needs 256 bits (RFC 7518, section 3.2); API_TOKEN manages tenants and needs the same strength.
# Django requires 50 characters for SECRET_KEY.
MINIMUM_LENGTHS = {"API_TOKEN": 32, "JWT_SECRET": 32, "SECRET_KEY": 50}


def weaknesses(variables: Environment) -> Iterator[str]:
    """Yield one line for each weak secret. It names the variable and never contains a value."""
    proposal = f"such as {secrets.token_urlsafe(48)}"
    for name, sample in SAMPLES.items():
        if getattr(variables, name) == sample:
            yield f"{name} is the sample value from the documentation: choose a random one, {proposal}"
    for name, length in MINIMUM_LENGTHS.items():
        value = getattr(variables, name)
        if 0 < len(value) < length and value != SAMPLES.get(name):
            yield f"{name} has {len(value)} characters and can be guessed: use at least {length}, {proposal}"


def is_loopback(host: str) -> bool:
    """Return whether the address is reachable from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
