"""Turns `STORAGE` into Django's settings for the storage of versions."""

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
# The values of `DOWNLOADS` that each kind of storage supports.
DOWNLOAD_MODES = {"files": ("direct", "accel"), "objects": ("direct", "redirect")}


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ValueError("not a URL")
    return text


def _domain(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?", text):
        raise ValueError("not a domain")
    return text


def _mebibytes(text: str) -> int:
    if not 5 <= int(text) <= 1024:  # the part sizes that S3 accepts and memory allows
        raise ValueError("not a size of a part")
    return int(text) * MIB


def _seconds(text: str) -> int:
    if not 1 <= int(text) <= 3600:
        raise ValueError("not a number of seconds")
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
# Query option of the URL -> the storage's option and a function that checks and converts the value.
COMMON_OPTIONS: Options = {
    "endpoint_url": ("endpoint_url", _url),
    "public_endpoint_url": ("public_endpoint_url", _url),
    "part_size": ("part_size", _mebibytes),
    "timeout": ("timeout", _seconds),
}
S3_OPTIONS: Options = COMMON_OPTIONS | {
    "region": ("region_name", _text),
    "addressing": ("addressing_style", _addressing),
    "profile": ("session_profile", _text),
    "custom_domain": ("custom_domain", _domain),
    "cloudfront_key_id": ("cloudfront_key_id", _text),
    "cloudfront_key_file": ("cloudfront_key", _content),
}
AZURE_OPTIONS: Options = COMMON_OPTIONS | {
    "custom_domain": ("custom_domain", _domain),
    "client_id": ("client_id", _text),
}
GOOGLE_OPTIONS: Options = COMMON_OPTIONS | {
    "credentials_file": ("credentials_file", _file),
    "service_account": ("sa_email", _text),
    "project": ("project_id", _text),
    "custom_domain": ("custom_endpoint", lambda text: f"https://{_domain(text)}"),
}


@dataclass(frozen=True)
class StoreKind:
    """A kind of object store: its storage class, and the names of the class's options for bucket and keys."""

    backend: str
    bucket_option: str
    options: Options
    keys: tuple[str, str] = ("access_key", "secret_key")
    forms: tuple[str, str] = (".*", ".*")  # regular expressions that the keys match
    defaults: dict[str, Any] = field(default_factory=dict)


S3 = StoreKind(
    "versions.object_storage.ObjectStorage", "bucket_name", S3_OPTIONS, defaults={"region_name": "us-east-1"}
)
ACCOUNT, BASE64 = "[a-z0-9]{3,24}", "([A-Za-z0-9+/]{4})*[A-Za-z0-9+/]{2}([A-Za-z0-9+/]{2}|[A-Za-z0-9+/]=|==)"
SAS = r"\??([a-z]+=[^&\s]*&)*sig=[A-Za-z0-9%+/=]+(&[a-z]+=[^&\s]*)*"
AZURE = StoreKind(
    "versions.azure_storage.AzureStorage",
    "azure_container",
    AZURE_OPTIONS,
    keys=("account_name", "account_key"),
    forms=(ACCOUNT, f"({BASE64})?"),
)
# Google's store supports S3's protocol with HMAC keys, but not multipart copies. Path style allows dots in buckets.
INTEROPERABLE = {"endpoint_url": "https://storage.googleapis.com", "region_name": "auto", "addressing_style": "path"}
KINDS = {
    "s3": S3,
    "gs": StoreKind("versions.google_storage.GoogleStorage", "bucket_name", GOOGLE_OPTIONS),
    "gs with keys": replace(S3, forms=(".+", ".+"), defaults=INTEROPERABLE | {"copies_pieces": False}),
    "azure": AZURE,
    "azure with sas": replace(AZURE, keys=("account_name", "sas_token"), forms=(ACCOUNT, SAS)),
}
KEYS = ("STORAGE_ACCESS_KEY", "STORAGE_SECRET_KEY")


def parse(variables: Environment) -> dict[str, Any]:
    """Return the entry of `STORAGES` for versions. Raises ImproperlyConfigured with a line without secrets."""
    kind = "objects" if variables.STORAGE else "files"
    if variables.DOWNLOADS not in DOWNLOAD_MODES[kind]:
        needed = "an object store as STORAGE" if kind == "files" else "STORAGE to be empty"
        raise ImproperlyConfigured(f"DOWNLOADS: {variables.DOWNLOADS} needs {needed}")
    if kind == "files":
        location = HOME / variables.UPLOAD_PATH
        return {"BACKEND": "versions.storage.ContentStorage", "OPTIONS": {"location": location}}
    keys = [getattr(variables, variable) for variable in KEYS]
    store, options = _object_store(variables.STORAGE, keys)
    options |= {name: key for name, key in zip(store.keys, keys, strict=True) if key}
    if variables.DOWNLOADS == "redirect" and (unsigned := _unsigned(options)):
        raise ImproperlyConfigured(f"DOWNLOADS: redirect needs signed links; {unsigned}")
    return {"BACKEND": store.backend, "OPTIONS": store.defaults | options}


def _unsigned(options: dict[str, Any]) -> str:
    """Return why the storage cannot sign links that expire; empty if it can."""
    if "sas_token" in options:
        return "a SAS token cannot sign links"
    if options.get("custom_domain") and "bucket_name" in options and "cloudfront_key" not in options:
        return "custom_domain needs cloudfront_key_id and cloudfront_key_file"
    return ""


def _check_keys(scheme: str, store: StoreKind, keys: list[str]) -> None:
    for variable, key, form in zip(KEYS, keys, store.forms, strict=True):
        if not re.fullmatch(form, key):
            raise ImproperlyConfigured(f"{variable}: {scheme}://… needs one{' of another form' if key else ''}")


def _kind(scheme: str, keys: list[str]) -> StoreKind:
    """Return the kind of store for a scheme and the type of its keys."""
    if scheme == "gs" and any(keys):
        return KINDS["gs with keys"]
    if scheme == "azure" and "sig=" in keys[1]:
        return KINDS["azure with sas"]
    return KINDS[scheme]


def _object_store(url: str, keys: list[str]) -> tuple[StoreKind, dict[str, Any]]:
    malformed = "STORAGE is malformed: s3://bucket/prefix?endpoint_url=…, gs://… or azure://container/… is wanted"
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("s3", "gs", "azure") or not parts.netloc or "@" in parts.netloc:
            raise ImproperlyConfigured(f"{malformed}, with its keys in STORAGE_ACCESS_KEY and STORAGE_SECRET_KEY")
        kind = _kind(parts.scheme, keys)
        given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        options = {kind.options[name][0]: kind.options[name][1](value) for name, value in given.items()}
    except KeyError as error:
        raise ImproperlyConfigured(f"{malformed}; unknown option {error}") from None
    except ValueError as error:
        raise ImproperlyConfigured(f"{malformed} ({error})") from None
    _check_keys(parts.scheme, kind, keys)
    if "sa_email" in options:
        options["iam_sign_blob"] = True
    return kind, {kind.bucket_option: parts.netloc, "location": unquote(parts.path).strip("/"), **options}
