"""From `STORAGE` to Django's settings: where the bytes of versions go."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from registry_site.environment import ROOT
from registry_site.variables import Environment

MIB = 1024 * 1024
ACCOUNT = re.compile(r"[a-z0-9]{3,24}")  # of Azure
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
    "part_size": _mebibytes,
    "timeout": _seconds,
}
OPTIONS_OF_S3: dict[str, Callable[[str], Any]] = OPTIONS | {"region": str, "addressing": _addressing}


@dataclass(frozen=True)
class Kind:
    """A kind of object store: what keeps bytes there, and how it is told where they go."""

    backend: str
    place: str
    options: dict[str, Callable[[str], Any]]
    defaults: dict[str, Any] = field(default_factory=dict)
    keys_are_needed: bool = True


# Google's store speaks S3, but does not copy in pieces; in a path, the bucket's name may have dots.
GOOGLE = {"endpoint_url": "https://storage.googleapis.com", "region": "auto", "addressing": "path"}
KINDS = {
    "s3": Kind("versions.object_storage.ObjectStorage", "bucket", OPTIONS_OF_S3, keys_are_needed=False),
    "gs": Kind(
        "versions.object_storage.ObjectStorage", "bucket", OPTIONS_OF_S3, defaults=GOOGLE | {"copies_pieces": False}
    ),
    "azure": Kind("versions.azure_storage.AzureStorage", "container", OPTIONS),
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
    scheme, options = _object_store(variables.STORAGE)
    store = KINDS[scheme]
    return {"BACKEND": store.backend, "OPTIONS": store.defaults | options | _keys(variables, scheme)}


def _keys(variables: Environment, scheme: str) -> dict[str, str]:
    given = {"access_key": variables.STORAGE_ACCESS_KEY, "secret_key": variables.STORAGE_SECRET_KEY}
    if KINDS[scheme].keys_are_needed and not all(given.values()):
        raise ImproperlyConfigured(f"STORAGE: {scheme}://… needs STORAGE_ACCESS_KEY and STORAGE_SECRET_KEY")
    if scheme == "azure" and not ACCOUNT.fullmatch(variables.STORAGE_ACCESS_KEY):
        raise ImproperlyConfigured("STORAGE_ACCESS_KEY is not the name of an Azure account")
    if scheme == "azure" and not _is_base64(variables.STORAGE_SECRET_KEY):
        raise ImproperlyConfigured("STORAGE_SECRET_KEY is not the key of an Azure account: it has another form")
    return {name: key for name, key in given.items() if key}


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except ValueError:
        return False


def _object_store(url: str) -> tuple[str, dict[str, Any]]:
    malformed = "STORAGE is malformed: s3://bucket/prefix?endpoint_url=…, gs://… or azure://container/… is wanted"
    try:
        parts = urlsplit(url)
        if parts.scheme not in KINDS or not parts.netloc or "@" in parts.netloc:
            raise ImproperlyConfigured(f"{malformed}, its keys in STORAGE_ACCESS_KEY and STORAGE_SECRET_KEY")
        kind = KINDS[parts.scheme]
        given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        options = {name: kind.options[name](value) for name, value in given.items()}
    except KeyError as error:
        raise ImproperlyConfigured(f"{malformed}; {error} is not known") from None
    except ValueError as error:
        raise ImproperlyConfigured(f"{malformed} ({error})") from None
    return parts.scheme, {kind.place: parts.netloc, "prefix": unquote(parts.path).strip("/"), **options}
