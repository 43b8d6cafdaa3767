"""From `STORAGE` to Django's settings: where the bytes of versions go."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from registry_site.environment import HOME
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
    "part_size": _mebibytes,
    "timeout": _seconds,
}
OPTIONS_OF_S3: dict[str, Callable[[str], Any]] = OPTIONS | {"region": str, "addressing": _addressing}


@dataclass(frozen=True)
class Kind:
    """A kind of object store: what keeps bytes there, how it is told where they go, and the form of its two keys."""

    backend: str
    place: str
    options: dict[str, Callable[[str], Any]]
    defaults: dict[str, Any] = field(default_factory=dict)
    keys: tuple[str, str] = (".+", ".+")


S3 = Kind("versions.object_storage.ObjectStorage", "bucket", OPTIONS_OF_S3)
# Google's store speaks S3, but does not copy in pieces; in a path, the bucket's name may have dots.
GOOGLE = {"endpoint_url": "https://storage.googleapis.com", "region": "auto", "addressing": "path"}
ACCOUNT, BASE64 = "[a-z0-9]{3,24}", "([A-Za-z0-9+/]{4})*[A-Za-z0-9+/]{2}([A-Za-z0-9+/]{2}|[A-Za-z0-9+/]=|==)"
KINDS = {
    "s3": replace(S3, keys=(".*", ".*")),  # without them they are looked for where AWS's own tools look
    "gs": replace(S3, defaults=GOOGLE | {"copies_pieces": False}),
    "azure": Kind("versions.azure_storage.AzureStorage", "container", OPTIONS, keys=(ACCOUNT, BASE64)),
}
KEYS = {"access_key": "STORAGE_ACCESS_KEY", "secret_key": "STORAGE_SECRET_KEY"}


def parse(variables: Environment) -> dict[str, Any]:
    """Return the entry of `STORAGES` for versions. Raises ImproperlyConfigured, with a line that holds no secret."""
    kind = "objects" if variables.STORAGE else "files"
    if variables.DOWNLOADS not in SENDERS[kind]:
        needed = "an object store as STORAGE" if kind == "files" else "STORAGE to be empty"
        raise ImproperlyConfigured(f"DOWNLOADS: {variables.DOWNLOADS} needs {needed}")
    if kind == "files":
        location = HOME / variables.UPLOAD_PATH
        return {"BACKEND": "versions.storage.ContentStorage", "OPTIONS": {"location": location}}
    scheme, options = _object_store(variables.STORAGE)
    store = KINDS[scheme]
    return {"BACKEND": store.backend, "OPTIONS": store.defaults | options | _keys(variables, scheme)}


def _keys(variables: Environment, scheme: str) -> dict[str, str]:
    given = {name: getattr(variables, variable) for name, variable in KEYS.items()}
    for variable, key, form in zip(KEYS.values(), given.values(), KINDS[scheme].keys, strict=True):
        if not re.fullmatch(form, key):
            raise ImproperlyConfigured(f"{variable}: {scheme}://… needs one{' of another form' if key else ''}")
    return {name: key for name, key in given.items() if key}


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
