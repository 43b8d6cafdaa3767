"""From `STORAGE` to Django's settings: where the bytes of versions go."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from registry_site.config.environment import HOME
from registry_site.config.variables import Environment

MIB = 1024 * 1024
# Who can send the bytes of which kind of storage.
SENDERS = {"files": ("direct", "accel"), "objects": ("direct", "redirect")}


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ValueError("no URL")
    return text


def _domain(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?", text):
        raise ValueError("no domain")
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


def _text(text: str) -> str:
    if not text:
        raise ValueError("an option is empty")
    return text


def _file(text: str) -> str:
    if not Path(text).is_file():
        raise ValueError("no such file")
    return text


def _content(text: str) -> bytes:
    return Path(_file(text)).read_bytes()


Options = dict[str, tuple[str, Callable[[str], Any]]]
# What may stand behind the `?` of an object store's URL: the storage's own name for it, and its form.
COMMON: Options = {
    "endpoint_url": ("endpoint_url", _url),
    "public_endpoint_url": ("public_endpoint_url", _url),
    "part_size": ("part_size", _mebibytes),
    "timeout": ("timeout", _seconds),
}
OF_S3: Options = COMMON | {
    "region": ("region_name", _text),
    "addressing": ("addressing_style", _addressing),
    "profile": ("session_profile", _text),
    "custom_domain": ("custom_domain", _domain),
    "cloudfront_key_id": ("cloudfront_key_id", _text),
    "cloudfront_key_file": ("cloudfront_key", _content),
}
OF_AZURE: Options = COMMON | {"custom_domain": ("custom_domain", _domain), "client_id": ("client_id", _text)}
OF_GOOGLE: Options = COMMON | {
    "credentials_file": ("credentials_file", _file),
    "service_account": ("sa_email", _text),
    "project": ("project_id", _text),
    "custom_domain": ("custom_endpoint", lambda text: f"https://{_domain(text)}"),
}


@dataclass(frozen=True)
class Kind:
    """A kind of object store: what keeps bytes there, and what it calls the place, its two keys and other options."""

    backend: str
    place: str
    options: Options
    keys: tuple[str, str] = ("access_key", "secret_key")
    forms: tuple[str, str] = (".*", ".*")  # of the keys; without them they are looked for where the maker's tools look
    defaults: dict[str, Any] = field(default_factory=dict)


S3 = Kind("versions.object_storage.ObjectStorage", "bucket_name", OF_S3, defaults={"region_name": "us-east-1"})
ACCOUNT, BASE64 = "[a-z0-9]{3,24}", "([A-Za-z0-9+/]{4})*[A-Za-z0-9+/]{2}([A-Za-z0-9+/]{2}|[A-Za-z0-9+/]=|==)"
SAS = r"\??([a-z]+=[^&\s]*&)*sig=[A-Za-z0-9%+/=]+(&[a-z]+=[^&\s]*)*"
AZURE = Kind(
    "versions.azure_storage.AzureStorage",
    "azure_container",
    OF_AZURE,
    keys=("account_name", "account_key"),
    forms=(ACCOUNT, f"({BASE64})?"),
)
# Google's store speaks S3 to those who have an HMAC key, without copies in pieces; in a path, the bucket may have dots.
INTEROPERABLE = {"endpoint_url": "https://storage.googleapis.com", "region_name": "auto", "addressing_style": "path"}
KINDS = {
    "s3": S3,
    "gs": Kind("versions.google_storage.GoogleStorage", "bucket_name", OF_GOOGLE),
    "gs with keys": replace(S3, forms=(".+", ".+"), defaults=INTEROPERABLE | {"copies_pieces": False}),
    "azure": AZURE,
    "azure with sas": replace(AZURE, keys=("account_name", "sas_token"), forms=(ACCOUNT, SAS)),
}
KEYS = ("STORAGE_ACCESS_KEY", "STORAGE_SECRET_KEY")


def parse(variables: Environment) -> dict[str, Any]:
    """Return the entry of `STORAGES` for versions. Raises ImproperlyConfigured, with a line that holds no secret."""
    kind = "objects" if variables.STORAGE else "files"
    if variables.DOWNLOADS not in SENDERS[kind]:
        needed = "an object store as STORAGE" if kind == "files" else "STORAGE to be empty"
        raise ImproperlyConfigured(f"DOWNLOADS: {variables.DOWNLOADS} needs {needed}")
    if kind == "files":
        location = HOME / variables.UPLOAD_PATH
        return {"BACKEND": "versions.storage.ContentStorage", "OPTIONS": {"location": location}}
    keys = [getattr(variables, variable) for variable in KEYS]
    store, options = _object_store(variables.STORAGE, keys)
    options |= {name: key for name, key in zip(store.keys, keys, strict=True) if key}
    if variables.DOWNLOADS == "redirect" and (unsigned := _unsigned(options)):
        raise ImproperlyConfigured(f"DOWNLOADS: redirect needs links that are signed; {unsigned}")
    return {"BACKEND": store.backend, "OPTIONS": store.defaults | options}


def _unsigned(options: dict[str, Any]) -> str:
    """Return why the storage cannot sign links that end, if so."""
    if "sas_token" in options:
        return "a SAS token cannot sign any"
    if options.get("custom_domain") and "bucket_name" in options and "cloudfront_key" not in options:
        return "custom_domain needs cloudfront_key_id and cloudfront_key_file"
    return ""


def _check_keys(scheme: str, store: Kind, keys: list[str]) -> None:
    for variable, key, form in zip(KEYS, keys, store.forms, strict=True):
        if not re.fullmatch(form, key):
            raise ImproperlyConfigured(f"{variable}: {scheme}://… needs one{' of another form' if key else ''}")


def _kind(scheme: str, keys: list[str]) -> Kind:
    """Return the kind of store that a scheme means to those who have such keys."""
    if scheme == "gs" and any(keys):
        return KINDS["gs with keys"]
    if scheme == "azure" and "sig=" in keys[1]:
        return KINDS["azure with sas"]
    return KINDS[scheme]


def _object_store(url: str, keys: list[str]) -> tuple[Kind, dict[str, Any]]:
    malformed = "STORAGE is malformed: s3://bucket/prefix?endpoint_url=…, gs://… or azure://container/… is wanted"
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("s3", "gs", "azure") or not parts.netloc or "@" in parts.netloc:
            raise ImproperlyConfigured(f"{malformed}, its keys in STORAGE_ACCESS_KEY and STORAGE_SECRET_KEY")
        kind = _kind(parts.scheme, keys)
        given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        options = {kind.options[name][0]: kind.options[name][1](value) for name, value in given.items()}
    except KeyError as error:
        raise ImproperlyConfigured(f"{malformed}; {error} is not known") from None
    except ValueError as error:
        raise ImproperlyConfigured(f"{malformed} ({error})") from None
    _check_keys(parts.scheme, kind, keys)
    if "sa_email" in options:
        options["iam_sign_blob"] = True
    return kind, {kind.place: parts.netloc, "location": unquote(parts.path).strip("/"), **options}
