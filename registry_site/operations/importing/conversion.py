"""Converts values of another registry to values that this registry accepts, and reports each change."""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Container, Iterable
from datetime import datetime
from hashlib import sha256
from itertools import accumulate
from typing import Any

import orjson
from django.conf import settings
from rest_framework.exceptions import ValidationError

from catalog.checks import BOUNDS
from catalog.serializers import Metadatum
from tenants.identity.emails import EmailField, email_key
from tenants.identity.serializers import Text
from tenants.identity.services import TENANT_ID
from tenants.rows.fields import INT64, iso
from tenants.rows.texts import (
    LONGEST_USERNAME,
    alternatives,
    mended_file_name,
    mended_name,
    mended_ordinal,
    mended_text,
    mended_title,
)
from versions.models import Version
from versions.upload import DEFAULT_TYPE, valid_type

KEY = re.compile(r"[0-9a-f]{24}")
NOT_IN_TENANT_IDS = re.compile(r"[^A-Za-z0-9._-]+")
LONGEST_DESCRIPTION = 100_000  # of a version more than the API accepts, because earlier imports held MLflow's data
LARGEST_METADATA = BOUNDS[Version][1] // 2  # bytes; the rest is for tags
Warn = Callable[[str], None]


def key_of(*parts: str) -> str:
    """Return an id derived from these parts; the same parts always give the same id."""
    return sha256("\x00".join(parts).encode(errors="surrogatepass")).hexdigest()[:24]


def convert_key(id: str) -> str:
    """Return the id if it has this registry's format, else one derived from it."""
    return id if KEY.fullmatch(id) else key_of(id)


def convert_tenant_id(id: str) -> str:
    """Return the tenant id with only allowed characters."""
    return id if TENANT_ID.fullmatch(id) else NOT_IN_TENANT_IDS.sub("-", id).strip("-.")[:60] or "tenant"


def field_error(field: Any, value: Any) -> str:
    """Return why the API would refuse the value, or an empty text."""
    try:
        field.run_validation(value)
    except ValidationError as error:
        return _first_message(error.detail)
    return ""


def convert_title(name: str, id: str, warn: Warn) -> str:
    """Return a valid name of an item."""
    title = mended_title(name, id)
    if title != name:
        warn(f"the name {name[:80]!r} is not allowed; it is now {title[:80]!r}")
    return title


def convert_tags(tags: Iterable[Any], warn: Warn) -> list[str]:
    """Return the valid tags, each once."""
    result: dict[str, None] = {}
    for tag in tags:
        term, why = convert_word(tag)
        if why:
            warn(f"removed the tag {str(tag)[:80]!r}: {why}")
        else:
            _warn_if_changed("tag", tag, term, warn)
            result[term] = None
    return list(result)


def convert_metadata(pairs: Iterable[tuple[Any, Any]], warn: Warn) -> list[dict[str, Any]]:
    """Return the valid metadata. If a name occurs more than once, the last value wins."""
    result: dict[str, Any] = {}
    for original, original_value in pairs:
        (name, problem), (value, change) = convert_word(original), convert_value(original_value)
        if why := problem or field_error(Metadatum(), {"name": name, "value": value}):
            warn(f"removed the metadata {str(original)[:80]!r}: {why}")
            continue
        _warn_if_changed("metadata", original, name, warn)
        if change:
            warn(f"the metadata {name!r} {change}")
        if name in result and result[name] != value:
            warn(f"the metadata {name!r} has several values; removed {str(result[name])[:80]!r}")
        result[name] = value
    return [{"name": name, "value": value} for name, value in result.items()]


def convert_version_metadata(pairs: Iterable[tuple[Any, Any]], warn: Warn) -> list[dict[str, Any]]:
    """Return the valid metadata of a version, as many of the first as a version can have."""
    converted = convert_metadata(pairs, warn)
    sizes = accumulate(len(orjson.dumps(pair)) + 1 for pair in converted)
    fitting = sum(size <= LARGEST_METADATA for size in sizes)
    kept = converted[: min(fitting, settings.MAX_LIST_LENGTH)]
    if len(kept) < len(converted):
        warn(f"it has {len(converted)} metadata; only the first {len(kept)} fit")
    return kept


