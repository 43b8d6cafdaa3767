"""From `STORAGE` to Django's settings: where the bytes of versions go."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from registry_site.environment import ROOT
from registry_site.variables import Environment

MIB = 1024 * 1024
# Who can send the bytes of which kind of storage.
SENDERS = {"files": ("direct", "accel"), "objects": ("direct", "redirect")}


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ValueError("no URL")
    return text


def _mebibytes(text: str) -> int:
    if not 5 <= int(text) <= 1024:  # what S3 takes as a part, and memory as well
        raise ValueError("no size of a part")
    return int(text) * MIB


def _seconds(text: str) -> int:
    if not 1 <= int(text) <= 3600:
        raise ValueError("no time")
    return int(text)


def _addressing(text: str) -> str:
    return {"path": "path", "virtual": "virtual", "auto": "auto"}[text]


# What may stand behind the `?` of an object store's URL.
OPTIONS: dict[str, Callable[[str], Any]] = {
    "endpoint_url": _url,
    "public_endpoint_url": _url,
    "region": str,
    "addressing": _addressing,
    "part_size": _mebibytes,
    "timeout": _seconds,
}


def parse(variables: Environment) -> dict[str, Any]:
    """Return the entry of `STORAGES` for versions. Raises ImproperlyConfigured, with a line that holds no secret."""
    kind = "objects" if variables.STORAGE else "files"
    if variables.DOWNLOADS not in SENDERS[kind]:
        needed = "an object store as STORAGE" if kind == "files" else "STORAGE to be empty"
        raise ImproperlyConfigured(f"DOWNLOADS: {variables.DOWNLOADS} needs {needed}")
    if kind == "files":
        location = ROOT / variables.UPLOAD_PATH
        return {"BACKEND": "versions.storage.ContentStorage", "OPTIONS": {"location": location}}
    options = _object_store(variables.STORAGE)
    keys = {"access_key": variables.STORAGE_ACCESS_KEY, "secret_key": variables.STORAGE_SECRET_KEY}
    options |= {name: key for name, key in keys.items() if key}
    return {"BACKEND": "versions.object_storage.ObjectStorage", "OPTIONS": options}


def _object_store(url: str) -> dict[str, Any]:
    malformed = "STORAGE is malformed: s3://bucket/prefix?endpoint_url=… is wanted"
    try:
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc or "@" in parts.netloc:
            raise ImproperlyConfigured(f"{malformed}, its keys in STORAGE_ACCESS_KEY and STORAGE_SECRET_KEY")
        given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        options = {name: OPTIONS[name](value) for name, value in given.items()}
    except KeyError as error:
        raise ImproperlyConfigured(f"{malformed}; {error} is not known") from None
    except ValueError as error:
        raise ImproperlyConfigured(f"{malformed} ({error})") from None
    return {"bucket": parts.netloc, "prefix": unquote(parts.path).strip("/"), **options}
