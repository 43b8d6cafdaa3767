"""Makes values of another registry fit the shapes that ours accepts, and tells what it had to change."""

import json
import math
import re
from collections.abc import Callable, Container, Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any

from rest_framework.exceptions import ValidationError

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
from versions.upload import DEFAULT_TYPE, valid_type

KEY = re.compile(r"[0-9a-f]{24}")
NOT_IN_TENANT_IDS = re.compile(r"[^A-Za-z0-9._-]+")
LONGEST_DESCRIPTION = 100_000  # more than the API takes: what MLflow knows of a version is in it
Tell = Callable[[str], None]


def key_of(*parts: str) -> str:
    """Return an id for what has none of our form; the same parts always give the same."""
    return sha256("\x00".join(parts).encode(errors="surrogatepass")).hexdigest()[:24]


def fitting_key(id: str) -> str:
    """Return the id itself where it is one of ours in form, else one made of it."""
    return id if KEY.fullmatch(id) else key_of(id)


def fitting_tenant_id(id: str) -> str:
    """Return a tenant id of the characters that are allowed, as near to `id` as can be."""
    return id if TENANT_ID.fullmatch(id) else NOT_IN_TENANT_IDS.sub("-", id).strip("-.")[:60] or "tenant"


def validation_error(field: Any, value: Any) -> str:
    """Return why the API would refuse the value, or nothing where it would not."""
    try:
        field.run_validation(value)
    except ValidationError as error:
        return _first(error.detail)
    return ""


def fitting_title(name: str, id: str, tell: Tell) -> str:
    """Return an item's name."""
    title = mended_title(name, id)
    if title != name:
        tell(f"the name {name[:80]!r} cannot be, it is {title[:80]!r} now")
    return title


def fitting_tags(tags: Iterable[Any], tell: Tell) -> list[str]:
    """Return the tags that can be kept, each once."""
    kept: dict[str, None] = {}
    for tag in tags:
        word, why = fitting_word(tag)
        if why:
            tell(f"without the tag {str(tag)[:80]!r}: {why}")
        else:
            _tell_of_word("tag", tag, word, tell)
            kept[word] = None
    return list(kept)


def fitting_metadata(pairs: Iterable[tuple[Any, Any]], tell: Tell) -> list[dict[str, Any]]:
    """Return the metadata that can be kept, one value a name: the last, as when values are added one by one."""
    kept: dict[str, Any] = {}
    for sent, given in pairs:
        (name, unfit), (value, told) = fitting_word(sent), fitting_value(given)
        if why := unfit or validation_error(Metadatum(), {"name": name, "value": value}):
            tell(f"without the metadata {str(sent)[:80]!r}: {why}")
            continue
        _tell_of_word("metadata", sent, name, tell)
        if told:
            tell(f"the metadata {name!r} {told}")
        if name in kept and kept[name] != value:
            tell(f"the metadata {name!r} was there twice, without its value {str(kept[name])[:80]!r}")
        kept[name] = value
    return [{"name": name, "value": value} for name, value in kept.items()]


def fitting_value(value: Any) -> tuple[Any, str]:
    """Return a text, number or boolean that says what `value` says, and what was done to it, if anything."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value), "is the text of a number now"
    if value is None or isinstance(value, str | bool | float):
        return value, ""
    if isinstance(value, int):
        return int(value), ""  # an Int64 is an int too
    if isinstance(value, datetime):
        return iso(value), "is the text of a date now"
    return json.dumps(value, default=str, ensure_ascii=False), "is the JSON of its value now"


def fitting_file_name(name: str, tell: Tell) -> str:
    """Return the name of a file, which may lie in folders."""
    fitting = mended_file_name(name, "unnamed")
    if fitting != name:
        tell(f"its name {name[:80]!r} cannot be, it is {fitting[:80]!r} now")
    return fitting


def fitting_description(text: str, tell: Tell) -> str:
    """Return what is said of a version: with line feeds and tabs, but not endless."""
    fitting = text.replace("\x00", " ")[:LONGEST_DESCRIPTION]
    if fitting != text:
        tell(f"its description was cut to {LONGEST_DESCRIPTION} characters, or had null characters")
    return fitting


def fitting_type(sent: str) -> str:
    """Return a media type."""
    return valid_type(sent) or DEFAULT_TYPE


def fitting_ordinal(ordinal: str, taken: Iterable[str], tell: Tell) -> str:
    """Return the ordinal itself where it can be, else one made of it, else the number after the highest of `taken`."""
    numbers = [int(each) for each in taken if each.isascii() and each.isdigit()]
    following = str(max((number for number in numbers if number in INT64), default=0) + 1)
    mended = mended_ordinal(ordinal, following)
    if mended in taken:
        mended = following
    if mended != ordinal:
        tell(f"the ordinal {ordinal[:80]!r} cannot be or is taken, it is {mended} now")
    return mended


def fitting_text(value: str, length: int) -> str:
    """Return the text as far as there is room for it."""
    return mended_text(value, length)


def fitting_username(username: str, taken: Container[str]) -> str:
    """Return the username where it can be, else one made of it that is not among `taken`; nothing for a blank one.

    A mended name never equals a taken one: what its user had must not become somebody else's.
    """
    mended = mended_name(username, "", LONGEST_USERNAME)
    if mended in (username, ""):
        return mended
    return next((name for name in alternatives(mended, username, LONGEST_USERNAME) if name not in taken), "")


def fitting_word(word: Any) -> tuple[str, str]:
    """Return a text that can be a tag or a metadata name, and why there is none, if so."""
    mended = mended_name(word, "") if isinstance(word, str) else word
    return mended, "A name is not blank" if mended == "" else validation_error(Text(), mended)


def _tell_of_word(kind: str, sent: str, kept: str, tell: Tell) -> None:
    if sent != kept:
        tell(f"the {kind} {sent[:80]!r} cannot be, it is {kept[:80]!r} now")


def fitting_email(email: str, taken: Container[str | None], tell: Tell) -> str | None:
    """Return the e-mail address where it is one and its key (see `tenants.identity.emails`) is not among `taken`."""
    if email and email_key(email) in taken:
        tell(f"without the e-mail address {email!r}, which is another user's")
    elif email and (why := validation_error(EmailField(max_length=255), email)):
        tell(f"without the e-mail address {email!r}: {why}")
    elif email:
        return email
    return None


def _first(detail: Any) -> str:
    while isinstance(detail, dict | list):
        detail = next(iter(detail.values() if isinstance(detail, dict) else detail))
    return str(detail)