def convert_value(value: Any) -> tuple[Any, str]:
    """Return a text, number or boolean that represents `value`, and a description of the change, if any."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value), "is now the text of a number"
    if value is None or isinstance(value, str | bool | float):
        return value, ""
    if isinstance(value, int):
        return int(value), ""  # BSON's Int64 is a subclass of int
    if isinstance(value, datetime):
        return iso(value), "is now the text of a date"
    return json.dumps(value, default=str, ensure_ascii=False), "is now the JSON of its value"


def convert_file_name(name: str, warn: Warn) -> str:
    """Return a valid file name, which may contain folders."""
    converted = mended_file_name(name, "unnamed")
    if converted != name:
        warn(f"its name {name[:80]!r} is not allowed; it is now {converted[:80]!r}")
    return converted


def convert_path(path: str, warn: Warn) -> str:
    """Return a valid path of a file in a folder."""
    converted = mended_file_name(unicodedata.normalize("NFC", path).replace("\\", "_"), "unnamed")
    if converted != path:
        warn(f"its path {path[:80]!r} is not allowed; it is now {converted[:80]!r}")
    return converted


def convert_description(text: str, warn: Warn) -> str:
    """Return the description of an item or version without null characters, cut to the maximum length."""
    converted = text.replace("\x00", " ")[:LONGEST_DESCRIPTION]
    if converted != text:
        warn(f"its description was cut to {LONGEST_DESCRIPTION} characters or had null characters")
    return converted


def convert_type(original: str) -> str:
    """Return the media type if it is valid, else the default one."""
    return valid_type(original) or DEFAULT_TYPE


def convert_ordinal(ordinal: str, taken: Iterable[str], warn: Warn) -> str:
    """Return a valid ordinal: this one, or one derived from it, or the number after the highest of `taken`."""
    numbers = [int(each) for each in taken if each.isascii() and each.isdigit()]
    next_number = str(max((number for number in numbers if number in INT64), default=0) + 1)
    mended = mended_ordinal(ordinal, next_number)
    if mended in taken:
        mended = next_number
    if mended != ordinal:
        warn(f"the ordinal {ordinal[:80]!r} is not allowed or taken; it is now {mended}")
    return mended


def convert_text(value: str, length: int) -> str:
    """Return the text without invalid characters, cut to `length`."""
    return mended_text(value, length)


def convert_username(username: str, taken: Container[str]) -> str:
    """Return a valid username: this one, or one derived from it that is not in `taken`; empty for a blank one.

    A derived username never equals an existing one, so a user never gets another user's data.
    """
    mended = mended_name(username, "", LONGEST_USERNAME)
    if mended in (username, ""):
        return mended
    return next((name for name in alternatives(mended, username, LONGEST_USERNAME) if name not in taken), "")


def convert_word(term: Any) -> tuple[str, str]:
    """Return a valid tag or metadata name, and why there is none, if so."""
    mended = mended_name(term, "") if isinstance(term, str) else term
    return mended, "A name is not blank" if mended == "" else field_error(Text(), mended)


def _warn_if_changed(kind: str, original: str, result: str, warn: Warn) -> None:
    if original != result:
        warn(f"the {kind} {original[:80]!r} is not allowed; it is now {result[:80]!r}")


def convert_email(email: str, taken: Container[str | None], warn: Warn) -> str | None:
    """Return the e-mail address if it is valid and no other user has it (`tenants.identity.emails`), else None."""
    if email and email_key(email) in taken:
        warn(f"removed the e-mail address {email!r}, which another user has")
    elif email and (why := field_error(EmailField(max_length=255), email)):
        warn(f"removed the e-mail address {email!r}: {why}")
    elif email:
        return email
    return None


def _first_message(detail: Any) -> str:
    while isinstance(detail, dict | list):
        detail = next(iter(detail.values() if isinstance(detail, dict) else detail))
    return str(detail)
