"""How the values of configuration variables are written: durations, lists, networks, ports."""

import ipaddress
import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def lifetime(text: str) -> timedelta:
    """Parse a duration such as `30m`, `12h` or `7d`. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,9})([smhdw])", text)
    if not match:
        raise ValueError("not a duration such as 30m, 12h or 7d")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def longest_lifetime(text: str) -> timedelta | None:
    """Parse a duration, or `never`, which sets no limit. Raises ValueError."""
    return None if text == "never" else lifetime(text)


def _duration(text: str) -> str:
    lifetime(text)
    return text


def _duration_or_never(text: str) -> str:
    longest_lifetime(text)
    return text


def listed(text: str) -> list[str]:
    """Split a comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _networks(text: str) -> str:
    for network in listed(text):
        ipaddress.ip_network(network)
    return text


Duration = Annotated[str, BeforeValidator(_duration)]
DurationOrNever = Annotated[str, BeforeValidator(_duration_or_never)]
Networks = Annotated[str, BeforeValidator(_networks)]
Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=0)]
